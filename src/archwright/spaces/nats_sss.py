"""NATS-Bench's size space: 32,768 networks of one cell and five widths."""

from __future__ import annotations

import re

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.graph import Graph
from archwright.spaces.base import Space

__all__ = ["NatsSizes"]

_WIDTHS = (8, 16, 24, 32, 40, 48, 56, 64)
_LAYERS = 5

_NATIVE = re.compile(r"\d+([:-])\d+(?:\1\d+){3}")


class NatsSizes(Space):
    """All networks with the best cell of NAS-Bench-201 for CIFAR-100 and five numbers of channels, 8 to 64.

    The native text is `8:64:16:40:32`, the channels of the five layers in which they may change. Gene l is channels
    / 8 - 1. Every point is valid.

    Source: arXiv:2009.00437, section 3.2.

    Example:
        >>> space = NatsSizes()
        >>> str(space.parse("8:64:16:40:32"))
        'nats_sss:0.7.1.4.3'
    """

    name: str = "nats_sss"
    arities: tuple[int, ...] = (len(_WIDTHS),) * _LAYERS
    op_names: tuple[str, ...] = ("input", *(f"channels-{width}" for width in _WIDTHS), "output")

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the one chain input, layer 1, ..., layer 5, output; the operation of a layer is its width."""
        ops = (0, *(gene + 1 for gene in self.require(arch).genes), len(self.op_names) - 1)
        return (Graph(ops, frozenset((i, i + 1) for i in range(len(ops) - 1))),)

    def widths_of(self, arch: Arch) -> tuple[int, ...]:
        """Return the channels of each layer, the input's side first.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        return tuple(_WIDTHS[gene] for gene in self.require(arch).genes)

    def text(self, arch: Arch) -> str:
        """Return the official text.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        return ":".join(map(str, self.widths_of(arch)))

    def parse(self, text: str) -> Arch:
        """Return the architecture of `8:64:16:40:32`, of `8-64-16-40-32`, or of `nats_sss:0.7.1.4.3`.

        Raises:
            ArchError: if `text` is none of these, or a width is not a multiple of 8 from 8 to 64.
        """
        if text.startswith(f"{self.name}:"):
            return super().parse(text)
        if not _NATIVE.fullmatch(text.strip()):
            raise ArchError(f"an architecture of {self.name!r} must read like '8:64:16:40:32', but {text!r} was given")
        widths = [int(width) for width in re.split("[:-]", text.strip())]
        if not set(widths) <= set(_WIDTHS):
            raise ArchError(f"a width must be one of {', '.join(map(str, _WIDTHS))}, but {text!r} was given")
        return Arch(self.name, tuple(map(_WIDTHS.index, widths)))
