"""Proxies from the empirical neural tangent kernel: condition number, trace, and the trace approximated."""

# Legend: B samples.

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from archwright.core.errors import ProxyError
from archwright.proxies.base import Batch, proxy
from archwright.proxies.copies import stand_in
from archwright.proxies.knas import gradient_square
from archwright.proxies.per_sample import Outputs, Parameters, chosen, ntk

if TYPE_CHECKING:
    from torch import nn

__all__ = ["condition", "ntk_cond", "ntk_trace", "ntk_trace_appx"]


@proxy(batchnorm=True, labels=False, higher_is_better=False, source="arXiv:2102.11535 (TE-NAS), eq. 1; ATLAS, Table 13")
def ntk_cond(
    model: nn.Module,
    batch: Batch,
    *,
    frozen: bool = False,
    outputs: Outputs = "sum",
    parameters: Parameters = "all",
) -> float:
    """Return the largest eigenvalue of the neural tangent kernel over its smallest. Lower is better.

    Of the model's own parameters; `teg_kappa` draws them anew and takes a mean. Costs B backward passes through the
    whole batch, or one with `frozen`. B is part of the definition: compare only equal B.

    Args:
        model: Untrained network.
        batch: Inputs [B, ...], B >= 2; labels for `outputs="label"`.
        frozen: Take BatchNorm's statistics of the batch as constants: several times faster, another kernel.
        outputs: Which scalar of a sample is differentiated.
        parameters: By which parameters.

    Raises:
        ProxyError: if the kernel is singular or not finite, or there are no parameters.

    Source: arXiv:2102.11535, section 3.1.1. Differs: a singular kernel is an error instead of a huge or negative
    number.
    """
    return condition(_kernel(model, batch, frozen=frozen, outputs=outputs, parameters=parameters))


@proxy(
    batchnorm=True, labels=False, higher_is_better=True, source="arXiv:2109.00817 (NASI), section 4; ATLAS, Table 13"
)
def ntk_trace(
    model: nn.Module,
    batch: Batch,
    *,
    frozen: bool = False,
    outputs: Outputs = "sum",
    parameters: Parameters = "all",
) -> float:
    """Return the root of the neural tangent kernel's trace per sample. Higher is better.

    That is the root mean square length of the samples' gradients. Costs as `ntk_cond`.

    Args:
        model: Untrained network.
        batch: Inputs [B, ...]; labels for `outputs="label"`.
        frozen: Take BatchNorm's statistics of the batch as constants: several times faster, another kernel.
        outputs: Which scalar of a sample is differentiated.
        parameters: By which parameters.

    Raises:
        ProxyError: if there are no parameters, or the value is not finite.

    Source: arXiv:2109.00817, section 4. Differs: ATLAS's released code differentiates the label's output, which is
    `outputs="label"`.
    """
    kernel = _kernel(model, batch, frozen=frozen, outputs=outputs, parameters=parameters)
    value = math.sqrt(float(kernel.double().trace()) / len(kernel))
    if not math.isfinite(value):
        raise ProxyError(f"the kernel's trace must be finite, but its root is {value}; check the network's parameters")
    return value


@proxy(
    batchnorm=True, labels=True, higher_is_better=True, source="arXiv:2109.00817 (NASI), section 4.3; ATLAS, Table 13"
)
def ntk_trace_appx(model: nn.Module, batch: Batch, *, parameters: Parameters = "all", reference: bool = False) -> float:
    """Return the squared length of the loss's gradient, which stands for the kernel's trace. Higher is better.

    Costs one forward and one backward pass.

    Args:
        model: Untrained network.
        batch: Inputs [B, ...] and targets.
        parameters: By which parameters.
        reference: Divide by the number of tensors of parameters, as ATLAS's released code does.

    Raises:
        ProxyError: if there are no parameters or targets, or the value is not finite.

    Source: arXiv:2109.00817, section 4.3. Differs: without the penalty on large values, which ATLAS switches off.
    """
    value = gradient_square(model, batch, of="loss", parameters=parameters)
    if not reference:
        return value
    return value / len(chosen(dict(model.named_parameters()), parameters))


def condition(kernel: Tensor, *, guard: bool = True) -> float:
    """Return the largest eigenvalue of a symmetric matrix over its smallest, computed in float64.

    Args:
        kernel: [B, B].
        guard: Refuse a matrix that is singular to the precision it was computed in.

    Raises:
        ProxyError: if it is singular or not finite.
    """
    if not bool(torch.isfinite(kernel).all()):
        raise ProxyError("the tangent kernel must be finite, but it is not; check the network's parameters")
    if len(kernel) < 2:
        raise ProxyError(f"a condition number needs two samples, but the batch has {len(kernel)}")
    eigenvalues = torch.linalg.eigvalsh(kernel.double())
    low, high = float(eigenvalues[0]), float(eigenvalues[-1])
    least = len(kernel) * torch.finfo(kernel.dtype).eps * abs(high) if guard else 0.0
    if low == 0 or (guard and low <= least):
        raise ProxyError(f"the tangent kernel must be regular, but its eigenvalues reach from {low:.3g} to {high:.3g}")
    return high / low


def _kernel(model: nn.Module, batch: Batch, *, frozen: bool, outputs: Outputs, parameters: Parameters) -> Tensor:
    copy = stand_in(model, batchnorm="batch")
    return ntk(copy, batch.x, y=batch.y, outputs=outputs, parameters=parameters, frozen=frozen)
