"""Zen-score: how a network without training reacts to a small change of its input."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archwright.core.errors import ProxyError
from archwright.proxies.base import Batch, proxy
from archwright.proxies.copies import stand_in

__all__ = ["zen"]

#: Size of the change. Source: the released code.
_GAMMA = 1e-2


@proxy(batchnorm=True, labels=False, higher_is_better=True, source="arXiv:2102.01063 (ZenNAS), algorithm 1")
def zen(model: nn.Module, batch: Batch, *, seed: int = 0) -> float:
    """Return the logarithm of the change of the features, plus those of the BatchNorm scales. Higher is better.

    Weights of linear and convolutional layers are drawn anew from N(0, 1) and the input is noise of the batch's shape,
    so the score tells about the architecture, not about its initial weights. The features are what `model.features`
    gives, if there is such a method, else the outputs.

    Args:
        model: Network with or without BatchNorm.
        batch: Inputs [B, ...], of which the shape counts.
        seed: Of weights and inputs.

    Raises:
        ProxyError: if the value is not finite.

    Source: arXiv:2102.01063, algorithm 1: log of the mean over samples of the summed |f(x) - f(x + 0.01 e)|, plus the
    sum over BatchNorms of log sqrt(mean variance of the batch).
    """
    net = stand_in(model, batchnorm="batch")
    generator = torch.Generator().manual_seed(seed)
    weights = net.weights()
    params = {
        name: torch.randn(tensor.shape, generator=generator).to(tensor)
        if name in weights
        else (torch.zeros_like(tensor) if name.endswith("bias") else torch.ones_like(tensor))
        for name, tensor in net.params.items()
    }
    x = torch.randn(batch.x.shape, generator=generator).to(batch.x)
    other = x + _GAMMA * torch.randn(batch.x.shape, generator=generator).to(batch.x)
    run = _features if callable(getattr(model, "features", None)) else None
    with torch.no_grad(), _Variances() as variances:
        first = net(x, params) if run is None else run(net, x, params)
        scales = sum(0.5 * math.log(value) for value in variances.kept if value > 0)
        second = net(other, params) if run is None else run(net, other, params)
    change = float((first - second).abs().flatten(1).double().sum(1).mean())
    value = math.log(change) + scales if change > 0 and math.isfinite(change) else math.nan
    if not math.isfinite(value):
        raise ProxyError(
            f"a Zen-score must be finite, but the features change by {change}; look at the network's depth"
        )
    return value


def _features(net: Any, x: Tensor, params: dict[str, Tensor]) -> Tensor:
    class Features(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net.module

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.net.features(x)
            return found

    state = {f"net.{name}": tensor for name, tensor in {**params, **net.buffers}.items()}
    features: Tensor = torch.func.functional_call(Features(), state, (x,))
    return features


class _Variances(TorchFunctionMode):
    """Keeps the mean variance of what enters each BatchNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[float] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is nn.functional.batch_norm:
            entering: Tensor = args[0] if args else (kwargs or {})["input"]
            dims = [dim for dim in range(entering.ndim) if dim != 1]
            self.kept.append(float(entering.var(dims, unbiased=False).mean()))
        return func(*args, **(kwargs or {}))
