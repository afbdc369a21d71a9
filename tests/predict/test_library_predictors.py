"""Predictors on fixed encodings and on graphs learn, repeat, and survive being written down."""

import importlib.util
import json

import numpy as np
import pytest

from archwright.core.catalog import find
from archwright.core.errors import ArchError, EncodingError, MissingExtraError, PredictorError, UnknownNameError
from archwright.core.protocols import Predictor
from archwright.core.rng import derive
from archwright.core.trial import Evidence
from archwright.predict.ranks import kendall

SPACE = find("space", "nb201")()
#: Settings that are quick, and whether there is an uncertainty.
CASES = {
    "xgboost": ({"trees": 20}, False),
    "lightgbm": ({"trees": 20}, False),
    "random_forest": ({"trees": 20}, True),
    "svr": ({}, False),
    "gp": ({}, True),
    "nasbowl": ({}, True),
    "dngo": ({"epochs": 60}, True),
}
HAVE = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            name in ("xgboost", "lightgbm") and importlib.util.find_spec(name) is None,
            reason=f"the package {name} is not installed",
        ),
    )
    for name in CASES
]


def drawn(n: int, seed: int) -> tuple[list[Evidence], np.ndarray]:
    """Return architectures and an invented score: convolutions count, on the direct way to the output more."""
    rng = derive(seed, "library")
    archs = [SPACE.random(rng=rng) for _ in range(n)]
    weights = np.array([1.0, 1.2, 0.8, 2.0, 1.1, 1.0])
    scores = np.array([(np.isin(arch.genes, (2, 3)) * weights).sum() for arch in archs])
    return [Evidence(arch) for arch in archs], 5 + scores + 0.01 * rng.normal(size=n)


def made(name: str, **changed):
    return find("predictor", name)(SPACE, **CASES[name][0] | changed)


@pytest.mark.parametrize("name", HAVE)
def test_it_learns_and_knows_how_sure_it_is(name: str) -> None:
    evidence, scores = drawn(100, 0)
    predictor = made(name)
    assert isinstance(predictor, Predictor)
    test, true = drawn(200, 1)
    found = predictor.fit(evidence, scores, rng=derive(0)).predict(test)
    assert kendall(found.mean, true) > 0.6
    assert np.mean(np.square(found.mean - true)) < 0.5 * np.var(true), "in the unit of the scores"
    assert (found.std is not None) == CASES[name][1]
    if found.std is not None:
        assert found.std.shape == (200,)
        assert (found.std >= 0).all()
        known = predictor.predict(evidence)
        assert known.std is not None
        assert known.std.mean() < found.std.mean()
    assert len(predictor.predict([]).mean) == 0


@pytest.mark.parametrize("name", HAVE)
def test_the_same_seed_gives_the_same_predictor_and_so_does_its_state(name: str) -> None:
    evidence, scores = drawn(30, 0)
    test, _ = drawn(20, 1)
    one, two = (made(name).fit(evidence, scores, rng=derive(3)) for _ in range(2))
    wanted = one.predict(test)
    values, arrays = two.state()
    back = type(one).from_state(SPACE, json.loads(json.dumps(values)), arrays)
    for other in (two, back):
        found = other.predict(test)
        assert np.array_equal(found.mean, wanted.mean)
        assert wanted.std is None or np.array_equal(found.std, wanted.std)


@pytest.mark.parametrize("name", HAVE)
def test_what_cannot_be_learned_is_said_in_one_line(name: str) -> None:
    evidence, scores = drawn(5, 0)
    predictor = made(name)
    with pytest.raises(PredictorError, match="must be fitted"):
        predictor.predict(evidence)
    with pytest.raises(PredictorError, match="must be fitted"):
        predictor.state()
    with pytest.raises(PredictorError, match="5 scores for 4 architectures"):
        predictor.fit(evidence[:4], scores, rng=derive(0))
    with pytest.raises(PredictorError, match="two finite scores"):
        predictor.fit(evidence, scores * np.nan, rng=derive(0))
    with pytest.raises(ArchError, match="not in space 'nb201'"):
        predictor.fit([Evidence(find("space", "nats_sss")().at(0))] * 5, scores, rng=derive(0))
    with pytest.raises(PredictorError, match="this is no"):
        type(predictor).from_state(SPACE, {}, {})


@pytest.mark.parametrize("encoder", ["adjacency", "path"])
def test_any_fixed_encoding_can_be_learned_from(encoder: str) -> None:
    evidence, scores = drawn(100, 0)
    test, true = drawn(200, 1)
    found = made("random_forest", encoder=encoder).fit(evidence, scores, rng=derive(0)).predict(test)
    assert kendall(found.mean, true) > 0.4


def test_an_encoding_that_there_is_not_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="no encoder 'one_hot'"):
        made("svr", encoder="one_hot")
    with pytest.raises(EncodingError, match=r"'onehot' cannot be made: .*n_nodes"):
        made("svr", encoding={"n_nodes": 3})


def test_a_network_without_layers_is_refused() -> None:
    with pytest.raises(PredictorError, match="widths, epochs and lr must be above 0"):
        made("dngo", widths=[])


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "xgboost", None)
    evidence, scores = drawn(5, 0)
    with pytest.raises(MissingExtraError, match="needs the package xgboost"):
        made("xgboost").fit(evidence, scores, rng=derive(0))
