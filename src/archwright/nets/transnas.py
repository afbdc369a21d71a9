"""The networks of TransNAS-Bench-101: chains of modules, of a searched cell or of residual blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.data.shapes import ImageShape, require_shape
from archwright.nets.edge_cells import MakeEdge, SumCell
from archwright.nets.image_ops import (
    FactorizedReduce,
    ImageNetwork,
    Norm,
    conv_norm,
    relu_conv_norm,
    require_counts,
)
from archwright.nets.initialise import initialise

if TYPE_CHECKING:
    import numpy as np

    from archwright.spaces.transnas_macro import TransNasMacro
    from archwright.spaces.transnas_micro import TransNasMicro

__all__ = ["ResidualBlock", "build_macro", "build_micro"]

#: The modules of every network of the cell space.
_MICRO_MODULES = (4, 1, 4, 1, 4)

#: From (channels in, channels out, stride) to a cell or a block.
_MakeBlock = Callable[[int, int, int], nn.Module]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with their input added, through a 1x1 convolution where the shape changes."""

    def __init__(self, c_in: int, c_out: int, stride: int, *, norm: Norm) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            relu_conv_norm(c_in, c_out, 3, stride, norm=norm), relu_conv_norm(c_out, c_out, 3, norm=norm)
        )
        keeps = stride == 1 and c_in == c_out
        self.shortcut = nn.Identity() if keeps else conv_norm(c_in, c_out, 1, stride, norm=norm)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps [B, c_out, ceil(H / stride), ceil(W / stride)]."""
        maps: Tensor = self.shortcut(x) + self.residual(x)
        return maps


def build_micro(
    arch: Arch,
    space: TransNasMicro,
    shape: ImageShape,
    *,
    rng: np.random.Generator,
    batchnorm: bool = True,
    channels: int = 64,
    cells: int = 2,
    affine: bool = True,
) -> ImageNetwork:
    """Return the network of a cell: five modules of it, the first, third and fifth of which halve the resolution.

    Args:
        arch: The cell.
        space: Its space.
        shape: Images and classes; the stem divides the resolution by 4, the modules by 8.
        rng: Draws the initial parameters.
        batchnorm: False leaves BatchNorm out.
        channels: Channels after the stem, an even number.
        cells: Cells of each module.
        affine: Whether BatchNorm learns a scale and a shift.

    Raises:
        ShapeError: if `shape` is not one of images.
        SpaceError: if a size is not positive.
        ArchError: if `arch` is not in `space`.

    Source: arXiv:2105.11871, section 3.1, and the released code, of which this is the classifier.
    Differs: weights start as torch starts them; the released code's way is `initialise(model, "kaiming_fan_out")`
    but for the classifier. See `SumCell` for cells.
    """
    (cell,) = space.cells(arch)
    norm = Norm(batchnorm, affine)
    make = _edges_of(space.operations, norm)

    def block(c_in: int, c_out: int, stride: int) -> nn.Module:
        return SumCell(cell, make, c_in, c_out, stride)

    return _network(space.name, shape, _MICRO_MODULES, block, rng=rng, norm=norm, channels=channels, blocks=cells)


def build_macro(
    arch: Arch,
    space: TransNasMacro,
    shape: ImageShape,
    *,
    rng: np.random.Generator,
    batchnorm: bool = True,
    channels: int = 64,
    blocks: int = 2,
    affine: bool = True,
) -> ImageNetwork:
    """Return the network of four to six modules of residual blocks.

    Args:
        arch: The modules.
        space: Their space.
        shape: Images and classes; the stem divides the resolution by 4, the modules as `arch` says.
        rng: Draws the initial parameters.
        batchnorm: False leaves BatchNorm out.
        channels: Channels after the stem, an even number.
        blocks: Residual blocks of each module.
        affine: Whether BatchNorm learns a scale and a shift.

    Raises:
        ShapeError: if `shape` is not one of images.
        SpaceError: if a size is not positive.
        ArchError: if `arch` is not in `space`.

    Source: arXiv:2105.11871, section 3.1, and the released code, of which this is the classifier.
    Differs: weights start as torch starts them; the released code's way is `initialise(model, "kaiming_fan_out")`
    but for the classifier.
    """
    modules, norm = space.modules(arch), Norm(batchnorm, affine)

    def block(c_in: int, c_out: int, stride: int) -> nn.Module:
        return ResidualBlock(c_in, c_out, stride, norm=norm)

    return _network(space.name, shape, modules, block, rng=rng, norm=norm, channels=channels, blocks=blocks)


def _network(
    space: str,
    shape: ImageShape,
    modules: Sequence[int],
    make: _MakeBlock,
    *,
    rng: np.random.Generator,
    norm: Norm,
    channels: int,
    blocks: int,
) -> ImageNetwork:
    shape = require_shape(shape, ImageShape, space=space)
    require_counts(space, channels=channels, blocks=blocks)
    half = max(1, channels // 2)
    stem = nn.Sequential(
        conv_norm(shape.channels, half, 3, 2, norm=norm), relu_conv_norm(half, channels, 3, 2, norm=norm)
    )
    layers, width = [], channels
    for code in modules:
        doubled = width * (2 if code in (2, 4) else 1)
        layers.append(make(width, doubled, 2 if code in (3, 4) else 1))
        layers += [make(doubled, doubled, 1) for _ in range(blocks - 1)]
        width = doubled
    model = ImageNetwork({"stem": stem, "layers": nn.Sequential(*layers)}, channels=width, classes=shape.classes)
    initialise(model, rng=rng)
    return model


def _edges_of(operations: tuple[str, ...], norm: Norm) -> MakeEdge:
    kernels = {operations.index("conv1x1"): 1, operations.index("conv3x3"): 3}
    none = operations.index("none")

    def make(op: int, c_in: int, c_out: int, stride: int) -> nn.Module | None:
        if op == none:
            return None
        if op in kernels:
            return relu_conv_norm(c_in, c_out, kernels[op], stride, norm=norm)
        return nn.Identity() if stride == 1 and c_in == c_out else FactorizedReduce(c_in, c_out, norm=norm)

    return make
