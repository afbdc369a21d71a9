"""What a predictor is trained to minimise."""

# B architectures

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["pairwise_hinge", "squared_error"]


def pairwise_hinge(predicted: Tensor, true: Tensor, *, margin: float = 0.1) -> Tensor:
    """Return the mean over all pairs with a true order of how much their predicted order lacks to `margin`.

    A pair with y_i > y_j adds max(0, margin - (s_i - s_j)); pairs with equal truth add nothing. Each architecture is
    encoded once, whatever the number of pairs. Zero, with a gradient, where no pair has an order.

    Args:
        predicted: Scores s [B].
        true: Truth y [B], higher is better.
        margin: Wanted distance of the predicted scores.

    Source: TA-GATES, eq. A6; GATES, arXiv:2004.01899, eq. 3. Differs: eq. A6 leaves the order out; the released code
    draws at most 4 B pairs, this takes all.
    """
    ordered = (true[:, None] > true).to(predicted.dtype)
    lacking = torch.relu(margin - (predicted[:, None] - predicted))
    return (lacking * ordered).sum() / ordered.sum().clamp(min=1)


def squared_error(predicted: Tensor, true: Tensor) -> Tensor:
    """Return the mean squared difference of `predicted` and `true`, of any equal shape."""
    return (predicted - true).square().mean()
