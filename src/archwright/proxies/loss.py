"""The loss of an untrained network on labelled data."""

from __future__ import annotations

from torch import Tensor, nn

from archwright.core.errors import ProxyError

__all__ = ["loss_of"]


def loss_of(logits: Tensor, y: Tensor | None) -> Tensor:
    """Return the mean loss: cross-entropy for labels, squared error for real targets.

    One output for two classes is a logit.

    Args:
        logits: Outputs [B, ...].
        y: Labels [B], or real targets of as many numbers as there are outputs.

    Raises:
        ProxyError: if there are no labels, a label is no output, or the numbers of targets and outputs differ.
    """
    if y is None:
        raise ProxyError("this proxy needs labels, but the batch has none; give them")
    if y.is_floating_point():
        if logits.numel() != y.numel():
            raise ProxyError(f"real targets must be as many as outputs, {logits.numel()}, but {y.numel()} were given")
        return nn.functional.mse_loss(logits.flatten(), y.to(logits).flatten().clone())
    rows = logits.flatten(0, -2) if logits.ndim > 2 else logits
    labels = y.flatten().long().clone()  # a tensor of inference mode cannot be kept for a gradient
    single = rows.ndim == 1 or rows.shape[1] == 1
    n_classes = 2 if single else rows.shape[1]
    if int(labels.min()) < 0 or int(labels.max()) >= n_classes:
        raise ProxyError(
            f"labels must be 0..{n_classes - 1}, but reach from {int(labels.min())} to {int(labels.max())}"
        )
    if single:
        return nn.functional.binary_cross_entropy_with_logits(rows.flatten(), labels.to(rows))
    return nn.functional.cross_entropy(rows, labels)
