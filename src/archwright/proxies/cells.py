"""Saliencies of the operations of an architecture's cells, measured on a small network of it."""

# C cells of an architecture, M operations of the larger cell, Z metrics, B images of a batch

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.core.errors import ProxyError
from archwright.core.rng import derive
from archwright.data.shapes import ImageShape
from archwright.nets.build import build
from archwright.nets.initialise import initialise
from archwright.nets.operations import paths_of, require_paths
from archwright.proxies.alike import representative
from archwright.proxies.base import Batch
from archwright.proxies.operations import METRICS, operation_saliencies, require_metrics
from archwright.spaces.base import Space
from archwright.spaces.enas_dvae import EnasDvae
from archwright.spaces.nb1shot1 import NasBench1Shot1
from archwright.spaces.nb101 import NasBench101
from archwright.spaces.nb_macro import NasBenchMacro
from archwright.spaces.transnas_micro import TransNasMicro
from archwright.spaces.two_cells import TwoCells

__all__ = ["CellSaliencies", "images", "small_side", "small_size"]

#: Classes of images that are made here.
_CLASSES = 10

Floats = npt.NDArray[np.float64]


def small_size(space: Space) -> dict[str, int]:
    """Return the size of the network that saliencies are measured on by default: as small as it can be.

    One cell of each stage, of 4 channels; one normal and two reduction cells. NAS-Bench-101 has 12 channels, so that
    the 1, 2, 3 or 4 vertices that a cell joins have equal shares.
    """
    if isinstance(space, TwoCells):
        return {"channels": 4, "cells": 3}
    if isinstance(space, EnasDvae | NasBenchMacro):
        return {"channels": 4}
    return {"channels": 12 if isinstance(space, NasBench101 | NasBench1Shot1) else 4, "cells": 1}


def small_side(space: Space) -> int:
    """Return the side of the images by default: 8, or 32 where the network's stem makes that 8."""
    return 32 if isinstance(space, TransNasMicro) else 8


def images(n: int, side: int, *, rng: np.random.Generator) -> Batch:
    """Return `n` images of normal noise [n, 3, side, side] with labels of ten classes at random.

    Raises:
        ProxyError: if there are fewer than two.
    """
    if n < 2 or side < 1:
        raise ProxyError(f"saliencies need 2 images or more of 1 pixel or more, but {n} of side {side} were asked for")
    x = rng.normal(size=(n, 3, side, side)).astype(np.float32)
    return Batch(torch.from_numpy(x), torch.from_numpy(rng.integers(_CLASSES, size=n)))


class CellSaliencies:
    """Measures architectures of a space one by one; what comes out depends on nothing but the arguments.

    Equal operations at equal places of two architectures start from equal weights, so that saliencies differ by the
    architectures and not by the draw; and architectures that are alike, see `proxies.alike`, are measured as one.

    Args:
        space: A space that `nets.operations.paths_of` knows.
        metrics: Some of `proxies.operations.METRICS`.
        seed: Of the weights.
        size: Keywords of the space's builder.
        batch: Images [B, channels, height, width] and labels [B].

    Raises:
        SpaceError: if operations cannot be told apart in networks of the space.
        ProxyError: if a metric is unknown, or the batch has no labels, or is not one of images.
    """

    def __init__(
        self, space: Space, *, metrics: Sequence[str] = METRICS, seed: int, size: Mapping[str, int], batch: Batch
    ) -> None:
        require_metrics(metrics)
        require_paths(space)
        if batch.x.ndim != 4 or batch.y is None:
            raise ProxyError("saliencies need images [B, channels, height, width] and their labels")
        _, channels, height, width = batch.x.shape
        self.space, self.metrics, self.seed, self.size = space, tuple(metrics), seed, dict(size)
        self.batch = batch
        self.shape = ImageShape(channels, height, width, max(_CLASSES, int(batch.y.max()) + 1))
        self._drawn: dict[tuple[str, torch.Size], list[Tensor]] = {}
        self._measured: dict[Arch, Floats] = {}

    def measure(self, arch: Arch) -> Floats:
        """Return the saliencies [C, M, Z] of the operations of `arch`, in the order in which encoders read them.

        Each is the mean over the copies of the cell in the network. Behind the last operation of a cell with fewer than
        M is NaN.

        Raises:
            SpaceError: if the space has no network, or not of this size.
            ArchError: if `arch` is not in the space.
            ProxyError: if a value is not finite.
        """
        alike = representative(arch, self.space)
        if alike.numbers is None:
            return self._measure(alike.arch, alike.space)
        if alike.arch not in self._measured:
            self._measured[alike.arch] = self._measure(alike.arch, alike.space)
        (whole,) = self._measured[alike.arch]
        rows = [np.zeros(len(self.metrics)) if number is None else whole[number] for number in alike.numbers]
        return np.stack(rows)[None]

    def _measure(self, arch: Arch, space: Space) -> Floats:
        size: dict[str, Any] = self.size
        model = build(arch, space, self.shape, rng=derive(self.seed, "saliencies"), **size)
        cells = paths_of(model, arch, space)
        self._settle(model, cells)
        paths = [path for cell in cells for copies in cell for path in copies]
        values = iter(operation_saliencies(model, self.batch, paths, metrics=self.metrics))
        found = np.full((len(cells), max(map(len, cells)), len(self.metrics)), np.nan)
        for c, cell in enumerate(cells):
            for m, copies in enumerate(cell):
                found[c, m] = np.mean([next(values) for _ in copies], axis=0) if copies else 0.0
        return found

    def _settle(self, model: nn.Module, cells: Sequence[Sequence[Sequence[str]]]) -> None:
        """Give each layer the weights of its place, whatever else is in the network."""
        places = (
            (path, (c, m, copy))
            for c, cell in enumerate(cells)
            for m, copies in enumerate(cell)
            for copy, path in enumerate(copies)
        )
        names = {path: "operation {} {} {}".format(*place) for path, place in places}
        with torch.no_grad():
            for path, layer in model.named_modules():
                if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
                    drawn = self._draw(_renamed(path, names), layer)
                    for param, value in zip(layer.parameters(recurse=False), drawn, strict=True):
                        param.copy_(value)

    def _draw(self, name: str, layer: nn.Linear | nn.modules.conv._ConvNd) -> list[Tensor]:
        """Return the parameters of a layer of this name and shape, as torch draws them."""
        key = name, layer.weight.shape
        if key not in self._drawn:
            initialise(layer, rng=derive(self.seed, "saliencies", name, *key[1]))
            self._drawn[key] = [param.detach().clone() for param in layer.parameters(recurse=False)]
        return self._drawn[key]


def _renamed(path: str, names: Mapping[str, str]) -> str:
    """Return a path in which the module that has a name of its own goes by it."""
    above = path
    while above:
        if above in names:
            return f"{names[above]}{path[len(above) :]}"
        above = above.rpartition(".")[0]
    return path
