"""What a learned encoder is: a module that reads batches of architectures of one space."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol, Self

from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.spaces.base import Space

__all__ = ["Batch", "EncoderNetwork"]


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
