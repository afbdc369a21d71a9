"""Fisher: how much the loss reacts to taking out channels of activations."""

# Legend: a what a layer gives, g its gradient of the loss.

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archwright.core.errors import ProxyError
from archwright.proxies.base import Batch, proxy
from archwright.proxies.copies import stand_in
from archwright.proxies.loss import loss_of

__all__ = ["fisher"]

_LAYERS = frozenset(
    {nn.functional.linear, torch.conv1d, torch.conv2d, torch.conv3d, nn.functional.conv1d, nn.functional.conv2d}
)


@proxy(batchnorm=True, labels=True, higher_is_better=True, source="arXiv:1801.05787 (Fisher pruning), eq. 3")
def fisher(model: nn.Module, batch: Batch, *, per_weight: bool = True) -> float:
    """Return half the mean over samples of (sum of a g)^2, summed over the weights of all layers. Higher is better.

    The layers are the linear and the convolutional ones; a channel's activations are summed over places first, and its
    value counts for each of its weights.

    Args:
        model: Untrained network.
        batch: Inputs [B, ...] and labels [B].
        per_weight: False: a channel's value counts once, as for pruning channels.

    Raises:
        ProxyError: if there are no such layers or no labels, or the value is not finite.

    Source: arXiv:1801.05787, eq. 3; the sum over weights is that of the released code of arXiv:2101.08134, and of the
    values that are published for benchmarks.
    """
    net = stand_in(model, batchnorm="batch")
    with torch.inference_mode(False), torch.enable_grad():
        with _Outputs() as outputs:
            logits = net(batch.x.clone())
        if not outputs.kept:
            raise ProxyError("the network must have a linear or convolutional layer, but it has none")
        grads = torch.autograd.grad(loss_of(logits, batch.y), outputs.kept, allow_unused=True)
    total = 0.0
    for a, g, weights in zip(outputs.kept, grads, outputs.weights, strict=True):
        if g is not None:
            product = (a.detach() * g).double()
            channels = product.flatten(2).sum(2) if product.ndim > 2 else product
            total += float(channels.square().mean(0).sum()) / 2 * (weights if per_weight else 1)
    if not torch.isfinite(torch.tensor(total)):
        raise ProxyError(f"fisher must be finite, but is {total}; check the network's parameters and inputs")
    return total


class _Outputs(TorchFunctionMode):
    """Keeps what every linear and convolutional layer gives, and the number of weights of each of its channels."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Tensor] = []
        self.weights: list[int] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in _LAYERS and isinstance(result, Tensor) and result.requires_grad:
            weight: Tensor = args[1] if len(args) > 1 else (kwargs or {})["weight"]
            self.kept.append(result)
            self.weights.append(weight[0].numel())
        return result
