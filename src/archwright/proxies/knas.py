"""KNAS: how well the samples' gradients agree."""

# Legend: B samples.

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import torch

from archwright.core.errors import ProxyError, require_one_of
from archwright.proxies.base import Batch, proxy
from archwright.proxies.copies import stand_in
from archwright.proxies.loss import loss_of
from archwright.proxies.per_sample import Parameters, chosen, scalar_outputs

if TYPE_CHECKING:
    from torch import nn

__all__ = ["gradient_square", "knas"]

#: Whose gradient: the sum of a sample's outputs, or its loss.
Of = Literal["outputs", "loss"]


@proxy(
    batchnorm=True, labels=False, higher_is_better=True, source="arXiv:2111.13293, section 3 (mean of the Gram matrix)"
)
def knas(model: nn.Module, batch: Batch, *, of: Of = "outputs", parameters: Parameters = "all") -> float:
    """Return the mean of the Gram matrix of the samples' gradients. Higher is better.

    A mean of all inner products is the squared length of the mean gradient, so one forward and one backward pass give
    it exactly, and BatchNorm may use the batch's statistics.

    Args:
        model: Untrained network.
        batch: Inputs [B, ...]; labels too for `of="loss"`.
        of: Whose gradient: the sum of a sample's `"outputs"`, or its `"loss"`. The latter equals `ntk_trace_appx`.
        parameters: By which parameters.

    Raises:
        ProxyError: if there are no parameters or labels, the value is not finite, or a word is none of those that are
            allowed.

    Source: arXiv:2111.13293, section 3. Differs: the released code takes up to 100 numbers of ten tensors, and the
    inner products between the gradients of 25 batches of four and of 25 others.
    """
    return gradient_square(model, batch, of=of, parameters=parameters)


def gradient_square(model: nn.Module, batch: Batch, *, of: Of, parameters: Parameters = "all") -> float:
    """Return the squared length of the mean gradient of the batch.

    Raises:
        ProxyError: if there are no parameters or labels, the value is not finite, or a word is none of those that are
            allowed.
    """
    require_one_of(get_args(Of), ProxyError, of=of)
    copy = stand_in(model, batchnorm="batch")
    params = list(chosen(copy.params, parameters).values())
    with torch.inference_mode(False), torch.enable_grad():
        logits = copy(batch.x.clone())
        value = scalar_outputs(logits).mean() if of == "outputs" else loss_of(logits, batch.y)
        grads = torch.autograd.grad(value, params, allow_unused=True)
    total = float(sum(grad.double().square().sum() for grad in grads if grad is not None))
    if not torch.isfinite(torch.tensor(total)):
        raise ProxyError("the gradient must be finite, but it is not; check the network's parameters")
    return total
