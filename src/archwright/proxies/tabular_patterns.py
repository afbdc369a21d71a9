"""NASWOT of many networks of a width space: agreements of activation patterns, added up block by block."""

# Legend: B rows, N architectures.

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from archwright.proxies.tabular_walk import Layer, Network

__all__ = ["Patterns"]

#: Determinants that are computed in one call.
_TOGETHER = 512


class Patterns:
    """Collects the logarithm of the determinant of the agreements, for networks as `walk` gives them.

    Rows agree in w / 2 + s s^T / 2 of a layer's units, with s = +-1 for on and off. A wider layer has the units of a
    narrower one and some more, so all widths of a layer take one product of its columns together, and layers that
    networks share none.
    """

    def __init__(self) -> None:
        #: For each layer of the network before: itself, and the products of all signs up to it [B, B].
        self._path: list[tuple[Layer, Tensor]] = []
        self._waiting: list[Tensor] = []
        self._units: list[int] = []
        self._values: list[npt.NDArray[np.float64]] = []

    def add(self, network: Network) -> None:
        """Note one network."""
        narrower = self._path[network.first_new] if network.first_new < len(self._path) else None
        del self._path[network.first_new :]
        for layer in network.layers[network.first_new :]:
            start, products = 0, self._path[-1][1] if self._path else None
            if narrower is not None and narrower[0].state is layer.state and narrower[0].width < layer.width:
                start, products = narrower[0].width, narrower[1]
            signs = layer.state.signs[:, start : layer.width]
            products = torch.mm(signs, signs.T) if products is None else torch.addmm(products, signs, signs.T)
            self._path.append((layer, products))
            narrower = None
        self._waiting.append(self._path[-1][1])
        self._units.append(sum(layer.width for layer in network.layers))
        if len(self._waiting) == _TOGETHER:
            self._flush()

    def values(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return `nwot` [N] of all that was added; NaN where two rows have the same pattern."""
        self._flush()
        return {"nwot": np.concatenate(self._values) if self._values else np.empty(0)}

    def _flush(self) -> None:
        if not self._waiting:
            return
        units = torch.tensor(self._units, dtype=torch.float64)[:, None, None]
        kernels = (torch.stack(self._waiting).double().cpu() + units) / 2
        # Rows with one pattern agree in all units. By rounding, their determinant need not come out as zero.
        alike = (kernels == units).sum((1, 2)) > kernels.shape[1]
        sign, logarithm = torch.linalg.slogdet(kernels)
        defined = (sign > 0) & torch.isfinite(logarithm) & ~alike
        self._values.append(torch.where(defined, logarithm, torch.nan).numpy())
        self._waiting.clear()
        self._units.clear()
