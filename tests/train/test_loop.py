"""Epochs, rates and the clock."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from archwright.core.arch import Arch
from archwright.train.evaluator import TrainEvaluator
from archwright.train.limit import Limit
from archwright.train.loop import fit_epochs, learning_rate
from archwright.train.state import TrainState
from archwright.train.step import Stepper
from archwright.train.tensors import Rows

Make = Callable[..., TrainEvaluator]


class Recorder:
    """Notes the learning rate of every step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rates: list[float] = []
        real = Stepper.step

        def step(stepper: Stepper, batch: Rows, *, lr: float) -> torch.Tensor:
            self.rates.append(lr)
            return real(stepper, batch, lr=lr)

        monkeypatch.setattr(Stepper, "step", step)


def fresh(trainer: TrainEvaluator) -> TrainState:
    return trainer.state(Arch("tabular_mlp", (0, 0)), rng=np.random.default_rng(0))


def test_the_rate_falls_along_a_cosine() -> None:
    assert learning_rate(0.1, 0.0) == 0.1
    assert learning_rate(0.1, 0.5) == pytest.approx(0.05)
    assert learning_rate(0.1, 1.0) == learning_rate(0.1, 3.0) == 0.0


def test_a_doubled_horizon_goes_on_at_half_the_rate(trainer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one, recorder = trainer(), Recorder(monkeypatch)
    train, valid = one.data()
    state = fresh(one)
    fit_epochs(state, train, valid, horizon=2, metric="auc", limit=Limit(None))
    steps = len(recorder.rates)
    assert recorder.rates[0] == 0.01
    assert recorder.rates[-1] < 0.001
    fit_epochs(state, train, valid, horizon=4, metric="auc", limit=Limit(None))
    assert recorder.rates[steps] == pytest.approx(0.005)
    assert len(recorder.rates) == 2 * steps


def test_the_rate_is_low_when_time_ends_training(trainer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one, recorder = trainer(n=20_000, epoch_steps=50, patience=0), Recorder(monkeypatch)
    train, valid = one.data()
    fitted = fit_epochs(fresh(one), train, valid, horizon=10_000, metric="auc", limit=Limit(0.5))
    assert fitted.outcome == "cut"
    assert recorder.rates[0] == 0.01
    assert recorder.rates[-1] < 0.001


def test_time_that_suffices_leaves_the_rate_alone(trainer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one, recorder = trainer(), Recorder(monkeypatch)
    train, valid = one.data()
    fit_epochs(fresh(one), train, valid, horizon=4, metric="auc", limit=Limit(None))
    n_steps = len(recorder.rates)
    fit_epochs(fresh(one), train, valid, horizon=4, metric="auc", limit=Limit(3600))
    assert recorder.rates[:n_steps] == recorder.rates[n_steps:]


def test_a_large_table_goes_on_where_an_epoch_ended(trainer: Make) -> None:
    one = trainer(n=1000, epoch_steps=5)
    train, valid = one.data()
    state = fresh(one)
    fitted = fit_epochs(state, train, valid, horizon=3, metric="auc", limit=Limit(None))
    assert (fitted.steps, state.steps, len(state.curve)) == (15, 15, 3)
    assert fitted.outcome == "finished"


def test_two_rows_are_enough(trainer: Make) -> None:
    one = trainer()
    train, valid = one.data()
    state = fresh(one)
    fit_epochs(state, train.part(0, 2), valid, horizon=2, metric="auc", limit=Limit(None))
    assert len(state.curve) == 2
