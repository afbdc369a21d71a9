"""The networks of NATS-Bench's size space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.core.arch import Arch
from archwright.data.shapes import ImageShape, require_shape
from archwright.nets.edge_cells import staged_network
from archwright.nets.image_ops import ImageNetwork, Norm, require_counts
from archwright.nets.initialise import initialise
from archwright.nets.nb201 import edges_of
from archwright.spaces.nb201 import NasBench201

if TYPE_CHECKING:
    import numpy as np

    from archwright.spaces.nats_sss import NatsSizes

__all__ = ["build"]

#: Source: the released code of arXiv:2009.00437; the recorded parameters and multiply-adds are those of this cell.
_CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"


def build(
    arch: Arch,
    space: NatsSizes,
    shape: ImageShape,
    *,
    rng: np.random.Generator,
    batchnorm: bool = True,
    cells: int = 1,
    affine: bool = True,
) -> ImageNetwork:
    """Return the network of five widths, freshly initialised as torch initialises its layers.

    Stem and cell of the first width, reduction of the second, cell of the third, reduction of the fourth, cell of
    the fifth. Parameters and multiply-adds equal the benchmark's.

    Args:
        arch: The widths.
        space: Their space.
        shape: Images and classes.
        rng: Draws the initial parameters.
        batchnorm: False leaves BatchNorm out.
        cells: Cells of each stage, all of its width; one in the benchmark.
        affine: Whether BatchNorm learns a scale and a shift.

    Raises:
        ShapeError: if `shape` is not one of images.
        SpaceError: if `cells` is not positive.
        ArchError: if `arch` is not in `space`.

    Source: arXiv:2009.00437, section 3.2, and its released code. Differs: see `SumCell` and `ResidualReduction`.
    """
    shape = require_shape(shape, ImageShape, space=space.name)
    require_counts(space.name, cells=cells)
    first, reduced, second, reduced_again, third = space.widths_of(arch)
    norm, topology = Norm(batchnorm, affine), NasBench201()
    (cell,) = topology.cells(topology.parse(_CELL))
    stages = [[first] * cells, [reduced] + [second] * cells, [reduced_again] + [third] * cells]
    make = edges_of(topology.operations, norm)
    model = staged_network(shape, cell, make, stages=stages, stem=first, norm=norm)
    initialise(model, rng=rng)
    return model
