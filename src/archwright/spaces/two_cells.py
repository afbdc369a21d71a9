"""Spaces of two cells, normal and reduction, whose nodes sum two operations on earlier nodes each."""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.graph import Graph
from archwright.spaces.base import Space
from archwright.spaces.edges import EdgeCell
from archwright.spaces.genotype import Genotype, Pairs
from archwright.spaces.literal import integers, read_literal, shown

__all__ = ["TwoCells"]

#: One cell: for each node (input, operation, input, operation).
Nodes = tuple[tuple[int, ...], ...]

#: Both inputs of a cell: the outputs of the two cells before it.
_INPUTS = 2


class TwoCells(Space):
    """Two cells of `n_nodes` nodes each; node i reads two of the two inputs and of the nodes before it.

    Genes: for the normal cell and then for the reduction cell, for each node (first input, its operation, second
    input, its operation), inputs of a cell being 0 and 1 and its nodes 2, 3, ... The two halves of a node may stand
    in either order; `canonical` puts the smaller (input, operation) first.
    """

    #: Operations, in the order of the genes.
    operations: tuple[str, ...]
    n_nodes: int

    #: For drawings: what the cells are called, and that the edges into the output of `cells` are no operations.
    cell_names = ("normal", "reduction")
    concatenates = True

    @property
    def op_names(self) -> tuple[str, ...]:
        """The operations, then the two inputs, then `sum` (used by `sum_graphs` only) and `output`."""
        return (*self.operations, "input_0", "input_1", "sum", "output")

    @cached_property
    def arities(self) -> tuple[int, ...]:
        """Inputs and operations of each node, in the order of the genes."""
        n_ops = len(self.operations)
        nodes = ((_INPUTS + node, n_ops) * 2 for node in range(self.n_nodes))
        return tuple(itertools.chain(*nodes)) * 2

    @abstractmethod
    def concat(self, nodes: Nodes) -> tuple[int, ...]:
        """Return the nodes of a cell whose values are concatenated into its output."""

    @abstractmethod
    def allows(self, first: int, second: int) -> bool:
        """Return whether one node may read these two inputs."""

    def check(self, arch: Arch) -> str | None:
        """Return why `arch` is not in this space; None if it is."""
        reason = super().check(arch)
        if reason is not None:
            return reason
        for cell in self.nodes(arch):
            for node, (first, _, second, _) in enumerate(cell, start=_INPUTS):
                if not self.allows(first, second):
                    return f"the inputs of node {node} must differ, but both are {first}"
        return None

    def nodes(self, arch: Arch) -> tuple[Nodes, Nodes]:
        """Return the normal and the reduction cell: (input, operation, input, operation) of each node."""
        quads = tuple(arch.genes[start : start + 4] for start in range(0, len(arch.genes), 4))
        return quads[: self.n_nodes], quads[self.n_nodes :]

    def canonical(self, arch: Arch) -> Arch:
        """Return `arch` with the smaller (input, operation) of each node first.

        Differs: nodes are not renumbered, since that changes the order of the channels in the concatenation and so
        what a benchmark has trained. `Graph.key` of `graphs` disregards numbering too.
        """
        quads = itertools.chain(*self.nodes(self.require(arch)))
        return Arch(self.name, tuple(itertools.chain(*(min(q, (*q[2:], *q[:2])) for q in quads))))

    def random(self, *, rng: np.random.Generator) -> Arch:
        """Return one architecture, all equally likely."""
        settings = self._settings
        return Arch(self.name, tuple(itertools.chain(*(choices[rng.integers(len(choices))] for choices in settings))))

    def enumerate(self) -> Iterator[Arch]:
        """Yield every valid architecture, in the order of `index`."""
        # One node at a time: a product over all genes would meet no valid one in a lifetime.
        for chosen in itertools.product(*self._settings):
            yield Arch(self.name, tuple(itertools.chain(*chosen)))

    def count(self) -> int:
        """Return the number of different pairs of cells, exactly: of canonical architectures."""
        return math.prod(sum(q <= (*q[2:], *q[:2]) for q in choices) for choices in self._settings)

    @cached_property
    def _settings(self) -> list[list[tuple[int, ...]]]:
        """All valid settings of each node of both cells, ascending."""
        n_ops = len(self.operations)
        cell: list[list[tuple[int, ...]]] = [
            [
                quad
                for quad in itertools.product(range(node), range(n_ops), range(node), range(n_ops))
                if self.allows(quad[0], quad[2])
            ]
            for node in range(_INPUTS, _INPUTS + self.n_nodes)
        ]
        return cell * 2

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the normal and the reduction cell, a node for each operation.

        Nodes: both inputs, the two operations of each node in turn, the output. An operation reads both operations
        of the node that is its input; the output reads those of all concatenated nodes.
        Source: arXiv:2006.06936 (arch2vec), where the cells of DARTS so have 11 nodes.
        """
        return tuple(self._graph(cell, sums=False) for cell in self.nodes(self.require(arch)))

    def sum_graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the normal and the reduction cell with a `sum` node behind the two operations of each node.

        Source: Yan et al., CATE, ICML 2021, appendix, where the cells of DARTS so have 15 nodes.
        """
        return tuple(self._graph(cell, sums=True) for cell in self.nodes(self.require(arch)))

    def _graph(self, cell: Nodes, *, sums: bool) -> Graph:
        n_ops = len(self.operations)
        ops, edges = [n_ops, n_ops + 1], set()
        values: list[tuple[int, ...]] = [(0,), (1,)]
        for first, op_1, second, op_2 in cell:
            pair: tuple[int, ...] = (len(ops), len(ops) + 1)
            ops += [op_1, op_2]
            edges |= {(n, pair[0]) for n in values[first]} | {(n, pair[1]) for n in values[second]}
            if sums:
                edges |= {(n, len(ops)) for n in pair}
                pair, ops = (len(ops),), [*ops, n_ops + 2]
            values.append(pair)
        edges |= {(n, len(ops)) for node in self.concat(cell) for n in values[node]}
        return Graph((*ops, n_ops + 3), frozenset(edges))

    def cells(self, arch: Arch) -> tuple[EdgeCell, ...]:
        """Return the normal and the reduction cell, an operation on each edge; the last node is the output.

        The edges into the output, a concatenation, carry `skip_connect`.
        Source: Ning et al., TA-GATES, NeurIPS 2022, appendix A.1.
        """
        skip, last = self.operations.index("skip_connect"), _INPUTS + self.n_nodes
        found = []
        for cell in self.nodes(self.require(arch)):
            edges = [(node, last, skip) for node in self.concat(cell)]
            for node, (first, op_1, second, op_2) in enumerate(cell, start=_INPUTS):
                edges += [(first, node, op_1), (second, node, op_2)]
            found.append(EdgeCell(last + 1, tuple(edges), _INPUTS))
        return tuple(found)

    def genotype(self, arch: Arch) -> Genotype:
        """Return `arch` in the field's own form, in the order of its genes.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        normal, reduce = self.nodes(self.require(arch))
        return Genotype(self._pairs(normal), self.concat(normal), self._pairs(reduce), self.concat(reduce))

    def _pairs(self, cell: Nodes) -> Pairs:
        return tuple((self.operations[quad[k + 1]], quad[k]) for quad in cell for k in (0, 2))

    def from_genotype(self, genotype: Genotype) -> Arch:
        """Return the architecture that `genotype` stands for; the order of each node's two pairs is kept.

        Raises:
            ArchError: if this space has no such cells.
        """
        arch = self._arch([*self._genes(genotype.normal), *self._genes(genotype.reduce)])
        stated = (genotype.normal_concat, genotype.reduce_concat)
        for cell, concat, name in zip(self.nodes(arch), stated, ("normal", "reduce"), strict=True):
            if sorted(concat) != list(self.concat(cell)):
                right = list(self.concat(cell))
                raise ArchError(f"`{name}_concat` of these cells must be {right} in {self.name!r}, but is {concat}")
        return arch

    def _genes(self, pairs: Pairs) -> Iterator[int]:
        for op, node in pairs:
            if op not in self.operations:
                raise ArchError(f"{self.name!r} has the operations {', '.join(self.operations)}, but not {op!r}")
            yield from (node, self.operations.index(op))

    def text(self, arch: Arch) -> str:
        """Return `arch` as `Genotype(normal=[...], normal_concat=[...], reduce=[...], reduce_concat=[...])`."""
        return str(self.genotype(arch))

    def compact(self, arch: Arch) -> tuple[tuple[tuple[int, int], ...], ...]:
        """Return two tuples of pairs (input, operation): the compact form of NASLib and BANANAS.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        return tuple(tuple((q[k], q[k + 1]) for q in cell for k in (0, 2)) for cell in self.nodes(self.require(arch)))

    def parse(self, text: str) -> Arch:
        """Return the architecture in `text`: a `Genotype(...)`, the same as a JSON object, or the compact form.

        Raises:
            ArchError: if `text` is none of these, or not in this space.
        """
        stripped = text.strip()
        if stripped.startswith(f"{self.name}:"):
            return super().parse(stripped)
        if stripped.startswith(("Genotype", "{")):
            return self.from_genotype(Genotype.parse(stripped))
        form = "'Genotype(normal=[...], ...)' or '(((input, operation), ...), (...))'"
        value = read_literal(stripped, form)
        cells = value if isinstance(value, list | tuple) and len(value) == 2 else ()
        pairs = [integers(pair) for cell in cells if isinstance(cell, list | tuple) for pair in cell]
        genes = [gene for pair in pairs if pair is not None and len(pair) == 2 for gene in pair]
        if not genes or len(genes) != 2 * len(pairs):
            raise ArchError(f"an architecture must read {form}, but {shown(stripped)} was given")
        return self._arch(genes)

    def _arch(self, genes: Iterable[int]) -> Arch:
        return self.require(Arch(self.name, tuple(genes)))
