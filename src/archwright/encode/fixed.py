"""What encodings share that no weights are learned for."""

# B architectures, D width

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import Self

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.graph import Graph
from archwright.core.rng import derive
from archwright.spaces.base import Space

__all__ = ["FixedEncoder", "OneHot", "samples"]

#: Architectures that are drawn to see how large the cells of a space are.
_DRAWN = 200


class FixedEncoder(ABC):
    """Turns architectures of one space into vectors, by a rule.

    Args:
        space: Space of the architectures.
    """

    def __init__(self, space: Space) -> None:
        self.space = space

    @property
    @abstractmethod
    def dim(self) -> int:
        """Length D of one vector."""

    def fit(self, archs: Sequence[Arch], *, rng: np.random.Generator) -> Self:
        """Return this encoder: there is nothing to learn."""
        return self

    @abstractmethod
    def encode(self, archs: Sequence[Arch]) -> npt.NDArray[np.float32]:
        """Return vectors [B, D].

        Raises:
            ArchError: if an architecture is not in the space.
            EncodingError: if a cell is larger than the encoding has room for.
        """


class OneHot(FixedEncoder):
    """One 1 for each decision of the space.

    Example:
        >>> from archwright.core.catalog import find
        >>> space = find("space", "nb201")()
        >>> OneHot(space).encode([space.at(0)]).shape
        (1, 30)
    """

    @property
    def dim(self) -> int:
        """Length D of one vector: the sum of the arities."""
        return sum(self.space.arities)

    def encode(self, archs: Sequence[Arch]) -> npt.NDArray[np.float32]:
        """Return vectors [B, D].

        Raises:
            ArchError: if an architecture is not in the space.
        """
        return self.space.one_hot([self.space.require(arch) for arch in archs])


@lru_cache(maxsize=16)
def samples(space: Space) -> tuple[tuple[Graph, ...], ...]:
    """Return the cells of 200 architectures of `space`, always the same ones: they show how large cells get."""
    rng = derive(0, "sizes", space.name)
    return tuple(space.graphs(space.random(rng=rng)) for _ in range(_DRAWN))
