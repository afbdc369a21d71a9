"""NAS-Bench-ASR: the published number of networks, texts, what zeros leave."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.spaces.asr import NasBenchAsr

SPACE = NasBenchAsr()
INDICES = st.integers(0, 13_823)


def _paths(arch: Arch) -> tuple[tuple[int, ...], ...]:
    """The operations on each path from the input to the output that meets no zero: what the cell sums up."""
    nodes = SPACE.nodes(arch)

    def into(place: int) -> list[tuple[int, ...]]:
        # What is at `place`: behind the node of that number, plus what the links of that node add.
        if place == 0:
            return [()]
        op = nodes[place - 1][0]
        return [(*path, op) for path in entering(place) if op != 5]

    def entering(place: int) -> list[tuple[int, ...]]:
        found = into(place - 1)
        if place >= 2:
            _, *links = nodes[place - 2]
            found = found + [path for source, link in enumerate(links) if link for path in into(source)]
        return found

    return tuple(sorted(entering(len(nodes) + 1)))


def test_13824_points_are_8242_networks() -> None:
    # Source: Mehrotra et al., ICLR 2021, section 3: 8,242 unique models.
    assert SPACE.size() == 6**3 * 2**6 == 13_824
    assert SPACE.count() == 8_242
    forms = {SPACE.canonical(arch) for arch in SPACE.enumerate()}
    assert len(forms) == 8_242
    assert all(SPACE.canonical(form) == form for form in forms)


def test_canonical_is_the_first_point_with_the_same_graph() -> None:
    first: dict[str, Arch] = {}
    for arch in list(SPACE.enumerate())[::9]:
        key = SPACE.graphs(arch)[0].key()
        form = SPACE.canonical(arch)
        assert form <= arch
        assert first.setdefault(key, form) == form
    assert len(set(first.values())) == len(first)


def test_the_same_networks_sum_the_same_paths() -> None:
    classes: dict[Arch, set[tuple[tuple[int, ...], ...]]] = defaultdict(set)
    for arch in list(SPACE.enumerate())[::5]:
        classes[SPACE.canonical(arch)].add(_paths(arch))
    assert all(len(paths) == 1 for paths in classes.values())


@given(index=INDICES)
def test_the_graph_has_as_many_paths_as_the_cell(index: int) -> None:
    arch = SPACE.at(index)
    (graph,) = SPACE.graphs(arch)
    ways = [1, *(0 for _ in graph.ops[1:])]
    for j in range(1, len(ways)):
        ways[j] = sum(ways[i] for i, target in graph.edges if target == j)
    assert ways[-1] == len(_paths(arch))


def test_a_link_goes_around_the_node_behind_it() -> None:
    # Node 1 has a link from the input: what enters node 2 is linear(input) + input.
    (graph,) = SPACE.graphs(SPACE.parse("[[0, 1], [1, 0, 0], [2, 0, 0, 0]]"))
    assert [SPACE.op_names[op] for op in graph.ops] == ["input", "linear", "conv5", "conv5d2", "output"]
    assert graph.edges == {(0, 1), (1, 2), (0, 2), (2, 3), (3, 4)}


def test_one_of_the_networks_joins_nothing() -> None:
    (graph,) = SPACE.graphs(SPACE.parse("[['linear', 0], ['zero', 0, 0], ['conv5', 0, 0, 0]]"))
    assert [SPACE.op_names[op] for op in graph.ops] == ["input", "output"]
    assert not graph.edges
    empty = {SPACE.canonical(arch) for arch in SPACE.enumerate() if not SPACE.graphs(arch)[0].edges}
    assert len(empty) == 1


@given(index=INDICES)
def test_names_and_numbers_of_operations_are_read(index: int) -> None:
    arch = SPACE.at(index)
    named = [[SPACE.operations[op], *links] for op, *links in SPACE.nodes(arch)]
    assert SPACE.parse(str(named)) == SPACE.parse(SPACE.text(arch)) == arch


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[0, 0], [0, 0, 0]]", "must read"),
        ("[[0, 0], [0, 0, 0], [0, 0, 0]]", "must read"),
        ("[[0, 2], [0, 0, 0], [0, 0, 0, 0]]", r"gene 1 must be 0\.\.1"),
        ("[[6, 0], [0, 0, 0], [0, 0, 0, 0]]", r"gene 0 must be 0\.\.5"),
        ("[['conv9', 0], [0, 0, 0], [0, 0, 0, 0]]", "must read"),
        ("[[[], 0], [0, 0, 0], [0, 0, 0, 0]]", "must read"),
        ("5", "must read"),
    ],
)
def test_other_texts_are_refused(text: str, says: str) -> None:
    with pytest.raises(ArchError, match=says):
        SPACE.parse(text)
