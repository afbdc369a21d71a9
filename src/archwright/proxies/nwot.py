"""NASWOT: how well a network's activation patterns tell samples apart."""

# Legend: B samples, N activations of a sample.

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from archwright.core.errors import ProxyError
from archwright.proxies.activations import watching
from archwright.proxies.base import Batch, proxy
from archwright.proxies.copies import stand_in

if TYPE_CHECKING:
    from torch import nn

__all__ = ["nwot"]


@proxy(batchnorm=True, labels=False, higher_is_better=True, source="arXiv:2006.04647, section 3")
def nwot(model: nn.Module, batch: Batch) -> float:
    """Return the log-determinant of how alike the samples' activation patterns are. Higher is better.

    Entry (i, j) of the matrix is the number of activations, over all ReLUs, that are on for both samples or off for
    both. Needs no labels. BatchNorm uses the batch's statistics. Costs one forward pass, one product per ReLU and one
    B x B determinant. B is part of the definition: compare only equal B.

    Args:
        model: Untrained network with at least one ReLU.
        batch: Inputs [B, ...].

    Raises:
        ProxyError: if the network has no ReLU, or two samples have the same pattern (the determinant is zero).

    Source: arXiv:2006.04647, section 3; the sum over all ReLUs is that of its released code.
    """
    kernel = hamming_kernel(model, batch.x)
    sign, logarithm = torch.linalg.slogdet(kernel)
    value = float(logarithm)
    if float(sign) <= 0 or not math.isfinite(value):
        raise ProxyError("the samples' activation patterns must all differ, but some are equal; take other inputs")
    return value


def hamming_kernel(model: nn.Module, x: Tensor) -> Tensor:
    """Return in how many activations two samples agree, on or off, over all ReLUs: float64 [B, B].

    Raises:
        ProxyError: if the network has no ReLU.
    """
    copy = stand_in(model, batchnorm="batch")
    parts: list[Tensor] = []

    def agree(z: Tensor) -> None:
        # With signs s = +-1, s s^T is agreements less disagreements; exact in float32 below 2^24 activations.
        signs = torch.where(z.flatten(1) > 0, 1.0, -1.0)
        parts.append(((signs @ signs.T).double() + signs.shape[1]) / 2)

    with torch.no_grad(), watching(agree):
        copy(x)
    if not parts:
        raise ProxyError("activation patterns need a network with a ReLU, but this one has none")
    return torch.stack(parts).sum(0)
