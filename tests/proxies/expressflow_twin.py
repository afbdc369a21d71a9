"""ExpressFlow as it is defined, one architecture at a time: slow, and written apart from the product's code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

#: Step of the finite difference. The positive network is linear, so only rounding (about 1e-11) is lost.
STEP = 1e-5


@dataclass
class Layer:
    weight: Tensor  # [out, in]
    bias: Tensor  # [out]


def layers_of(matrices: Sequence[np.ndarray]) -> list[Layer]:
    """Return layers without biases, in float64."""
    weights = [torch.tensor(np.asarray(matrix, dtype=np.float64)) for matrix in matrices]
    return [Layer(weight, torch.zeros(len(weight), dtype=torch.float64)) for weight in weights]


def layers_in(model: nn.Sequential, *, absolute: bool = True) -> list[Layer]:
    """Return the Linears of a flat network, in float64."""
    linears = [part for part in model if isinstance(part, nn.Linear)]
    pairs = [(part.weight.detach().double(), part.bias.detach().double()) for part in linears]
    return [Layer(w.abs(), b.abs()) if absolute else Layer(w, b) for w, b in pairs]


def forward(layers: list[Layer], x: Tensor) -> tuple[list[Tensor], Tensor]:
    z = []
    for layer in layers[:-1]:
        x = torch.relu(x @ layer.weight.T + layer.bias)
        z.append(x)
    return z, x @ layers[-1].weight.T + layers[-1].bias


def saliency(layers: list[Layer], x: Tensor) -> list[Tensor]:
    """Return per layer |dL/dz| z [B, K], by autograd."""
    z, y = forward(layers, x.clone().requires_grad_())
    for activation in z:
        activation.retain_grad()
    y.sum().backward()
    return [(activation.grad.abs() * activation).detach() for activation in z]


def lengths(layers: list[Layer], x: Tensor, directions: Tensor) -> list[float]:
    """Return per layer the norm of the change along each direction, per unit of it, rows averaged."""
    z, _ = forward(layers, x)
    squares = [0.0] * len(z)
    for direction in directions:
        moved, _ = forward(layers, x + STEP * direction)
        for index, (before, after) in enumerate(zip(z, moved, strict=True)):
            squares[index] += float(((after - before) / STEP).square().sum(1).mean())
    return [square**0.5 for square in squares]


def expressflow_by_definition(
    layers: list[Layer], x: Tensor, directions: Tensor, *, reference: bool = False, recalibrate: str = "both"
) -> float:
    """Return eq. 1 neuron by neuron, or the released code's normalised form."""
    inverse = [1 / (length + (1e-6 if reference else 0)) for length in lengths(layers, x, directions)]
    if reference:
        inverse = [value / sum(inverse) for value in inverse]
    score = 0.0
    for values, depth in zip(saliency(layers, x), inverse, strict=True):
        width = values.shape[1]
        weight = {"both": width * depth, "width": width, "depth": depth, "none": 1.0}[recalibrate]
        score += weight * float(values.sum())
    return score
