"""Saliencies of parameters, summed over a network: gradient norm, plain, SNIP, GraSP, SynFlow, weight norm."""

# Legend: w a weight, g its gradient of the loss; sums over the weights of linear and convolutional layers.

from __future__ import annotations

import math
import sys

import torch
from torch import Tensor, nn

from archwright.core.errors import ProxyError
from archwright.proxies.base import Batch, proxy
from archwright.proxies.copies import stand_in
from archwright.proxies.derivatives import hessian_products, loss_gradients, output_gradients, weights_of
from archwright.proxies.dual_flow import log_synflow

__all__ = ["grad_norm", "grasp", "l2_norm", "plain", "snip", "synflow"]

#: Logarithm of the largest double.
_LOG_MOST = math.log(sys.float_info.max)
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
    products = hessian_products(net, loss_gradients(net, batch, create_graph=True))
    return _finite(-sum(float((net.params[name].detach().double() * h).sum()) for name, h in products.items()), "grasp")


@proxy(batchnorm=False, labels=False, higher_is_better=True, source="arXiv:2006.05467 (SynFlow), eq. 2")
def synflow(model: nn.Module, batch: Batch, *, log: bool = False) -> float:
    """Return the sum of |w dR/dw| for an input of ones and absolute parameters, R the sum of the outputs.

    Higher is better. Needs no data: only the shape of an input is taken from the batch. BatchNorm is passed by. Of a
    network in float32 that is made of convolutions, linear layers, ReLUs, poolings and sums it is computed in one
    forward pass, see `dual_flow.log_synflow`, with a relative error below 1e-5; of any other one by autograd in
    float64, as the sum spans hundreds of orders of magnitude.

    Args:
        model: Untrained network.
        batch: Inputs [B, ...], of which one input's shape counts.
        log: Return the natural logarithm, for regressions.

    Raises:
        ProxyError: if there are no weights, or the value is not finite and positive.

    Source: arXiv:2006.05467, eq. 2, summed as in arXiv:2101.08134, section 3.
    """
    logarithm = _forward_synflow(model, batch)
    if logarithm is not None and log:
        return logarithm
    value = _autograd_synflow(model, batch) if logarithm is None else _exp(logarithm)
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
    weights = weights_of(stand_in(model, batchnorm="batch"))
    return _finite(sum(float(w.detach().double().norm()) for w in weights.values()), "l2_norm")


def _forward_synflow(model: nn.Module, batch: Batch) -> float | None:
    """Return the logarithm of SynFlow from one forward pass; None where that is not exact."""
    net = stand_in(model, batchnorm="off", absolute=True)
    if any(weight.dtype != torch.float32 for weight in weights_of(net).values()):
        return None
    return log_synflow(net, torch.ones_like(batch.x[:1], dtype=torch.float32))


def _autograd_synflow(model: nn.Module, batch: Batch) -> float:
    """Return SynFlow from a backward pass in double precision, for any network."""
    net = stand_in(model, batchnorm="off", dtype=torch.float64, absolute=True)
    return sum(float((net.params[name].detach() * g).sum()) for name, g in output_gradients(net, batch).items())


def _exp(logarithm: float) -> float:
    return math.exp(logarithm) if logarithm < _LOG_MOST else math.inf


def _gradients(model: nn.Module, batch: Batch) -> list[tuple[Tensor, Tensor]]:
    """Return (w, g) of every layer on which the loss depends."""
    net = stand_in(model, batchnorm="batch")
    return [(net.params[name].detach(), g) for name, g in loss_gradients(net, batch).items()]


def _finite(value: float, name: str) -> float:
    if not math.isfinite(value):
        raise ProxyError(f"{name} must be finite, but is {value}; check the network's parameters and inputs")
    return value
