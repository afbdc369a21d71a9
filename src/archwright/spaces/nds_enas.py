"""The cells of ENAS in the design spaces for visual recognition: two cells of five nodes, five operations."""

from __future__ import annotations

from archwright.spaces.two_cells import Nodes, TwoCells

__all__ = ["NdsEnas"]


class NdsEnas(TwoCells):
    """A normal and a reduction cell of five nodes; each reads two nodes before it, which may be the same one.

    The output of a cell concatenates the nodes that no other node reads. A cell has (10 * 15 * 20 * 25 * 30)^2 =
    5.06e12 settings, all of them valid, or 2.1e11 (`count` has both cells) if the order of a node's two inputs does
    not count.

    Source: arXiv:1802.03268 (ENAS), sec. 2.4; arXiv:1905.13214 (NDS), table of design spaces: 5,063 billion cells;
    Ning et al., TA-GATES, NeurIPS 2022, appendix A.1, on the output.
    Differs: depth and width, which NDS varies together with the cells, are not part of the architecture.
    """

    name: str = "nds_enas"
    n_nodes: int = 5
    operations: tuple[str, ...] = ("skip_connect", "sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")

    def concat(self, nodes: Nodes) -> tuple[int, ...]:
        """Return the nodes that no other node reads."""
        read = {source for first, _, second, _ in nodes for source in (first, second)}
        return tuple(node for node in range(2, 2 + len(nodes)) if node not in read)

    def allows(self, first: int, second: int) -> bool:
        """Return True: any two inputs may be read, and one twice."""
        return True
