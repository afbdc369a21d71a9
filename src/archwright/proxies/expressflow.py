"""ExpressFlow, ATLAS's zero-cost proxy, on any ReLU network."""

# Legend: B rows, P probes, K neurons of a layer (C H W of a map), z activations after a ReLU.

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from archwright.core.errors import ProxyError, require_one_of
from archwright.proxies.activations import Activations
from archwright.proxies.base import Batch, proxy
from archwright.proxies.copies import Copy, stand_in
from archwright.proxies.whole_space import REFERENCE_EPS, ROWS

__all__ = ["expressflow"]

Recalibration = Literal["both", "width", "depth", "none"]
Inputs = Literal["ones", "batch"]

#: Uniform bounds of Table 5's initialisations, from (fan_in, fan_out).
_BOUNDS: dict[str, Callable[[int, int], float]] = {
    "he": lambda fan_in, fan_out: math.sqrt(6 / fan_in),
    "xavier": lambda fan_in, fan_out: math.sqrt(6 / (fan_in + fan_out)),
    "lecun": lambda fan_in, fan_out: math.sqrt(3 / fan_in),
}


@proxy(batchnorm=False, labels=False, higher_is_better=True, source="ATLAS, eq. 1 and 13, App. D, G")
def expressflow(
    model: nn.Module,
    batch: Batch | None = None,
    *,
    reference: bool = False,
    probes: int | Tensor = 4,
    seed: int = 0,
    absolute: bool = True,
    inputs: Inputs = "ones",
    init: Literal["he", "xavier", "lecun"] | None = "he",
    recalibrate: Recalibration = "both",
) -> float:
    """Return the recalibrated neuron saliency of an untrained network. Higher is better.

    Sums |dF/dz| z over the neurons of each ReLU layer, times K / length(z), over layers and rows, where F is
    the sum of the outputs. Needs no labels, and no data with `inputs="ones"`. Works in float64 on a
    functional copy: the model, its mode and the global random state stay as they were. BatchNorm and dropout
    are passed by. Of `archwright.nets.mlp.TabularMlp` only the dense part is scored, not the embeddings.

    Args:
        model: Network of dense or convolutional layers and ReLUs, nested in any way, modules or function calls.
        batch: Inputs [B, ...], whose shape is taken. By default 4 rows as wide as the first Linear.
        reference: The released code's weights: 1 / (length + 1e-6) normalised over the layers, times K.
        probes: How many Gaussian directions, or the directions themselves [P, ...].
        seed: Seed of the directions and of `init`.
        absolute: Use the absolute values of all parameters, as the paper does; False for its Table 4.
        inputs: `"ones"`: all-ones rows of the batch's shape; `"batch"`: the batch itself.
        init: Draws the weights of the layers anew on the copy, with zero biases; None keeps the model's own.
        recalibrate: The paper's weight K / length, or parts of it, for its Table 8.

    Raises:
        ProxyError: if there is no ReLU, the outputs do not depend on the input, there is no way to know the input's
            width, the score is not finite, or a word is none of those that are allowed.

    Source: ATLAS, eq. 1, 13; App. D.1 for the defaults. Differs: the paper never says which trajectory z(t) is;
    the released code takes one finite difference along Gaussian noise, a direction per row. Here the length is
    sqrt(sum over probes of the mean over rows of |J g|^2), with exact directional derivatives J g and the
    same directions for every row, so that scores do not depend on a step size and are exactly proportional
    to B on all-ones rows. With as many probes as rows, all ones, both are the same quantity. Activations are the
    unperturbed ones; buffers are not made positive.
    """
    require_one_of(get_args(Inputs), ProxyError, inputs=inputs)
    require_one_of(get_args(Recalibration), ProxyError, recalibrate=recalibrate)
    net = stand_in(model, batchnorm="off", dtype=torch.float64)
    device = next(iter(net.params.values())).device if net.params else torch.device("cpu")
    generator = torch.Generator().manual_seed(seed)
    x = _rows(net, batch, inputs, device)
    directions = _directions(probes, x, generator)
    with torch.inference_mode(False):
        params = _params(net, absolute=absolute, init=init, generator=generator)
        saliency, widths = _saliency(net, params, x)
        lengths = _lengths(net, params, x, directions)
    weights = _weights(widths, lengths, recalibrate=recalibrate, reference=reference)
    # A dead layer has no saliency and no length: it adds nothing, although its weight is infinite.
    score = sum((weight * value for weight, value in zip(weights, saliency, strict=True) if value != 0), 0.0)
    if not math.isfinite(score):
        raise ProxyError(f"an ExpressFlow score must be finite, but this network's is {score}; check its parameters")
    return score


def _weights(
    widths: Sequence[int], lengths: Sequence[float], *, recalibrate: Recalibration, reference: bool
) -> list[float]:
    """Return the recalibration weight of each layer."""
    eps = REFERENCE_EPS if reference else 0.0
    inverse = [1 / (length + eps) if length + eps > 0 else math.inf for length in lengths]
    total = sum(inverse) if reference else 1.0
    depth = [value / total for value in inverse] if recalibrate in ("both", "depth") else [1.0] * len(widths)
    width = widths if recalibrate in ("both", "width") else [1] * len(widths)
    return [k * value for k, value in zip(width, depth, strict=True)]


def _rows(net: Copy, batch: Batch | None, inputs: str, device: torch.device) -> Tensor:
    if batch is not None:
        x = batch.x.detach().to(device=device, dtype=torch.float64)
        return torch.ones_like(x) if inputs == "ones" else x
    if inputs == "batch":
        raise ProxyError("inputs='batch' needs a batch, but none was given; give one, or use inputs='ones'")
    first = next((part for part in net.module.modules() if isinstance(part, nn.Linear)), None)
    if first is None:
        raise ProxyError("without a batch the network must have a Linear, but it has none; give a batch")
    return torch.ones(ROWS, first.in_features, dtype=torch.float64, device=device)


def _directions(probes: int | Tensor, x: Tensor, generator: torch.Generator) -> Tensor:
    """Return probe directions [P, ...]."""
    if isinstance(probes, Tensor):
        return probes.to(x)
    if probes < 1:
        raise ProxyError(f"ExpressFlow needs at least one probe, but {probes} was given")
    return torch.randn(probes, *x.shape[1:], dtype=torch.float64, generator=generator).to(x.device)


def _params(net: Copy, *, absolute: bool, init: str | None, generator: torch.Generator) -> dict[str, Tensor]:
    """Return the parameters to call the network with, in float64, without gradients."""
    params = {name: tensor.detach() for name, tensor in net.params.items()}
    if init is not None:
        for prefix, part in net.module.named_modules():
            if isinstance(part, nn.Linear | nn.modules.conv._ConvNd):
                drawn = _drawn(prefix + "." if prefix else "", part, init, generator)
                # A weight of two layers has one name here, and one value.
                params |= {name: tensor for name, tensor in drawn.items() if name in params}
    return {name: tensor.abs() for name, tensor in params.items()} if absolute else params


def _drawn(
    prefix: str, part: nn.Linear | nn.modules.conv._ConvNd, init: str, generator: torch.Generator
) -> dict[str, Tensor]:
    if init not in _BOUNDS:
        raise ProxyError(f"init must be one of {', '.join(_BOUNDS)} or None, but {init!r} was given")
    area = part.weight[0, 0].numel()
    bound = _BOUNDS[init](part.weight.shape[1] * area, part.weight.shape[0] * area)
    draw = torch.rand(part.weight.shape, dtype=torch.float64, generator=generator)
    drawn = {prefix + "weight": ((2 * draw - 1) * bound).to(part.weight.device)}
    if part.bias is not None:
        drawn[prefix + "bias"] = torch.zeros_like(part.bias, dtype=torch.float64)
    return drawn


def _forward(net: Copy, params: Mapping[str, Tensor], x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return the sum of the outputs, and the activations [B, ...] of each ReLU, first layer first."""
    with Activations() as activations:
        y = net(x, params)
    if not activations.z:
        raise ProxyError("ExpressFlow is defined for networks with a ReLU, but none was called")
    total: Tensor = y.sum()
    return total, activations.z


def _saliency(net: Copy, params: Mapping[str, Tensor], x: Tensor) -> tuple[list[float], list[int]]:
    """Return per layer the sum of |dF/dz| z over rows and neurons, and the number of neurons."""
    with torch.enable_grad():
        total, z = _forward(net, params, x.clone().requires_grad_())
        if not total.requires_grad:
            raise ProxyError("ExpressFlow needs outputs that depend on the input, but this network's do not")
        alive = [place for place, a in enumerate(z) if a.requires_grad]
        gradients = torch.autograd.grad(total, [z[place] for place in alive], allow_unused=True)
    saliency = [0.0] * len(z)
    for place, g in zip(alive, gradients, strict=True):
        if g is not None:
            saliency[place] = float((g.abs() * z[place].detach()).sum())
    return saliency, [a[0].numel() for a in z]


def _lengths(net: Copy, params: Mapping[str, Tensor], x: Tensor, directions: Tensor) -> list[float]:
    """Return per layer sqrt(sum over probes, mean over rows, of |J g|^2), with exact derivatives."""
    # Every row meets every direction. Equal rows have equal Jacobians, so one stands for all of them.
    rows = x[:1] if bool((x == x[:1]).all()) else x
    inputs = rows.repeat(len(directions), *[1] * (x.dim() - 1)).requires_grad_()
    tangents = directions.repeat_interleave(len(rows), dim=0)
    with torch.enable_grad():
        _, z = _forward(net, params, inputs)
        # J g by two reverse passes: J^T u is linear in u, and the gradient of <J^T u, g> for u is J g. The
        # forward mode of torch 2.13 warns of a deprecation when it is first used.
        alive = [place for place, a in enumerate(z) if a.requires_grad]
        u = [torch.zeros_like(z[place], requires_grad=True) for place in alive]
        (back,) = torch.autograd.grad([z[place] for place in alive], inputs, u, create_graph=True)
        slopes = torch.autograd.grad((back * tangents).sum(), u, materialize_grads=True)
    # A layer that no input reaches has no length, as it has no saliency.
    lengths = [0.0] * len(z)
    for place, slope in zip(alive, slopes, strict=True):
        lengths[place] = math.sqrt(float(slope.square().sum()) / len(rows))
    return lengths
