"""The cells of DARTS and NAS-Bench-301: two cells of four nodes, seven operations."""

from __future__ import annotations

from archwright.spaces.two_cells import Nodes, TwoCells

__all__ = ["Darts"]


class Darts(TwoCells):
    """A normal and a reduction cell of four nodes; each node reads two different nodes before it.

    (1 * 3 * 6 * 10)^2 * 7^16 = 1.1e18 different pairs of cells (`count`). Among genes each node may have its two
    inputs in both orders; points of the grid where they are equal are ruled out. Operations are in the order of
    NASLib's compact form.

    Source: arXiv:1806.09055 (DARTS), sec. 2.1; arXiv:2008.09777 (NAS-Bench-301), sec. 3.
    Differs: DARTS searches with an eighth operation, `none`, that its cells never keep; it is not in this space.

    Example:
        >>> space = Darts()
        >>> space.count()
        1076746950455072400
    """

    name: str = "darts"
    n_nodes: int = 4
    operations: tuple[str, ...] = (
        "max_pool_3x3",
        "avg_pool_3x3",
        "skip_connect",
        "sep_conv_3x3",
        "sep_conv_5x5",
        "dil_conv_3x3",
        "dil_conv_5x5",
    )

    def concat(self, nodes: Nodes) -> tuple[int, ...]:
        """Return all four nodes."""
        return tuple(range(2, 2 + len(nodes)))

    def allows(self, first: int, second: int) -> bool:
        """Return whether the inputs differ."""
        return first != second
