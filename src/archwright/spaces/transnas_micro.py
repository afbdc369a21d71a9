"""The cells of TransNAS-Bench-101: 4,096."""

from __future__ import annotations

import re
from collections.abc import Sequence

from archwright.core.arch import Arch
from archwright.spaces.four_nodes import FourNodeSpace

__all__ = ["TransNasMicro"]

#: 64 channels, and five modules, the first, third and fifth of which double channels and halve the resolution.
_SKELETON = "64-41414"

_NATIVE = re.compile(r"64-41414-([0-3])_([0-3])([0-3])_([0-3])([0-3])([0-3])")


class TransNasMicro(FourNodeSpace):
    """The cells of TransNAS-Bench-101: four operations on each of six edges.

    The native text is `64-41414-1_02_333`: channels, modules, and the numbers of the operations, a group for each
    node. The genes are these numbers. A tuple of NASLib, `(1, 0, 2, 3, 3, 3)`, holds them too, in the same order.

    Source: arXiv:2105.11871, section 3.1, and the README of the official repository. For tuples: how NASLib looks
    results up (`convert_op_indices_micro_to_str`), which is not how it numbers edges and operations of its own graphs.

    Example:
        >>> space = TransNasMicro()
        >>> space.text(Arch("transnas_micro", (1, 0, 2, 3, 3, 3)))
        '64-41414-1_02_333'
    """

    def __init__(self) -> None:
        super().__init__(
            "transnas_micro",
            ("none", "skip_connect", "conv1x1", "conv3x3"),
            naslib=("none", "skip_connect", "conv1x1", "conv3x3"),
        )

    def text(self, arch: Arch) -> str:
        """Return the official text.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        a, b, c, d, e, f = self.require(arch).genes
        return f"{_SKELETON}-{a}_{b}{c}_{d}{e}{f}"

    def of_naslib(self, codes: Sequence[int]) -> Arch:
        """Return the architecture of NASLib's six numbers, which are the genes.

        Raises:
            ArchError: if these are not six numbers of operations.
        """
        return self.require(Arch(self.name, tuple(codes)))

    def naslib(self, arch: Arch) -> tuple[int, ...]:
        """Return NASLib's six numbers for `arch`.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        return self.require(arch).genes

    def parse(self, text: str) -> Arch:
        """Return the architecture of an official text, a tuple of NASLib, `|conv1x1~0|+...` or `transnas_micro:...`.

        Raises:
            ArchError: if `text` is none of these.
        """
        native = _NATIVE.fullmatch(text.strip())
        return Arch(self.name, tuple(map(int, native.groups()))) if native else super().parse(text)
