"""What goes into a network and how many classes come out: images, tokens, rows of numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

from archwright.core.errors import NasError

__all__ = ["ImageShape", "Shape", "ShapeError", "TokenShape", "VectorShape", "require_shape"]


class ShapeError(NasError, ValueError):
    """A shape that no data can have, or that a network does not take."""


class _Counts:
    """A shape all of whose fields are counts, one or more."""

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ShapeError(
                    f"{field.name} of {type(self).__name__} must be a whole number, one or more, not {value!r}"
                )


@dataclass(frozen=True)
class ImageShape(_Counts):
    """Images [B, channels, height, width] of one of `classes` classes; by default those of CIFAR-10.

    Raises:
        ShapeError: if a number is not a positive integer.
    """

    channels: int = 3
    height: int = 32
    width: int = 32
    classes: int = 10


@dataclass(frozen=True)
class TokenShape(_Counts):
    """Sequences [B, length] of tokens 0..vocabulary-1, for language models; by default of 35 tokens.

    Raises:
        ShapeError: if a number is not a positive integer.
    """

    vocabulary: int
    length: int = 35


@dataclass(frozen=True)
class VectorShape(_Counts):
    """Rows [B, features] of numbers of one of `classes` classes: encoded rows of a table, say.

    Raises:
        ShapeError: if a number is not a positive integer.
    """

    features: int
    classes: int = 2


Shape = ImageShape | TokenShape | VectorShape

Wanted = TypeVar("Wanted")


def require_shape(shape: object, kind: type[Wanted], *, space: str) -> Wanted:
    """Return `shape`, which must be of `kind` for the networks of `space`.

    Raises:
        ShapeError: if it is not.
    """
    if not isinstance(shape, kind):
        raise ShapeError(f"a network of {space!r} needs a shape of kind {kind.__name__}, but {shape!r} was given")
    return shape
