"""How the loss of a network depends on its outputs, written out: first derivatives and a part of the second ones."""

# Legend: B rows, O outputs.

from __future__ import annotations

import torch
from torch import Tensor

from archwright.core.errors import ProxyError
from archwright.proxies.tabular_walk import Head

__all__ = ["Loss"]


class Loss:
    """The mean loss of `proxies.loss.loss_of`, by its derivatives.

    Args:
        y: Class numbers [B], or real targets [B] or [B, O].
        n_outputs: O; with one output and class numbers, it is the logit of class 1.

    Raises:
        ProxyError: if the targets do not fit the outputs.
    """

    def __init__(self, y: Tensor, n_outputs: int) -> None:
        _check(y, n_outputs)
        self._real, self._single = y.is_floating_point(), n_outputs == 1
        targets = y if self._real or self._single else torch.nn.functional.one_hot(y.long(), n_outputs)
        #: In the type of the outputs from the first call on.
        self._targets = targets.reshape(len(y), n_outputs)

    def gradient(self, logits: Tensor) -> Tensor:
        """Return the derivatives by the outputs [B, O]."""
        self._targets = self._targets.to(logits)
        if self._real:
            return (logits - self._targets).mul_(2 / logits.numel())
        return (_probabilities(logits) - self._targets).div_(len(logits))

    def curvature(self, logits: Tensor, head: Head) -> Tensor:
        """Return how these change when the head's weights grow in proportion [B, O].

        That is H z, with z the logits without their biases and H the loss's second derivatives by the outputs.
        """
        z = logits if head.bias is None else logits - head.bias
        if self._real:
            return z * (2 / logits.numel())
        p = _probabilities(logits)
        if self._single:
            return (z * p).mul_(1 - p).div_(len(logits))
        return (z - (p * z).sum(1, keepdim=True)).mul_(p).div_(len(logits))


def _check(y: Tensor, n_outputs: int) -> None:
    if y.is_floating_point():
        if y.numel() != len(y) * n_outputs:
            raise ProxyError(f"real targets must be {n_outputs} for each row, but are {tuple(y.shape)}")
        return
    n_classes = max(2, n_outputs)
    low, high = int(y.min()), int(y.max())
    if y.ndim != 1 or low < 0 or high >= n_classes:
        raise ProxyError(f"labels [B] must be 0..{n_classes - 1}, but reach from {low} to {high}")


def _probabilities(logits: Tensor) -> Tensor:
    return torch.sigmoid(logits) if logits.shape[1] == 1 else torch.softmax(logits, 1)
