from collections import Counter

import pytest

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.graph import Graph
from archwright.core.rng import derive
from archwright.spaces.base import Space
from archwright.spaces.tabular_mlp import TabularMlp


class Nothing(Space):
    name = "nothing"
    arities = (2, 2)
    op_names = ("a",)

    def check(self, arch: Arch) -> str | None:
        return "nothing is valid"

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        return ()


def test_random_is_uniform() -> None:
    space = TabularMlp((8, 16), layers=2)
    rng = derive(0, "uniform")
    counts = Counter(space.random(rng=rng) for _ in range(2000))
    assert len(counts) == 4
    assert min(counts.values()) > 420


def test_mutate_is_uniform_over_neighbours() -> None:
    space = TabularMlp((8, 16, 32), layers=2)
    rng = derive(0, "uniform")
    start = Arch("tabular_mlp", (1, 2))
    counts = Counter(space.mutate(start, rng=rng) for _ in range(2000))
    assert counts.keys() == set(space.neighbours(start))
    assert min(counts.values()) > 420


def test_the_only_network_mutates_to_itself() -> None:
    space = TabularMlp((8,), layers=3)
    assert space.mutate(space.at(0), rng=derive(0)) == space.at(0)


def test_a_space_without_valid_points_says_so() -> None:
    with pytest.raises(ArchError, match="no valid architecture"):
        Nothing().random(rng=derive(0))
    assert list(Nothing().enumerate()) == []
    assert Nothing().mutate(Arch("nothing", (0, 0)), rng=derive(0)) == Arch("nothing", (0, 0))


@pytest.mark.parametrize("index", [-1, 9])
def test_an_index_outside_the_grid_is_refused(index: int) -> None:
    with pytest.raises(ArchError, match=r"0\.\.8"):
        TabularMlp((1, 2, 3), layers=2).at(index)


def test_one_hot_of_nothing_has_no_rows() -> None:
    assert TabularMlp((1, 2, 3), layers=2).one_hot([]).shape == (0, 6)
