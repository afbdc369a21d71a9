"""The part of a search space that a benchmark knows, as a search space."""

# N rows, D genes

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.bench.rows import RowIndex
from archwright.core.arch import Arch
from archwright.core.graph import Graph
from archwright.core.rng import derive
from archwright.spaces.base import Space

__all__ = ["Restricted"]

#: Rows that are looked at to choose the radius, and the share of them that must get a neighbour.
_LOOKED_AT, _ENOUGH = 500, 0.99


class Restricted(Space):
    """The architectures of `space` that are among N given ones. All N are equally likely to be drawn.

    Two of them are neighbours if they differ in at most `radius` decisions. The radius is 1 where that gives nearly
    every architecture (99 of 100) a neighbour, and else the smallest number that does: a sample of a large space has
    next to no pairs that differ in one decision only, and a search that cannot move is no search. Of 20,001 cells of
    NAS-Bench-101 the radius is 3, and gives 30 neighbours in the mean. An architecture is compared with all others
    when its neighbours are first asked for: 0.7 ms there.

    Args:
        space: The whole space; it says everything that this one does not.
        genes: Genes [N, D] of the architectures, all different.
        any_form: The N architectures are canonical, and every other form of the same networks counts as present too.
            `random`, `mutate` and `neighbours` give the N themselves.

    Differs: from the law of a space that neighbours differ in one decision, where the radius is above 1; and
    `canonical` returns the architecture itself where the representative of its class is not among the N.
    """

    name: str = ""
    arities: tuple[int, ...] = ()
    op_names: tuple[str, ...] = ()

    def __init__(self, space: Space, genes: npt.NDArray[np.integer], *, any_form: bool = False) -> None:
        self.name, self.arities, self.op_names = space.name, space.arities, space.op_names
        self.space, self.any_form = space, any_form
        self._genes = np.ascontiguousarray(genes)
        self._index = RowIndex(space.arities, len(genes), RowIndex.build(space.arities, genes), self._genes)
        self._near: dict[int, list[Arch]] = {}
        self._row: dict[Arch, int] = {}
        self._radius: int | None = None

    def __repr__(self) -> str:
        return f"Restricted({self.space!r}, {len(self._genes):,} architectures)"

    def __getattr__(self, name: str) -> Any:
        # What only some spaces can do, such as `cells` or `widths_of`.
        if name.startswith("_") or name == "space":
            raise AttributeError(name)
        return getattr(self.space, name)

    @property
    def radius(self) -> int:
        """Most decisions in which neighbours differ."""
        if self._radius is None:
            self._radius = self._smallest_radius()
        return self._radius

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return what the whole space says."""
        return self.space.graphs(self.require(arch))

    def check(self, arch: Arch) -> str | None:
        """Return why `arch` is not in the space, or not among the N; None if it is."""
        if self._row_of(arch) is not None:
            return None
        return self.space.check(arch) or "the benchmark has no such architecture"

    def canonical(self, arch: Arch) -> Arch:
        """Return the representative of the class of `arch`, or `arch` itself if that one is not among the N."""
        canonical = self.space.canonical(arch)
        return canonical if self.check(canonical) is None else arch

    def random(self, *, rng: np.random.Generator) -> Arch:
        """Return one of the N architectures, all equally likely."""
        return self._at_row(int(rng.integers(len(self._genes))))

    def mutate(self, arch: Arch, *, rng: np.random.Generator) -> Arch:
        """Return one of the neighbours of `arch`, all equally likely; `arch` itself if it has none."""
        near = self._neighbours(arch)
        return near[int(rng.integers(len(near)))] if near else arch

    def neighbours(self, arch: Arch) -> Iterator[Arch]:
        """Yield those of the N that differ from `arch` in one to `radius` decisions, the nearest first."""
        return iter(self._neighbours(arch))

    def count(self) -> int:
        """Return N."""
        return len(self._genes)

    def enumerate(self) -> Iterator[Arch]:
        """Yield every valid architecture in the order of `index`; with `any_form` other forms of the N as well."""
        if self.any_form:
            yield from (arch for arch in self.space.enumerate() if self.check(arch) is None)
            return
        rows = (self._at_row(row) for row in range(len(self._genes)))
        yield from sorted(rows, key=self.space.index)

    def index(self, arch: Arch) -> int:
        """Return the place of `arch` in the grid of the whole space."""
        return self.space.index(arch)

    def at(self, index: int) -> Arch:
        """Return the point of the whole space's grid at `index`."""
        return self.space.at(index)

    def size(self) -> int:
        """Return the number of points of the whole space's grid; `count` is N."""
        return self.space.size()

    def text(self, arch: Arch) -> str:
        """Return `arch` as the whole space writes it."""
        return self.space.text(self.require(arch))

    def parse(self, text: str) -> Arch:
        """Return what the whole space reads.

        Raises:
            ArchError: if it cannot be read, or is not among the N.
        """
        return self.require(self.space.parse(text))

    def _at_row(self, row: int) -> Arch:
        return Arch(self.name, tuple(self._genes[row].tolist()))

    def _row_of(self, arch: Arch) -> int | None:
        """Return the row that answers for `arch`; None if there is none."""
        row = self._row.get(arch)
        if row is None:
            row = self._row[arch] = self._found(arch)
        return None if row < 0 else row

    def _found(self, arch: Arch) -> int:
        if arch.space != self.name or len(arch.genes) != len(self.arities):
            return -1
        row = int(self._index.find(np.array([arch.genes]))[0])
        if row >= 0 or not self.any_form or self.space.check(arch) is not None:
            return row
        return int(self._index.find(np.array([self.space.canonical(arch).genes]))[0])

    def _neighbours(self, arch: Arch) -> list[Arch]:
        row = self._row_of(arch)
        if row is None:
            return []
        if row not in self._near:
            away = self._away(row)
            near = np.flatnonzero((away > 0) & (away <= self.radius))
            near = near[np.argsort(away[near], kind="stable")]
            self._near[row] = [self._at_row(int(each)) for each in near]
        return self._near[row]

    def _away(self, row: int) -> npt.NDArray[np.int64]:
        """Return in how many decisions each of the N differs from one of them."""
        away: npt.NDArray[np.int64] = (self._genes != self._genes[row]).sum(axis=1)
        return away

    def _smallest_radius(self) -> int:
        n = len(self._genes)
        if n == 1:
            return 1
        some = np.arange(n)
        if n > _LOOKED_AT:
            some = derive(0, "radius", n).choice(n, _LOOKED_AT, replace=False)
        nearest = np.sort([int(np.partition(self._away(int(row)), 1)[1]) for row in some])
        return int(nearest[int(np.ceil(_ENOUGH * len(nearest))) - 1])
