"""Path encodings: which sequences of operations lead from an input of a cell to its output."""

# B architectures, C cells, F paths that there can be, D width

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.errors import EncodingError
from archwright.core.graph import Graph
from archwright.encode.fixed import FixedEncoder, samples
from archwright.spaces.base import Space

__all__ = ["Path", "PathCategorical", "PathContinuous"]

#: Most features of one cell.
_MOST = 100_000
#: Nodes without an operation of their own; paths pass through them unseen.
_SILENT = ("output", "sum")
#: Operations of the longest path, where few random architectures have one as long.
_LONGEST = {"nb101": 5}

Floats = npt.NDArray[np.float32]
Walk = tuple[int, ...]


class Path(FixedEncoder):
    """One-hot: 1 for each path that a cell has. Paths are in the order of their length, then of their operations.

    A path is the input that it starts from, where a cell has several, and the operations on the way to the output.
    There are n_inputs * (1 + r + r^2 + ...) of them for r operations.

    Args:
        space: Space of the architectures.
        truncate: Most operations of a path; longer ones are left out. By default as many as the longest path of the
            space was seen to have, and a longer one is an error.

    Raises:
        EncodingError: if there are more than 100,000 paths: truncate, then.

    Source: arXiv:2007.04965, section 3; arXiv:1910.11858, section 3.
    """

    def __init__(self, space: Space, *, truncate: int | None = None) -> None:
        super().__init__(space)
        self.truncate = truncate
        named = list(enumerate(space.op_names))
        self._inputs = {op: n for n, op in enumerate(op for op, name in named if name.startswith("input"))}
        letters = [op for op, name in named if op not in self._inputs and name not in _SILENT]
        self._letters = {op: n for n, op in enumerate(letters)}
        seen = samples(space)
        self.n_cells = len(seen[0])
        self.longest = self._longest(seen) if truncate is None else truncate
        starts, r = max(1, len(self._inputs)), len(self._letters)
        sizes = [starts * r**length for length in range(self.longest + 1)]
        if sum(sizes) > _MOST:
            raise EncodingError(
                f"paths of up to {self.longest} operations must be at most {_MOST}, but {space.name!r} has "
                f"{sum(sizes)}: give a smaller truncate"
            )
        self._offsets = [0, *np.cumsum(sizes).tolist()]

    @property
    def n_paths(self) -> int:
        """Paths F that a cell can have."""
        return int(self._offsets[-1])

    @property
    def dim(self) -> int:
        """Length D of one vector."""
        return self.n_cells * self._width()

    def encode(self, archs: Sequence[Arch]) -> Floats:
        """Return vectors [B, D].

        Raises:
            ArchError: if an architecture is not in the space.
            EncodingError: if a path is longer than the encoding has room for, and was not to be left out.
        """
        vectors = np.zeros((len(archs), self.n_cells, self._width()), dtype=np.float32)
        for b, arch in enumerate(archs):
            for c, cell in enumerate(self.space.graphs(self.space.require(arch))):
                self._fill(vectors[b, c], self._present(cell))
        return vectors.reshape(len(archs), self.dim)

    def _present(self, cell: Graph) -> list[int]:
        """Return the numbers of the paths of `cell`, sorted."""
        numbers = set()
        for start, *walk in self._walks(cell, None if self.truncate is None else self.longest):
            if len(walk) > self.longest:
                raise EncodingError(
                    f"a path must have at most {self.longest} operations to be encoded, but one has {len(walk)}: "
                    "give a larger truncate"
                )
            place = start
            for letter in walk:
                place = place * len(self._letters) + letter
            numbers.add(self._offsets[len(walk)] + place)
        return sorted(numbers)

    def _walks(self, cell: Graph, limit: int | None) -> Iterator[Walk]:
        """Yield (input, operation, ..., operation) of each way to an end of `cell`, of at most `limit` operations."""
        sources, ends = _reads(cell)
        # Nodes are in topological order, and ways with equal operations to one node are one.
        behind: list[set[Walk]] = []
        for node, op in enumerate(cell.ops):
            letter = self._letter(op)
            walks = {walk + letter for source in sources[node] for walk in behind[source]}
            if self._starts(op, sources[node]):
                walks.add((self._inputs.get(op, 0), *letter))
            behind.append({walk for walk in walks if limit is None or len(walk) - 1 <= limit})
            if len(behind[-1]) > _MOST:
                raise EncodingError(
                    f"a cell must have at most {_MOST} paths to be encoded, but one of {self.space.name!r} has more: "
                    "give a smaller truncate"
                )
        for end in ends:
            yield from behind[end]

    def _starts(self, op: int, sources: Sequence[int]) -> bool:
        """Return whether paths start at a node: one that reads nothing, and is an input where the space has them."""
        return not sources and (op in self._inputs or not self._inputs)

    def _letter(self, op: int) -> Walk:
        return (self._letters[op],) if op in self._letters else ()

    def _longest(self, seen: Sequence[Sequence[Graph]]) -> int:
        lengths = (self._length(cell) for cells in seen for cell in cells)
        return max(_LONGEST.get(self.space.name, 0), *lengths)

    def _length(self, cell: Graph) -> int:
        """Return the number of operations of the longest path of `cell`, without following every one."""
        sources, ends = _reads(cell)
        most: list[int | None] = []
        for node, op in enumerate(cell.ops):
            known = [length for source in sources[node] if (length := most[source]) is not None]
            start = [0] if self._starts(op, sources[node]) else []
            most.append(max(known + start) + len(self._letter(op)) if known or start else None)
        return max((length for end in ends if (length := most[end]) is not None), default=0)

    def _width(self) -> int:
        return self.n_paths

    def _fill(self, vector: Floats, present: Sequence[int]) -> None:
        vector[list(present)] = 1


class PathContinuous(Path):
    """Continuous: the number of paths, then a weight of each path that there can be.

    The architecture that a vector stands for has as many paths as the first value says, those of the largest weights.
    Of the vectors that stand for one architecture this gives the one with weights 0 and 1.

    Args:
        space: Space of the architectures.
        truncate: As of `Path`.

    Source: arXiv:2007.04965, section 3.
    """

    def _width(self) -> int:
        return 1 + self.n_paths

    def _fill(self, vector: Floats, present: Sequence[int]) -> None:
        vector[0] = len(present)
        vector[[1 + number for number in present]] = 1


class PathCategorical(Path):
    """Categorical: the numbers of the paths that a cell has, from 1, the shortest first, then 0s.

    Args:
        space: Space of the architectures.
        truncate: As of `Path`.
        n_present: Paths that there is room for, the longest of more are left out; by default as many as a cell of the
            space was seen to have.

    Source: arXiv:2007.04965, section 3.
    """

    def __init__(self, space: Space, *, truncate: int | None = None, n_present: int | None = None) -> None:
        super().__init__(space, truncate=truncate)
        seen = (len(self._present(cell)) for cells in samples(space) for cell in cells)
        self.n_present = max(1, *seen) if n_present is None else n_present

    def _width(self) -> int:
        return self.n_present

    def _fill(self, vector: Floats, present: Sequence[int]) -> None:
        kept = present[: self.n_present]
        vector[: len(kept)] = np.array(kept, dtype=np.float32) + 1


def _reads(cell: Graph) -> tuple[list[list[int]], list[int]]:
    """Return the nodes that each node reads, and the nodes that none reads."""
    sources: list[list[int]] = [[] for _ in cell.ops]
    for i, j in sorted(cell.edges):
        sources[j].append(i)
    read = {i for i, _ in cell.edges}
    return sources, [node for node in range(len(cell.ops)) if node not in read]
