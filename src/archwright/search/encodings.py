"""What a search draws, and what it calls a neighbour, depends on how architectures are written down."""

# N architectures, U different vectors, C cells, D width of an encoding

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Literal, Protocol, cast

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.catalog import find
from archwright.core.errors import EncodingError, SearchError
from archwright.core.rng import derive
from archwright.encode.path import Path, PathCategorical, PathContinuous
from archwright.spaces.base import Space

__all__ = [
    "Draw",
    "Mutate",
    "Neighbours",
    "Subroutines",
    "WithEdges",
    "WithPaths",
    "drawing",
    "looking",
    "mutating",
    "subroutines",
]


#: Spaces whose decisions between two choices say whether there is an edge, and the most edges that are drawn.
_EDGES = {"nb101": 9, "asr": None, "enas_dvae": None}
#: Up to so many architectures a space is looked through as a whole; of a larger one as many are drawn as come next.
_WHOLE, _POOL = 20_000, 5_000
#: Draws until a search for a valid architecture gives up.
_TRIES = 1000
#: Ones of each byte.
_ONES = np.array([byte.bit_count() for byte in range(256)], dtype=np.uint8)
#: Architectures that are encoded at once.
_CHUNK = 500

_TEXT = re.compile(r"([a-z_]+)(?:-([0-9]+))?")


class Draw(Protocol):
    """Gives a random architecture."""

    def __call__(self, *, rng: np.random.Generator) -> Arch:
        """Return an architecture."""


class Mutate(Protocol):
    """Gives a changed architecture."""

    def __call__(self, arch: Arch, *, rng: np.random.Generator) -> Arch:
        """Return a child of `arch`."""


#: Gives the architectures that are one small change away, always in the same order.
Neighbours = Callable[[Arch], Iterable[Arch]]


class Subroutines(Protocol):
    """What of a search depends on the encoding. A space has them too: they change one of its decisions."""

    def random(self, *, rng: np.random.Generator) -> Arch:
        """Return an architecture that is drawn."""

    def mutate(self, arch: Arch, *, rng: np.random.Generator) -> Arch:
        """Return one of the neighbours of `arch`, all equally likely; `arch` itself if it has none."""

    def neighbours(self, arch: Arch) -> Iterator[Arch]:
        """Yield the architectures that are one small change away, always in the same order."""


class WithEdges:
    """Draws and moves edges as the categorical or the continuous adjacency encoding has them.

    `categorical`: each number of the list of edges is drawn on its own, none or any of the pairs of nodes; numbers that
    come twice are one edge. `continuous`: the number of edges is drawn first, and then which ones they are. Operations
    are uniform in both. What is not valid is drawn again. A neighbour has one edge more, one less, or one elsewhere,
    or another operation.

    Args:
        space: A space in which decisions between two choices say whether there is an edge.
        law: Which of the two encodings.

    Raises:
        SearchError: if the space has no such decisions.

    Source: arXiv:2007.04965, section 3. Differs: a mutation is one change; in its code an operation changes as well.
    """

    def __init__(self, space: Space, *, law: Literal["categorical", "continuous"]) -> None:
        places = [place for place, arity in enumerate(space.arities) if arity == 2]
        if space.name not in _EDGES or not places:
            raise SearchError(f"edges must be decisions of a space to be moved, but {space.name!r} decides on none")
        self.space, self.law, self._places = space, law, np.array(places)
        self._most = _EDGES[space.name] or len(places)

    def random(self, *, rng: np.random.Generator) -> Arch:
        """Return an architecture whose edges are drawn by the law.

        Raises:
            SearchError: if a thousand draws found none that is valid.
        """
        arities = np.array(self.space.arities)
        for _ in range(_TRIES):
            genes = (rng.random(len(arities)) * arities).astype(int)
            genes[self._places] = 0
            genes[self._drawn(rng)] = 1
            arch = Arch(self.space.name, tuple(genes.tolist()))
            if arch in self.space:
                return arch
        raise SearchError(f"none of {_TRIES} draws in the {self.law} adjacency encoding is in {self.space.name!r}")

    def mutate(self, arch: Arch, *, rng: np.random.Generator) -> Arch:
        """Return one of the neighbours of `arch`, all equally likely; `arch` itself if it has none."""
        return _one_of(list(self.neighbours(arch)), arch, rng)

    def neighbours(self, arch: Arch) -> Iterator[Arch]:
        """Yield those with another operation or one edge more or less, then those with an edge elsewhere."""
        yield from self._valid(arch, ((place,) for place in self._places.tolist()))
        for place, arity in enumerate(self.space.arities):
            others = (gene for gene in range(arity) if gene != arch.genes[place])
            changed = (_changed(arch, {place: gene}) for gene in others) if arity != 2 else ()
            yield from (near for near in changed if near in self.space)
        present = [place for place in self._places.tolist() if arch.genes[place]]
        absent = [place for place in self._places.tolist() if not arch.genes[place]]
        yield from self._valid(arch, ((one, other) for one in present for other in absent))

    def _drawn(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        n = len(self._places)
        if self.law == "continuous":
            return self._places[rng.permutation(n)[: int(rng.integers(self._most + 1))]]
        listed = rng.integers(n + 1, size=self._most)
        return self._places[np.unique(listed[listed < n])]

    def _valid(self, arch: Arch, flips: Iterable[tuple[int, ...]]) -> Iterator[Arch]:
        """Yield the architectures in which the edges of each of `flips` are there if they were not, and vice versa."""
        for places in flips:
            near = _changed(arch, {place: 1 - arch.genes[place] for place in places})
            if near in self.space:
                yield near


class WithPaths:
    """Draws and changes sets of paths, among architectures that stand for the space.

    These are all, where the space is small, and else 5,000 that the space draws, always the same ones. Most sets of
    paths belong to no architecture, so that one is drawn among those that occur, with the probability that uniform
    features of the encoding would give them: `one_hot`: all alike. `categorical`: as a list of numbers, each drawn on
    its own, none or any path. `continuous`: the number of paths first, and then which ones. Few paths are likely in
    the last two. The neighbours are those whose set of paths is nearest, not the same, among these and the neighbours
    in the space: 1 path more or less, if there are such.

    Args:
        space: Space of the architectures.
        encoder: The path encoding, possibly truncated.
        pool: How many architectures stand for a large space.

    Source: arXiv:2007.04965, section 3; dissertation of Yan (2023), section 4.4, for nearest neighbours in an encoding.
    Differs: the code of the former draws each path with probability 1 / D and rejects what is no architecture.
    """

    def __init__(self, space: Space, *, encoder: Path, pool: int = _POOL) -> None:
        self.space, self._present = space, Path(space, truncate=encoder.truncate)
        archs = _representatives(space, pool)
        rows = self._bits(archs)
        _, first = np.unique(rows, axis=0, return_index=True)
        first.sort()
        self._archs: list[Arch] = [archs[k] for k in first.tolist()]
        self._rows = rows[first]
        self._weights = _weights(self._rows, encoder)
        self._near: dict[Arch, list[Arch]] = {}

    def random(self, *, rng: np.random.Generator) -> Arch:
        """Return one of the architectures that stand for the space, by the law of the encoding."""
        drawn: Arch = self._archs[int(rng.choice(len(self._archs), p=self._weights))]
        return drawn

    def mutate(self, arch: Arch, *, rng: np.random.Generator) -> Arch:
        """Return one of the neighbours of `arch`, all equally likely; `arch` itself if it has none."""
        return _one_of(self._neighbours(arch), arch, rng)

    def neighbours(self, arch: Arch) -> Iterator[Arch]:
        """Yield the architectures with the nearest other set of paths, one for each set."""
        return iter(self._neighbours(arch))

    def _neighbours(self, arch: Arch) -> list[Arch]:
        if arch not in self._near:
            local = list(self.space.neighbours(arch))
            archs = [*local, *self._archs]
            (own,) = self._bits([arch])
            rows = np.concatenate([self._bits(local), self._rows])
            away = _ONES[rows ^ own].sum(axis=1, dtype=np.int64)
            nearest = np.flatnonzero(away == away[away > 0].min(initial=np.iinfo(np.int64).max))
            different: dict[bytes, Arch] = {}
            for k in nearest.tolist():
                different.setdefault(rows[k].tobytes(), archs[k])
            self._near[arch] = list(different.values())
        return self._near[arch]

    def _bits(self, archs: list[Arch]) -> npt.NDArray[np.uint8]:
        """Return which paths each has, a bit each; cells begin at whole bytes [N, C x D / 8]."""
        shape = (-1, self._present.n_cells, self._present.n_paths)
        parts = [archs[at : at + _CHUNK] for at in range(0, len(archs), _CHUNK)] or [[]]
        return np.concatenate(
            [
                np.packbits(self._present.encode(part).reshape(shape) > 0, axis=-1).reshape(len(part), -1)
                for part in parts
            ]
        )


@lru_cache(maxsize=8)
def subroutines(space: Space, encoding: str) -> Subroutines:
    """Return the subroutines of a search in an encoding.

    Args:
        space: Space of the architectures.
        encoding: Name in the catalogue, a path encoding also as `path-3`: truncated to paths of 3 operations. With
            `onehot` and `adjacency` each decision is drawn and changed on its own, which is what spaces do. So it is
            with the other adjacency encodings where no decision is about an edge.

    Raises:
        UnknownNameError: if there is no such encoding; the message offers the nearest one.
        EncodingError: if it is no adjacency or path encoding, or the space has too many paths.
    """
    match = _TEXT.fullmatch(encoding)
    name, cut = match.groups() if match else (encoding, None)
    maker = find("encoder", name)
    if isinstance(maker, type) and issubclass(maker, Path):
        return WithPaths(space, encoder=maker(space, truncate=None if cut is None else int(cut)))
    if cut is not None or not (name == "onehot" or name.startswith("adjacency")):
        raise EncodingError(
            f"a search draws and moves in onehot, an adjacency encoding or a path encoding, which may be truncated as "
            f"path-3, but {encoding!r} was given"
        )
    law = name.removeprefix("adjacency_")
    if law in ("categorical", "continuous") and space.name in _EDGES:
        return WithEdges(space, law=cast(Literal["categorical", "continuous"], law))
    return space


def drawing(space: Space, draw: str | Draw | None) -> Draw:
    """Return how a searcher draws: as told, in the encoding of a name, or as the space does."""
    return (subroutines(space, draw).random if isinstance(draw, str) else draw) or space.random


def mutating(space: Space, mutate: str | Mutate | None) -> Mutate:
    """Return how a searcher changes an architecture: as told, in the encoding of a name, or as the space does."""
    return (subroutines(space, mutate).mutate if isinstance(mutate, str) else mutate) or space.mutate


def looking(space: Space, neighbours: str | Neighbours | None) -> Neighbours:
    """Return what a searcher calls neighbours: as told, in the encoding of a name, or as the space does."""
    return (
        subroutines(space, neighbours).neighbours if isinstance(neighbours, str) else neighbours
    ) or space.neighbours


def _representatives(space: Space, n: int) -> list[Arch]:
    """Return the architectures of a small space, or up to `n` different ones of a large one."""
    if space.size() <= _WHOLE:
        return list(space.enumerate())
    rng = derive(0, "representatives", space.name)
    return list(dict.fromkeys(space.random(rng=rng) for _ in range(n)))


def _weights(rows: npt.NDArray[np.uint8], encoder: Path) -> npt.NDArray[np.float64]:
    """Return the probability [U] of each set of paths when features of the encoding are uniform."""
    present = _ONES[rows].reshape(len(rows), encoder.n_cells, -1).sum(axis=2, dtype=np.int64)
    counts = range(int(present.max()) + 1)
    if isinstance(encoder, PathCategorical):
        # Of a list of numbers, more paths than it has places can never be drawn.
        log = [_log(_words(encoder.n_present, k)) for k in counts]
    elif isinstance(encoder, PathContinuous):
        log = [-_log(math.comb(encoder.n_paths, k)) for k in counts]
    else:
        log = [0.0 for _ in counts]
    weights = np.array(log)[present].sum(axis=1)
    weights = np.exp(weights - weights.max())
    probabilities: npt.NDArray[np.float64] = weights / weights.sum()
    return probabilities


def _words(places: int, k: int) -> int:
    """Return how many words of `places` letters, of `k` and a blank, have each of the `k` letters."""
    return sum((-1) ** j * math.comb(k, j) * (k + 1 - j) ** places for j in range(k + 1))


def _log(count: int) -> float:
    return math.log(count) if count else -math.inf


def _one_of(near: list[Arch], arch: Arch, rng: np.random.Generator) -> Arch:
    return near[int(rng.integers(len(near)))] if near else arch


def _changed(arch: Arch, genes: dict[int, int]) -> Arch:
    return Arch(arch.space, tuple(genes.get(place, gene) for place, gene in enumerate(arch.genes)))
