"""Operations on edges and operations on nodes are the same cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.errors import ArchError
from archwright.core.graph import Graph
from archwright.spaces.edges import EdgeCell, simplify, to_edges, to_nodes

NONE, SKIP = 0, 1
N_OPS, INPUT, OUTPUT, SUM = 60, 60, 61, 62


@st.composite
def cells(draw: st.DrawFn, *, distinct: bool = False) -> EdgeCell:
    """Cells of up to six nodes. With `distinct`, no two edges share an operation other than none and skip."""
    n_inputs = draw(st.integers(1, 2))
    n_nodes = draw(st.integers(n_inputs + 1, 6))
    pairs = [(s, t) for t in range(n_inputs, n_nodes) for s in range(t)]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=9))
    edges = []
    for place, (source, target) in enumerate(chosen):
        kind = draw(st.integers(0, 3))
        own = 2 + place if distinct else kind
        edges.append((source, target, kind if kind < 2 else own))
    return EdgeCell(n_nodes, tuple(edges), n_inputs)


@st.composite
def full_cells(draw: st.DrawFn) -> EdgeCell:
    """Cells in which an edge enters every node but the inputs, and one leaves every node but the output."""
    n_inputs = draw(st.integers(1, 2))
    n_nodes = draw(st.integers(n_inputs + 1, 6))
    pairs = [(s, t) for t in range(n_inputs, n_nodes) for s in range(t)]
    chosen = {(draw(st.integers(0, t - 1)), t) for t in range(n_inputs, n_nodes)}
    chosen |= {(s, draw(st.integers(max(s + 1, n_inputs), n_nodes - 1))) for s in range(n_nodes - 1)}
    chosen |= set(draw(st.lists(st.sampled_from(pairs), max_size=4)))
    return EdgeCell(n_nodes, tuple((s, t, draw(st.integers(0, 4))) for s, t in sorted(chosen)), n_inputs)


def _apply(op: int, value: float) -> float:
    """An operation of its own for each number; zero stays zero."""
    return {NONE: 0.0, SKIP: value}.get(op, math.sin((1.0 + 0.37 * op) * value) + 0.01 * op * value)


def _of_cell(cell: EdgeCell, inputs: Sequence[float]) -> float:
    values = [*inputs[: cell.n_inputs], *([0.0] * (cell.n_nodes - cell.n_inputs))]
    for source, target, op in cell.edges:
        values[target] += _apply(op, values[source])
    return values[-1]


def _of_graph(graph: Graph, inputs: Sequence[float]) -> float:
    values: list[float] = []
    for node, op in enumerate(graph.ops):
        total = sum(values[i] for i, j in graph.edges if j == node)
        values.append(inputs[node] if op == INPUT else total if op in (OUTPUT, SUM) else _apply(op, total))
    return values[-1]


def _nodes(cell: EdgeCell, sum_op: int | None = None, skip: int | None = None, none: int | None = None) -> Graph:
    return to_nodes(cell, n_ops=N_OPS, input_op=INPUT, output_op=OUTPUT, sum_op=sum_op, skip=skip, none=none)


WAYS: list[Callable[[EdgeCell], Graph]] = [
    _nodes,
    lambda cell: _nodes(cell, sum_op=SUM),
    lambda cell: _nodes(cell, skip=SKIP),
    lambda cell: _nodes(cell, none=NONE),
    lambda cell: _nodes(cell, skip=SKIP, none=NONE),
    lambda cell: _nodes(cell, sum_op=SUM, skip=SKIP, none=NONE),
]


@pytest.mark.parametrize("way", WAYS)
@given(cell=cells())
def test_every_way_to_nodes_computes_what_the_cell_does(way: Callable[[EdgeCell], Graph], cell: EdgeCell) -> None:
    for inputs in ((0.7, -0.3), (-1.1, 0.45)):
        assert _of_graph(way(cell), inputs) == pytest.approx(_of_cell(cell, inputs), abs=1e-9)


@given(cell=cells())
def test_a_simplified_cell_computes_the_same_with_no_more_edges(cell: EdgeCell) -> None:
    simple = simplify(cell, skip=SKIP, none=NONE)
    assert _of_cell(simple, (0.7, -0.3)) == pytest.approx(_of_cell(cell, (0.7, -0.3)), abs=1e-9)
    assert len(simple.edges) <= len(cell.edges)
    assert simple.n_inputs == cell.n_inputs
    assert all(op != NONE for _, _, op in simple.edges)
    assert simplify(simple, skip=SKIP, none=NONE) == simple


@given(cell=cells())
def test_simplifying_keeps_the_key_of_the_resolved_graph(cell: EdgeCell) -> None:
    simple = simplify(cell, skip=SKIP, none=NONE)
    assert _nodes(simple, skip=SKIP, none=NONE).key() == _nodes(cell, skip=SKIP, none=NONE).key()


@given(cell=cells(distinct=True), other=cells(distinct=True))
def test_resolved_graphs_are_isomorphic_exactly_if_the_cells_compute_the_same(cell: EdgeCell, other: EdgeCell) -> None:
    # With an operation of its own on each edge, equal values at three random points mean equal sums.
    if cell.n_inputs != 1 or other.n_inputs != 1:
        return
    points = ((0.7, -0.3), (-1.1, 0.45), (0.21, 0.9))
    same = all(_of_cell(cell, at) == pytest.approx(_of_cell(other, at), abs=1e-12) for at in points)
    assert (_nodes(cell, skip=SKIP, none=NONE).key() == _nodes(other, skip=SKIP, none=NONE).key()) == same


@given(cell=full_cells())
def test_round_trip_through_nodes_gives_the_cell_back(cell: EdgeCell) -> None:
    back = to_edges(_nodes(cell), input_op=INPUT, output_op=OUTPUT)
    assert _nodes(back).key() == _nodes(cell).key()
    assert sorted(op for _, _, op in back.edges) == sorted(op for _, _, op in cell.edges)
    assert back.n_nodes == cell.n_nodes
    assert _of_cell(back, (0.7, -0.3)) == pytest.approx(_of_cell(cell, (0.7, -0.3)), abs=1e-9)


@given(cell=full_cells())
def test_round_trip_is_exact_where_nodes_are_filled_in_order(cell: EdgeCell) -> None:
    assert to_edges(_nodes(cell), input_op=INPUT, output_op=OUTPUT) == cell


@given(cell=cells())
def test_round_trip_through_sums_gives_every_cell_back(cell: EdgeCell) -> None:
    graph = _nodes(cell, sum_op=SUM)
    if SUM in graph.ops:
        assert to_edges(graph, input_op=INPUT, output_op=OUTPUT, sum_op=SUM) == cell


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    n = draw(st.integers(0, 4))
    ops = (INPUT, *(draw(st.integers(2, 5)) for _ in range(n)), OUTPUT)
    pairs = [(i, j) for j in range(1, n + 2) for i in range(j)]
    return Graph(ops, frozenset(draw(st.lists(st.sampled_from(pairs)))))


@given(graph=graphs())
def test_any_graph_can_be_written_with_edges_that_skip(graph: Graph) -> None:
    cell = to_edges(graph, input_op=INPUT, output_op=OUTPUT, skip=SKIP)
    assert _of_cell(cell, (0.7,)) == pytest.approx(_of_graph(graph, (0.7,)), abs=1e-9)


def test_cells_that_exchange_their_inputs_have_one_key() -> None:
    one, other = EdgeCell(3, ((0, 2, 2),), n_inputs=2), EdgeCell(3, ((1, 2, 2),), n_inputs=2)
    assert _nodes(one).key() == _nodes(other).key()
    assert _nodes(one) != _nodes(other)


def test_a_graph_that_is_no_line_graph_is_refused_without_skip() -> None:
    graph = Graph((INPUT, 2, 3, OUTPUT), frozenset({(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)}))
    with pytest.raises(ArchError, match="name an operation `skip`"):
        to_edges(graph, input_op=INPUT, output_op=OUTPUT)
    with pytest.raises(ArchError, match="one output, last"):
        to_edges(Graph((2, OUTPUT)), input_op=INPUT, output_op=OUTPUT)


def test_the_nas_bench_201_cell_has_the_eight_nodes_of_the_literature() -> None:
    # Source: methods page of arch2vec: 0 -> {1, 2, 4}, 1 -> {3, 5}, 2 -> {6}, 3 -> {6}, 4, 5, 6 -> 7.
    pairs = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    graph = _nodes(EdgeCell(4, tuple((s, t, 2) for s, t in pairs)))
    assert graph.edges == {(0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 6), (3, 6), (4, 7), (5, 7), (6, 7)}


def test_a_value_that_is_summed_twice_keeps_one_skip() -> None:
    cell = EdgeCell(3, ((0, 1, 2), (1, 2, SKIP), (1, 2, SKIP)))
    assert _nodes(cell, skip=SKIP) == Graph((INPUT, 2, SKIP, OUTPUT), frozenset({(0, 1), (1, 2), (1, 3), (2, 3)}))


def test_a_cell_of_zeros_is_an_input_and_an_output_apart() -> None:
    cell = EdgeCell(3, ((0, 1, NONE), (1, 2, 4), (0, 2, NONE)))
    assert _nodes(cell, none=NONE) == Graph((INPUT, OUTPUT))
    assert simplify(cell, none=NONE) == EdgeCell(2, ())


@pytest.mark.parametrize(
    ("n_nodes", "edges", "n_inputs"),
    [(2, ((1, 0, 0),), 1), (2, ((0, 2, 0),), 1), (3, ((0, 1, 0),), 2), (2, ((0, 1, -1),), 1), (2, (), 3), (2, (), 0)],
)
def test_a_malformed_cell_is_refused(n_nodes: int, edges: tuple[tuple[int, int, int], ...], n_inputs: int) -> None:
    with pytest.raises(ArchError, match="must"):
        EdgeCell(n_nodes, edges, n_inputs)


def test_an_operation_out_of_range_is_refused() -> None:
    with pytest.raises(ArchError, match=r"must be 0\.\.59"):
        _nodes(EdgeCell(2, ((0, 1, 60),)))
