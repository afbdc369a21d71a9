"""EPE-NAS: how differently a network reacts to samples of the same class."""

# Legend: B samples, C classes.

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from archwright.core.errors import ProxyError
from archwright.proxies.base import Batch, proxy
from archwright.proxies.jacov import input_correlations

if TYPE_CHECKING:
    from torch import nn

__all__ = ["epe_nas"]

#: Added to correlations before the logarithm.
EPS = 1e-5
#: With more classes than this, classes are compared with each other (the paper's tau).
MANY_CLASSES = 100


@proxy(batchnorm=True, labels=True, higher_is_better=True, source="arXiv:2102.08099, section 3")
def epe_nas(model: nn.Module, batch: Batch, *, many_classes: int = MANY_CLASSES) -> float:
    """Return the score of the correlations between input gradients of samples of one class. Higher is better.

    For each class of the batch e = sum(log(|correlation| + k)) over its pairs of samples, with k = 1e-5. Up to
    `many_classes` outputs the score is the sum of |e|; with more, each e is divided by the number of the class's
    samples, and the score is the sum of |e_i - e_j| over all pairs of classes, divided by the number of classes. Costs
    one forward and one backward pass. Batches with the same classes should be compared.

    Args:
        model: Untrained network of real inputs.
        batch: Inputs [B, ...] and integer labels [B].
        many_classes: Largest number of outputs for which the first form is used.

    Raises:
        ProxyError: if there are no integer labels, fewer than two samples, or a sample's gradient is constant.

    Source: arXiv:2102.08099, section 3. Differs: with many classes, classes of one sample are left out, as in the
    released code, where they fail; a batch of nothing else raises an error.
    """
    y = batch.y
    if y is None or y.is_floating_point() or y.ndim != 1:
        raise ProxyError("epe_nas needs integer labels [B], but the batch has none; give them")
    correlations, n_outputs = input_correlations(model, batch)
    classes, place = torch.unique(y, return_inverse=True)
    member = torch.nn.functional.one_hot(place, len(classes)).to(correlations)  # [B, C]
    logs = (correlations.abs() + EPS).log()
    each = ((logs @ member) * member).sum(0)  # [C]
    if n_outputs <= many_classes:
        return float(each.abs().sum())
    sizes = member.sum(0)
    each = (each / sizes)[sizes > 1]
    if not len(each):
        raise ProxyError("with so many classes epe_nas needs a class with two samples in the batch; take a larger one")
    return float((each[:, None] - each).abs().sum() / len(each))
