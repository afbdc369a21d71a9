"""A small directed acyclic graph with an operation on each node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import ArchError

__all__ = ["Graph"]

Colours = tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """One cell, or one whole network, as a value.

    Args:
        ops: Operation of each of the N nodes, as an index into the space's `op_names`.
        edges: Pairs (i, j) with i < j: the output of node i is an input of node j.

    Raises:
        ArchError: if an edge is not of that form.

    Example:
        >>> Graph((0, 1, 2), frozenset({(0, 1), (1, 2)})).adjacency().tolist()
        [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    """

    ops: tuple[int, ...]
    edges: frozenset[tuple[int, int]] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        for i, j in self.edges:
            if not 0 <= i < j < len(self.ops):
                raise ArchError(f"an edge must be (i, j) with 0 <= i < j < {len(self.ops)}, but ({i}, {j}) was given")

    def adjacency(self) -> npt.NDArray[np.int8]:
        """Return the upper triangular matrix [N, N] with 1 at (i, j) for each edge."""
        matrix = np.zeros((len(self.ops), len(self.ops)), dtype=np.int8)
        for i, j in self.edges:
            matrix[i, j] = 1
        return matrix

    def canonical(self) -> Graph:
        """Return the one representative of all graphs that are equal up to the numbering of their nodes.

        Exact. Costs microseconds for chains and cells of up to about 20 nodes, and a second for a chain of 20
        symmetric cells. Graphs whose nodes look alike and are not take longer, at worst exponentially.
        """
        return self._renumbered(self.places())

    def places(self) -> Colours:
        """Return the number of each node in `canonical`, whose costs it has.

        Isomorphic graphs have equal operations and edges between equal numbers.
        """
        leaves = self._leaves(self._refine(self._first_colours()))
        return min(leaves, key=lambda order: _text(self._renumbered(order)))

    def key(self) -> str:
        """Return a text that two graphs share exactly if they are isomorphic, operations included."""
        return _text(self.canonical())

    def _first_colours(self) -> Colours:
        # The depth comes first, so that the order of colours is a topological order and stays one.
        depth = [0] * len(self.ops)
        for i, j in sorted(self.edges, key=lambda edge: edge[1]):
            depth[j] = max(depth[j], depth[i] + 1)
        return _ranked(list(zip(depth, self.ops, strict=True)))

    def _refine(self, colours: Colours) -> Colours:
        """Split colours by the colours of the neighbours, until nothing changes."""
        while True:
            sources: list[list[int]] = [[] for _ in self.ops]
            targets: list[list[int]] = [[] for _ in self.ops]
            for i, j in self.edges:
                sources[j].append(colours[i])
                targets[i].append(colours[j])
            told = [(colours[n], tuple(sorted(sources[n])), tuple(sorted(targets[n]))) for n in range(len(self.ops))]
            finer = _ranked(told)
            if len(set(finer)) == len(set(colours)):
                return finer
            colours = finer

    def _leaves(self, colours: Colours) -> Iterator[Colours]:
        """Yield the discrete colourings below `colours`; one branch per class of nodes that are alike is enough."""
        members = _first_shared(colours)
        if not members:
            yield colours
            return
        tried: set[str] = set()
        branches = self._branches(colours, members)
        for branch in branches:
            # Two branches that meet in one graph are images of each other, with all that is below them. Without
            # this a chain of cells, each of which is symmetric, takes two to the number of cells.
            text = _text(self._renumbered(self._first_leaf(branch))) if len(branches) > 1 else ""
            if text not in tried:
                tried.add(text)
                yield from self._leaves(branch)

    def _branches(self, colours: Colours, members: Sequence[int]) -> list[Colours]:
        """Return `colours` with one of the members told apart from the others, once for each class of twins."""
        branches: dict[tuple[frozenset[int], frozenset[int]], Colours] = {}
        for node in members:
            neighbours = (
                frozenset(i for i, j in self.edges if j == node),
                frozenset(j for i, j in self.edges if i == node),
            )
            if neighbours not in branches:
                marked = _ranked([(colour, 0 if n == node else 1) for n, colour in enumerate(colours)])
                branches[neighbours] = self._refine(marked)
        return list(branches.values())

    def _first_leaf(self, colours: Colours) -> Colours:
        while members := _first_shared(colours):
            marked = _ranked([(colour, 0 if n == members[0] else 1) for n, colour in enumerate(colours)])
            colours = self._refine(marked)
        return colours

    def _renumbered(self, place: Colours) -> Graph:
        ops = [0] * len(self.ops)
        for node, op in enumerate(self.ops):
            ops[place[node]] = op
        return Graph(tuple(ops), frozenset((place[i], place[j]) for i, j in self.edges))


def _ranked(values: Sequence[tuple[Any, ...]]) -> Colours:
    rank = {value: n for n, value in enumerate(sorted(set(values)))}
    return tuple(rank[value] for value in values)


def _first_shared(colours: Colours) -> list[int]:
    """Return the nodes of the lowest colour that more than one node has; empty if there is none."""
    shared = [colour for colour in set(colours) if colours.count(colour) > 1]
    return [node for node, colour in enumerate(colours) if shared and colour == min(shared)]


def _text(graph: Graph) -> str:
    edges = ",".join(f"{i}-{j}" for i, j in sorted(graph.edges))
    return f"{'.'.join(map(str, graph.ops))}|{edges}"
