"""What every search space can do, from the few things that one must say."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import mul

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.graph import Graph

__all__ = ["Space"]

#: Draws until a search for a valid architecture gives up drawing.
_TRIES = 1000


class Space(ABC):
    """A set of architectures: points of a grid of decisions, some of which may be ruled out.

    A subclass gives `name`, `arities`, `op_names` and `graphs`, and `check` if not every point of the grid is
    valid; it gets the rest. Nothing here knows how to build a network.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """What `Arch.space` says."""

    @property
    @abstractmethod
    def arities(self) -> tuple[int, ...]:
        """Number of choices of each decision."""

    @property
    @abstractmethod
    def op_names(self) -> tuple[str, ...]:
        """Names of the operations that `graphs` uses, by index."""

    @abstractmethod
    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the cells of `arch`, operations on nodes, for encoders."""

    def check(self, arch: Arch) -> str | None:
        """Return why `arch` is not in this space; None if it is. A subclass with more rules adds to this."""
        if arch.space != self.name:
            return f"its space is {arch.space!r}, not {self.name!r}"
        if len(arch.genes) != len(self.arities):
            return f"it has {len(arch.genes)} genes, not {len(self.arities)}"
        for place, (gene, arity) in enumerate(zip(arch.genes, self.arities, strict=True)):
            if not 0 <= gene < arity:
                return f"gene {place} must be 0..{arity - 1}, but is {gene}"
        return None

    def require(self, arch: Arch) -> Arch:
        """Return `arch`.

        Raises:
            ArchError: if it is not in this space.
        """
        reason = self.check(arch)
        if reason is not None:
            raise ArchError(f"{arch} is not in space {self.name!r}: {reason}")
        return arch

    def __contains__(self, arch: object) -> bool:
        return isinstance(arch, Arch) and self.check(arch) is None

    def canonical(self, arch: Arch) -> Arch:
        """Return the representative of the architectures that are the same network as `arch`."""
        return arch

    def random(self, *, rng: np.random.Generator) -> Arch:
        """Return one architecture, all equally likely.

        Raises:
            ArchError: if a thousand draws found none that is valid.
        """
        name, arities = self.name, self.arities
        for _ in range(_TRIES):
            # Uniform numbers, since integers below several bounds take numpy five times as long.
            uniform = rng.random(len(arities)).tolist()
            arch = Arch(name, tuple(map(int, map(mul, uniform, arities))))
            if self._is_valid(arch):
                return arch
        raise ArchError(f"space {self.name!r} has no valid architecture among {_TRIES} drawn; override `random`")

    def mutate(self, arch: Arch, *, rng: np.random.Generator) -> Arch:
        """Return one of the neighbours of `arch`, all equally likely; `arch` itself if it has none."""
        steps = _steps(self.arities)
        for _ in range(_TRIES if steps else 0):
            place, step = steps[int(rng.random() * len(steps))]
            neighbour = _changed(arch, place, step if step < arch.genes[place] else step + 1)
            if self._is_valid(neighbour):
                return neighbour
        neighbours = list(self.neighbours(arch))
        return neighbours[int(rng.integers(len(neighbours)))] if neighbours else arch

    def neighbours(self, arch: Arch) -> Iterator[Arch]:
        """Yield the valid architectures that differ from `arch` in exactly one decision."""
        for place, arity in enumerate(self.arities):
            for gene in range(arity):
                if gene != arch.genes[place] and self._is_valid(neighbour := _changed(arch, place, gene)):
                    yield neighbour

    def size(self) -> int:
        """Return the number of points of the grid, ruled out ones included."""
        return math.prod(self.arities)

    def enumerate(self) -> Iterator[Arch]:
        """Yield every valid architecture, in the order of `index`."""
        for genes in itertools.product(*map(range, self.arities)):
            arch = Arch(self.name, genes)
            if self._is_valid(arch):
                yield arch

    def index(self, arch: Arch) -> int:
        """Return the place of `arch` in the grid, 0 <= index < size: the genes as digits, the last one fastest."""
        index = 0
        for gene, arity in zip(arch.genes, self.arities, strict=True):
            index = index * arity + gene
        return index

    def at(self, index: int) -> Arch:
        """Return the point of the grid at `index`; it need not be valid.

        Raises:
            ArchError: if `index` is outside the grid.
        """
        if not 0 <= index < self.size():
            raise ArchError(f"an index into space {self.name!r} must be 0..{self.size() - 1}, but {index} was given")
        rest, genes = int(index), []
        for arity in reversed(self.arities):
            rest, gene = divmod(rest, arity)
            genes.append(gene)
        return Arch(self.name, tuple(reversed(genes)))

    def text(self, arch: Arch) -> str:
        """Return `arch` as this space's community writes it; `str(arch)` where nobody has a way of their own.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        return str(self.require(arch))

    def parse(self, text: str) -> Arch:
        """Return the architecture that `text` or `str` wrote. A space with a native text also reads that.

        Raises:
            ArchError: if `text` is neither, or not in this space.
        """
        return self.require(Arch.parse(text))

    def _is_valid(self, arch: Arch) -> bool:
        """Return whether a point of the grid is an architecture: each one is, where `check` has no further rules."""
        return type(self).check is Space.check or self.check(arch) is None

    def one_hot(self, archs: Sequence[Arch]) -> npt.NDArray[np.float32]:
        """Return vectors [B, sum of arities] with one 1 per decision."""
        starts = np.cumsum([0, *self.arities[:-1]])
        vectors = np.zeros((len(archs), sum(self.arities)), dtype=np.float32)
        if archs:
            columns = np.array([arch.genes for arch in archs], dtype=np.int64) + starts
            np.put_along_axis(vectors, columns, 1.0, axis=1)
        return vectors


@lru_cache(maxsize=256)
def _steps(arities: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return (decision, number of the other choice) for each single change of an architecture."""
    return [(place, step) for place, arity in enumerate(arities) for step in range(arity - 1)]


def _changed(arch: Arch, place: int, gene: int) -> Arch:
    genes = list(arch.genes)
    genes[place] = gene
    return Arch(arch.space, tuple(genes))
