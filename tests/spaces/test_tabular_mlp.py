from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.arch import Arch
from archwright.core.errors import ArchError, SpaceError
from archwright.spaces.tabular_mlp import TabularMlp, criteo, diabetes, frappe

WIDTHS = st.lists(st.integers(1, 600), min_size=1, max_size=6, unique=True)


def test_presets_have_the_sizes_of_the_paper() -> None:
    assert frappe().size() == diabetes().size() == 160_000
    assert criteo().size() == 10_000
    assert frappe().widths[0] == diabetes().widths[0] == 8
    assert frappe().widths[-1] == diabetes().widths[-1] == 512


def test_criteo_has_the_widths_of_the_paper_and_not_of_its_code() -> None:
    assert criteo().widths == (8, 16, 32, 48, 64, 112, 144, 176, 240, 384)


@given(widths=WIDTHS, layers=st.integers(1, 5), data=st.data())
def test_widths_of_undoes_arch(widths: list[int], layers: int, data: st.DataObject) -> None:
    space = TabularMlp(widths, layers)
    chosen = tuple(data.draw(st.sampled_from(widths)) for _ in range(layers))
    assert space.widths_of(space.arch(chosen)) == chosen


def test_genes_index_the_widths_in_ascending_order() -> None:
    space = TabularMlp((512, 8, 64), layers=2)
    assert space.arch((512, 8)) == Arch("tabular_mlp", (2, 0))


def test_the_graph_is_the_chain_of_its_layers() -> None:
    space = TabularMlp((8, 16), layers=2)
    (graph,) = space.graphs(space.arch((16, 8)))
    assert [space.op_names[op] for op in graph.ops] == ["input", "linear-16", "linear-8", "output"]
    assert graph.edges == {(0, 1), (1, 2), (2, 3)}


def test_equal_spaces_are_equal() -> None:
    assert TabularMlp((8, 16), 2) == TabularMlp((16, 8), 2)
    assert len({frappe(), frappe(), diabetes()}) == 2


@pytest.mark.parametrize(
    ("widths", "layers", "says"),
    [
        ((), 2, "one or more positive integers"),
        ((8, 0), 2, "one or more positive integers"),
        ((8, 2.5), 2, "one or more positive integers"),
        ((8, 8), 2, "differ"),
        ((8,), 0, "one layer or more"),
    ],
)
def test_what_is_no_space_is_refused(widths: Any, layers: int, says: str) -> None:
    with pytest.raises(SpaceError, match=says):
        TabularMlp(widths, layers)


def test_a_name_with_a_colon_is_refused() -> None:
    with pytest.raises(SpaceError, match="colon"):
        TabularMlp((8,), 1, name="a:b")


@pytest.mark.parametrize("widths", [(8,), (8, 9), (8, 8, 8)])
def test_widths_that_the_space_lacks_are_refused(widths: tuple[int, ...]) -> None:
    with pytest.raises(ArchError, match="8, 16"):
        TabularMlp((8, 16), layers=2).arch(widths)


def test_widths_of_a_stranger_are_refused() -> None:
    with pytest.raises(ArchError, match=r"gene 1 must be 0\.\.1"):
        TabularMlp((8, 16), layers=2).widths_of(Arch("tabular_mlp", (0, 2)))
