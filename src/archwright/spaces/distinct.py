"""A sample of a space in which no two architectures are the same network."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from archwright.core.arch import Arch
from archwright.core.errors import SpaceError
from archwright.spaces.base import Space

__all__ = ["distinct"]

#: A grid with at most so many points per architecture wanted is walked in random order; a larger one is drawn from.
_WALKED = 20
#: Points of a grid that is listed as a whole.
_LISTED = 5_000_000
#: Draws in a row that may all be known already, until a space counts as exhausted.
_KNOWN = 1000


def distinct(space: Space, n: int | None, *, rng: np.random.Generator) -> list[Arch]:
    """Return up to `n` architectures, no two of the same canonical form: as if drawn one by one, repeats left out.

    Args:
        space: Where they come from.
        n: How many; None means all that there are, in the order of the space. Fewer come back where there are no more.
        rng: Draws them. A larger `n` need not hold what a smaller one gave.

    Raises:
        SpaceError: if `n` is below one, or all of a space with more than five million points are wanted.
    """
    if n is None:
        if space.size() > _LISTED:
            raise SpaceError(
                f"a space taken as a whole must have at most {_LISTED:,} points, but {space.name!r} has "
                f"{space.size():,}; take a sample"
            )
        return list(_without_repeats(space, space.enumerate()))
    if n < 1:
        raise SpaceError(f"a sample must have one architecture or more, but {n} were asked for")
    points = _walk(space, rng) if space.size() <= min(_WALKED * n, _LISTED) else _draws(space, rng)
    return list(itertools.islice(_without_repeats(space, points), n))


def _walk(space: Space, rng: np.random.Generator) -> Iterator[Arch]:
    """Yield every valid architecture once, in random order."""
    for index in rng.permutation(space.size()):
        arch = space.at(int(index))
        if arch in space:
            yield arch


def _draws(space: Space, rng: np.random.Generator) -> Iterator[Arch]:
    while True:
        yield space.random(rng=rng)


def _without_repeats(space: Space, archs: Iterator[Arch]) -> Iterator[Arch]:
    """Yield the first of each class of equal networks; end where a thousand in a row brought nothing new."""
    known: set[Arch] = set()
    repeats = 0
    for arch in archs:
        form = space.canonical(arch)
        if form not in known:
            known.add(form)
            repeats = 0
            yield arch
            continue
        repeats += 1
        if repeats >= _KNOWN:
            return
