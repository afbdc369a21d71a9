"""The cells of NAS-Bench-ASR: three operations in a row, with links that skip them."""

from __future__ import annotations

from functools import cache

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.graph import Graph
from archwright.spaces.base import Space
from archwright.spaces.literal import integers, read_literal, shown

__all__ = ["NasBenchAsr"]

_FORM = "'[[op, link], [op, link, link], [op, link, link, link]]'"

#: Lengths of the three nodes' parts of the genes.
_LENGTHS = (2, 3, 4)


class NasBenchAsr(Space):
    """Cells of three nodes: 13,824 points, 8,242 different networks (`count`).

    Node n (1..3) applies its operation to what enters it, and hands the result, plus the values of those of the
    places 0..n-1 that its links name, to the next node; place 0 is the input, and what follows node 3 is the output.
    Genes: for each node its operation, and one link for each earlier place. The operation `zero` gives nothing.
    Networks are the same if their graphs are, once zeros, and what no path from input to output meets, are left out.

    Source: Mehrotra et al., NAS-Bench-ASR, ICLR 2021, sec. 3, and its public code for the order of codes.
    Differs: `canonical` is the first of a class in the order of this space's genes; the authors name a class by a
    hash of its graph. The class of networks that join nothing, 1 of the 8,242, is in this space as in theirs.

    Example:
        >>> space = NasBenchAsr()
        >>> space.size(), space.text(space.at(0))
        (13824, '[[0, 0], [0, 0, 0], [0, 0, 0, 0]]')
    """

    name: str = "asr"
    operations: tuple[str, ...] = ("linear", "conv5", "conv5d2", "conv7", "conv7d2", "zero")
    op_names: tuple[str, ...] = (*operations, "input", "output")
    arities: tuple[int, ...] = (6, 2, 6, 2, 2, 6, 2, 2, 2)

    def nodes(self, arch: Arch) -> tuple[tuple[int, ...], ...]:
        """Return the genes of each node: its operation and its links.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        genes = self.require(arch).genes
        return genes[:2], genes[2:5], genes[5:]

    def canonical(self, arch: Arch) -> Arch:
        """Return the first architecture of the grid that is the same network.

        The first call of a process goes through the grid, about 1 s; after that it is a look-up.
        """
        return self.at(_first()[_keys()[self.index(self.require(arch))]])

    def count(self) -> int:
        """Return the number of different networks, 8,242, found by going through the grid."""
        return len(_first())

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the cell without zeros and without what joins nothing; input first, output last."""
        nodes = self.nodes(arch)
        last, zero = len(nodes) + 1, self.operations.index("zero")
        edges = {(n, n + 1) for n in range(last)}
        for node, (_, *links) in enumerate(nodes, start=1):
            edges |= {(source, node + 1) for source, link in enumerate(links) if link}
        dead = {node for node, (op, *_) in enumerate(nodes, start=1) if op == zero}
        alive = _between({(i, j) for i, j in edges if not {i, j} & dead}, last)
        kept = [0, *(node for node in range(1, last) if node in alive), last]
        place = {node: n for n, node in enumerate(kept)}
        ops = (len(self.operations), *(nodes[n - 1][0] for n in kept[1:-1]), len(self.operations) + 1)
        ends = alive if last in alive else set()
        paths = {(i, j) for i, j in edges if {i, j} <= ends - dead}
        return (Graph(ops, frozenset((place[i], place[j]) for i, j in paths)),)

    def text(self, arch: Arch) -> str:
        """Return `arch` as the benchmark's data has it, for example `[[1, 0], [4, 1, 0], [0, 0, 0, 1]]`."""
        return str([list(node) for node in self.nodes(arch)])

    def parse(self, text: str) -> Arch:
        """Return the architecture in `text`: three lists, whose first items are numbers or names of operations.

        Raises:
            ArchError: if `text` has another form, or is not in this space.
        """
        stripped = text.strip()
        if stripped.startswith(f"{self.name}:"):
            return super().parse(stripped)
        value = read_literal(stripped, _FORM)
        nodes = [self._coded(node) for node in value] if isinstance(value, list | tuple) else []
        if tuple(len(node) for node in nodes) != _LENGTHS:
            raise ArchError(f"an architecture must read {_FORM}, but {shown(stripped)} was given")
        return self.require(Arch(self.name, tuple(gene for node in nodes for gene in node)))

    def _coded(self, node: object) -> tuple[int, ...]:
        if isinstance(node, list | tuple) and node and node[0] in self.operations:
            node = [self.operations.index(node[0]), *node[1:]]
        return integers(node) or ()


@cache
def _keys() -> list[str]:
    """Return the key of the network at each point of the grid."""
    space, keys = NasBenchAsr(), dict[Graph, str]()
    graphs = (space.graphs(space.at(index))[0] for index in range(space.size()))
    return [keys[graph] if graph in keys else keys.setdefault(graph, graph.key()) for graph in graphs]


@cache
def _first() -> dict[str, int]:
    """Return the first point of the grid with each key."""
    keys = _keys()
    return {keys[index]: index for index in reversed(range(len(keys)))}


def _between(edges: set[tuple[int, int]], last: int) -> set[int]:
    """Return the nodes on a path from node 0 to node `last`."""
    reached, reaching = {0}, {last}
    for i, j in sorted(edges):
        if i in reached:
            reached.add(j)
    for i, j in sorted(edges, reverse=True):
        if j in reaching:
            reaching.add(i)
    return reached & reaching
