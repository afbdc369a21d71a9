"""Cells of four nodes with an operation on each of the six edges, as NAS-Bench-201 and its relatives have them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from archwright.core.arch import Arch
from archwright.core.errors import ArchError, SpaceError
from archwright.core.graph import Graph
from archwright.spaces.base import Space
from archwright.spaces.edges import EdgeCell, to_nodes

__all__ = ["FourNodeSpace"]

#: The edges in the order of the genes: by target, then by source.
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))

#: Place of each gene in a tuple of NASLib, which orders the edges by source: 01, 02, 03, 12, 13, 23.
_NASLIB_PLACES = (0, 1, 3, 2, 4, 5)

_NATIVE = re.compile(r"\|([^|]+)\|\+\|([^|]+)\|([^|]+)\|\+\|([^|]+)\|([^|]+)\|([^|]+)\|")
_NASLIB = re.compile(r"\((\d),\s*(\d),\s*(\d),\s*(\d),\s*(\d),\s*(\d)\)")

Genes = tuple[int, ...]


class FourNodeSpace(Space):
    """All cells 0 -> 1 -> 2 -> 3 with an operation on each of the six edges between them. Every point is valid.

    The genes are the operations of the edges 01, 02, 12, 03, 13, 23, so by target: the order of the native text
    `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`. An architecture also parses from a tuple of NASLib, `(4, 3, 3, 0, 0, 0)`,
    whose edges are ordered by source, if `naslib` says which operations its numbers mean.

    Args:
        name: What architectures of this space call it.
        operations: Names of the operations, distinct, `none` and `skip` among them.
        none: Name of the operation that gives zero.
        skip: Name of the operation that does nothing.
        naslib: Names of the operations in the order of NASLib's numbers.

    Raises:
        SpaceError: if the operations are not so.

    Example:
        >>> space = FourNodeSpace("spiking", ("none", "skip_connect", "lif_0.5", "lif_1.0", "lif_1.5"))
        >>> space.text(Arch.parse("spiking:2.0.1.1.0.4"))
        '|lif_0.5~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|lif_1.5~2|'
    """

    name: str = ""
    arities: tuple[int, ...] = ()
    op_names: tuple[str, ...] = ()

    def __init__(
        self,
        name: str,
        operations: Sequence[str],
        *,
        none: str = "none",
        skip: str = "skip_connect",
        naslib: Sequence[str] = (),
    ) -> None:
        given = tuple(operations)
        if len(set(given)) != len(given) or not {none, skip, *naslib} <= set(given):
            raise SpaceError(f"operations must be distinct and hold {none!r} and {skip!r}, but {given} was given")
        self.name = name
        self.operations = given
        self.none = given.index(none)
        self.skip = given.index(skip)
        self.arities = (len(given),) * len(EDGES)
        self.op_names = (*given, "input", "output")
        self._op_of: Mapping[str, int] = {op: gene for gene, op in enumerate(given)}
        self._naslib = tuple(given.index(op) for op in naslib)

    def cells(self, arch: Arch) -> tuple[EdgeCell, ...]:
        """Return the one cell of `arch`.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        genes = self.require(arch).genes
        return (EdgeCell(4, tuple((s, t, op) for (s, t), op in zip(EDGES, genes, strict=True))),)

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the one cell with eight nodes: the input, the six edges in the order of the genes, the output.

        `none` and `skip` are nodes like any other. Source: arXiv:2006.06936 (arch2vec), appendix on NAS-Bench-201.
        """
        return (self._graph(arch, resolved=False),)

    def canonical(self, arch: Arch) -> Arch:
        """Return the first architecture of the space with the `unique_text` of `arch`.

        The first call goes through the space once, about 0.1 s for NAS-Bench-201; after that it is a look-up.
        """
        table = _representatives(len(self.operations), self.none, self.skip)
        return Arch(self.name, table[self.require(arch).genes])

    def unique_text(self, arch: Arch) -> str:
        """Return the sum of operations that `arch` is: equal for cells that NAS-Bench-201 counts as one.

        An edge `skip` is what it reads. What has passed `none` is a zero, and so is an operation on a zero; a sum
        keeps its zeros, and does not depend on the order of its terms. On NAS-Bench-201 these are 6,466 texts.

        Source: arXiv:2001.00326, section 2.1, and its published count.
        Differs: none; but note that a zero in a sum tells cells apart that compute the same, and that one operation
            read twice looks like two: `function_key` does neither.
        """
        names: tuple[str, ...] = ("0",)
        genes = self.require(arch).genes
        for first, last in ((0, 1), (1, 3), (3, 6)):
            names = (*names, _sum(names, genes[first:last], self.none, self.skip))
        return names[3]

    def function_key(self, arch: Arch) -> str:
        """Return a text that two architectures share exactly if they are the same sums of operations.

        Takes zeros out of sums, and tells an operation read twice (one weight) from two (two weights). On
        NAS-Bench-201 there are 5,425.
        """
        return self._graph(arch, resolved=True).key()

    def text(self, arch: Arch) -> str:
        """Return `|op~source|+|op~source|op~source|+...`, a group for each node.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        ops = iter(self.require(arch).genes)
        groups = ("".join(f"|{self.operations[next(ops)]}~{source}" for source in range(n)) + "|" for n in (1, 2, 3))
        return "+".join(groups)

    def parse(self, text: str) -> Arch:
        """Return the architecture of a native text, a tuple of NASLib, or `name:0.3.1.4.2.0`.

        Raises:
            ArchError: if `text` is none of these, or names an operation that the space does not have.
        """
        native, naslib = _NATIVE.fullmatch(text.strip()), _NASLIB.fullmatch(text.strip())
        if native:
            return Arch(self.name, tuple(map(self._gene, native.groups(), EDGES)))
        if naslib and self._naslib:
            return self.of_naslib([int(code) for code in naslib.groups()])
        if text.startswith(f"{self.name}:"):
            return super().parse(text)
        example = self.text(Arch(self.name, (self.skip,) * len(EDGES)))
        raise ArchError(f"an architecture of {self.name!r} must read like {example!r}, but {text!r} was given")

    def of_naslib(self, codes: Sequence[int]) -> Arch:
        """Return the architecture of NASLib's six numbers, which are ordered by the source of the edges.

        Raises:
            ArchError: if these are not six numbers of operations, or the space has no such numbers.
        """
        if len(codes) != len(EDGES) or not all(0 <= code < len(self._naslib) for code in codes):
            raise ArchError(f"six numbers 0..{len(self._naslib) - 1} are needed, but {tuple(codes)} was given")
        return Arch(self.name, tuple(self._naslib[codes[place]] for place in _NASLIB_PLACES))

    def naslib(self, arch: Arch) -> tuple[int, ...]:
        """Return NASLib's six numbers for `arch`.

        Raises:
            ArchError: if `arch` is not in this space, or the space has no such numbers.
        """
        genes = self.require(arch).genes
        if not self._naslib:
            raise ArchError(f"space {self.name!r} has no numbers in NASLib")
        return tuple(self._naslib.index(genes[place]) for place in _NASLIB_PLACES)

    def _gene(self, term: str, edge: tuple[int, int]) -> int:
        op, _, source = term.rpartition("~")
        if op not in self._op_of:
            raise ArchError(f"an operation must be one of {', '.join(self.operations)}, but {term!r} was given")
        if source != str(edge[0]):
            raise ArchError(f"the edges into a node must come from 0, 1, ... in this order, but {term!r} was given")
        return self._op_of[op]

    def _graph(self, arch: Arch, *, resolved: bool) -> Graph:
        n_ops = len(self.operations)
        skip, none = (self.skip, self.none) if resolved else (None, None)
        (cell,) = self.cells(arch)
        return to_nodes(cell, n_ops=n_ops, input_op=n_ops, output_op=n_ops + 1, skip=skip, none=none)


def _sum(names: Sequence[str], ops: Genes, none: int, skip: int) -> str:
    """Return the name of a node into which `ops` lead from the nodes called `names`."""
    terms = []
    for name, op in zip(names, ops, strict=True):
        zero = op == none or name == "#"
        terms.append("#" if zero else name if op == skip else f"({name})@{op}")
    return "+".join(sorted(terms))


@lru_cache(maxsize=8)
def _representatives(n_ops: int, none: int, skip: int) -> Mapping[Genes, Genes]:
    """Return for all genes the first genes of the same name. Names of inner nodes are made once and shared."""
    first: dict[str, Genes] = {}
    table: dict[Genes, Genes] = {}
    ops = range(n_ops)
    for a, b, c in itertools.product(ops, repeat=3):
        one = _sum(("0",), (a,), none, skip)
        names = ("0", one, _sum(("0", one), (b, c), none, skip))
        for rest in itertools.product(ops, repeat=3):
            genes = (a, b, c, *rest)
            table[genes] = first.setdefault(_sum(names, rest, none, skip), genes)
    return table
