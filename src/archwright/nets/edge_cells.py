"""The shape that networks of NAS-Bench-201's kind share: stages of one cell, between which the resolution halves."""

# Legend: B batch, C channels, H height, W width.

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from archwright.core.errors import SpaceError
from archwright.data.shapes import ImageShape
from archwright.nets.image_ops import Conv2d, ImageNetwork, Norm, conv_norm, relu_conv_norm
from archwright.spaces.edges import EdgeCell

__all__ = ["MakeEdge", "ResidualReduction", "SumCell", "staged_network"]

#: From (operation, channels in, channels out, stride) to the module of an edge; None for an edge that gives zero.
MakeEdge = Callable[[int, int, int, int], nn.Module | None]


class SumCell(nn.Module):
    """A cell with an operation on each edge and a sum in each node. The last node is what it gives.

    All edges are computed, as in the benchmarks, also those that no output depends on; edges that give zero add
    nothing, and the zero of a node without others has no gradient.

    Args:
        cell: Its edges; one input.
        make: Makes the module of an edge. Edges out of the input change channels and stride, the others keep them.
        c_in: Channels that come in.
        c_out: Channels of all other nodes.
        stride: Step of the edges out of the input.
    """

    def __init__(self, cell: EdgeCell, make: MakeEdge, c_in: int, c_out: int, stride: int = 1) -> None:
        super().__init__()
        self.c_out, self.stride = c_out, stride
        self.edges = nn.ModuleList()
        #: For each node after the input: the node it reads and the number of the edge's module.
        self.reads: list[list[tuple[int, int]]] = [[] for _ in range(cell.n_nodes - 1)]
        for source, target, op in cell.edges:
            edge = make(op, c_out if source else c_in, c_out, 1 if source else stride)
            if edge is not None:
                self.reads[target - 1].append((source, len(self.edges)))
                self.edges.append(edge)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output [B, c_out, H / stride, W / stride] for x [B, c_in, H, W]."""
        nodes = [x]
        edges = list(self.edges)
        for reads in self.reads:
            terms = [edges[edge](nodes[source]) for source, edge in reads]
            nodes.append(_sum(terms) if terms else self._zeros(x))
        return nodes[-1]

    def _zeros(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        return x.new_zeros(batch, self.c_out, -(-height // self.stride), -(-width // self.stride))


class ResidualReduction(nn.Module):
    """The residual block that halves the resolution: two 3x3 convolutions, and average pooling with a 1x1 beside.

    Source: arXiv:2001.00326, section 2.1, and its released code. Differs: an odd size is rounded up in both paths;
    in the code the pooled one is rounded down, and is broadcast where that gives one pixel.
    """

    def __init__(self, c_in: int, c_out: int, *, norm: Norm) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            relu_conv_norm(c_in, c_out, 3, 2, norm=norm), relu_conv_norm(c_out, c_out, 3, norm=norm)
        )
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2, ceil_mode=True), Conv2d(c_in, c_out))

    def forward(self, x: Tensor) -> Tensor:
        """Return maps [B, c_out, ceil(H / 2), ceil(W / 2)]."""
        maps: Tensor = self.shortcut(x) + self.residual(x)
        return maps


def staged_network(
    shape: ImageShape,
    cell: EdgeCell,
    make: MakeEdge,
    *,
    stages: Sequence[Sequence[int]],
    stem: int | None,
    norm: Norm,
) -> ImageNetwork:
    """Return stages of cells with a residual reduction in front of every stage but the first, not yet initialised.

    Args:
        shape: Images and classes.
        cell: The cell.
        make: Makes the module of one of its edges.
        stages: For each stage the channels of its layers. The first layer of every stage but the first is the
            reduction, all others are cells.
        stem: Channels of the 3x3 convolution in front; None for none, so that cells see the image.
        norm: What follows convolutions.

    Raises:
        SpaceError: if there is no stem and the image has not the channels of the first cell.
    """
    channels = stem or shape.channels
    if stem is None and stages[0][0] != channels:
        raise SpaceError(
            f"without a stem a network must have the channels of its images, {channels}, but channels="
            f"{stages[0][0]} was given"
        )
    layers: list[nn.Module] = []
    for number, stage in enumerate(stages):
        for place, width in enumerate(stage):
            reduces = number > 0 and place == 0
            layers.append(
                ResidualReduction(channels, width, norm=norm) if reduces else SumCell(cell, make, channels, width)
            )
            channels = width
    body: dict[str, nn.Module] = {} if stem is None else {"stem": conv_norm(shape.channels, stem, 3, norm=norm)}
    body |= {"cells": nn.Sequential(*layers), "last": nn.Sequential(*norm(channels), nn.ReLU())}
    return ImageNetwork(body, channels=channels, classes=shape.classes)


def _sum(terms: list[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
