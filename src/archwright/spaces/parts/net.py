"""A network's graph while it grows, node by node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from archwright.core.graph import Graph

__all__ = ["INPUT", "JOIN", "OUTPUT", "Bundle", "Net", "input_name", "united"]

#: Nodes whose outputs together are one value, their sum or their concatenation, in ascending order.
Bundle: TypeAlias = tuple[int, ...]

INPUT, OUTPUT, JOIN = "input", "output", "join"


def input_name(before: int) -> str:
    """Return the name of a network's input: the latest, or the one `before` places before it."""
    return f"{INPUT}-{before}" if before else INPUT


def united(bundles: Iterable[Bundle]) -> Bundle:
    """Return all nodes of several bundles."""
    return tuple(sorted({node for bundle in bundles for node in bundle}))


class Net:
    """Collects nodes and edges. A node is added after those that it reads, so its number is larger.

    Args:
        n_inputs: Number of inputs of the network; the latest comes last.
    """

    def __init__(self, n_inputs: int = 1) -> None:
        self.names = [input_name(before) for before in reversed(range(n_inputs))]
        self.inputs: tuple[Bundle, ...] = tuple((node,) for node in range(n_inputs))
        self._edges: set[tuple[int, int]] = set()
        self._joins: dict[Bundle, Bundle] = {}

    def add(self, name: str, sources: Bundle) -> Bundle:
        """Return the new node that reads all `sources`."""
        node = len(self.names)
        self.names.append(name)
        self._edges.update((source, node) for source in sources)
        return (node,)

    def joined(self, bundle: Bundle) -> Bundle:
        """Return one node that stands for the bundle: a new one where several have to be joined."""
        if len(bundle) < 2:
            return bundle
        if bundle not in self._joins:
            self._joins[bundle] = self.add(JOIN, bundle)
        return self._joins[bundle]

    def graph(self, output: Bundle, op_of: Mapping[str, int]) -> Graph:
        """Return the graph of everything between the inputs and `output`; the latest input always stays."""
        (last,) = self.add(OUTPUT, output)
        entries = {node for bundle in self.inputs for node in bundle}
        forwards = _reached(entries, self._edges)
        backwards = _reached({last}, {(target, source) for source, target in self._edges})
        kept = sorted((forwards & backwards) | {len(self.inputs) - 1, last})
        place = {node: k for k, node in enumerate(kept)}
        edges = frozenset((place[i], place[j]) for i, j in self._edges if i in place and j in place)
        return Graph(tuple(op_of[self.names[node]] for node in kept), edges)


def _reached(begin: set[int], edges: set[tuple[int, int]]) -> set[int]:
    targets: dict[int, list[int]] = {}
    for source, target in edges:
        targets.setdefault(source, []).append(target)
    found, todo = set(begin), list(begin)
    while todo:
        for target in targets.get(todo.pop(), []):
            if target not in found:
                found.add(target)
                todo.append(target)
    return found
