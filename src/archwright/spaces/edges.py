"""Cells with an operation on each edge, and the same cells with an operation on each node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from archwright.core.errors import ArchError
from archwright.core.graph import Graph

__all__ = ["EdgeCell", "simplify", "to_edges", "to_nodes"]

Edge = tuple[int, int, int]


@dataclass(frozen=True)
class EdgeCell:
    """A cell with an operation on each edge; what enters a node is summed, and the last node is the output.

    Args:
        n_nodes: Nodes are 0..n_nodes-1. The first `n_inputs` are inputs: nothing enters them.
        edges: Triples (source, target, op) with source < target. They are kept in the order of target, then source,
            then op. Parallel edges are allowed, equal ones too.
        n_inputs: Number of inputs, 1 <= n_inputs <= n_nodes.

    Raises:
        ArchError: if one of these does not hold.

    Example:
        >>> EdgeCell(3, ((1, 2, 5), (0, 1, 4), (0, 2, 5))).edges
        ((0, 1, 4), (0, 2, 5), (1, 2, 5))
    """

    n_nodes: int
    edges: tuple[Edge, ...]
    n_inputs: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.n_inputs <= self.n_nodes:
            raise ArchError(f"a cell of {self.n_nodes} nodes must have 1..{self.n_nodes} inputs, not {self.n_inputs}")
        for source, target, op in self.edges:
            if not (0 <= source < target < self.n_nodes and target >= self.n_inputs and op >= 0):
                raise ArchError(
                    f"an edge must be (source, target, op) with source < target, {self.n_inputs} <= target < "
                    f"{self.n_nodes} and op >= 0, but {(source, target, op)} was given"
                )
        object.__setattr__(self, "edges", tuple(sorted(self.edges, key=_by_target)))


def to_nodes(
    cell: EdgeCell,
    *,
    n_ops: int,
    input_op: int,
    output_op: int,
    sum_op: int | None = None,
    skip: int | None = None,
    none: int | None = None,
) -> Graph:
    """Return `cell` with an operation on each node: the inputs, one node for each edge, and the output.

    Nodes are in the order of the edges, so by target. Node e of edge (u, v) is linked to the node of each edge that
    leaves v. Without `skip` and `none` every edge becomes a node, and `to_edges` gives the cell back.

    Args:
        cell: The cell.
        n_ops: Operations of edges are 0..n_ops-1, and keep their number.
        input_op: Operation of the nodes that stand for inputs.
        output_op: Operation of the node that stands for the output.
        sum_op: Also make a node with this operation for each inner node of the cell, where its edges meet.
        skip: The operation that does nothing. Its edges are resolved: what reads such an edge reads what the edge
            reads. Where one value is thereby summed m times, one link is direct and m - 1 pass through a node `skip`,
            so that the graph computes what the cell does.
        none: The operation that gives zero. Its edges are left out, with all that reads zeros only, and all that no
            output reads. This takes it that an operation on zeros gives zeros.

    With `skip` and `none` and without `sum_op`, two cells are the same sums of operations, weights included, exactly
    if their graphs are isomorphic: `Graph.key` tells. That is so for one input; several have one operation, so cells
    that differ by an exchange of inputs are isomorphic too.

    Raises:
        ArchError: if an operation of the cell is not below `n_ops`.
    """
    for _, _, op in cell.edges:
        if op >= n_ops:
            raise ArchError(f"an operation of an edge must be 0..{n_ops - 1}, but {op} was given")
    if none is not None:
        cell = replace(cell, edges=_alive(cell, none))
    builder = _Builder([input_op] * cell.n_inputs, [])
    values = [Counter([node]) for node in range(cell.n_inputs)]
    for node in range(cell.n_inputs, cell.n_nodes):
        value: Counter[int] = Counter()
        for source, _, op in (edge for edge in cell.edges if edge[1] == node):
            value += values[source] if op == skip else Counter([builder.add(op, values[source], skip)])
        inner = sum_op is not None and node < cell.n_nodes - 1
        values.append(Counter([builder.add(sum_op, value, skip)]) if inner and sum_op is not None else value)
    builder.add(output_op, values[-1], skip)
    return Graph(tuple(builder.ops), frozenset(builder.links))


@dataclass
class _Builder:
    """Nodes of a graph under construction. A value is a sum of nodes, each as often as it counts."""

    ops: list[int]
    links: list[tuple[int, int]]

    def add(self, op: int, value: Counter[int], skip: int | None) -> int:
        """Return the new node that applies `op` to `value`."""
        reads = set(value)
        for term, times in value.items():
            for _ in range(times - 1):
                # Only edges that do nothing bring a value twice, so there is a `skip` here.
                assert skip is not None
                self.ops.append(skip)
                self.links.append((term, len(self.ops) - 1))
                reads.add(len(self.ops) - 1)
        self.ops.append(op)
        self.links += [(read, len(self.ops) - 1) for read in reads]
        return len(self.ops) - 1


def to_edges(
    graph: Graph, *, input_op: int, output_op: int, sum_op: int | None = None, skip: int | None = None
) -> EdgeCell:
    """Return the cell with an operation on each edge from which `to_nodes` made `graph`.

    Without sum nodes it exists if any two nodes read either the same nodes or no node in common, and if every
    operation reads something and is read. Then it is unique but for the numbering of nodes that are filled in the
    same order; for what `to_nodes` made it is the very cell.

    Args:
        graph: Operations on nodes; the inputs first, and one output, last.
        input_op: The operation of inputs.
        output_op: The operation of the output.
        sum_op: The operation of the nodes in which edges meet, if the graph has them.
        skip: With an operation that does nothing, any graph can be written: an edge for each node, and an edge `skip`
            for each link between two operations. Used only where there is no other way.

    Raises:
        ArchError: if there is no such cell.
    """
    n_inputs = next((n for n, op in enumerate(graph.ops) if op != input_op), len(graph.ops))
    if not n_inputs or graph.ops[-1] != output_op or {input_op, output_op} & set(graph.ops[n_inputs:-1]):
        raise ArchError("a graph must have its inputs first and one output, last, to be written with edges")
    reads = [frozenset(i for i, j in graph.edges if j == n) for n in range(len(graph.ops))]
    if sum_op is not None and sum_op in graph.ops:
        return _from_sums(graph, reads, n_inputs, sum_op)
    cell = _from_lines(graph, reads, n_inputs)
    if cell is None and skip is not None:
        cell = _split(graph, reads, n_inputs, skip)
    if cell is None:
        raise ArchError(
            "operations that share one input must share all, and each must read and be read, or a graph cannot "
            "be written with edges; name an operation `skip` to write it with more edges"
        )
    return cell


def _from_sums(graph: Graph, reads: Sequence[frozenset[int]], n_inputs: int, sum_op: int) -> EdgeCell:
    """Return the cell whose inner nodes are the sum nodes of `graph`."""
    last = len(graph.ops) - 1
    places = [n for n, op in enumerate(graph.ops) if n < n_inputs or op == sum_op or n == last]
    place_of = {node: place for place, node in enumerate(places)}
    edges = []
    for node, op in enumerate(graph.ops):
        if node in place_of:
            continue
        targets = [j for i, j in graph.edges if i == node]
        if len(reads[node]) != 1 or len(targets) != 1 or not {*reads[node], *targets} <= place_of.keys():
            raise ArchError(f"between two sums must be one operation, but node {node} is not so placed")
        edges.append((place_of[next(iter(reads[node]))], place_of[targets[0]], op))
    if len(edges) * 2 != len(graph.edges):
        raise ArchError("an operation must be between every two sums, but two are linked directly")
    return EdgeCell(len(places), tuple(edges), n_inputs)


def _from_lines(graph: Graph, reads: Sequence[frozenset[int]], n_inputs: int) -> EdgeCell | None:
    """Return the cell whose line graph is `graph`; None if there is none.

    An inner node of the cell is a set of operations that enter it: what some operation reads.
    """
    last = len(graph.ops) - 1
    place_of = {frozenset([n]): n for n in range(n_inputs)}
    sums = sorted(set(reads[n_inputs:last]) - place_of.keys() - {reads[last]}, key=sorted)
    place_of |= {entering: n_inputs + k for k, entering in enumerate([*sums, reads[last]])}
    target_of = {node: place for entering, place in place_of.items() if place >= n_inputs for node in entering}
    exact = sum(map(len, place_of)) - n_inputs == len(target_of) == last - n_inputs
    if not exact or frozenset() in place_of or min(target_of, default=0) < n_inputs:
        return None
    edges = ((place_of[reads[node]], target_of[node], graph.ops[node]) for node in range(n_inputs, last))
    return EdgeCell(len(place_of), tuple(edges), n_inputs)


def _split(graph: Graph, reads: Sequence[frozenset[int]], n_inputs: int, skip: int) -> EdgeCell:
    """Return the cell in which each operation n has a node in front and a node behind."""
    last = len(graph.ops) - 1
    behind = [n if n < n_inputs else 2 * n - n_inputs + 1 for n in range(last)]
    front = [*range(n_inputs), *(place - 1 for place in behind[n_inputs:]), 2 * last - n_inputs]
    edges = [(front[n], behind[n], graph.ops[n]) for n in range(n_inputs, last)]
    edges += [(behind[i], front[j], skip) for j in range(n_inputs, last + 1) for i in reads[j]]
    return EdgeCell(front[-1] + 1, tuple(edges), n_inputs)


def simplify(cell: EdgeCell, *, skip: int | None = None, none: int | None = None) -> EdgeCell:
    """Return a cell that computes the same with fewer edges; all inputs and the output stay.

    Leaves out edges that give zero, read zeros only, or reach no output, and nodes without edges. Joins two nodes
    that an edge `skip` makes one: where nothing else enters its target, or nothing else leaves its source.
    Applying it again changes nothing.

    Args:
        cell: The cell.
        skip: The operation that does nothing.
        none: The operation that gives zero. It is taken that an operation on zeros gives zeros.
    """
    edges = list(_alive(cell, none))
    last = cell.n_nodes - 1
    while (joint := _joint(edges, cell.n_inputs, last, skip)) is not None:
        edge, gone, kept = joint
        edges.remove(edge)
        edges = [(kept if s == gone else s, kept if t == gone else t, op) for s, t, op in edges]
    used = sorted({*range(cell.n_inputs), last, *(s for s, _, _ in edges), *(t for _, t, _ in edges)})
    place = {node: k for k, node in enumerate(used)}
    return EdgeCell(len(used), tuple((place[s], place[t], op) for s, t, op in edges), cell.n_inputs)


def _joint(edges: Sequence[Edge], n_inputs: int, last: int, skip: int | None) -> tuple[Edge, int, int] | None:
    """Return an edge that makes two nodes one, the node that goes and the one that stays; None if there is none."""
    leaving = Counter(source for source, _, _ in edges)
    entering = Counter(target for _, target, _ in edges)
    for edge in edges:
        source, target, op = edge
        if op == skip and leaving[source] == 1 and source >= n_inputs:
            return edge, source, target
        if op == skip and entering[target] == 1 and target != last:
            return edge, target, source
    return None


def _alive(cell: EdgeCell, none: int | None) -> tuple[Edge, ...]:
    """Return the edges on a path from an input to the output that meets no operation `none`."""
    fed, kept = set(range(cell.n_inputs)), []
    for source, target, op in cell.edges:
        if op != none and source in fed:
            fed.add(target)
            kept.append((source, target, op))
    read, alive = {cell.n_nodes - 1}, []
    for source, target, op in reversed(kept):
        if target in read:
            read.add(source)
            alive.append((source, target, op))
    return tuple(reversed(alive))


def _by_target(edge: Edge) -> Edge:
    source, target, op = edge
    return (target, source, op)
