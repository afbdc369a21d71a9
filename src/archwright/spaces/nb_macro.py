"""NAS-Bench-Macro: 6,561 chains of eight layers."""

from __future__ import annotations

import re

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.graph import Graph
from archwright.spaces.base import Space

__all__ = ["NasBenchMacro"]

_LAYERS = 8

#: Layers, from 0, that begin a stage: they double the channels and halve the resolution, whatever their operation.
_REDUCING = frozenset({0, 2, 5})

_CHOICES = ("identity", "mb3_k3", "mb6_k5")

_NATIVE = re.compile(r"[0-2]{8}")


class NasBenchMacro(Space):
    """All chains of eight layers, each an identity or an inverted residual block. Every point is valid.

    A block widens 3 times with a 3x3 convolution (1) or 6 times with a 5x5 one (2). The layers are in stages of 2, 3
    and 3; the first of a stage doubles the channels and halves the resolution, an identity by a 1x1 convolution.
    The native text is the eight digits, which are the genes.

    Source: arXiv:2103.11922, section 4 and the official repository.

    Example:
        >>> space = NasBenchMacro()
        >>> str(space.parse("12001202"))
        'nb_macro:1.2.0.0.1.2.0.2'
    """

    name: str = "nb_macro"
    arities: tuple[int, ...] = (len(_CHOICES),) * _LAYERS
    op_names: tuple[str, ...] = ("input", *_CHOICES, *(f"{choice}-reduce" for choice in _CHOICES), "output")

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the one chain input, layers, output; layers that begin a stage have operations of their own."""
        genes = self.require(arch).genes
        layers = (1 + gene + len(_CHOICES) * (layer in _REDUCING) for layer, gene in enumerate(genes))
        ops = (0, *layers, len(self.op_names) - 1)
        return (Graph(ops, frozenset((i, i + 1) for i in range(len(ops) - 1))),)

    def text(self, arch: Arch) -> str:
        """Return the eight digits.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        return "".join(map(str, self.require(arch).genes))

    def parse(self, text: str) -> Arch:
        """Return the architecture of eight digits 0 to 2, or of `nb_macro:1.2.0.0.1.2.0.2`.

        Raises:
            ArchError: if `text` is neither.
        """
        if _NATIVE.fullmatch(text.strip()):
            return Arch(self.name, tuple(map(int, text.strip())))
        if text.startswith(f"{self.name}:"):
            return super().parse(text)
        raise ArchError(f"an architecture of {self.name!r} must be eight digits 0 to 2, but {text!r} was given")
