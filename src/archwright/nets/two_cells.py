"""The network that DARTS and its relatives make of a normal and a reduction cell."""

# Legend: B batch, C channels, H height, W width.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.core.errors import SpaceError
from archwright.data.shapes import ImageShape, require_shape
from archwright.nets.cell_ops import cell_op
from archwright.nets.image_ops import (
    Conv2d,
    FactorizedReduce,
    ImageNetwork,
    Linear,
    Norm,
    conv_norm,
    relu_conv_norm,
    require_counts,
)
from archwright.nets.initialise import initialise
from archwright.spaces.two_cells import Nodes, TwoCells

if TYPE_CHECKING:
    import numpy as np

__all__ = ["AuxiliaryHead", "Cell", "CellStack", "Plan", "TwoCellNetwork", "two_cell_network"]

#: The stem has three times the channels of the first cells. Source: released code of arXiv:1806.09055.
_STEM_FACTOR = 3

#: Side of the maps that the auxiliary head of the released code is made for.
_AUXILIARY_SIDE = 8


@dataclass(frozen=True)
class Plan:
    """A cell as its network needs it.

    Args:
        nodes: For each node (input, operation, input, operation).
        operations: Names of the operations.
        concat: The nodes that the output concatenates; inputs are 0 and 1, nodes 2, 3, ...
    """

    nodes: Nodes
    operations: Sequence[str]
    concat: tuple[int, ...]


class Cell(nn.Module):
    """Nodes that sum two operations on earlier nodes each; the output concatenates some of them.

    Args:
        plan: Its nodes.
        c_in: Channels of the two inputs, the older one first.
        channels: Channels of every node.
        reduces: Whether it halves the resolution: what reads an input of the cell has stride 2.
        halve_older: Whether the older input has twice the resolution of the newer one.
        norm: What follows convolutions.
    """

    def __init__(
        self, plan: Plan, c_in: tuple[int, int], channels: int, *, reduces: bool, halve_older: bool, norm: Norm
    ) -> None:
        super().__init__()
        older, newer = c_in
        self.older = (
            FactorizedReduce(older, channels, norm=norm) if halve_older else relu_conv_norm(older, channels, norm=norm)
        )
        self.newer = relu_conv_norm(newer, channels, norm=norm)
        self.concat = plan.concat
        #: For each node the numbers of the two values that it reads.
        self.reads = [(first, second) for first, _, second, _ in plan.nodes]
        sources = [(node[k], node[k + 1]) for node in plan.nodes for k in (0, 2)]
        self.ops = nn.ModuleList(
            cell_op(plan.operations[op], channels, 2 if reduces and source < 2 else 1, norm=norm)
            for source, op in sources
        )

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        """Return maps [B, len(concat) * channels, H', W']."""
        values, ops = [self.older(older), self.newer(newer)], iter(self.ops)
        for first, second in self.reads:
            values.append(next(ops)(values[first]) + next(ops)(values[second]))
        return torch.cat([values[node] for node in self.concat], dim=1)


class CellStack(nn.Module):
    """Cells, each of which reads the two before it; those at one and at two thirds of the depth reduce.

    Args:
        normal: The normal cell.
        reduction: The cell that halves the resolution and doubles the channels.
        c_in: Channels that come in.
        channels: Channels of a node of the first cells.
        cells: Number of cells.
        norm: What follows convolutions.
    """

    def __init__(self, normal: Plan, reduction: Plan, c_in: int, channels: int, cells: int, *, norm: Norm) -> None:
        super().__init__()
        self.cells = nn.ModuleList()
        #: Channels of the output of each cell.
        self.widths: list[int] = []
        #: The cell whose output the auxiliary head reads.
        self.auxiliary_place = 2 * cells // 3
        widths, halve_older = (c_in, c_in), False
        for place in range(cells):
            reduces = place in (cells // 3, self.auxiliary_place)
            channels = 2 * channels if reduces else channels
            plan = reduction if reduces else normal
            self.cells.append(Cell(plan, widths, channels, reduces=reduces, halve_older=halve_older, norm=norm))
            self.widths.append(len(plan.concat) * channels)
            widths, halve_older = (widths[1], self.widths[-1]), reduces

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the last cell [B, widths[-1], H', W']."""
        return self.outputs(x)[-1]

    def outputs(self, x: Tensor) -> list[Tensor]:
        """Return the outputs of all cells."""
        values = [x, x]
        for cell in self.cells:
            values.append(cell(values[-2], values[-1]))
        return values[2:]


class AuxiliaryHead(nn.Module):
    """A classifier of maps [B, C, 8, 8] in the middle of a network, which gives its training a second loss.

    Source: released code of arXiv:1806.09055, for CIFAR.
    """

    def __init__(self, channels: int, classes: int, *, norm: Norm) -> None:
        super().__init__()
        whole = Conv2d(128, 768, 2)
        # Unlike all other convolutions here this one must shrink its 2 x 2 maps to one pixel.
        whole.padding = (0, 0)
        self.body = nn.Sequential(
            nn.ReLU(),
            nn.AvgPool2d(5, stride=3, count_include_pad=False),
            Conv2d(channels, 128),
            *norm(128),
            nn.ReLU(),
            whole,
            *norm(768),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.classifier = Linear(768, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [B, classes]."""
        logits: Tensor = self.classifier(self.body(x))
        return logits


class TwoCellNetwork(ImageNetwork):
    """A stem, a stack of cells, global average pooling and a classifier; with or without an auxiliary head."""

    def __init__(
        self, stem: nn.Sequential | None, stack: CellStack, *, classes: int, auxiliary: AuxiliaryHead | None
    ) -> None:
        body: dict[str, nn.Module] = {} if stem is None else {"stem": stem}
        super().__init__(body | {"cells": stack}, channels=stack.widths[-1], classes=classes)
        self.auxiliary = auxiliary

    def forward_both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits and those of the auxiliary head, both [B, classes].

        Raises:
            SpaceError: if the network was built without one.
        """
        if self.auxiliary is None:
            raise SpaceError("this network has no auxiliary head; build it with auxiliary=True")
        *stem, stack = self.body
        assert isinstance(stack, CellStack)
        for part in stem:
            x = part(x)
        outputs = stack.outputs(x)
        logits: Tensor = self.classifier(outputs[-1].mean((2, 3)))
        return logits, self.auxiliary(outputs[stack.auxiliary_place])


def two_cell_network(
    arch: Arch,
    space: TwoCells,
    shape: ImageShape,
    *,
    rng: np.random.Generator,
    channels: int,
    cells: int,
    stem: bool,
    auxiliary: bool,
    norm: Norm,
) -> TwoCellNetwork:
    """Return the network of two cells, freshly initialised as torch initialises its layers.

    Args:
        arch: The cells.
        space: Their space.
        shape: Images and classes.
        rng: Draws the initial parameters.
        channels: Channels of a node of the first cells.
        cells: Number of cells.
        stem: False lets the image go into the first cell.
        auxiliary: Whether there is an auxiliary head, for images of 29 to 32 pixels a side.
        norm: What follows convolutions.

    Raises:
        ShapeError: if `shape` is not one of images.
        SpaceError: if a size is not positive, or an auxiliary head is asked for and the images have another size.
        ArchError: if `arch` is not in `space`.
    """
    shape = require_shape(shape, ImageShape, space=space.name)
    require_counts(space.name, channels=channels, cells=cells)
    both = space.nodes(space.require(arch))
    normal, reduction = (Plan(nodes, space.operations, space.concat(nodes)) for nodes in both)
    c_in = _STEM_FACTOR * channels if stem else shape.channels
    stack = CellStack(normal, reduction, c_in, channels, cells, norm=norm)
    head = None
    if auxiliary:
        _require_auxiliary(shape, cells)
        head = AuxiliaryHead(stack.widths[stack.auxiliary_place], shape.classes, norm=norm)
    front = conv_norm(shape.channels, c_in, 3, norm=norm) if stem else None
    model = TwoCellNetwork(front, stack, classes=shape.classes, auxiliary=head)
    initialise(model, rng=rng)
    return model


def _require_auxiliary(shape: ImageShape, cells: int) -> None:
    halvings = len({cells // 3, 2 * cells // 3})
    sides = {-(-side // 2**halvings) for side in (shape.height, shape.width)}
    if sides != {_AUXILIARY_SIDE}:
        raise SpaceError(
            f"an auxiliary head needs maps of {_AUXILIARY_SIDE} pixels a side at two thirds of the depth, but "
            f"images of {shape.height} x {shape.width} and {cells} cells give others; use auxiliary=False"
        )
