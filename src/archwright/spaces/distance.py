"""How far two architectures are apart: in the paths through their cells, and in edits of their graphs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archwright.core.arch import Arch
from archwright.core.errors import SpaceError
from archwright.core.graph import Graph
from archwright.spaces.base import Space

__all__ = ["graph_edit_distance", "graph_edits", "path_edit_distance", "paths"]

#: Nodes besides first and last up to which the best correspondence is searched for; the search is factorial.
_MAX_INNER = 10


def path_edit_distance(space: Space, first: Arch, second: Arch) -> int:
    """Return how many paths must be added or removed to turn `first` into `second`, over all cells.

    A path is the operations from an input to the output; what runs along it more than once counts once. It is the
    Hamming distance between the two path encodings, 0 for isomorphic cells, and also for others with equal paths.

    Raises:
        ArchError: if one of the two is not in `space`.

    Source: arXiv:1910.11858 (BANANAS), section 4, path encoding.

    Example:
        >>> from archwright.spaces.nb_macro import NasBenchMacro
        >>> space = NasBenchMacro()
        >>> path_edit_distance(space, space.parse("00000000"), space.parse("00000001"))
        2
    """
    pairs = zip(space.graphs(first), space.graphs(second), strict=True)
    return sum(len(paths(one) ^ paths(other)) for one, other in pairs)


def paths(graph: Graph) -> frozenset[tuple[int, ...]]:
    """Return the operations along each path from a node that reads nothing to the last node.

    The two ends are left out of a path. A node other than an input that reads nothing begins no path: inputs are the
    leading nodes with the operation of the first. Costs as much as there are paths.
    """
    last = len(graph.ops) - 1
    reads = _reads(graph)
    n_inputs = next((n for n, op in enumerate(graph.ops) if op != graph.ops[0]), len(graph.ops))
    behind: list[set[tuple[int, ...]]] = []
    for node in range(last + 1):
        if node < n_inputs and not reads[node]:
            behind.append({()})
            continue
        op = () if node == last else (graph.ops[node],)
        behind.append({(*path, *op) for source in reads[node] for path in behind[source]})
    return frozenset(behind[last])


def graph_edit_distance(space: Space, first: Arch, second: Arch, *, vertex: int = 0) -> int:
    """Return the least number of edits that turn the graphs of `first` into those of `second`, over all cells.

    See `graph_edits`. 0 exactly if all cells are isomorphic, if their graphs have no node without edges.

    Raises:
        ArchError: if one of the two is not in `space`.
        SpaceError: if a cell is too large.
    """
    pairs = zip(space.graphs(first), space.graphs(second), strict=True)
    return sum(graph_edits(one, other, vertex=vertex) for one, other in pairs)


def graph_edits(first: Graph, second: Graph, *, vertex: int = 0) -> int:
    """Return the least number of edits that turn `first` into a graph isomorphic to `second`.

    An edit adds or removes an edge, or changes the operation of a node. First nodes, and last nodes, correspond.

    Args:
        first: A graph.
        second: Another one.
        vertex: What it costs to add or remove a node, besides its edges. 0 as in NAS-Bench-101, where a cell has
            seven vertices, and those without edges can have any operation.

    Raises:
        SpaceError: if a graph has more than 12 nodes: the cost is factorial in them.

    Source: arXiv:1902.09635, section 4.3: the distance in which NAS-Bench-101 measures locality; arch2vec
    (arXiv:2006.06936, section 4.1) uses it for neighbouring points of its latent space.
    """
    small, large = sorted((first, second), key=lambda graph: len(graph.ops))
    if len(large.ops) - 2 > _MAX_INNER:
        raise SpaceError(
            f"edits are counted for up to {_MAX_INNER + 2} nodes, but a graph of {len(large.ops)} was given"
        )
    return _Matching(small, large, vertex).least()


class _Matching:
    """Search for the cheapest way to let each node of `small` be one of `large`.

    Nodes of `small` are placed in their order. The cost of what is placed only grows, so a branch ends where it is
    not below the best one found.
    """

    def __init__(self, small: Graph, large: Graph, vertex: int) -> None:
        self._small, self._large = small, large
        self._surplus = vertex * (len(large.ops) - len(small.ops))
        self._best = len(small.edges) + len(large.edges) + len(small.ops) + self._surplus + 1

    def least(self) -> int:
        """Return the cost of the best correspondence."""
        if len(self._small.ops) < 2:
            raise SpaceError("a graph must have a first and a last node to be compared with another")
        self._place([0], self._mismatch(0, 0))
        return self._best

    def _place(self, place: list[int], cost: int) -> None:
        """Try all ways to place the nodes of `small` that follow those already placed."""
        if cost >= self._best:
            return
        node = len(place)
        if node == len(self._small.ops):
            self._best = min(self._best, cost + self._left_over(place))
            return
        for target in self._targets(place):
            added = self._mismatch(node, target)
            for other, at in enumerate(place):
                ahead = ((other, node) in self._small.edges) != ((at, target) in self._large.edges)
                back = (target, at) in self._large.edges
                added += ahead + back
            self._place([*place, target], cost + added)

    def _targets(self, place: Sequence[int]) -> Iterator[int]:
        """Yield the free nodes of `large`, those with the right operation first: the best is found earlier."""
        node, last = len(place), len(self._large.ops) - 1
        if node == len(self._small.ops) - 1:
            yield last
            return
        free = (target for target in range(1, last) if target not in place)
        yield from sorted(free, key=lambda target: self._mismatch(node, target))

    def _mismatch(self, node: int, target: int) -> int:
        return int(self._small.ops[node] != self._large.ops[target])

    def _left_over(self, place: Sequence[int]) -> int:
        """Return the cost of the nodes of `large` that are nobody's, and of their edges."""
        placed = set(place)
        return self._surplus + sum(not {i, j} <= placed for i, j in self._large.edges)


def _reads(graph: Graph) -> list[list[int]]:
    reads: list[list[int]] = [[] for _ in graph.ops]
    for i, j in graph.edges:
        reads[j].append(i)
    return reads
