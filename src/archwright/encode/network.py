"""What a learned encoder is: a module that reads batches of architectures of one space."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol, Self

from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.core.errors import EncodingError
from archwright.spaces.base import Space

__all__ = ["Batch", "EncoderNetwork", "require_one_of"]


class Batch(Protocol):
    """Architectures as tensors, of which parts can be taken."""

    def __len__(self) -> int:
        """Return the number of architectures."""

    def take(self, index: Tensor | slice) -> Self:
        """Return the architectures of `index`."""


class EncoderNetwork(nn.Module):
    """Encodes architectures of one space; trained together with a head.

    A subclass takes the space and keyword settings that JSON can hold, and sets `dim`. What it reads is made once by
    `prepare`, and cut into batches by `take`.

    Args:
        space: Space of the architectures.
    """

    #: Width of an encoding.
    dim: int

    def __init__(self, space: Space) -> None:
        super().__init__()
        self.space = space

    @abstractmethod
    def prepare(self, archs: Sequence[Arch]) -> Any:
        """Return `archs` as a `Batch` that `forward` reads.

        Raises:
            ArchError: if one is not in the space.
        """

    @abstractmethod
    def forward(self, batch: Any) -> Tensor:
        """Return encodings [B, dim]."""


def require_one_of(allowed: Sequence[str], **settings: str) -> None:
    """Check that each of `settings`, whose names are those of the arguments, is one of `allowed`.

    Raises:
        EncodingError: if one is not.
    """
    for name, given in settings.items():
        if given not in allowed:
            raise EncodingError(f"{name} must be one of {', '.join(allowed)}, but {given!r} was given")
