"""The networks of NAS-Bench-101."""

# Legend: B batch, C channels, H height, W width.

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.core.errors import SpaceError
from archwright.core.graph import Graph
from archwright.data.shapes import ImageShape, require_shape
from archwright.nets.image_ops import ImageNetwork, Norm, conv_norm_relu, require_counts
from archwright.nets.initialise import initialise

if TYPE_CHECKING:
    import numpy as np

    from archwright.spaces.nb101 import NasBench101

__all__ = ["VertexCell", "build", "network_of", "vertex_channels"]

#: Stacks of cells; in front of each but the first the resolution halves and the channels double.
_STACKS = 3
#: Source: the released code, whose running statistics keep 0.997 of what they were.
_MOMENTUM = 0.003


class VertexCell(nn.Module):
    """A cell of NAS-Bench-101: operations on vertices.

    What enters a vertex is summed; what enters the output is concatenated. The cell's input is projected by a 1x1
    convolution wherever it is read, also where it is added to the output. A vertex with more channels than its
    reader wants gives the first of them.

    Args:
        cell: Pruned cell, vertices in topological order, the input first and the output last.
        op_names: Names of the operations of its vertices.
        c_in: Channels that come in.
        c_out: Channels that go out.
        norm: What follows convolutions.

    Source: arXiv:1902.09635, section 2.2 and the released code.
    """

    def __init__(self, cell: Graph, op_names: tuple[str, ...], c_in: int, c_out: int, *, norm: Norm) -> None:
        super().__init__()
        self.last = len(cell.ops) - 1
        self.channels = vertex_channels(cell, c_in, c_out)
        self.reads = [sorted(i for i, j in cell.edges if j == v) for v in range(len(cell.ops))]
        self.projections, self.ops = nn.ModuleDict(), nn.ModuleDict()
        for vertex in range(1, len(cell.ops)):
            width = self.channels[vertex]
            if 0 in self.reads[vertex]:
                self.projections[str(vertex)] = conv_norm_relu(c_in, width, norm=norm)
            if vertex != self.last:
                self.ops[str(vertex)] = _operation(op_names[cell.ops[vertex]], width, norm)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output [B, c_out, H, W] for x [B, c_in, H, W]."""
        values = [x]
        for vertex in range(1, self.last):
            width = self.channels[vertex]
            terms = [values[read][:, :width] for read in self.reads[vertex] if read != 0]
            values.append(self.ops[str(vertex)](self._with_input(vertex, terms, x)))
        inner = [values[read] for read in self.reads[self.last] if read != 0]
        joined = [torch.cat(inner, dim=1) if len(inner) > 1 else inner[0]] if inner else []
        return self._with_input(self.last, joined, x)

    def _with_input(self, vertex: int, terms: list[Tensor], x: Tensor) -> Tensor:
        """Return the sum of `terms`, and of the projected input if the vertex reads it."""
        if 0 in self.reads[vertex]:
            terms = [*terms, self.projections[str(vertex)](x)]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total


def vertex_channels(cell: Graph, c_in: int, c_out: int) -> tuple[int, ...]:
    """Return the channels of each vertex of a pruned cell.

    The vertices that the output concatenates share its channels, the first ones getting what does not divide; any
    other vertex has as many as the widest that reads it.

    Raises:
        SpaceError: if the output has fewer channels than it concatenates vertices.

    Source: arXiv:1902.09635, section 2.2 and the released code.
    """
    last = len(cell.ops) - 1
    joined = sorted(i for i, j in cell.edges if j == last and i != 0)
    if len(joined) > c_out:
        raise SpaceError(f"a cell must have a channel for each of the {len(joined)} vertices it joins, not {c_out}")
    channels = [c_in, *[0] * (last - 1), c_out]
    for place, vertex in enumerate(joined):
        channels[vertex] = c_out // len(joined) + (place < c_out % len(joined))
    for vertex in reversed(range(1, last)):
        if vertex not in joined:
            channels[vertex] = max(channels[j] for i, j in cell.edges if i == vertex)
    return tuple(channels)


def build(
    arch: Arch,
    space: NasBench101,
    shape: ImageShape,
    *,
    rng: np.random.Generator,
    batchnorm: bool = True,
    channels: int = 128,
    cells: int = 3,
) -> ImageNetwork:
    """Return the network of a cell, freshly initialised as torch initialises its layers.

    A 3x3 convolution, three stacks of cells, between them max pooling and twice as many channels, and a
    classifier. Parameters equal the benchmark's.

    Args:
        arch: The cell.
        space: Its space.
        shape: Images and classes.
        rng: Draws the initial parameters.
        batchnorm: False leaves BatchNorm out.
        channels: Channels of the first stack.
        cells: Cells of each stack.

    Raises:
        ShapeError: if `shape` is not one of images.
        SpaceError: if a size is not positive, or `channels` are fewer than the vertices that a cell joins.
        ArchError: if `arch` is not in `space`.

    Source: arXiv:1902.09635, sections 2.2 and 2.3, and the released code. Differs: weights start as torch starts
    them, not from a truncated normal of variance 1 / fan_in; `initialise(model, "lecun")` is close to that.
    """
    (cell,) = space.graphs(arch)
    return network_of(
        cell, space.op_names, shape, space=space.name, rng=rng, batchnorm=batchnorm, channels=channels, cells=cells
    )


def network_of(
    cell: Graph,
    op_names: tuple[str, ...],
    shape: ImageShape,
    *,
    space: str,
    rng: np.random.Generator,
    batchnorm: bool,
    channels: int,
    cells: int,
) -> ImageNetwork:
    """Return the network of NAS-Bench-101 around any pruned cell. Arguments and errors are those of `build`."""
    shape = require_shape(shape, ImageShape, space=space)
    require_counts(space, channels=channels, cells=cells)
    norm = Norm(batchnorm, momentum=_MOMENTUM)
    layers: list[nn.Module] = []
    c_in = channels
    for stack in range(_STACKS):
        if stack:
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
        for _ in range(cells):
            layers.append(VertexCell(cell, op_names, c_in, channels * 2**stack, norm=norm))
            c_in = channels * 2**stack
    body = {"stem": conv_norm_relu(shape.channels, channels, 3, norm=norm), "cells": nn.Sequential(*layers)}
    model = ImageNetwork(body, channels=c_in, classes=shape.classes)
    initialise(model, rng=rng)
    return model


def _operation(name: str, channels: int, norm: Norm) -> nn.Module:
    match name:
        case "conv3x3-bn-relu":
            return conv_norm_relu(channels, channels, 3, norm=norm)
        case "conv1x1-bn-relu":
            return conv_norm_relu(channels, channels, norm=norm)
        case "maxpool3x3":
            return nn.MaxPool2d(3, 1, padding=1)
    raise SpaceError(f"an operation must be one of NAS-Bench-101's, but {name!r} was given")
