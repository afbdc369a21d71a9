"""Derivatives with respect to a network's weights that several saliencies are made of."""

# Legend: w a weight, g its gradient of the loss, H the Hessian of the loss, R the sum of the outputs.

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from archwright.core.errors import ProxyError
from archwright.proxies.base import Batch
from archwright.proxies.copies import Copy
from archwright.proxies.loss import loss_of

__all__ = ["hessian_products", "loss_gradients", "output_gradients", "weights_of"]


def weights_of(net: Copy) -> Mapping[str, Tensor]:
    """Return the weights of linear and convolutional layers, by name.

    Raises:
        ProxyError: if there are none.
    """
    weights = net.weights()
    if not weights:
        raise ProxyError("the network must have a linear or convolutional layer, but it has none")
    return weights


def loss_gradients(net: Copy, batch: Batch, *, create_graph: bool = False) -> dict[str, Tensor]:
    """Return g of every weight on which the loss depends, by name.

    Args:
        net: Stand-in for a network.
        batch: Inputs [B, ...] and labels [B].
        create_graph: Whether the gradients can be differentiated in turn.

    Raises:
        ProxyError: if there are no weights or labels.
    """
    weights = weights_of(net)
    with torch.inference_mode(False), torch.enable_grad():
        loss = loss_of(net(batch.x.clone()), batch.y)
        return _by_name(loss, weights, create_graph=create_graph)


def hessian_products(net: Copy, gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return H g of every weight on which the length of the gradient depends, by name; empty if there is none.

    Args:
        net: Stand-in for a network.
        gradients: What `loss_gradients` gave for it with `create_graph`.
    """
    with torch.inference_mode(False), torch.enable_grad():
        terms = [(g.detach() * g).sum() for g in gradients.values() if g.requires_grad]
        return _by_name(torch.stack(terms).sum(), net.weights()) if terms else {}


def output_gradients(net: Copy, batch: Batch) -> dict[str, Tensor]:
    """Return dR/dw for one input of ones in the shape of the batch's, by name.

    Args:
        net: Stand-in for a network; of absolute weights for SynFlow.
        batch: Inputs [B, ...], of which one input's shape counts.

    Raises:
        ProxyError: if there are no weights.
    """
    weights = weights_of(net)
    with torch.inference_mode(False), torch.enable_grad():
        total = net(torch.ones_like(batch.x[:1], dtype=net.dtype)).sum()
        return _by_name(total, weights)


def _by_name(value: Tensor, weights: Mapping[str, Tensor], *, create_graph: bool = False) -> dict[str, Tensor]:
    found = torch.autograd.grad(value, list(weights.values()), create_graph=create_graph, allow_unused=True)
    return {name: g for name, g in zip(weights, found, strict=True) if g is not None}
