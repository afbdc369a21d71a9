"""How the loss of a network depends on its outputs, written out: first derivatives and a part of the second ones."""

# Legend: B rows, O outputs.

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from archwright.core.errors import ProxyError
from archwright.proxies.tabular_walk import Head

__all__ = ["Loss"]


@dataclass(frozen=True, slots=True)
class Loss:
    """The mean loss of `proxies.loss.loss_of`, by its derivatives.

    Args:
        y: Class numbers [B], or real targets [B] or [B, O].
        n_outputs: O; with one output and class numbers, it is the logit of class 1.

    Raises:
        ProxyError: if the targets do not fit the outputs.
    """

    y: Tensor
    n_outputs: int

    def __post_init__(self) -> None:
        if self.y.is_floating_point():
            if self.y.numel() != len(self.y) * self.n_outputs:
                raise ProxyError(f"real targets must be {self.n_outputs} for each row, but are {tuple(self.y.shape)}")
            return
        n_classes = max(2, self.n_outputs)
        low, high = int(self.y.min()), int(self.y.max())
        if self.y.ndim != 1 or low < 0 or high >= n_classes:
            raise ProxyError(f"labels [B] must be 0..{n_classes - 1}, but reach from {low} to {high}")

    def gradient(self, logits: Tensor) -> Tensor:
        """Return the derivatives by the outputs [B, O]."""
        if self.y.is_floating_point():
            return (logits - self._targets(logits)).mul_(2 / logits.numel())
        return (_probabilities(logits) - self._targets(logits)).div_(len(logits))

    def curvature(self, logits: Tensor, head: Head) -> Tensor:
        """Return how these change when the head's weights grow in proportion [B, O]: H z, with z the logits' part of
        them and H the second derivatives by the outputs."""
        z = logits if head.bias is None else logits - head.bias
        if self.y.is_floating_point():
            return z * (2 / logits.numel())
        p = _probabilities(logits)
        if self.n_outputs == 1:
            return (z * p).mul_(1 - p).div_(len(logits))
        return (z - (p * z).sum(1, keepdim=True)).mul_(p).div_(len(logits))

    def _targets(self, logits: Tensor) -> Tensor:
        if self.y.is_floating_point() or self.n_outputs == 1:
            return self.y.to(logits).view(logits.shape)
        return torch.nn.functional.one_hot(self.y.long(), self.n_outputs).to(logits)


def _probabilities(logits: Tensor) -> Tensor:
    return torch.sigmoid(logits) if logits.shape[1] == 1 else torch.softmax(logits, 1)
