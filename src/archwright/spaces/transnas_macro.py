"""The skeletons of TransNAS-Bench-101: 3,256 chains of four to six modules."""

from __future__ import annotations

import math
import re

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.graph import Graph
from archwright.spaces.base import Space

__all__ = ["TransNasMacro"]

#: Numbers of modules a network may have.
_LENGTHS = range(4, 7)

#: Times that a network may halve the resolution, and times that it may double the channels.
_HALVINGS, _DOUBLINGS = range(1, 5), range(1, 4)

_NATIVE = re.compile(r"64-([1-4]{4,6})-basic")


class TransNasMacro(Space):
    """The chains of four to six modules of TransNAS-Bench-101, each of two residual blocks.

    A module keeps its shape (code 1), doubles the channels (2), halves the resolution (3), or both (4). A network
    halves the resolution one to four times, and doubles the channels one to three times: 3,256 networks, the
    published number. The native text is `64-1234-basic`, the codes of the modules in the middle.

    Genes 0 to 3 are code - 1 of the first four modules. Genes 4 and 5 are the code of the fifth and the sixth, 0 where
    there is none; a sixth needs a fifth. NASLib's tuple of six codes is the codes, then zeros.

    Source: arXiv:2105.11871, section 3.1 and the README of the official repository.

    Example:
        >>> space = TransNasMacro()
        >>> str(space.parse("64-1234-basic")), space.count()
        ('transnas_macro:0.1.2.3.0.0', 3256)
    """

    name: str = "transnas_macro"
    arities: tuple[int, ...] = (4, 4, 4, 4, 5, 5)
    op_names: tuple[str, ...] = (
        "input",
        "normal",
        "channels-x2",
        "resolution-/2",
        "channels-x2-resolution-/2",
        "output",
    )

    def check(self, arch: Arch) -> str | None:
        """Return why `arch` is not in this space; None if it is."""
        reason = super().check(arch)
        if reason is not None:
            return reason
        if arch.genes[5] and not arch.genes[4]:
            return "a sixth module needs a fifth"
        codes = _codes(arch)
        halvings, doublings = sum(code in (3, 4) for code in codes), sum(code in (2, 4) for code in codes)
        if halvings not in _HALVINGS:
            return f"it must halve the resolution 1 to 4 times, not {halvings}"
        if doublings not in _DOUBLINGS:
            return f"it must double the channels 1 to 3 times, not {doublings}"
        return None

    def count(self) -> int:
        """Return the number of valid architectures: which modules halve, and which double, are free choices."""
        return sum(
            sum(math.comb(n, times) for times in _HALVINGS) * sum(math.comb(n, times) for times in _DOUBLINGS)
            for n in _LENGTHS
        )

    def modules(self, arch: Arch) -> tuple[int, ...]:
        """Return the codes 1 to 4 of the modules, the input's side first.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        return _codes(self.require(arch))

    def arch(self, modules: tuple[int, ...]) -> Arch:
        """Return the architecture of these codes, zeros at the end being no modules.

        Raises:
            ArchError: if this space has no such architecture.
        """
        codes = tuple(modules)
        while codes and codes[-1] == 0:
            codes = codes[:-1]
        if len(codes) not in _LENGTHS or not set(codes) <= {1, 2, 3, 4}:
            raise ArchError(f"a network must have 4 to 6 modules of codes 1 to 4, but {tuple(modules)} was given")
        padded = (*codes, 0, 0)[:6]
        return self.require(Arch(self.name, (*(code - 1 for code in padded[:4]), *padded[4:])))

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the one chain input, modules, output."""
        ops = (0, *self.modules(arch), len(self.op_names) - 1)
        return (Graph(ops, frozenset((i, i + 1) for i in range(len(ops) - 1))),)

    def text(self, arch: Arch) -> str:
        """Return the official text.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        return f"64-{''.join(map(str, self.modules(arch)))}-basic"

    def parse(self, text: str) -> Arch:
        """Return the architecture of an official text or of `transnas_macro:0.1.2.3.0.0`.

        Raises:
            ArchError: if `text` is neither, or breaks a rule of the space.
        """
        native = _NATIVE.fullmatch(text.strip())
        if native:
            return self.arch(tuple(map(int, native.group(1))))
        if text.startswith(f"{self.name}:"):
            return super().parse(text)
        raise ArchError(f"an architecture of {self.name!r} must read like '64-1234-basic', but {text!r} was given")


def _codes(arch: Arch) -> tuple[int, ...]:
    return (*(gene + 1 for gene in arch.genes[:4]), *(gene for gene in arch.genes[4:] if gene))
