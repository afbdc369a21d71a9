"""What a network must know of a task."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from archwright.data.arrays import Split
from archwright.nets.inputs import Inputs
from archwright.nets.recipe import Recipe

columns = hnp.arrays(np.float32, st.integers(1, 60), elements=st.floats(-100, 100, width=32))


def task(num: np.ndarray, cardinalities: tuple[int, ...] = (3,)) -> SimpleNamespace:
    n = len(num)
    split = Split(num, np.zeros((n, len(cardinalities)), np.int32), np.zeros(n, np.float32))
    schema = SimpleNamespace(cardinalities=cardinalities, target=SimpleNamespace(std=2.5))
    return SimpleNamespace(train=split, schema=schema, n_outputs=1)


@given(column=columns, bins=st.integers(1, 12), encoding=st.sampled_from(["ple", "quantile"]))
def test_edges_strictly_increase_and_are_two_or_more(column: np.ndarray, bins: int, encoding: str) -> None:
    (edges,) = Inputs.of(task(column[:, None]), Recipe(encoding=encoding, bins=bins)).edges
    assert len(edges) >= 2
    assert (np.diff(np.asarray(edges, np.float32)) > 0).all()
    assert len(edges) <= bins + 1


@given(column=columns)
def test_few_distinct_values_have_a_bin_each(column: np.ndarray) -> None:
    (edges,) = Inputs.of(task(column[:, None]), Recipe(encoding="quantile", bins=64)).edges
    codes = np.searchsorted(np.asarray(edges[1:-1], np.float32), column, side="right")
    values = np.unique(column)
    # Neighbouring float32 values have no middle of their own: those share a bin.
    apart = len(np.unique((values[:-1] + values[1:]) / 2)) == len(values) - 1
    if apart and (np.diff(values) > 1e-4).all():
        assert len(np.unique(codes)) == len(values)


def test_linear_needs_no_edges() -> None:
    assert Inputs.of(task(np.zeros((5, 2), np.float32)), Recipe(encoding="linear")).edges == ()


def test_inputs_survive_json() -> None:
    inputs = Inputs.of(task(np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)), Recipe())
    assert Inputs.from_json(json.loads(json.dumps(inputs.to_json()))) == inputs
    assert (inputs.n_fields, inputs.n_rows, inputs.target_std) == (4, 3, 2.5)


def test_edges_of_a_large_table_are_near_the_exact_quantiles() -> None:
    column = np.random.default_rng(0).random(250_000).astype(np.float32)
    (edges,) = Inputs.of(task(column[:, None]), Recipe(bins=4)).edges
    assert edges == pytest.approx((0, 0.25, 0.5, 0.75, 1), abs=0.01)


@pytest.mark.parametrize("encoding", ["ple", "quantile"])
def test_a_value_that_most_rows_have_leaves_bins_to_the_others(encoding: str) -> None:
    rng = np.random.default_rng(0)
    column = np.where(rng.random(5000) < 0.92, 0, rng.random(5000)).astype(np.float32)
    (edges,) = Inputs.of(task(column[:, None]), Recipe(encoding=encoding, bins=16)).edges
    assert len(edges) == 17
    assert edges[0] == 0
    assert edges[8] == pytest.approx(7 / 15, abs=0.05)
