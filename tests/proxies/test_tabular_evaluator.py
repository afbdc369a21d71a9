from __future__ import annotations

import numpy as np
import pytest

from archwright.core.errors import ProxyError
from archwright.core.protocols import Evaluator
from archwright.core.rng import derive
from archwright.core.trial import Proposal
from archwright.data.arrays import Split
from archwright.nets.inputs import Inputs
from archwright.nets.mlp import TabularMlp as Network
from archwright.nets.recipe import Recipe
from archwright.proxies.tabular import score_space
from archwright.proxies.tabular_batch import embedded_batch
from archwright.proxies.tabular_evaluator import TabularProxies
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.testing.evaluator import EvaluatorContract

SPACE = TabularMlp((4, 8), layers=2)
INPUTS = Inputs(n_numeric=2, cardinalities=(3, 5), n_outputs=1)
RECIPE = Recipe.atlas()


def split(n: int = 50) -> Split:
    rng = derive(0, "split")
    num = rng.standard_normal((n, 2)).astype(np.float32)
    cat = np.stack([rng.integers(3, size=n), rng.integers(5, size=n)], axis=1).astype(np.int32)
    return Split(num, cat, rng.integers(2, size=n).astype(np.float32))


def evaluator(*names: str, copies: int = 0) -> TabularProxies:
    batch = embedded_batch(split(), INPUTS, RECIPE, size=12, seed=1)
    x = batch.x.numpy()
    x[:copies] = x[0]
    return TabularProxies(SPACE, x, batch.y.numpy(), names, seed=1)


class TestTabularProxies(EvaluatorContract):
    def make(self) -> Evaluator:
        return evaluator("snip", "ntk_cond", "synflow")

    def proposal(self) -> Proposal:
        return Proposal(SPACE.at(2))


def test_measures_are_the_scores_of_the_whole_space() -> None:
    names = ("ntk_cond", "snip", "nwot")
    batch = embedded_batch(split(), INPUTS, RECIPE, size=12, seed=1)
    whole = score_space(SPACE, batch, names, seed=1)
    result = evaluator(*names).evaluate(Proposal(SPACE.at(3)), rng=derive(0, "unused"))
    assert set(result.measures) == set(names)
    for name in names:
        assert result.measures[name] == pytest.approx(whole[name][3], rel=1e-4)
    assert result.score == -result.measures["ntk_cond"]


def test_an_undefined_first_proxy_is_an_error_and_another_one_is_only_missing() -> None:
    failed = evaluator("nwot", "snip", copies=3).evaluate(Proposal(SPACE.at(0)), rng=derive(0, "unused"))
    assert failed.score is None
    assert "nwot is not defined" in failed.error
    assert list(failed.measures) == ["snip"]
    result = evaluator("snip", "nwot", copies=3).evaluate(Proposal(SPACE.at(0)), rng=derive(0, "unused"))
    assert result.score == result.measures["snip"]
    assert "nwot" not in result.measures


def test_what_no_network_can_have_is_refused_at_once() -> None:
    with pytest.raises(ProxyError, match="no version"):
        evaluator("zen")


def test_a_batch_holds_different_rows_through_one_embedding() -> None:
    batch = embedded_batch(split(), INPUTS, RECIPE, size=50, seed=7)
    assert batch.x.shape == (50, 4 * RECIPE.embedding)
    assert batch.y.tolist() == split().y.tolist()
    assert not batch.y.is_floating_point()
    network = Network(INPUTS, (), RECIPE, rng=derive(7, "embedding"))
    value, vector = split().num[3, 1], network.numeric.vector[1].detach().numpy()
    np.testing.assert_allclose(batch.x[3, 10:20].numpy(), value * vector, rtol=1e-6)
    again, other = (embedded_batch(split(), INPUTS, RECIPE, size=9, seed=seed) for seed in (7, 8))
    assert np.array_equal(again.x, embedded_batch(split(), INPUTS, RECIPE, size=9, seed=7).x)
    assert not np.array_equal(again.x, other.x)


def test_amounts_stay_real() -> None:
    assert embedded_batch(split(), INPUTS, RECIPE, size=9, seed=7, kind="real").y.is_floating_point()


@pytest.mark.parametrize(
    ("size", "kind", "message"), [(51, "binary", "1 to 50"), (0, "binary", "1 to"), (9, "x", "kind")]
)
def test_impossible_batches_are_refused(size: int, kind: str, message: str) -> None:
    with pytest.raises(ProxyError, match=message):
        embedded_batch(split(), INPUTS, RECIPE, size=size, seed=0, kind=kind)
