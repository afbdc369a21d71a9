"""ZiCo: how steady the gradients of the weights are from batch to batch."""

from __future__ import annotations

import math

import torch
from torch import nn

from archwright.core.errors import ProxyError
from archwright.proxies.base import Batch, proxy
from archwright.proxies.copies import stand_in
from archwright.proxies.loss import loss_of

__all__ = ["zico"]


@proxy(batchnorm=True, labels=True, higher_is_better=True, source="arXiv:2301.11300 (ZiCo), eq. 15")
def zico(model: nn.Module, batch: Batch, *, batches: int = 2) -> float:
    """Return the sum over layers of log sum of E|g| / std(g), over equal parts of the batch. Higher is better.

    Weights whose gradient is the same in all parts are left out, and so is a layer of such weights.

    Args:
        model: Untrained network.
        batch: Inputs [B, ...] and labels [B], cut into `batches` parts.
        batches: Number of parts, at least two.

    Raises:
        ProxyError: if there are fewer than two parts or two samples in a part, no layers, no labels, or the value is
            not finite.

    Source: arXiv:2301.11300, eq. 15.
    """
    size = len(batch.x) // batches if batches > 1 else 0
    if size < 2 or batch.y is None:
        raise ProxyError(
            f"ZiCo needs labels, and two batches of two samples, but got {batches} of {len(batch.x)} samples"
        )
    net = stand_in(model, batchnorm="batch")
    weights = net.weights()
    if not weights:
        raise ProxyError("the network must have a linear or convolutional layer, but it has none")
    parts = []
    for k in range(batches):
        rows = slice(k * size, (k + 1) * size)
        with torch.inference_mode(False), torch.enable_grad():
            loss = loss_of(net(batch.x[rows].clone()), batch.y[rows])
            parts.append(torch.autograd.grad(loss, list(weights.values()), allow_unused=True))
    total = 0.0
    for grads in zip(*parts, strict=True):
        if any(grad is None for grad in grads):
            continue
        stacked = torch.stack([grad.double() for grad in grads if grad is not None])
        deviation = stacked.std(0, unbiased=False)
        steady = (stacked.abs().mean(0) / deviation)[deviation > 0].sum()
        total += math.log(float(steady)) if float(steady) > 0 else 0.0
    if not math.isfinite(total):
        raise ProxyError(f"ZiCo must be finite, but is {total}; check the network's parameters and inputs")
    return total
