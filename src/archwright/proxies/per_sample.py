"""Gradients of every sample of a batch, and their inner products: the empirical neural tangent kernel."""

# Legend: B samples, P parameters.

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor

from archwright.core.errors import ProxyError, require_one_of

if TYPE_CHECKING:
    from archwright.proxies.copies import Copy

__all__ = ["Outputs", "Parameters", "chosen", "ntk", "per_sample_gradients", "scalar_outputs"]

#: Which scalar of a sample's outputs is differentiated: their sum, or the one of the sample's label.
Outputs = Literal["sum", "label"]
#: Which parameters count: all, or those whose name has "weight" in it, as in the released code of TE-NAS.
Parameters = Literal["all", "weights"]

#: Backward passes are run as one while they see at most so many numbers of input; larger ones are bound by arithmetic.
_TOGETHER = 2**18
#: Through maps they never are: vmap runs convolutions in groups and pooling one by one, which on a CPU is slower than
#: a pass per sample, by a tenth on large networks and up to twice on small ones.
_MAPS = 4


def scalar_outputs(logits: Tensor, outputs: Outputs = "sum", y: Tensor | None = None) -> Tensor:
    """Return the scalar [B] of each sample whose gradient is taken.

    Args:
        logits: Outputs [B, ...].
        outputs: `"sum"` of all outputs of a sample, or the one of its `"label"`.
        y: Integer labels [B], for `"label"`.

    Raises:
        ProxyError: if the label's output is asked for and there are no integer labels that name one, or `outputs` is
            neither.
    """
    require_one_of(get_args(Outputs), ProxyError, outputs=outputs)
    rows = logits.flatten(1) if logits.ndim > 1 else logits[:, None]
    if outputs == "sum":
        return rows.sum(1)
    if y is None or y.is_floating_point() or y.ndim != 1:
        raise ProxyError("outputs='label' needs integer labels [B]; give them, or use outputs='sum'")
    if rows.shape[1] == 1:  # one logit for two classes: the output of class 0 is its negative
        return rows[:, 0] * (2 * y.to(rows) - 1)
    return rows.gather(1, y.long()[:, None])[:, 0]


def chosen(params: Mapping[str, Tensor], which: Parameters) -> dict[str, Tensor]:
    """Return the parameters that count, by name.

    Raises:
        ProxyError: if there is none, or `which` is neither `all` nor `weights`.
    """
    require_one_of(get_args(Parameters), ProxyError, parameters=which)
    found = {name: tensor for name, tensor in params.items() if which == "all" or "weight" in name}
    if not found:
        raise ProxyError("the network must have parameters to differentiate by, but it has none")
    return found


def per_sample_gradients(values: Tensor, params: Iterable[Tensor], x: Tensor) -> Tensor:
    """Return the gradient [B, P] of each of the scalars `values` [B] by all parameters, from one forward pass.

    Exact whatever couples the samples, BatchNorm's statistics for example. Costs B backward passes through the whole
    batch; where these are small they run as one, by `vmap`. Parameters on which no value depends are left out.

    Args:
        values: Scalars of one graph.
        params: Leaves of that graph.
        x: What went in; says how large a backward pass is.
    """
    leaves = list(params)
    together = min(len(values), _TOGETHER // max(1, x.numel())) if x.ndim < _MAPS else 1
    if together > 1:
        try:
            return _batched(values, leaves, together)
        except RuntimeError:
            # A function of the user's own that has no rule for vmap, or too little memory: one after the other.
            pass
    return _one_by_one(values, leaves)


def _batched(values: Tensor, leaves: Sequence[Tensor], together: int) -> Tensor:
    eye = torch.eye(len(values), dtype=values.dtype, device=values.device)
    parts = []
    for rows in torch.split(eye, together):
        grads = torch.autograd.grad(
            values, leaves, grad_outputs=rows, retain_graph=True, allow_unused=True, is_grads_batched=True
        )
        found = [grad.flatten(1) for grad in grads if grad is not None]
        parts.append(torch.cat(found, 1) if found else rows.new_zeros(len(rows), 0))
    return torch.cat(parts)


def _one_by_one(values: Tensor, leaves: Sequence[Tensor]) -> Tensor:
    rows = []
    for value in values:
        grads = torch.autograd.grad(value, leaves, retain_graph=True, allow_unused=True)
        found = [grad.flatten() for grad in grads if grad is not None]
        rows.append(torch.cat(found) if found else value.new_zeros(0))
    return torch.stack(rows)


def ntk(
    copy: Copy,
    x: Tensor,
    *,
    y: Tensor | None = None,
    outputs: Outputs = "sum",
    parameters: Parameters = "all",
    frozen: bool = False,
) -> Tensor:
    """Return the empirical neural tangent kernel [B, B]: inner products of the samples' gradients.

    Args:
        copy: Stand-in of a network, see `copies.stand_in`.
        x: Inputs [B, ...].
        y: Labels [B], for `outputs="label"`.
        outputs: Which scalar of a sample is differentiated.
        parameters: By which parameters.
        frozen: False: exact; a sample's gradient goes through BatchNorm's statistics to all other samples. True: these
            statistics count as constants, as at inference. Several times faster, and another kernel: on small
            networks its condition number ranks cells only roughly like the exact one's.

    Raises:
        ProxyError: if there are no parameters, or labels are needed and missing.
    """
    from archwright.proxies.layer_grams import frozen_ntk

    params = chosen(copy.params, parameters)
    if frozen:
        return frozen_ntk(copy, x, params, lambda logits: scalar_outputs(logits, outputs, y))
    with torch.inference_mode(False), torch.enable_grad():
        values = scalar_outputs(copy(x.clone()), outputs, y)
        gradients = per_sample_gradients(values, params.values(), x)
        return gradients @ gradients.T
