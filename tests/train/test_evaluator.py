"""Training as an evaluator."""

import logging
import pickle
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch

import archwright.run.worker
from archwright.core.arch import Arch
from archwright.core.errors import RunError
from archwright.core.protocols import Evaluator
from archwright.core.trial import Proposal, Result
from archwright.train.evaluator import TrainEvaluator, choose_device
from archwright.train.limit import Limit
from archwright.train.offers import Known, known, offered, read_checkpoint, read_offer, write_known

Make = Callable[..., TrainEvaluator]
ARCH = Arch("tabular_mlp", (1, 2))


def run(
    trainer: TrainEvaluator, epochs: int | None, *, seed: int = 0, limit_s: float | None = None, arch: Arch = ARCH
) -> Result:
    return trainer.evaluate(Proposal(arch, epochs), rng=np.random.default_rng(seed), limit_s=limit_s)


def stop_after(monkeypatch: pytest.MonkeyPatch, looks: int) -> None:
    """Let the limit be reached at the given look at it, as if time had passed."""
    left = [looks]

    def reached(self: Limit, *, reserve_s: float = 0.0) -> bool:
        left[0] -= 1
        return left[0] < 0

    monkeypatch.setattr(Limit, "reached", reached)


def test_it_is_an_evaluator_that_can_be_pickled(trainer: Make) -> None:
    one = trainer()
    first = run(one, 1)
    again = pickle.loads(pickle.dumps(one))  # noqa: S301 - made one call earlier
    assert isinstance(again, Evaluator)
    one.checkpoint(ARCH).unlink()
    assert run(again, 1).score == first.score


@pytest.mark.parametrize(
    ("kind", "metric", "least"),
    [
        ("binary", "auc", 0.85),
        ("classes", "accuracy", 0.6),
        ("real", "r2", 0.5),
        ("real", "rmse", -0.9),
        ("binary", "log_loss", -0.6),
    ],
)
def test_training_learns(trainer: Make, kind: str, metric: str, least: float) -> None:
    result = run(trainer(kind, metric, patience=0), 8)
    assert result.score is not None
    assert result.score > least
    assert len(result.curve) == 8
    assert result.score == max(result.curve)


@pytest.mark.parametrize("encoding", ["linear", "ple", "quantile"])
def test_every_encoding_learns(trainer: Make, encoding: str) -> None:
    score = run(trainer(encoding=encoding), 6).score
    assert score is not None
    assert score > 0.8


def test_a_survivor_continues_where_it_was(trainer: Make) -> None:
    short = run(trainer(), 2)
    long = run(trainer(), 4, seed=9)
    assert long.curve[:2] == short.curve
    assert long.measures["epochs"] == 4


@pytest.mark.parametrize("looks", [1, 7, 13, 29])
def test_resume_equals_uninterrupted(trainer: Make, monkeypatch: pytest.MonkeyPatch, looks: int) -> None:
    whole = run(trainer(dropout=0.3), 6)
    trainer().checkpoint(ARCH).unlink()
    with monkeypatch.context() as patch:
        stop_after(patch, looks)
        cut = run(trainer(dropout=0.3), 6)
    assert cut.score is None
    assert "cut short at the deadline after" in cut.error
    resumed = run(trainer(dropout=0.3), 6, seed=5 if looks > 1 else 0)
    assert resumed.curve == whole.curve


def test_what_was_trained_already_is_answered_without_training(trainer: Make) -> None:
    long = run(trainer(), 5)
    again = run(trainer(), 3)
    assert again.measures["step_s"] == 0
    assert again.score == max(long.curve[:3])


def test_no_fidelity_means_the_full_amount(trainer: Make) -> None:
    assert run(trainer(max_epochs=3), None).measures["epochs"] == 3


def test_early_stopping_is_a_normal_result(trainer: Make) -> None:
    result = run(trainer(lr=1e-9, patience=2, dropout=0), 50)
    assert result.error == ""
    assert result.measures["epochs"] < 50
    assert run(trainer(lr=1e-9, patience=2, dropout=0), 100).curve == result.curve


@pytest.mark.parametrize("limit_s", [0.0, 0.05, 0.3])
def test_the_limit_is_kept(trainer: Make, limit_s: float) -> None:
    one = trainer(n=20_000, epoch_steps=1000)
    one.data()
    began_s = time.monotonic()
    result = run(one, 1000, limit_s=limit_s)
    assert time.monotonic() - began_s < limit_s + 0.5
    assert result.score is None
    assert "cut short" in result.error


def test_a_network_that_is_cut_is_offered(trainer: Make) -> None:
    one = trainer(n=20_000, epoch_steps=1000)
    assert run(one, 1000, limit_s=0.5).score is None
    offer = read_offer(offered(one.offers)[0])
    assert offer.score > 0.6
    assert offer.epochs > 0


def test_a_cancelled_training_ends_at_once_and_can_be_continued(trainer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    one = trainer()
    run(one, 1)
    monkeypatch.setattr(archwright.run.worker.stopping, "is_set", lambda: True)
    assert "cut short" in run(one, 50).error
    monkeypatch.undo()
    assert run(one, 2).measures["epochs"] == 2


def test_a_diverging_network_is_a_failed_result(trainer: Make) -> None:
    result = run(trainer(lr=1e30, clip=0), 3)
    assert result.score is None
    assert "not finite" in result.error


def test_one_class_in_validation_is_a_failed_result(trainer: Make) -> None:
    one = trainer()
    one.data()[1].y.fill_(1)
    assert "not finite" in run(one, 1).error


@pytest.mark.parametrize("keep", [0, 100, 3000])
def test_a_damaged_checkpoint_is_left_out_with_a_warning(
    trainer: Make, keep: int, caplog: pytest.LogCaptureFixture
) -> None:
    first = run(trainer(), 2)
    path = trainer().checkpoint(ARCH)
    path.write_bytes(path.read_bytes()[:keep])
    with caplog.at_level(logging.WARNING):
        assert run(trainer(), 2).curve == first.curve
    assert "training starts anew" in caplog.text


def test_a_checkpoint_of_other_settings_is_left_out(trainer: Make, caplog: pytest.LogCaptureFixture) -> None:
    run(trainer(), 2)
    with caplog.at_level(logging.WARNING):
        run(trainer(dropout=0.4), 2)
    assert "other settings" in caplog.text


def test_an_architecture_of_another_space_is_a_failed_result(trainer: Make) -> None:
    result = run(trainer(), 1, arch=Arch("nb201", (0,)))
    assert result.score is None
    assert "nb201" in result.error


def test_too_few_rows_are_a_failed_result(trainer: Make) -> None:
    assert "2 rows" in run(trainer(n=1), 1).error


def test_early_stopping_waits_anew_for_a_new_horizon(trainer: Make) -> None:
    settings = {"lr": 1e-9, "patience": 4, "dropout": 0}
    n_first = int(run(trainer(**settings), 3).measures["epochs"])
    assert n_first == 3
    assert run(trainer(**settings), 30).measures["epochs"] >= n_first + 4


def test_offers_rise_and_beat_the_drivers_incumbent(trainer: Make) -> None:
    one = trainer()
    write_known(one.offers, Known(0.5, 0.5))
    result = run(one, 6)
    scores = [read_offer(path).score for path in offered(one.offers)]
    assert scores[0] == result.score
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > known(one.offers).best == 0.5
    n_before = len(scores)
    write_known(one.offers, Known(1.0, 1.0))
    run(one, 6, arch=Arch("tabular_mlp", (2, 2)))
    assert len(offered(one.offers)) == n_before


def test_a_finished_network_is_offered_for_a_seat_even_if_it_is_not_the_best(trainer: Make) -> None:
    one = trainer()
    write_known(one.offers, Known(1.0, 0.1))
    result = run(one, 3)
    assert [read_offer(path).score for path in offered(one.offers)] == [result.score]


def test_a_training_that_is_finished_already_is_offered_for_a_seat_again(trainer: Make) -> None:
    result = run(trainer(), 3)
    one = trainer()
    for path in offered(one.offers):
        path.unlink()
    write_known(one.offers, Known(1.0, 0.1))
    for _ in range(2):
        assert run(one, 3).score == result.score
    assert [read_offer(path).score for path in offered(one.offers)] == [result.score]


def test_a_checkpoint_gives_the_offer_back(trainer: Make) -> None:
    one = trainer()
    run(one, 3)
    offer = read_offer(offered(one.offers)[0])
    again = read_checkpoint(one.checkpoint(ARCH), arch=str(ARCH), inputs=one.inputs)
    assert (again.arch, again.score, again.epochs) == (offer.arch, offer.score, offer.epochs)
    assert (again.logits == offer.logits).all()
    assert all((again.net.arrays[name] == array).all() for name, array in offer.net.arrays.items())


def test_an_offer_brings_its_outputs_on_validation(trainer: Make) -> None:
    from archwright.data.arrays import load_arrays

    one = trainer()
    run(one, 2)
    offer = read_offer(offered(one.offers)[0])
    valid = load_arrays(one.arrays_folder).valid
    assert np.abs(offer.net.forward(valid.num, valid.cat) - offer.logits).max() < 1e-5


def test_an_offer_predicts_what_its_score_says(trainer: Make) -> None:
    from archwright.data.arrays import load_arrays
    from archwright.data.metrics import auc

    one = trainer()
    run(one, 3)
    offer = read_offer(offered(one.offers)[0])
    valid = load_arrays(one.arrays_folder).valid
    assert auc(offer.net.forward(valid.num, valid.cat)[:, 0], valid.y) == pytest.approx(offer.score, abs=1e-6)
    assert offer.arch == str(ARCH)


def test_a_restored_network_is_offered_to_a_new_run(trainer: Make) -> None:
    run(trainer(), 3)
    for path in offered(trainer().offers):
        path.unlink()
    result = run(trainer(), 3)
    assert [read_offer(path).score for path in offered(trainer().offers)] == [result.score]


def test_the_global_generator_of_torch_is_left_alone(trainer: Make) -> None:
    before = torch.get_rng_state()
    run(trainer(dropout=0.5), 2)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_disk_that_takes_no_checkpoint_does_not_end_training(trainer: Make, caplog: pytest.LogCaptureFixture) -> None:
    one = trainer()
    one.checkpoints.rmdir()
    assert run(one, 2).score is not None
    assert "no checkpoint" in caplog.text


def test_devices_are_chosen_by_name() -> None:
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type in {"cpu", "cuda", "mps"}
    if not torch.cuda.is_available():
        with pytest.raises(RunError, match="'cuda' cannot be used"):
            choose_device("cuda")
    with pytest.raises(RunError, match="'abacus' cannot be used"):
        choose_device("abacus")


def test_a_worker_loads_neither_dynamo_nor_scikit_learn() -> None:
    code = (
        "import sys, archwright.train.warm;"
        "assert not {'torch._dynamo', 'sklearn', 'pandas', 'scipy'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
