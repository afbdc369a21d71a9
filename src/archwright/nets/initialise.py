"""Initial parameters by name, drawn from one generator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from archwright.core.errors import UnknownNameError

__all__ = ["Scheme", "generator_from", "initialise"]

Scheme = Literal["torch", "kaiming", "kaiming_fan_out", "xavier", "lecun"]

#: Variance of a weight from (fan_in, fan_out).
_VARIANCE: dict[str, Callable[[int, int], float]] = {
    "kaiming": lambda fan_in, fan_out: 2 / fan_in,
    "kaiming_fan_out": lambda fan_in, fan_out: 2 / fan_out,
    "xavier": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "lecun": lambda fan_in, fan_out: 1 / fan_in,
}

_CONVOLUTIONS = nn.modules.conv._ConvNd
_NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)


def generator_from(rng: np.random.Generator) -> torch.Generator:
    """Return a generator of torch that `rng` seeds. Draws one number from `rng`."""
    return torch.Generator().manual_seed(int(rng.integers(2**63 - 1)))


def initialise(model: nn.Module, how: Scheme = "torch", *, rng: np.random.Generator) -> nn.Module:
    """Draw all initial parameters of `model` anew, in place, and return it.

    Depends on `rng` alone; the global generator of torch stays as it was. Normalisation layers start as the
    identity, with the running statistics of a fresh layer. Recurrent layers and embeddings start as torch
    starts them, whatever `how` says. Parameters that belong to no layer of torch stay as they are.

    Args:
        model: Any network.
        how: Of the weights of linear and convolution layers:
            `"torch"`, torch's default: uniform within +-1/sqrt(fan_in), biases too;
            `"kaiming"`: normal with variance 2 / fan_in (TEG-NAS, eq. 4);
            `"kaiming_fan_out"`: normal with variance 2 / fan_out;
            `"xavier"`: normal with variance 2 / (fan_in + fan_out);
            `"lecun"`: normal with variance 1 / fan_in. All but `"torch"` set biases to zero.
        rng: Seeds the draw.

    Raises:
        UnknownNameError: if there is no such way.

    Source: arXiv:1502.01852 (kaiming); Glorot and Bengio, AISTATS 2010 (xavier); LeCun et al., Efficient
    BackProp, 1998 (lecun). Differs: Glorot's and LeCun's are often drawn uniformly, with these variances.
    """
    if how not in get_args(Scheme):
        raise UnknownNameError(f"an initialisation must be one of {', '.join(get_args(Scheme))}, but is {how!r}")
    generator = generator_from(rng)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Linear | _CONVOLUTIONS):
                _draw_layer(module, how, generator)
            elif isinstance(module, _NORMS):
                _reset_norm(module)
            elif isinstance(module, nn.RNNBase | nn.RNNCellBase):
                _draw_uniform(module.parameters(recurse=False), 1 / math.sqrt(module.hidden_size), generator)
            elif isinstance(module, nn.Embedding):
                _draw_embedding(module, generator)
    return model


def _draw_layer(layer: nn.Linear | nn.modules.conv._ConvNd, how: str, generator: torch.Generator) -> None:
    fan_in, fan_out = _fans(layer.weight)
    if how == "torch":
        _draw_uniform(layer.parameters(recurse=False), 1 / math.sqrt(fan_in), generator)
        return
    deviation = math.sqrt(_VARIANCE[how](fan_in, fan_out))
    _fill(layer.weight, lambda weight: weight.normal_(0, deviation, generator=generator))
    if layer.bias is not None:
        layer.bias.zero_()


def _fans(weight: Tensor) -> tuple[int, int]:
    """Return how many inputs an output has, and how many outputs an input has, for one group of a convolution.

    As torch counts them: from the shape of the weight, which for a transposed convolution swaps the two.
    """
    area = weight[0, 0].numel()
    return weight.shape[1] * area, weight.shape[0] * area


def _draw_uniform(params: Iterator[nn.Parameter], bound: float, generator: torch.Generator) -> None:
    for param in params:
        _fill(param, lambda values: values.uniform_(-bound, bound, generator=generator))


def _draw_embedding(table: nn.Embedding, generator: torch.Generator) -> None:
    _fill(table.weight, lambda weight: weight.normal_(0, 1, generator=generator))
    if table.padding_idx is not None:
        table.weight[table.padding_idx] = 0


def _reset_norm(norm: nn.Module) -> None:
    if isinstance(norm, nn.modules.batchnorm._NormBase):
        norm.reset_running_stats()
    for name, value in (("weight", 1.0), ("bias", 0.0)):
        param: Tensor | None = getattr(norm, name, None)
        if param is not None:
            param.fill_(value)


def _fill(param: Tensor, draw: Callable[[Tensor], Tensor]) -> None:
    """Draw `param`, on the CPU: one generator gives the same numbers for every device."""
    if param.device.type == "cpu":
        draw(param)
    else:
        param.copy_(draw(torch.empty(param.shape, dtype=param.dtype)))
