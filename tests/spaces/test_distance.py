"""Distances between architectures."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.arch import Arch
from archwright.core.errors import ArchError, SpaceError
from archwright.core.graph import Graph
from archwright.core.rng import derive
from archwright.spaces.distance import graph_edit_distance, graph_edits, path_edit_distance, paths
from archwright.spaces.nb101 import NasBench101
from archwright.spaces.nb201 import NasBench201


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Cells of up to three operations, input 8 and output 9."""
    n = draw(st.integers(0, 3))
    pairs = [(i, j) for j in range(1, n + 2) for i in range(j)]
    ops = (8, *(draw(st.integers(0, 2)) for _ in range(n)), 9)
    return Graph(ops, frozenset(draw(st.lists(st.sampled_from(pairs)))))


def _edits_by_brute_force(first: Graph, second: Graph, vertex: int) -> int:
    """All correspondences of two matrices that are filled up to the same size."""
    size = max(len(first.ops), len(second.ops))
    (a, ops_a), (b, ops_b) = (_filled(graph, size) for graph in (first, second))
    costs = []
    for inner in itertools.permutations(range(1, size - 1)):
        order = [0, *inner, size - 1]
        changed = sum(None not in (x, y) and x != y for x, y in zip([ops_a[k] for k in order], ops_b, strict=True))
        new = sum((x is None) != (y is None) for x, y in zip([ops_a[k] for k in order], ops_b, strict=True))
        costs.append(int((a[np.ix_(order, order)] != b).sum()) + changed + vertex * new)
    # To remove a node and add another is never cheaper than to change it here, as `vertex` is 0 or 1.
    return min(costs)


def _filled(graph: Graph, size: int) -> tuple[np.ndarray, list[int | None]]:
    ops = [*graph.ops[:-1], *[None] * (size - len(graph.ops)), graph.ops[-1]]
    matrix = np.zeros((size, size), dtype=int)
    for i, j in graph.edges:
        matrix[i, size - 1 if j == len(graph.ops) - 1 else j] = 1
    return matrix, ops


@given(first=graphs(), second=graphs(), vertex=st.integers(0, 1))
def test_edits_are_the_fewest_over_all_correspondences(first: Graph, second: Graph, vertex: int) -> None:
    assert graph_edits(first, second, vertex=vertex) == _edits_by_brute_force(first, second, vertex)


@given(one=graphs(), two=graphs(), three=graphs())
def test_edits_are_a_distance(one: Graph, two: Graph, three: Graph) -> None:
    assert graph_edits(one, two, vertex=1) == graph_edits(two, one, vertex=1)
    assert (graph_edits(one, two, vertex=1) == 0) == (one.key() == two.key())
    through = graph_edits(one, two, vertex=1) + graph_edits(two, three, vertex=1)
    assert graph_edits(one, three, vertex=1) <= through


def test_a_changed_operation_is_one_edit_and_an_edge_is_one() -> None:
    chain = Graph((8, 0, 1, 9), frozenset({(0, 1), (1, 2), (2, 3)}))
    assert graph_edits(chain, Graph((8, 2, 1, 9), chain.edges)) == 1
    assert graph_edits(chain, Graph(chain.ops, chain.edges | {(0, 3)})) == 1
    # Swapping the two operations is done by changing both, or by turning three edges round.
    assert graph_edits(chain, Graph((8, 1, 0, 9), chain.edges)) == 2
    # A shorter chain: three edges become two, and the node is free or costs one.
    short = Graph((8, 0, 9), frozenset({(0, 1), (1, 2)}))
    assert graph_edits(chain, short) == 3
    assert graph_edits(chain, short, vertex=1) == 4


def test_neighbours_of_nas_bench_201_are_one_edit_apart_and_isomorphic_cells_none() -> None:
    space = NasBench201()
    arch = space.random(rng=derive(0, "arch"))
    for neighbour in space.neighbours(arch):
        same = space.graphs(arch)[0].key() == space.graphs(neighbour)[0].key()
        assert graph_edit_distance(space, arch, neighbour) == (0 if same else 1)


@given(seed=st.integers(0, 2**32))
def test_forms_of_one_cell_are_at_distance_zero(seed: int) -> None:
    space = NasBench101()
    arch = space.random(rng=derive(seed, "arch"))
    assert graph_edit_distance(space, arch, space.canonical(arch)) == 0
    assert path_edit_distance(space, arch, space.canonical(arch)) == 0


def test_paths_of_nas_bench_201_are_its_four_routes() -> None:
    # Source: BANANAS: the routes 03, 01-13, 02-23 and 01-12-23. Genes are 01, 02, 12, 03, 13, 23.
    space = NasBench201()
    (graph,) = space.graphs(Arch("nb201", (4, 1, 3, 2, 0, 2)))
    assert paths(graph) == {(2,), (4, 0), (1, 2), (4, 3, 2)}


def test_path_edits_are_the_paths_that_only_one_has() -> None:
    space = NasBench201()
    one, other = Arch("nb201", (4, 1, 3, 2, 0, 2)), Arch("nb201", (4, 1, 3, 2, 0, 4))
    # Edge 23 is on two of the four routes.
    assert path_edit_distance(space, one, other) == 4
    assert path_edit_distance(space, one, one) == 0


@given(one=graphs(), two=graphs())
def test_paths_agree_with_a_walk_from_the_output(one: Graph, two: Graph) -> None:
    def walk(graph: Graph, node: int) -> list[tuple[int, ...]]:
        if node == 0:
            return [()]
        own = () if node == len(graph.ops) - 1 else (graph.ops[node],)
        return [(*path, *own) for i, j in graph.edges if j == node for path in walk(graph, i)]

    for graph in (one, two):
        assert paths(graph) == set(walk(graph, len(graph.ops) - 1))


def test_two_inputs_both_begin_paths() -> None:
    graph = Graph((8, 8, 0, 1, 9), frozenset({(0, 2), (1, 3), (2, 4), (3, 4)}))
    assert paths(graph) == {(0,), (1,)}


def test_what_cannot_be_compared_is_refused() -> None:
    space = NasBench201()
    with pytest.raises(ArchError, match="not in space 'nb201'"):
        path_edit_distance(space, Arch("nb201", (0,) * 6), Arch("nb101", (0,) * 6))
    with pytest.raises(SpaceError, match="up to 12 nodes"):
        graph_edits(Graph((8, *range(11), 9)), Graph((8, 9)))
    with pytest.raises(SpaceError, match="a first and a last node"):
        graph_edits(Graph((8,)), Graph((8, 9)))
