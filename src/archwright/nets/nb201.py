"""The networks of NAS-Bench-201."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.data.shapes import ImageShape, require_shape
from archwright.nets.edge_cells import MakeEdge, staged_network
from archwright.nets.image_ops import ImageNetwork, Norm, conv_norm, relu_conv_norm, require_counts
from archwright.nets.initialise import initialise

if TYPE_CHECKING:
    import numpy as np

    from archwright.spaces.four_nodes import FourNodeSpace

__all__ = ["build", "edges_of"]

_STAGES = 3


def build(
    arch: Arch,
    space: FourNodeSpace,
    shape: ImageShape,
    *,
    rng: np.random.Generator,
    batchnorm: bool = True,
    channels: int = 16,
    cells: int = 5,
    stem: bool = True,
    affine: bool = True,
) -> ImageNetwork:
    """Return the network of a cell, freshly initialised as torch initialises its layers.

    A 3x3 convolution, three stages of cells with residual reductions between them, each of which doubles the
    channels, and a classifier. Parameters and multiply-adds equal the benchmark's.

    Args:
        arch: The cell.
        space: Its space.
        shape: Images and classes.
        rng: Draws the initial parameters.
        batchnorm: False leaves BatchNorm out.
        channels: Channels of the first stage.
        cells: Cells of each stage.
        stem: False lets the image go into the first cell, so `channels` must be the image's.
        affine: Whether BatchNorm learns a scale and a shift.

    Raises:
        ShapeError: if `shape` is not one of images.
        SpaceError: if a size is not positive, or `channels` is not the image's without a stem.
        ArchError: if `arch` is not in `space`.

    Source: arXiv:2001.00326, section 2.1, and its released code. Differs: see `SumCell` and `ResidualReduction`.
    """
    shape = require_shape(shape, ImageShape, space=space.name)
    require_counts(space.name, channels=channels, cells=cells)
    (cell,) = space.cells(arch)
    norm = Norm(batchnorm, affine)
    widths = [channels * 2**stage for stage in range(_STAGES)]
    stages = [[width] * (cells + (stage > 0)) for stage, width in enumerate(widths)]
    make = edges_of(space.operations, norm)
    model = staged_network(shape, cell, make, stages=stages, stem=channels if stem else None, norm=norm)
    initialise(model, rng=rng)
    return model


def edges_of(operations: tuple[str, ...], norm: Norm) -> MakeEdge:
    """Return what makes the module of an edge, where an operation is an index into `operations`.

    Where the channels change, `skip_connect` is a 1x1 convolution with its normalisation, and a ReLU, a 1x1
    convolution and its normalisation come in front of `avg_pool_3x3`, as in the released code.

    The module is made for stride 1 only: what halves the resolution in these networks is no cell.
    """

    def make(op: int, c_in: int, c_out: int, stride: int) -> nn.Module | None:
        assert stride == 1
        match operations[op]:
            case "none":
                return None
            case "skip_connect":
                return nn.Identity() if c_in == c_out else conv_norm(c_in, c_out, norm=norm)
            case "nor_conv_1x1":
                return relu_conv_norm(c_in, c_out, 1, norm=norm)
            case "nor_conv_3x3":
                return relu_conv_norm(c_in, c_out, 3, norm=norm)
            case "avg_pool_3x3":
                pool = nn.AvgPool2d(3, 1, padding=1, count_include_pad=False)
                return pool if c_in == c_out else nn.Sequential(relu_conv_norm(c_in, c_out, 1, norm=norm), pool)
        raise ArchError(f"an operation must be one of NAS-Bench-201's, but {operations[op]!r} was given")

    return make
