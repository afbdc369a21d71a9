"""Jacobian covariance: how differently a network reacts to changes of different inputs."""

# Legend: B samples, D numbers of an input.

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from archwright.core.errors import ProxyError
from archwright.proxies.base import Batch, proxy
from archwright.proxies.copies import stand_in

if TYPE_CHECKING:
    from torch import nn

__all__ = ["input_correlations", "jacov"]

#: Added to eigenvalues, so that two samples that react alike have a finite score.
EPS = 1e-5


@proxy(batchnorm=True, labels=False, higher_is_better=True, source="arXiv:2006.04647 (first version), eq. 3; NASLib")
def jacov(model: nn.Module, batch: Batch) -> float:
    """Return the score of the correlations between the samples' input gradients. Higher is better.

    That is -sum(log(v + k) + 1 / (v + k)) over the eigenvalues v of the correlation matrix [B, B], with k = 1e-5:
    largest, -B, where no two samples' gradients correlate. Needs no labels. BatchNorm uses the batch's statistics.
    Costs one forward and one backward pass. B is part of the definition: compare only equal B.

    Args:
        model: Untrained network of real inputs.
        batch: Inputs [B, ...], B >= 2.

    Raises:
        ProxyError: if there are fewer than two samples, or a sample's gradient is constant (the network does not
            react to it).

    Source: arXiv:2006.04647, first version, with the eigenvalues' offset of its released code.
    Differs: symmetric eigenvalues in float64, clipped at zero; the code's general ones may turn complex.
    """
    eigenvalues = torch.linalg.eigvalsh(input_correlations(model, batch)[0]).clamp(min=0) + EPS
    return -float((eigenvalues.log() + 1 / eigenvalues).sum())


def input_correlations(model: nn.Module, batch: Batch) -> tuple[Tensor, int]:
    """Return correlations [B, B] of the samples' gradients by their inputs, and the outputs per sample.

    One backward pass: BatchNorm's statistics pass on gradients between samples, as in the released codes.

    Raises:
        ProxyError: see `jacov`.
    """
    if len(batch.x) < 2:
        raise ProxyError(f"correlations need at least two samples, but the batch has {len(batch.x)}")
    if not batch.x.is_floating_point():
        raise ProxyError(f"gradients by the inputs need real inputs, but these are {batch.x.dtype}; encode them first")
    copy = stand_in(model, batchnorm="batch")
    with torch.inference_mode(False), torch.enable_grad():
        x = batch.x.detach().clone().requires_grad_()
        logits = copy(x)
        if not logits.requires_grad:
            raise ProxyError("the outputs must depend on the inputs, but they do not")
        (gradient,) = torch.autograd.grad(logits.sum(), [x], allow_unused=True)
    if gradient is None:
        raise ProxyError("the outputs must depend on the inputs, but they do not")
    rows = gradient.flatten(1).double()
    rows = rows - rows.mean(1, keepdim=True)
    lengths = rows.norm(dim=1)
    if not bool((lengths > 0).all()) or not math.isfinite(float(lengths.sum())):
        raise ProxyError(
            "every sample needs a gradient that is finite and not constant; this network reacts to some not"
        )
    rows = rows / lengths[:, None]
    return rows @ rows.T, logits[0].numel()
