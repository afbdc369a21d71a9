"""Anytime predictors learn the scores of several budgets, each with its own head."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from archwright.core.catalog import find
from archwright.core.errors import PredictorError, UnknownNameError
from archwright.core.protocols import Predictor
from archwright.core.rng import derive
from archwright.core.trial import Evidence
from archwright.predict.anytime import ANYTIME, Anytime, anytime, anytime_training
from archwright.predict.neural import NeuralPredictor, Training
from archwright.predict.ranks import kendall
from archwright.predict.storage import load_predictor, save_predictor

SPACE = find("space", "nb201")()
SMALL = {"embedding": 8, "widths": [16, 16, 16]}
TINY = {"ta_gates": SMALL, "gates": SMALL, "lstm": {"embedding": 8, "hidden": 8}}
FAST = Training(epochs=60, lr=0.01, loss="mse")
SHORT = Training(epochs=2, loss="mse")


def drawn(n: int, seed: int) -> tuple[list[Evidence], np.ndarray]:
    """Return architectures and invented scores after two budgets: shallow ones start well, convolutions end well."""
    rng = derive(seed, "anytime")
    archs = [SPACE.random(rng=rng) for _ in range(n)]
    genes = np.array([arch.genes for arch in archs])
    final = np.isin(genes, (2, 3)) @ np.array([1.0, 1.2, 0.8, 2.0, 1.1, 1.0])
    early = 3.0 * (genes[:, 3] == 1) - 0.5 * final
    return [Evidence(arch) for arch in archs], np.stack([early, final], axis=1) + 0.01 * rng.normal(size=(n, 2))


def small(name: str, training: Training = SHORT, **more) -> Anytime:
    return anytime(name, SPACE, settings=TINY[ANYTIME[name][0]], head=(16,), training=training, **more)


@pytest.mark.parametrize("loss", ["mse", "hinge"])
def test_each_head_learns_its_own_order(loss: str) -> None:
    evidence, labels = drawn(60, 0)
    made = small("ta_gates", Training(epochs=60, lr=0.01, loss=loss)).fit(evidence, labels, rng=derive(0))
    test, true = drawn(200, 1)
    found = made.predict_all(test)
    assert kendall(true[:, 0], true[:, 1]) < 0, "the budgets contradict each other"
    assert min(kendall(found[:, k], true[:, k]) for k in (0, 1)) > 0.4
    if loss == "mse":
        assert (np.square(found - true).mean(axis=0) < 0.6 * true.var(axis=0)).all(), "in the labels' unit"


@pytest.mark.parametrize("name", sorted(ANYTIME))
def test_it_is_a_predictor_of_the_final_score(name: str) -> None:
    evidence, labels = drawn(12, 0)
    made = small(name)
    assert isinstance(made, Predictor)
    found = made.fit(evidence, labels, rng=derive(1)).predict_all(evidence)
    assert found.shape == (12, 2)
    assert np.array_equal(made.predict(evidence).mean, found[:, 1])
    assert (name.startswith("single") and (found[:, 0] == found[:, 1]).all()) or (found[:, 0] != found[:, 1]).all()
    assert made.predict_all([]).shape == (0, 2)


@pytest.mark.parametrize("name", sorted(ANYTIME))
def test_a_state_gives_the_same_predictor_of_all_budgets(name: str) -> None:
    evidence, labels = drawn(12, 0)
    made = small(name).fit(evidence, labels, rng=derive(1))
    values, arrays = made.state()
    back = Anytime.from_state(SPACE, json.loads(json.dumps(values)), arrays)
    assert np.array_equal(back.predict_all(evidence), made.predict_all(evidence))
    assert back.state()[0] == values


def test_it_is_saved_and_loaded(tmp_path: Path) -> None:
    evidence, labels = drawn(6, 0)
    made = small("ta_gates").fit(evidence, labels, rng=derive(1))
    save_predictor(made, tmp_path / "kept.npz")
    back = load_predictor(tmp_path / "kept.npz")
    assert isinstance(back, Anytime)
    assert np.array_equal(back.predict_all(evidence), made.predict_all(evidence))


def test_the_loss_is_the_sum_over_the_budgets_of_squared_errors() -> None:
    predicted, truth = torch.tensor([[1.0, 2.0], [3.0, 5.0]]), torch.tensor([[0.0, 2.0], [3.0, 1.0]])
    assert small("ta_gates")._loss(predicted, truth).item() == pytest.approx((1 + 0) / 2 + (0 + 16) / 2)


def test_the_encoding_after_an_early_step_gives_the_early_score() -> None:
    evidence, labels = drawn(8, 0)
    made = small("ta_gates").fit(evidence, labels, rng=derive(2))
    net = made._net
    assert net is not None
    with torch.inference_mode():
        first, last = net.encoder.anytime(net.encoder.prepare([each.arch for each in evidence]))
        wanted = torch.cat([net.head[0](first), net.head[1](last)], dim=1).double().numpy()
    assert np.allclose(made.predict_all(evidence), wanted * labels.std(axis=0) + labels.mean(axis=0))


def test_there_are_as_many_time_steps_as_budgets_or_they_are_spread_evenly() -> None:
    evidence, labels = drawn(6, 0)
    for settings, at, wanted in [({}, None, 2), ({"steps": 4}, None, 4), ({}, (1, 3), 3)]:
        made = Anytime(SPACE, settings=SMALL | settings, at=at, head=(4,), training=SHORT)
        net = made.fit(evidence, labels, rng=derive(0))._net
        assert net is not None
        assert net.encoder.steps == wanted
        assert net.at == (at or (wanted // 2, wanted))
    three = Anytime(SPACE, settings=SMALL, head=(4,), training=SHORT).fit(evidence, labels[:, [0, 0, 1]], rng=derive(0))
    assert three.predict_all(evidence).shape == (6, 3)


def test_one_budget_on_one_time_step_is_the_predictor_of_one_score() -> None:
    evidence, labels = drawn(20, 0)
    settings = SMALL | {"steps": 1}
    one = Anytime(SPACE, settings=settings, training=SHORT).fit(evidence, labels[:, 1], rng=derive(5))
    plain = NeuralPredictor(SPACE, encoder="ta_gates", settings=settings, training=SHORT)
    wanted = plain.fit(evidence, labels[:, 1], rng=derive(5)).predict(evidence).mean
    assert np.allclose(one.predict(evidence).mean, wanted)


def test_a_single_head_learns_the_budget_that_it_is_taught() -> None:
    evidence, labels = drawn(20, 0)
    early = small("single_gates", taught=0).fit(evidence, labels, rng=derive(3)).predict(evidence).mean
    plain = NeuralPredictor(SPACE, settings=SMALL, head=(16,), training=SHORT)
    assert np.allclose(early, plain.fit(evidence, labels[:, 0], rng=derive(3)).predict(evidence).mean)


def test_it_can_be_fitted_again_with_other_budgets_and_tells_each_epoch() -> None:
    evidence, labels = drawn(6, 0)
    told = []
    made = small("ta_gates", on_epoch=lambda epoch, each: told.append((epoch, each.predict_all(evidence).shape)))
    made.fit(evidence, labels, rng=derive(0))
    made.fit(evidence, labels[:, [0, 0, 1]], rng=derive(0))
    assert told == [(1, (6, 2)), (2, (6, 2)), (1, (6, 3)), (2, (6, 3))]


def test_the_training_is_the_papers() -> None:
    assert anytime_training(SPACE) == Training(epochs=500, lr=1e-3, loss="mse")
    assert anytime_training(find("space", "nb101")()) == Training(epochs=200, lr=1e-4, loss="mse")
    assert Anytime(SPACE).training == anytime_training(SPACE)


def test_what_does_not_fit_is_said_in_one_line() -> None:
    evidence, labels = drawn(6, 0)
    rng = derive(0)
    with pytest.raises(UnknownNameError, match="Did you mean 'ta_gates'"):
        anytime("tagates", SPACE)
    with pytest.raises(PredictorError, match="'steps', 'last' or 'one', but are 'first'"):
        Anytime(SPACE, heads="first")  # type: ignore[arg-type]
    with pytest.raises(PredictorError, match="'gates' has none"):
        Anytime(SPACE, encoder="gates").fit(evidence, labels, rng=rng)
    with pytest.raises(PredictorError, match=r"3 rising numbers of 1\.\.2, but are \[1, 2, 2\]"):
        Anytime(SPACE, settings={"steps": 2}).fit(evidence, labels[:, [0, 0, 1]], rng=rng)
    with pytest.raises(PredictorError, match=r"rising numbers of 1\.\.2, but are \[2, 1\]"):
        Anytime(SPACE, at=(2, 1)).fit(evidence, labels, rng=rng)
    with pytest.raises(PredictorError, match="3 columns, one for each budget, but have 2"):
        Anytime(SPACE, budgets=3).fit(evidence, labels, rng=rng)
    with pytest.raises(PredictorError, match="one of 2 columns, but is 2"):
        small("single_gates", taught=2).fit(evidence, labels, rng=rng)
    with pytest.raises(PredictorError, match=r"table \[architectures, budgets\], but have shape \(6, 2, 1\)"):
        small("ta_gates").fit(evidence, labels[:, :, None], rng=rng)
    with pytest.raises(PredictorError, match="6 scores for 5 architectures"):
        small("ta_gates").fit(evidence[:5], labels, rng=rng)
    with pytest.raises(PredictorError, match=r"one for each architecture, but have shape \(6, 2\)"):
        NeuralPredictor(SPACE).fit(evidence, labels, rng=rng)
    with pytest.raises(PredictorError, match="must be fitted"):
        small("ta_gates").predict_all(evidence)
