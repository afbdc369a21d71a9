"""The networks of NAS-Bench-1Shot1: those of NAS-Bench-101, from which its accuracies come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.core.arch import Arch
from archwright.data.shapes import ImageShape
from archwright.nets.image_ops import ImageNetwork
from archwright.nets.nb101 import network_of

if TYPE_CHECKING:
    import numpy as np

    from archwright.spaces.nb1shot1 import NasBench1Shot1

__all__ = ["build"]


def build(
    arch: Arch,
    space: NasBench1Shot1,
    shape: ImageShape,
    *,
    rng: np.random.Generator,
    batchnorm: bool = True,
    channels: int = 128,
    cells: int = 3,
) -> ImageNetwork:
    """Return the network of a cell, freshly initialised as torch initialises its layers.

    It is the network that NAS-Bench-101 has trained for the same cell, blocks that nothing reads left out. Arguments
    and errors are those of `nets.nb101.build`.

    Source: arXiv:2001.10422, section 3; arXiv:1902.09635 for the network. Differs: the one-shot model of that paper is
    another network, of which its architectures are parts.
    """
    (cell,) = space.graphs(arch)
    return network_of(
        cell, space.op_names, shape, space=space.name, rng=rng, batchnorm=batchnorm, channels=channels, cells=cells
    )
