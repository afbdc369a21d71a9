"""Saliencies of parameters, summed over a network: gradient norm, plain, SNIP, GraSP, SynFlow, weight norm."""

# Legend: w a weight, g its gradient of the loss; sums over the weights of linear and convolutional layers.

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from archwright.core.errors import ProxyError
from archwright.proxies.base import Batch, proxy
from archwright.proxies.copies import Copy, stand_in
from archwright.proxies.loss import loss_of

__all__ = ["grad_norm", "grasp", "l2_norm", "plain", "snip", "synflow"]

_ZERO_COST = "arXiv:2101.08134 (zero-cost NAS), section 3"


@proxy(batchnorm=True, labels=True, higher_is_better=True, source=_ZERO_COST)
def grad_norm(model: nn.Module, batch: Batch, *, per_layer: bool = True) -> float:
    """Return the norm of the loss's gradient: the sum of the norms of all layers. Higher is better.

    Args:
        model: Untrained network.
        batch: Inputs [B, ...] and labels [B].
        per_layer: False: one norm over all weights, as ATLAS has it (table 13).

    Raises:
        ProxyError: if there are no weights or labels, or the value is not finite.

    Source: arXiv:2101.08134, section 3.
    """
    squares = [float(g.double().square().sum()) for _, g in _gradients(model, batch)]
    return _finite(sum(map(math.sqrt, squares)) if per_layer else math.sqrt(sum(squares)), "grad_norm")


@proxy(batchnorm=True, labels=True, higher_is_better=True, source=_ZERO_COST)
def plain(model: nn.Module, batch: Batch) -> float:
    """Return the sum of w g over all weights, with its sign. Higher is better, as its source has it.

    On NAS-Bench-201 its ranks are nearly the reverse of the accuracies'.

    Raises:
        ProxyError: if there are no weights or labels, or the value is not finite.

    Source: arXiv:2101.08134, section 3, after Mozer and Smolensky 1989.
    """
    return _finite(sum(float((w.double() * g).sum()) for w, g in _gradients(model, batch)), "plain")


@proxy(batchnorm=True, labels=True, higher_is_better=True, source="arXiv:1810.02340 (SNIP), eq. 4")
def snip(model: nn.Module, batch: Batch) -> float:
    """Return the sum of |w g| over all weights: how much the loss reacts to taking weights out. Higher is better.

    Raises:
        ProxyError: if there are no weights or labels, or the value is not finite.

    Source: arXiv:1810.02340, eq. 4, summed as in arXiv:2101.08134, section 3.
    """
    return _finite(sum(float((w.double() * g).abs().sum()) for w, g in _gradients(model, batch)), "snip")


@proxy(batchnorm=True, labels=True, higher_is_better=True, source="arXiv:2002.07376 (GraSP), eq. 8")
def grasp(model: nn.Module, batch: Batch) -> float:
    """Return the sum of -w (H g) over all weights, with its sign: how taking weights out changes the gradient's length.

    Higher is better, as its source has it. H is the Hessian of the loss; a double backward pass.

    Raises:
        ProxyError: if there are no weights or labels, or the value is not finite.

    Source: arXiv:2002.07376, eq. 8, summed as in arXiv:2101.08134, section 3, with the weights' gradients only.
    """
    net = stand_in(model, batchnorm="batch")
    weights = _weights(net)
    with torch.inference_mode(False), torch.enable_grad():
        loss = loss_of(net(batch.x.clone()), batch.y)
        grads = torch.autograd.grad(loss, list(weights.values()), create_graph=True, allow_unused=True)
        length = sum(((g.detach() * g).sum() for g in grads if g is not None), torch.zeros((), device=batch.x.device))
        if not length.requires_grad:
            return 0.0
        products = torch.autograd.grad(length, list(weights.values()), allow_unused=True)
    pairs = zip(weights.values(), products, strict=True)
    return _finite(-sum(float((w.detach().double() * h).sum()) for w, h in pairs if h is not None), "grasp")


@proxy(batchnorm=False, labels=False, higher_is_better=True, source="arXiv:2006.05467 (SynFlow), eq. 2")
def synflow(model: nn.Module, batch: Batch, *, log: bool = False) -> float:
    """Return the sum of |w dR/dw| for an input of ones and absolute parameters, R the sum of the outputs.

    Higher is better. Needs no data: only the shape of an input is taken from the batch. BatchNorm is passed by. In
    float64: the sum spans hundreds of orders of magnitude.

    Args:
        model: Untrained network.
        batch: Inputs [B, ...], of which one input's shape counts.
        log: Return the natural logarithm, for regressions.

    Raises:
        ProxyError: if there are no weights, or the value is not finite and positive.

    Source: arXiv:2006.05467, eq. 2, summed as in arXiv:2101.08134, section 3.
    """
    net = stand_in(model, batchnorm="off", dtype=torch.float64, absolute=True)
    weights = _weights(net)
    with torch.inference_mode(False), torch.enable_grad():
        x = torch.ones_like(batch.x[:1], dtype=net.dtype)
        total = net(x).sum()
        grads = torch.autograd.grad(total, list(weights.values()), allow_unused=True)
    value = sum(float((w.detach() * g).sum()) for w, g in zip(weights.values(), grads, strict=True) if g is not None)
    if not (math.isfinite(value) and value > 0):
        raise ProxyError(f"SynFlow must be finite and above zero, but is {value}; a path must lead to the outputs")
    return math.log(value) if log else value


@proxy(batchnorm=True, labels=False, higher_is_better=True, source=_ZERO_COST)
def l2_norm(model: nn.Module, batch: Batch | None = None) -> float:
    """Return the sum over the layers of the norms of their weights (WeightNorm of ATLAS). Higher is better.

    Raises:
        ProxyError: if there are no weights, or the value is not finite.

    Source: arXiv:2101.08134, its released code; ATLAS, arXiv:2403.10318, table 13.
    """
    weights = _weights(stand_in(model, batchnorm="batch"))
    return _finite(sum(float(w.detach().double().norm()) for w in weights.values()), "l2_norm")


def _gradients(model: nn.Module, batch: Batch) -> list[tuple[Tensor, Tensor]]:
    """Return (w, g) of every layer on which the loss depends."""
    net = stand_in(model, batchnorm="batch")
    weights = _weights(net)
    with torch.inference_mode(False), torch.enable_grad():
        loss = loss_of(net(batch.x.clone()), batch.y)
        grads = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
    return [(w.detach(), g) for w, g in zip(weights.values(), grads, strict=True) if g is not None]


def _weights(net: Copy) -> Mapping[str, Tensor]:
    weights = net.weights()
    if not weights:
        raise ProxyError("the network must have a linear or convolutional layer, but it has none")
    return weights


def _finite(value: float, name: str) -> float:
    if not math.isfinite(value):
        raise ProxyError(f"{name} must be finite, but is {value}; check the network's parameters and inputs")
    return value
