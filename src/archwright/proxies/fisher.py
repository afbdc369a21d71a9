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
def fisher(model: nn.Module, batch: Batch) -> float:
    """Return half the mean over samples of (sum of a g)^2, summed over the channels of all layers. Higher is better.

    The layers are the linear and the convolutional ones; a channel's activations are summed over places first.

    Args:
        model: Untrained network.
        batch: Inputs [B, ...] and labels [B].

    Raises:
        ProxyError: if there are no such layers or no labels, or the value is not finite.

    Source: arXiv:1801.05787, eq. 3, summed as in arXiv:2101.08134, section 3.
    """
    net = stand_in(model, batchnorm="batch")
    with torch.inference_mode(False), torch.enable_grad():
        with _Outputs() as outputs:
            logits = net(batch.x.clone())
        if not outputs.kept:
            raise ProxyError("the network must have a linear or convolutional layer, but it has none")
        grads = torch.autograd.grad(loss_of(logits, batch.y), outputs.kept, allow_unused=True)
    total = 0.0
    for a, g in zip(outputs.kept, grads, strict=True):
        if g is not None:
            product = (a.detach() * g).double()
            channels = product.flatten(2).sum(2) if product.ndim > 2 else product
            total += float(channels.square().mean(0).sum()) / 2
    if not torch.isfinite(torch.tensor(total)):
        raise ProxyError(f"fisher must be finite, but is {total}; check the network's parameters and inputs")
    return total


class _Outputs(TorchFunctionMode):
    """Keeps what every linear and convolutional layer gives."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Tensor] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in _LAYERS and isinstance(result, Tensor) and result.requires_grad:
            self.kept.append(result)
        return result
