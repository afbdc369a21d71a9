"""The networks of DARTS and of NAS-Bench-301."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.core.arch import Arch
from archwright.data.shapes import ImageShape
from archwright.nets.image_ops import Norm
from archwright.nets.two_cells import TwoCellNetwork, two_cell_network

if TYPE_CHECKING:
    import numpy as np

    from archwright.spaces.darts import Darts

__all__ = ["build"]


def build(
    arch: Arch,
    space: Darts,
    shape: ImageShape,
    *,
    rng: np.random.Generator,
    batchnorm: bool = True,
    channels: int = 32,
    cells: int = 8,
    stem: bool = True,
    affine: bool = True,
    auxiliary: bool = False,
) -> TwoCellNetwork:
    """Return the network of a normal and a reduction cell, freshly initialised as torch initialises its layers.

    A 3x3 convolution, a stack of cells of which those at one and two thirds of the depth halve the resolution and
    double the channels, and a classifier. The defaults are the network that NAS-Bench-301 has trained;
    `channels=36, cells=20` is the one that DARTS and its successors report for CIFAR-10, whose parameters are equal.

    Args:
        arch: The cells.
        space: Their space.
        shape: Images and classes.
        rng: Draws the initial parameters.
        batchnorm: False leaves BatchNorm out.
        channels: Channels of a node of the first cells.
        cells: Number of cells.
        stem: False lets the image go into the first cell.
        affine: Whether BatchNorm learns a scale and a shift.
        auxiliary: Whether the network has a second classifier for training, at two thirds of its depth. `forward`
            is the same with and without it; `forward_both` gives both logits.

    Raises:
        ShapeError: if `shape` is not one of images.
        SpaceError: if a size is not positive, or the images do not fit the auxiliary head.
        ArchError: if `arch` is not in `space`.

    Source: arXiv:1806.09055 (DARTS), section 3.1.2, and its released code; arXiv:2008.09777 (NAS-Bench-301) for
    the defaults. Differs: there is no drop path, which belongs to training.
    """
    return two_cell_network(
        arch,
        space,
        shape,
        rng=rng,
        channels=channels,
        cells=cells,
        stem=stem,
        auxiliary=auxiliary,
        norm=Norm(batchnorm, affine),
    )
