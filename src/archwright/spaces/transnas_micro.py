"""The cells of TransNAS-Bench-101: 4,096."""

from __future__ import annotations

import re

from archwright.core.arch import Arch
from archwright.spaces.four_nodes import FourNodeSpace

__all__ = ["TransNasMicro"]

#: 64 channels, and five modules, the first, third and fifth of which double channels and halve the resolution.
_SKELETON = "64-41414"

_NATIVE = re.compile(r"64-41414-([0-3])_([0-3])([0-3])_([0-3])([0-3])([0-3])")


class TransNasMicro(FourNodeSpace):
    """The cells of TransNAS-Bench-101: four operations on each of six edges.

    The native text is `64-41414-1_02_333`: channels, modules, and the numbers of the operations, a group for each
    node. The genes are these numbers.

    Source: arXiv:2105.11871, section 3.1, and the README of the official repository.

    Example:
        >>> space = TransNasMicro()
        >>> space.text(Arch("transnas_micro", (1, 0, 2, 3, 3, 3)))
        '64-41414-1_02_333'
    """

    def __init__(self) -> None:
        super().__init__(
            "transnas_micro",
            ("none", "skip_connect", "conv1x1", "conv3x3"),
            naslib=("skip_connect", "none", "conv3x3", "conv1x1"),
        )

    def text(self, arch: Arch) -> str:
        """Return the official text.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        a, b, c, d, e, f = self.require(arch).genes
        return f"{_SKELETON}-{a}_{b}{c}_{d}{e}{f}"

    def parse(self, text: str) -> Arch:
        """Return the architecture of an official text, a tuple of NASLib, `|conv1x1~0|+...` or `transnas_micro:...`.

        Raises:
            ArchError: if `text` is none of these.
        """
        native = _NATIVE.fullmatch(text.strip())
        return Arch(self.name, tuple(map(int, native.groups()))) if native else super().parse(text)
