import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.errors import ArchError
from archwright.core.graph import Graph


@st.composite
def graphs(draw: st.DrawFn, most: int = 7) -> Graph:
    n = draw(st.integers(1, most))
    ops = tuple(draw(st.integers(0, 2)) for _ in range(n))
    edges = frozenset(pair for pair in itertools.combinations(range(n), 2) if draw(st.booleans()))
    return Graph(ops, edges)


def renumbered(graph: Graph, order: list[int]) -> Graph:
    """Return the same graph with its nodes taken in another topological order."""
    place = {node: k for k, node in enumerate(order)}
    return Graph(tuple(graph.ops[n] for n in order), frozenset((place[i], place[j]) for i, j in graph.edges))


def topological(graph: Graph, priorities: list[int]) -> list[int]:
    order: list[int] = []
    while len(order) < len(graph.ops):
        free = [
            n for n in range(len(graph.ops)) if n not in order and all(i in order for i, j in graph.edges if j == n)
        ]
        order.append(min(free, key=lambda n: priorities[n]))
    return order


def isomorphic(a: Graph, b: Graph) -> bool:
    """The slow twin: try every numbering."""
    if len(a.ops) != len(b.ops):
        return False
    return any(
        all(a.ops[k] == b.ops[p[k]] for k in range(len(p))) and {(p[i], p[j]) for i, j in a.edges} == set(b.edges)
        for p in itertools.permutations(range(len(a.ops)))
    )


@given(graphs(), st.permutations(range(7)))
def test_the_key_does_not_depend_on_the_numbering(graph: Graph, priorities: list[int]) -> None:
    assert renumbered(graph, topological(graph, priorities)).key() == graph.key()


@given(graphs(most=4), graphs(most=4))
def test_keys_are_equal_exactly_for_isomorphic_graphs(a: Graph, b: Graph) -> None:
    assert (a.key() == b.key()) == isomorphic(a, b)


def test_all_graphs_of_three_nodes_fall_into_their_classes() -> None:
    pairs = list(itertools.combinations(range(3), 2))
    every = [
        Graph(ops, frozenset(edges))
        for ops in itertools.product((0, 1), repeat=3)
        for size in range(4)
        for edges in itertools.combinations(pairs, size)
    ]
    for a, b in itertools.combinations(every, 2):
        assert (a.key() == b.key()) == isomorphic(a, b)


@given(graphs())
def test_canonical_is_idempotent_and_isomorphic(graph: Graph) -> None:
    canonical = graph.canonical()
    assert canonical.canonical() == canonical
    assert sorted(canonical.ops) == sorted(graph.ops)
    assert len(canonical.edges) == len(graph.edges)


@given(graphs())
def test_places_number_the_nodes_as_canonical_does(graph: Graph) -> None:
    places, canonical = graph.places(), graph.canonical()
    assert sorted(places) == list(range(len(graph.ops)))
    assert [canonical.ops[place] for place in places] == list(graph.ops)
    assert canonical.edges == {(places[i], places[j]) for i, j in graph.edges}


@given(graphs())
def test_the_adjacency_holds_the_edges_above_the_diagonal(graph: Graph) -> None:
    matrix = graph.adjacency()
    assert set(zip(*map(list, np.nonzero(matrix)), strict=True)) == graph.edges
    assert not np.tril(matrix).any()


def test_twenty_twins_take_no_time() -> None:
    star = frozenset((0, j) for j in range(1, 21)) | frozenset((j, 21) for j in range(1, 21))
    assert Graph((0, *[1] * 20, 2), star).key().count("-") == 40


def test_regular_graphs_that_refinement_cannot_split_are_told_apart() -> None:
    # Two hexagons' worth of edges between six sources and six targets: one ring of twelve, or two of six.
    one = frozenset((i, 6 + (i + k) % 6) for i in range(6) for k in (0, 1))
    two = frozenset((3 * h + i, 6 + 3 * h + (i + k) % 3) for h in (0, 1) for i in range(3) for k in (0, 1))
    assert Graph((0,) * 12, one).key() != Graph((0,) * 12, two).key()


@pytest.mark.parametrize("edge", [(1, 0), (0, 0), (0, 2), (-1, 1)])
def test_an_edge_must_go_forward_between_nodes(edge: tuple[int, int]) -> None:
    with pytest.raises(ArchError, match="0 <= i < j < 2"):
        Graph((0, 0), frozenset({edge}))


def test_a_chain_of_symmetric_cells_has_its_key_soon_and_whatever_its_numbering() -> None:
    # Each cell is two equal branches of two nodes: without the use of symmetries 2^12 numberings would be compared.
    edges, swapped, last = set(), set(), 0
    for start in range(0, 12 * 5, 5):
        a, b, c, d, end = range(start + 1, start + 6)
        edges |= {(last, a), (last, b), (a, c), (b, d), (c, end), (d, end)}
        swapped |= {(last, a), (last, b), (a, d), (b, c), (c, end), (d, end)}
        last = end
    ops = (0, *(1, 1, 2, 2, 0) * 12)
    assert Graph(ops, frozenset(edges)).key() == Graph(ops, frozenset(swapped)).key()
    other = frozenset((edges - {(1, 3)}) | {(2, 3)})
    assert Graph(ops, other).key() != Graph(ops, frozenset(edges)).key()
