"""The backward pass of a dense network, written out, for several scalars at once."""

# Legend: B rows, S scalars, w a layer's width, O outputs.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from archwright.proxies.tabular_walk import Head, Layer, Network

__all__ = ["Gradients", "backward", "inner_products", "input_gradients"]


@dataclass(frozen=True, slots=True)
class Gradients:
    """Gradients of S scalars of a network.

    Args:
        by_layer: By what each hidden layer gives before BatchNorm [S, B, w], the input's side first.
        affine: By BatchNorm's scales and shifts and the head's bias, parts [S, ...]; hidden biases have none, as
            BatchNorm takes them out.
        by_output: What was asked for [S, B, O].
    """

    by_layer: list[Tensor]
    affine: list[Tensor]
    by_output: Tensor


def backward(network: Network, by_output: Tensor, *, affine: bool) -> Gradients:
    """Return the gradients of scalars whose derivatives by the outputs are `by_output` [S, B, O].

    They go through BatchNorm's statistics, so a scalar of one row depends on all rows.

    Args:
        network: A forward pass.
        by_output: Derivatives by the outputs.
        affine: Whether the gradients by BatchNorm's parameters and the head's bias are wanted.
    """
    n_scalars, n_rows, _ = by_output.shape
    # A product with a row of 1/B is twice as fast as a mean.
    mean = by_output.new_full((1, 1, n_rows), 1 / n_rows).expand(n_scalars, -1, -1)
    by_layer: list[Tensor] = []
    sums = [by_output.sum(1)] if affine else []
    above: Head | Layer = network.head
    gradient = by_output
    for layer in reversed(network.layers):
        flat = torch.mm(gradient.view(n_scalars * n_rows, -1), above.weight).mul_(above.bound)
        # The derivative of BatchNorm, exact with its eps, as y and the rate have it in them; the rate is a factor of
        # each column, so it may come first, together with the ReLU's.
        gradient = flat.view(n_scalars, n_rows, -1).mul_(layer.slopes)
        shifts, scales = torch.bmm(mean, gradient), torch.bmm(mean, gradient * layer.y)  # [S, 1, w]
        if affine:
            per_row = n_rows / layer.rate
            sums += [shifts[:, 0] * per_row, scales[:, 0] * per_row]
        gradient.sub_(shifts).addcmul_(layer.y, scales, value=-1)
        by_layer.append(gradient)
        above = layer
    return Gradients(by_layer[::-1], sums, by_output)


def inner_products(network: Network, gradients: Gradients) -> list[Tensor]:
    """Return the inner products [S, S] of the scalars' gradients by each layer's weights, the head's last.

    A gradient by weights is D^T A with D by the layer's outputs and A its inputs, so an inner product is
    sum((A A^T) * (D D'^T)): matrices of B x B in place of all weights.
    """
    parts: Sequence[Head | Layer] = [*network.layers, network.head]
    each = zip(parts, [*gradients.by_layer, gradients.by_output], strict=True)
    return [_products(part.inputs.gram, d) for part, d in each]


def input_gradients(network: Network, gradients: Gradients, scalar: int) -> Tensor:
    """Return the gradients of one scalar by the network's inputs [B, d]."""
    first = network.layers[0]
    return torch.mm(gradients.by_layer[0][scalar], first.weight).mul_(first.bound)


def _products(gram: Tensor, d: Tensor) -> Tensor:
    mixed = torch.bmm(gram.expand(len(d), -1, -1), d)
    return torch.mm(d.view(len(d), -1), mixed.view(len(d), -1).T)
