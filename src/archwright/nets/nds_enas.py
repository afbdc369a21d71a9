"""The networks of the ENAS cells in the design spaces for visual recognition (NDS)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.core.arch import Arch
from archwright.data.shapes import ImageShape
from archwright.nets.image_ops import Norm
from archwright.nets.two_cells import TwoCellNetwork, two_cell_network

if TYPE_CHECKING:
    import numpy as np

    from archwright.spaces.nds_enas import NdsEnas

__all__ = ["build"]


def build(
    arch: Arch,
    space: NdsEnas,
    shape: ImageShape,
    *,
    rng: np.random.Generator,
    batchnorm: bool = True,
    channels: int = 16,
    cells: int = 20,
    stem: bool = True,
    affine: bool = True,
    auxiliary: bool = False,
) -> TwoCellNetwork:
    """Return the network of a normal and a reduction cell, freshly initialised as torch initialises its layers.

    NDS builds the cells of all its spaces into the network of DARTS, see `nets.darts`; arguments and errors are the
    same. A cell gives as many channels as it has nodes that no other node reads, times those of a node.

    Source: arXiv:1905.13214 (NDS), on design spaces of NAS, and the released code that builds its networks. Differs:
    NDS draws `channels` and `cells` for each network along with its cells, so the defaults are just a choice.
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
