"""NAS-Bench-1Shot1: three parts of NAS-Bench-101 in which the number of inputs of each block is fixed."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from archwright.core.arch import Arch
from archwright.core.errors import ArchError, SpaceError
from archwright.core.graph import Graph
from archwright.spaces.base import Space
from archwright.spaces.nb101 import NasBench101

__all__ = ["NasBench1Shot1", "nb1shot1_1", "nb1shot1_2", "nb1shot1_3"]

#: Numbers of parents of vertex 1, 2, ..., the last being the output. Source: arXiv:2001.10422, table 1.
_PARENTS = {1: (1, 2, 2, 2, 2), 2: (1, 1, 2, 2, 3), 3: (1, 1, 1, 2, 2, 2)}

#: The operations in the order of the genes, which is that of the official configuration space.
_OPERATIONS = ("conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3")

Parents = tuple[tuple[int, ...], ...]


class NasBench1Shot1(Space):
    """The cells of a subset of NAS-Bench-1Shot1: choice blocks, each with an operation and a choice of parents.

    Block v is vertex v of a cell of NAS-Bench-101 and reads so many of the vertices 0 (the input) to v - 1 as the
    subset says; the output reads as many of the vertices as the subset says. A block that nothing reads is a loose
    end, and pruned. Every point is valid, and many are the same cell: `canonical` gives one form of each.

    The genes are the operations of the blocks, then the parents of the blocks and the output, for which there is a
    choice: an index into the combinations of vertices, in lexicographic order.

    | subset | blocks | points    | published with loose ends | published without | cells  |
    | ------ | ------ | --------- | ------------------------- | ----------------- | ------ |
    | 1      | 4      | 14,580    | 6,240                     | 2,487             | 2,685  |
    | 2      | 4      | 29,160    | 29,160                    | 3,609             | 7,773  |
    | 3      | 5      | 1,312,200 | 363,648                   | 24,066            | 55,854 |

    `cells` are those that are not isomorphic. The published numbers count other things. With loose ends, it is all
    points for subset 2; for 1 and 3 the operations of blocks that nothing reads are not counted. Without, it is the
    cells in which every block that counts reads the one before that counts, so that one path goes through all.

    The native text is a configuration of the official code, as a dictionary.

    Args:
        subset: 1, 2 or 3.

    Raises:
        SpaceError: if there is no such subset.

    Source: arXiv:2001.10422, section 3.2 and table 1; the official configuration space for the orders.

    Example:
        >>> space = NasBench1Shot1(1)
        >>> space.size(), space.parents_of(Arch("nb1shot1_1", (0, 0, 0, 0, 2, 5, 9)))
        (14580, ((0,), (0, 1), (1, 2), (2, 3), (3, 4)))
    """

    name: str = ""
    arities: tuple[int, ...] = ()
    op_names: tuple[str, ...] = NasBench101.op_names

    def __init__(self, subset: int) -> None:
        if subset not in _PARENTS:
            raise SpaceError(f"a subset of NAS-Bench-1Shot1 must be 1, 2 or 3, but {subset} was given")
        self.name = f"nb1shot1_{subset}"
        self.subset = subset
        self.n_parents = _PARENTS[subset]
        self.n_blocks = len(self.n_parents) - 1
        choices = (math.comb(vertex, n) for vertex, n in enumerate(self.n_parents, start=1))
        self.arities = (len(_OPERATIONS),) * self.n_blocks + tuple(n for n in choices if n > 1)
        self._combinations = [
            list(itertools.combinations(range(vertex), n)) for vertex, n in enumerate(self.n_parents, start=1)
        ]

    def __repr__(self) -> str:
        return f"NasBench1Shot1({self.subset})"

    def parents_of(self, arch: Arch) -> Parents:
        """Return the parents of vertex 1, 2, ..., of which the last is the output; loose ends included.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        choices = iter(self.require(arch).genes[self.n_blocks :])
        return tuple(options[next(choices) if len(options) > 1 else 0] for options in self._combinations)

    def ops_of(self, arch: Arch) -> tuple[str, ...]:
        """Return the operations of the blocks, loose ends included.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        return tuple(_OPERATIONS[gene] for gene in self.require(arch).genes[: self.n_blocks])

    def as_nb101(self, arch: Arch) -> Arch:
        """Return `arch` in the space `nb101`, loose ends included; `NasBench101.module_hash` prunes them.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        edges = {(parent, child) for child, parents in enumerate(self.parents_of(arch), start=1) for parent in parents}
        size = self.n_blocks + 2
        matrix = [[int((i, j) in edges) for j in range(size)] for i in range(size)]
        return _nb101().arch(matrix, ["input", *self.ops_of(arch), "output"])

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the one cell, pruned, with the operations of `nb101`."""
        return _nb101().graphs(self.as_nb101(arch))

    def canonical(self, arch: Arch) -> Arch:
        """Return the architecture with the smallest genes of those that are isomorphic once pruned."""
        parents = dict(enumerate(self.parents_of(arch), start=1))
        output = len(parents)
        read = {output}
        for vertex in range(output, 0, -1):
            read |= set(parents[vertex]) if vertex in read else set()
        blocks = sorted(read - {0, output})
        ops = arch.genes[: self.n_blocks]
        return min(self._moved(parents, ops, place) for place in self._placements(parents, blocks))

    def _placements(self, parents: Mapping[int, tuple[int, ...]], blocks: list[int]) -> Iterator[dict[int, int]]:
        """Yield the ways to place `blocks` so that each has its number of parents, and these come before it."""
        for places in itertools.permutations(range(1, self.n_blocks + 1), len(blocks)):
            place = {0: 0, self.n_blocks + 1: self.n_blocks + 1} | dict(zip(blocks, places, strict=True))
            fits = (self.n_parents[place[block] - 1] == len(parents[block]) for block in blocks)
            if all(fits) and all(place[parent] < place[block] for block in blocks for parent in parents[block]):
                yield place

    def _moved(self, parents: Mapping[int, tuple[int, ...]], ops: tuple[int, ...], place: dict[int, int]) -> Arch:
        """Return the architecture with the blocks at `place`; all others have the first operation and parents."""
        block_at = {at: block for block, at in place.items()}
        new_ops = [ops[block_at[at] - 1] if at in block_at else 0 for at in range(1, self.n_blocks + 1)]
        choices = []
        for at, options in enumerate(self._combinations, start=1):
            moved = tuple(sorted(place[parent] for parent in parents[block_at[at]])) if at in block_at else options[0]
            choices += [options.index(moved)] if len(options) > 1 else []
        return Arch(self.name, (*new_ops, *choices))

    def text(self, arch: Arch) -> str:
        """Return the official configuration, `{'choice_block_1_op': ..., 'choice_block_1_parents': (0,), ...}`.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        ops = {f"choice_block_{block}_op": op for block, op in enumerate(self.ops_of(arch), start=1)}
        parents = {f"choice_block_{v}_parents": given for v, given in enumerate(self.parents_of(arch), start=1)}
        return repr(ops | parents)

    def parse(self, text: str) -> Arch:
        """Return the architecture of an official configuration, or of `nb1shot1_1:0.0.0.0.2.5.9`.

        Raises:
            ArchError: if `text` is neither, or an entry is missing or has no such choice.
        """
        if text.startswith(f"{self.name}:"):
            return super().parse(text)
        try:
            given = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            raise ArchError(self._unreadable(text)) from error
        if not isinstance(given, dict):
            raise ArchError(self._unreadable(text))
        ops = [_chosen(given, f"choice_block_{v}_op", _OPERATIONS) for v in range(1, self.n_blocks + 1)]
        parents = [
            _chosen(given, f"choice_block_{v}_parents", options)
            for v, options in enumerate(self._combinations, start=1)
        ]
        choices = [choice for choice, options in zip(parents, self._combinations, strict=True) if len(options) > 1]
        return Arch(self.name, (*ops, *choices))

    def _unreadable(self, text: str) -> str:
        shown = text if len(text) <= 60 else f"{text[:57]}..."
        return f"an architecture of {self.name!r} must read like {{'choice_block_1_op': ...}}, but {shown!r} was given"


def nb1shot1_1() -> NasBench1Shot1:
    """Return the first subset: 4 blocks, 2 parents each but for the first."""
    return NasBench1Shot1(1)


def nb1shot1_2() -> NasBench1Shot1:
    """Return the second subset: 4 blocks with 1, 1, 2 and 2 parents, and 3 of the output."""
    return NasBench1Shot1(2)


def nb1shot1_3() -> NasBench1Shot1:
    """Return the third subset: 5 blocks with 1, 1, 1, 2 and 2 parents."""
    return NasBench1Shot1(3)


@lru_cache(maxsize=1)
def _nb101() -> NasBench101:
    return NasBench101()


def _chosen(given: dict[Any, Any], key: str, options: Sequence[Any]) -> int:
    """Return which of `options` an entry of a configuration is."""
    if key not in given:
        raise ArchError(f"a configuration must have an entry {key!r}, but has {', '.join(map(str, given)) or 'none'}")
    value = tuple(given[key]) if isinstance(given[key], list) else given[key]
    if value not in options:
        raise ArchError(f"{key} must be one of {', '.join(map(str, options))}, but {value!r} was given")
    return options.index(value)
