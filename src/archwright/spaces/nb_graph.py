"""The space of NAS-Bench-Graph: four graph layers in a tree."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Sequence
from functools import cache, cached_property

from archwright.core.arch import Arch
from archwright.core.errors import ArchError, SpaceError
from archwright.core.graph import Graph
from archwright.spaces.base import Space
from archwright.spaces.literal import integers, shown

__all__ = ["NasBenchGraph", "proteins"]

#: Which node each of the four computing nodes reads: 0 is the input. All nine trees, numbered as in the benchmark.
_LINKS = (
    (0, 0, 0, 0),
    (0, 0, 0, 1),
    (0, 0, 1, 1),
    (0, 0, 1, 2),
    (0, 0, 1, 3),
    (0, 1, 1, 1),
    (0, 1, 1, 2),
    (0, 1, 2, 2),
    (0, 1, 2, 3),
)

_OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")

_FORM = "'Arch([0, 0, 1, 1], ['gcn', 'gat', 'skip', 'fc'])' or the benchmark's number"

Links = tuple[int, ...]


class NasBenchGraph(Space):
    """Four computing nodes, each reading one earlier node; nodes that nothing reads feed the output.

    Genes: the tree (one of nine), then the operation of each node. Of 9 * 9^4 points those with four skips are no
    network, and 26,206 of the others are different networks (`count`): a skip that other nodes read, that is the
    only one to read its input, or that leads from the raw input to the output, does nothing and counts as a skip
    in front of the whole network; and twin branches may be exchanged.

    Args:
        operations: Names of operations, the last of which is `skip`. The benchmark has nine; on `proteins` five.
        name: What architectures of this space call it.

    Raises:
        SpaceError: if `skip` is not the last operation, or a name occurs twice.

    Source: Qin et al., NAS-Bench-Graph, NeurIPS 2022 (arXiv:2206.09166), sec. 3.1, and its public code for the
    order of codes, the numbers of architectures and the meaning of skips.
    Differs: two texts that the benchmark's page calls equal are not equal to its code, nor here: in
    `[0, 1, 1, 2], ['gcn', 'cheb', 'gin', 'fc']` the last node reads `cheb`.

    Example:
        >>> space = NasBenchGraph()
        >>> arch = space.parse("Arch([0, 1, 2, 1], ['gcn', 'gin', 'fc', 'cheb'])")
        >>> space.number(arch), space.text(arch)
        (61237, "Arch([0, 1, 1, 2], ['gcn', 'gin', 'cheb', 'fc'])")
    """

    name: str = "graph"
    arities: tuple[int, ...] = ()
    op_names: tuple[str, ...] = ()

    def __init__(self, operations: Sequence[str] = _OPERATIONS, name: str = "graph") -> None:
        self.operations = tuple(operations)
        if self.operations[-1:] != ("skip",) or len(set(self.operations)) != len(self.operations):
            raise SpaceError(f"operations must differ and end with 'skip', but {self.operations} was given")
        self.name = name
        self.arities = (len(_LINKS), *(len(self.operations),) * 4)
        self.op_names = (*self.operations, "input", "output")

    def __repr__(self) -> str:
        return f"NasBenchGraph({self.operations}, name={self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NasBenchGraph) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def check(self, arch: Arch) -> str | None:
        """Return why `arch` is not in this space; None if it is."""
        only_skips = "one operation must not be skip, but all four are"
        return super().check(arch) or (only_skips if set(arch.genes[1:]) == {self._skip} else None)

    @property
    def _skip(self) -> int:
        return len(self.operations) - 1

    def canonical(self, arch: Arch) -> Arch:
        """Return the form of this network under which the benchmark stores it."""
        tree, *ops = self.require(arch).genes
        return Arch(self.name, _least(*_settled(_LINKS[tree], tuple(ops), self._skip)))

    def count(self) -> int:
        """Return the number of different networks, 26,206 in the benchmark. The first call takes about 1 s."""
        return self._count

    @cached_property
    def _count(self) -> int:
        return sum(self.canonical(arch) == arch for arch in self.enumerate())

    def number(self, arch: Arch) -> int:
        """Return the key of `arch` in the benchmark's files: the canonical genes as digits.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        number, base = 0, len(self.operations) + 1
        for gene in self.canonical(arch).genes:
            number = number * base + gene
        return number

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the canonical network: input, four computing nodes, output."""
        tree, *ops = self.canonical(arch).genes
        links = _LINKS[tree]
        edges = {(source, node) for node, source in enumerate(links, start=1)}
        edges |= {(leaf, 5) for leaf in range(1, 5) if leaf not in links}
        return (Graph((len(self.operations), *ops, len(self.operations) + 1), frozenset(edges)),)

    def text(self, arch: Arch) -> str:
        """Return `arch` as the benchmark's users write it: `Arch([links], [operations])`."""
        tree, *ops = self.require(arch).genes
        return f"Arch({list(_LINKS[tree])}, {[self.operations[op] for op in ops]})"

    def parse(self, text: str) -> Arch:
        """Return the architecture in `text`: links and operations, nodes in any order, or the benchmark's number.

        Raises:
            ArchError: if `text` is neither, or not in this space.
        """
        stripped = text.strip()
        if stripped.startswith(f"{self.name}:"):
            return super().parse(stripped)
        if stripped.isascii() and stripped.isdigit() and len(stripped) <= 6:
            return self._numbered(int(stripped))
        links, names = _read(stripped)
        for name in names:
            if name not in self.operations:
                raise ArchError(f"{self.name!r} has the operations {', '.join(self.operations)}, but not {name!r}")
        ops = tuple(self.operations.index(name) for name in names)
        if links in _LINKS:
            return self.require(Arch(self.name, (_LINKS.index(links), *ops)))
        return self.require(Arch(self.name, _least(links, ops)))

    def _numbered(self, number: int) -> Arch:
        base, genes = len(self.operations) + 1, []
        for _ in range(4):
            number, gene = divmod(number, base)
            genes.append(gene)
        return self.require(Arch(self.name, (number, *reversed(genes))))


def proteins() -> NasBenchGraph:
    """Return the smaller space that NAS-Bench-Graph has for its data set `proteins`: five operations."""
    return NasBenchGraph(("gcn", "sage", "arma", "fc", "skip"), name="graph_proteins")


def _read(text: str) -> tuple[Links, tuple[str, ...]]:
    """Return the links and the names of operations that `text` writes."""
    try:
        call = ast.parse(text, mode="eval").body
        parts = call.args if isinstance(call, ast.Call) and not call.keywords else []
        links, names = (ast.literal_eval(part) for part in parts)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ArchError(f"an architecture must read {_FORM}, but {shown(text)} was given") from None
    found = integers(links) or ()
    if len(found) != 4 or not all(0 <= link <= n for n, link in enumerate(found)):
        raise ArchError(f"links must be four numbers, the n-th one 0..n - 1, but are {shown(links)}")
    if not isinstance(names, list | tuple) or len(names) != 4 or not all(isinstance(name, str) for name in names):
        raise ArchError(f"operations must be a list of four names, but are {shown(names)}")
    return found, tuple(names)


def _settled(links: Links, ops: Links, skip: int) -> tuple[Links, Links]:
    """Return the tree with all skips that do nothing as a chain in front."""
    nodes = {node: (link, op) for node, (link, op) in enumerate(zip(links, ops, strict=True), start=1)}
    while (gone := next((node for node in nodes if _idle(nodes, node, skip)), None)) is not None:
        above = nodes.pop(gone)[0]
        nodes = {node: (above if link == gone else link, op) for node, (link, op) in nodes.items()}
    n_front = len(ops) - len(nodes)
    place = {0: n_front, **{node: n for n, node in enumerate(nodes, start=n_front + 1)}}
    settled = [*((n, skip) for n in range(n_front)), *((place[link], op) for link, op in nodes.values())]
    return tuple(link for link, _ in settled), tuple(op for _, op in settled)


def _idle(nodes: dict[int, tuple[int, int]], node: int, skip: int) -> bool:
    """Return whether `node` is a skip that can be left out: read by others, alone, or a leaf at the raw input."""
    link, op = nodes[node]
    if op != skip:
        return False
    others = [other for n, (other, _) in nodes.items() if n != node]
    return node in others or link not in others or link == 0


def _least(links: Links, ops: Links) -> Links:
    """Return the least genes (tree, operations) of this tree, over all orders of its nodes."""
    return min((tree, *(ops[node] for node in order)) for tree, order in _orders(links))


@cache
def _orders(links: Links) -> tuple[tuple[int, Links], ...]:
    """Return the orders of the nodes of this tree that make it one of the nine, with the number of that one."""
    found = []
    for order in itertools.permutations(range(4)):
        place = {0: 0, **{node + 1: n + 1 for n, node in enumerate(order)}}
        moved = tuple(place[links[node]] for node in order)
        if moved in _LINKS:
            found.append((_LINKS.index(moved), order))
    return tuple(found)
