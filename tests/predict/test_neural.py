"""Neural predictors learn, repeat, and survive being written down."""

import json

import numpy as np
import pytest
import torch

from archwright.core.catalog import find
from archwright.core.errors import PredictorError, UnknownNameError
from archwright.core.rng import derive
from archwright.core.trial import Evidence
from archwright.predict.neural import NeuralPredictor, Training
from archwright.predict.ranks import kendall

SPACE = find("space", "nb201")()
SMALL = {"embedding": 8, "widths": [16, 16, 16]}
FAST = Training(epochs=60, lr=0.01)


def drawn(n: int, seed: int) -> tuple[list[Evidence], np.ndarray]:
    """Return architectures and an invented score: convolutions count, on the direct way to the output more."""
    rng = derive(seed, "neural")
    archs = [SPACE.random(rng=rng) for _ in range(n)]
    weights = np.array([1.0, 1.2, 0.8, 2.0, 1.1, 1.0])
    scores = np.array([(np.isin(arch.genes, (2, 3)) * weights).sum() for arch in archs])
    return [Evidence(arch) for arch in archs], scores + 0.01 * rng.normal(size=n)


def predictor(**changed) -> NeuralPredictor:
    return NeuralPredictor(SPACE, **{"settings": SMALL, "training": FAST} | changed)


@pytest.mark.parametrize("loss", ["hinge", "mse"])
def test_it_learns_to_rank(loss: str) -> None:
    evidence, scores = drawn(80, 0)
    made = predictor(training=Training(epochs=60, lr=0.01, loss=loss)).fit(evidence, scores, rng=derive(0))
    test, true = drawn(200, 1)
    found = made.predict(test)
    assert kendall(found.mean, true) > 0.5, "convolutions that nothing reads count in the score, and no flow sees them"
    assert found.std is None
    if loss == "mse":
        assert np.mean(np.square(found.mean - true)) < 0.5 * np.var(true)


def test_the_same_seed_gives_the_same_predictions_and_leaves_the_global_generator() -> None:
    evidence, scores = drawn(20, 0)
    before = torch.random.get_rng_state()
    one, two = (predictor().fit(evidence, scores, rng=derive(3)).predict(evidence).mean for _ in range(2))
    other = predictor().fit(evidence, scores, rng=derive(4)).predict(evidence).mean
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_fitting_again_begins_anew() -> None:
    evidence, scores = drawn(20, 0)
    made = predictor().fit(evidence, scores, rng=derive(1))
    again = made.fit(evidence, scores, rng=derive(3)).predict(evidence).mean
    assert np.array_equal(again, predictor().fit(evidence, scores, rng=derive(3)).predict(evidence).mean)


@pytest.mark.parametrize("encoder", ["gates", "ta_gates"])
def test_a_state_gives_the_same_predictor(encoder: str) -> None:
    evidence, scores = drawn(20, 0)
    made = predictor(encoder=encoder, training=Training(epochs=3)).fit(evidence, scores, rng=derive(1))
    values, arrays = made.state()
    back = NeuralPredictor.from_state(SPACE, json.loads(json.dumps(values)), arrays)
    assert np.array_equal(back.predict(evidence).mean, made.predict(evidence).mean)


def test_a_foreign_state_is_refused() -> None:
    evidence, scores = drawn(5, 0)
    values, arrays = predictor(training=Training(epochs=1)).fit(evidence, scores, rng=derive(1)).state()
    with pytest.raises(PredictorError, match="no neural predictor of 'nb101'"):
        NeuralPredictor.from_state(find("space", "nb101")(), values, arrays)
    with pytest.raises(PredictorError, match="no neural predictor of 'nb201'"):
        NeuralPredictor.from_state(SPACE, {"encoder": "gates"}, arrays)


def test_each_epoch_is_told_and_can_predict() -> None:
    evidence, scores = drawn(12, 0)
    told = []
    made = predictor(
        training=Training(epochs=3), on_epoch=lambda epoch, each: told.append((epoch, each.predict(evidence).mean[0]))
    )
    made.fit(evidence, scores, rng=derive(1))
    assert [epoch for epoch, _ in told] == [1, 2, 3]
    assert len({value for _, value in told}) == 3


def test_what_cannot_be_learned_is_said_in_one_line() -> None:
    evidence, scores = drawn(5, 0)
    with pytest.raises(PredictorError, match="two finite scores or more"):
        predictor().fit(evidence[:1], scores[:1], rng=derive(0))
    with pytest.raises(PredictorError, match="5 scores for 4 architectures"):
        predictor().fit(evidence[:4], scores, rng=derive(0))
    with pytest.raises(PredictorError, match="must be fitted"):
        predictor().predict(evidence)
    with pytest.raises(PredictorError, match=r"encoder .gates. cannot be made: .*depth"):
        predictor(settings={"depth": 3}).fit(evidence, scores, rng=derive(0))
    with pytest.raises(UnknownNameError, match="Did you mean 'gates'"):
        predictor(encoder="gate")
    with pytest.raises(PredictorError, match="hinge or mse, but 'mae'"):
        Training(loss="mae")  # type: ignore[arg-type]
    with pytest.raises(PredictorError, match=r"epochs .* above 0"):
        Training(epochs=0)


def test_dropout_is_of_training_only() -> None:
    evidence, scores = drawn(20, 0)
    found = {}
    for dropout in (0.0, 0.5):
        made = predictor(training=Training(epochs=5, lr=0.01, dropout=dropout)).fit(evidence, scores, rng=derive(3))
        found[dropout] = made.predict(evidence).mean
        assert np.array_equal(made.predict(evidence).mean, found[dropout])
        kept = json.loads(json.dumps(made.state()[0])), made.state()[1]
        assert np.array_equal(NeuralPredictor.from_state(SPACE, *kept).predict(evidence).mean, found[dropout])
    assert not np.array_equal(found[0.0], found[0.5])
    with pytest.raises(PredictorError, match=r"must be in \[0, 1\), but is 1.0"):
        Training(dropout=1.0)
