"""Architecture in, network out: the one door to the builders of all spaces."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Protocol

from archwright.core.catalog import CATALOGUE, find, names, suggestion
from archwright.core.errors import SpaceError, UnknownNameError
from archwright.spaces.tabular_mlp import TabularMlp

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from archwright.core.arch import Arch
    from archwright.spaces.base import Space

__all__ = ["Builder", "build", "builder_of", "has_network"]

#: Under this name the catalogue holds the builder of every space of tabular MLPs, whatever the space calls itself.
_TABULAR = "tabular_mlp"

#: What every builder takes beside its own sizes.
_COMMON = frozenset({"arch", "space", "shape", "rng", "batchnorm"})


class Builder(Protocol):
    """What the catalogue's kind `network` holds: a function that makes the network of an architecture."""

    def __call__(
        self, arch: Arch, space: Any, shape: Any, *, rng: np.random.Generator, batchnorm: bool = True, **size: Any
    ) -> nn.Module:
        """Return the network of `arch`, freshly initialised from `rng`."""
        ...


def build(
    arch: Arch, space: Space, shape: Any, *, rng: np.random.Generator, batchnorm: bool = True, **size: Any
) -> nn.Module:
    """Return the network of an architecture, freshly initialised as torch initialises its layers.

    `forward(x)` gives logits [B, classes]; networks for images also have `features(x)`, the maps [B, C, H, W]
    before global pooling. The parameters depend on `rng` alone, and the global generator of torch stays as it was.

    Args:
        arch: A point of `space`.
        space: A space whose name the catalogue knows as a `network`, or any space of tabular MLPs.
        shape: What goes in and comes out: `ImageShape`, `TokenShape`, `VectorShape`, or `Inputs` for a table.
        rng: Draws the initial parameters.
        batchnorm: False builds the network without its BatchNorm layers.
        size: What the network's own builder takes, `channels=16, cells=5` for example. The defaults are the
            benchmark's full network.

    Raises:
        SpaceError: if this space has no network, or its network has no such size.
        ArchError: if `arch` is not in `space`.
        ShapeError: if the network does not take this shape.

    Example:
        >>> space = NasBench201()
        >>> model = build(space.at(11), space, ImageShape(), rng=derive(0, "example"), cells=1)
        >>> sum(param.numel() for param in model.parameters())
        78906
    """
    builder = builder_of(space)
    taken = inspect.signature(builder).parameters.keys() - _COMMON
    for name in size:
        if name not in taken:
            raise SpaceError(f"a network of {space.name!r} has no size {name!r}. {suggestion(name, taken)}")
    network: nn.Module = builder(space.require(arch), space, shape, rng=rng, batchnorm=batchnorm, **size)
    return network


def builder_of(space: Space) -> Builder:
    """Return the function that builds the networks of `space`.

    Raises:
        SpaceError: if there is none; the message names the spaces that have one.
    """
    try:
        builder: Builder = find("network", _network_name(space))
    except UnknownNameError as error:
        known = ", ".join(names("network"))
        raise SpaceError(f"there is no network for space {space.name!r}; there is one for {known}") from error
    return builder


def has_network(space: Space) -> bool:
    """Return whether `build` knows networks of `space`. Imports no torch."""
    name = _network_name(space)
    return name in CATALOGUE["network"] or name in names("network")


def _network_name(space: Space) -> str:
    return _TABULAR if isinstance(space, TabularMlp) else space.name
