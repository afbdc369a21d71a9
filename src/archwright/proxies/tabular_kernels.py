"""The neural tangent kernels of many networks of a width space, without any gradient by weights."""

# Legend: B rows, N architectures, w a layer's width, O outputs.

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from archwright.proxies.tabular_backward import backward, inner_products
from archwright.proxies.tabular_walk import Head, Layer, Network

__all__ = ["KERNELS", "Kernels"]

KERNELS = ("ntk_cond", "ntk_trace")
#: Kernels whose eigenvalues are computed in one call.
_TOGETHER = 512


class Kernels:
    """Collects condition and trace of the kernel of the summed outputs by all parameters, for networks of `walk`.

    Args:
        names: Some of `KERNELS`.
        frozen: BatchNorm's statistics as constants. Then rows do not meet, and one backward pass gives the gradients
            of all. Else it takes a scalar for each row, through one pass of B times as many rows.
    """

    def __init__(self, names: Sequence[str], *, frozen: bool) -> None:
        self.names, self._frozen = names, frozen
        self._waiting: list[Tensor] = []
        self._found: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in names}

    def add(self, network: Network) -> None:
        """Note one network."""
        self._waiting.append(_frozen_kernel(network) if self._frozen else _kernel(network))
        if len(self._waiting) == _TOGETHER:
            self._flush()

    def values(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return each proxy [N] of all that was added; NaN where a kernel is singular or not finite."""
        self._flush()
        return {name: np.concatenate(parts) if parts else np.empty(0) for name, parts in self._found.items()}

    def _flush(self) -> None:
        if not self._waiting:
            return
        stacked = torch.stack(self._waiting).cpu()
        self._waiting.clear()
        if "ntk_trace" in self.names:
            traces = stacked.double().diagonal(dim1=1, dim2=2).sum(1)
            self._found["ntk_trace"].append((traces / stacked.shape[1]).sqrt().numpy())
        if "ntk_cond" in self.names:
            self._found["ntk_cond"].append(_conditions(stacked).numpy())


def _conditions(kernels: Tensor) -> Tensor:
    """Return largest over smallest eigenvalue [N] of kernels [N, B, B]; NaN where it is singular, as computed."""
    n_rows = kernels.shape[1]
    finite = torch.isfinite(kernels).all(2).all(1)
    safe = torch.where(finite[:, None, None], kernels.double(), torch.eye(n_rows, dtype=torch.float64))
    eigenvalues = torch.linalg.eigvalsh(safe)
    low, high = eigenvalues[:, 0], eigenvalues[:, -1]
    regular = finite & (low > n_rows * torch.finfo(kernels.dtype).eps * high.abs())
    return torch.where(regular, high / low, torch.nan)


def _kernel(network: Network) -> Tensor:
    """Return the exact kernel [B, B]: a row's gradient goes through BatchNorm's statistics to all other rows."""
    z, head = network.head.inputs.z, network.head
    n_outputs = len(head.weight)
    each = torch.eye(len(z), dtype=z.dtype, device=z.device)[:, :, None].expand(-1, -1, n_outputs).contiguous()
    gradients = backward(network, each, affine=True)
    affine = torch.cat(gradients.affine, 1)
    return sum(inner_products(network, gradients), torch.mm(affine, affine.T))


def _frozen_kernel(network: Network) -> Tensor:
    """Return the kernel [B, B] with BatchNorm's statistics as constants."""
    z, head = network.head.inputs.z, network.head
    n_outputs = len(head.weight)
    kernel = (head.inputs.gram + 1) * n_outputs
    above: Head | Layer = head
    gradient = z.new_ones(len(z), n_outputs)
    for layer in reversed(network.layers):
        gradient = torch.mm(gradient, above.weight).mul_(above.bound).mul_(layer.passes)
        by_scale = gradient * layer.y
        kernel = torch.addmm(kernel, gradient, gradient.T).addmm_(by_scale, by_scale.T)
        gradient = gradient.mul_(layer.rate)
        # (A A^T + 1) * (D D^T): weights, and the bias as the weight of an input of one.
        kernel.addcmul_(layer.inputs.gram + 1, torch.mm(gradient, gradient.T))
        above = layer
    return kernel
