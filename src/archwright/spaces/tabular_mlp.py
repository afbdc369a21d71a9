"""Multilayer perceptrons for tables: L layers, each of one of a list of widths."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from archwright.core.arch import Arch
from archwright.core.errors import ArchError, SpaceError
from archwright.core.graph import Graph
from archwright.spaces.base import Space

__all__ = ["TabularMlp", "criteo", "diabetes", "frappe"]

#: Source: arXiv:2403.10318 (ATLAS), appendix on search spaces, Frappe and Diabetes.
_WIDTHS_20 = (8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 384, 512)

#: Source: the same, Criteo. The authors' code has 96 in place of 64.
_WIDTHS_10 = (8, 16, 32, 48, 64, 112, 144, 176, 240, 384)


class TabularMlp(Space):
    """All MLPs with `layers` hidden layers whose widths come from `widths`. Every point is valid.

    Gene l is the index of layer l's width among the widths in ascending order.

    Args:
        widths: Distinct positive integers, at least one, in any order; by default ATLAS's twenty for Frappe.
        layers: Number of hidden layers, at least one.
        name: What architectures of this space call it.

    Raises:
        SpaceError: if one of these does not hold.

    Example:
        >>> space = TabularMlp((8, 16, 32), layers=2)
        >>> space.size(), str(space.arch((32, 8))), space.widths_of(Arch.parse("tabular_mlp:2.0"))
        (9, 'tabular_mlp:2.0', (32, 8))
    """

    op_names: tuple[str, ...] = ()
    name: str = ""
    arities: tuple[int, ...] = ()

    def __init__(self, widths: Sequence[int] = _WIDTHS_20, layers: int = 4, name: str = "tabular_mlp") -> None:
        given = tuple(widths)
        if not given or any(isinstance(w, bool) or int(w) != w or w < 1 for w in given):
            raise SpaceError(f"widths must be one or more positive integers, but {given} was given")
        if len(set(given)) != len(given):
            raise SpaceError(f"widths must differ from each other, but {given} was given")
        if isinstance(layers, bool) or int(layers) != layers or layers < 1:
            raise SpaceError(f"a network must have one layer or more, but {layers} was given")
        if not name or ":" in name:
            raise SpaceError(f"a space's name must be some text without a colon, but {name!r} was given")
        self.name = name
        self.widths = tuple(sorted(int(width) for width in given))
        self.layers = int(layers)
        self.arities = (len(self.widths),) * self.layers
        self.op_names = ("input", *(f"linear-{width}" for width in self.widths), "output")

    def __repr__(self) -> str:
        return f"TabularMlp({self.widths}, layers={self.layers}, name={self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TabularMlp) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the one chain input, layer 1, ..., layer L, output."""
        ops = (0, *(gene + 1 for gene in self.require(arch).genes), len(self.op_names) - 1)
        return (Graph(ops, frozenset((i, i + 1) for i in range(len(ops) - 1))),)

    def widths_of(self, arch: Arch) -> tuple[int, ...]:
        """Return the width of each layer, the input's side first.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        return tuple(self.widths[gene] for gene in self.require(arch).genes)

    def arch(self, widths: Sequence[int]) -> Arch:
        """Return the architecture whose layers have `widths`.

        Raises:
            ArchError: if this space has no such architecture.
        """
        if len(widths) != self.layers or not set(widths) <= self._gene_of.keys():
            raise ArchError(f"{self.name!r} has {self.layers} widths out of {self.widths}, but {widths} was given")
        return Arch(self.name, tuple(self._gene_of[width] for width in widths))

    @cached_property
    def _gene_of(self) -> dict[int, int]:
        return {width: gene for gene, width in enumerate(self.widths)}

    @property
    def _identity(self) -> tuple[str, tuple[int, ...], int]:
        return (self.name, self.widths, self.layers)


def frappe() -> TabularMlp:
    """Return ATLAS's space for Frappe: 4 layers of 20 widths, 160,000 networks."""
    return TabularMlp(_WIDTHS_20, layers=4, name="frappe")


def diabetes() -> TabularMlp:
    """Return ATLAS's space for Diabetes: the networks of Frappe's."""
    return TabularMlp(_WIDTHS_20, layers=4, name="diabetes")


def criteo() -> TabularMlp:
    """Return ATLAS's space for Criteo: 4 layers of 10 widths, 10,000 networks."""
    return TabularMlp(_WIDTHS_10, layers=4, name="criteo")
