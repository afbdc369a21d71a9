"""Samples without repeats."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.core.errors import SpaceError
from archwright.core.rng import derive
from archwright.spaces.darts import Darts
from archwright.spaces.distinct import distinct
from archwright.spaces.nb101 import NasBench101
from archwright.spaces.nb201 import NasBench201
from archwright.spaces.tabular_mlp import TabularMlp

CELLS = NasBench201()


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 900), seed=st.integers(0, 99), space=st.sampled_from([CELLS, NasBench101(), Darts()]))
def test_no_two_are_the_same_network(n, seed, space):
    found = distinct(space, min(n, 60) if space is not CELLS else n, rng=derive(seed, "sample"))
    assert len(found) == (n if space is CELLS else min(n, 60))
    assert len({space.canonical(arch) for arch in found}) == len(found)
    assert all(arch in space for arch in found)


def test_a_sample_ends_where_there_are_no_more():
    space = TabularMlp((8, 16, 32), layers=2)
    assert sorted(map(str, distinct(space, 50, rng=derive(0, "sample")))) == sorted(map(str, space.enumerate()))


def test_all_are_the_unique_networks_of_the_benchmark():
    # Published: 6,466 of the 15,625 cells are unique.
    assert len(distinct(CELLS, None, rng=derive(0, "sample"))) == 6466


def test_a_space_that_only_draws_ends_as_well(monkeypatch):
    monkeypatch.setattr("archwright.spaces.distinct._WALKED", 0)
    space = TabularMlp((8, 16, 32), layers=2)
    assert len(distinct(space, 20, rng=derive(0, "sample"))) == 9


def test_the_generator_decides():
    first, again, other = (distinct(CELLS, 30, rng=derive(seed, "sample")) for seed in (0, 0, 1))
    assert first == again != other


def test_what_cannot_be_sampled_is_refused():
    with pytest.raises(SpaceError, match="one architecture or more"):
        distinct(CELLS, 0, rng=derive(0, "sample"))
    with pytest.raises(SpaceError, match="at most 5,000,000"):
        distinct(Darts(), None, rng=derive(0, "sample"))
