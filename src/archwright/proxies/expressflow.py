"""ExpressFlow, ATLAS's zero-cost proxy, on any ReLU network that is made of dense layers."""

# Legend: B rows, P probes, K neurons of a layer, z activations after a ReLU.

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from archwright.core.errors import ProxyError
from archwright.nets.mlp import TabularMlp
from archwright.proxies.base import Batch, proxy
from archwright.proxies.whole_space import REFERENCE_EPS, ROWS

__all__ = ["expressflow"]

Recalibration = Literal["both", "width", "depth", "none"]

_RELU = {functional.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, functional.relu_}
_BYPASSED = {
    functional.batch_norm,
    functional.dropout,
    functional.alpha_dropout,
    functional.feature_alpha_dropout,
    functional.dropout1d,
}
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
    inputs: Literal["ones", "batch"] = "ones",
    init: Literal["he", "xavier", "lecun"] | None = "he",
    recalibrate: Recalibration = "both",
) -> float:
    """Return the recalibrated neuron saliency of an untrained network. Higher is better.

    Sums |dF/dz| z over the neurons of each ReLU layer, times K / length(z), over layers and rows, where F is
    the sum of the outputs. Needs no labels, and no data with `inputs="ones"`. Works in float64 on a
    functional copy: the model, its mode and the global random state stay as they were. BatchNorm and dropout
    are passed by. Of `archwright.nets.mlp.TabularMlp` only the dense part is scored, not the embeddings.

    Args:
        model: Network of dense layers and ReLUs, nested in any way, modules or function calls.
        batch: Inputs [B, d]; B and d are taken from it. By default 4 rows as wide as the first Linear.
        reference: The released code's weights: 1 / (length + 1e-6) normalised over the layers, times K.
        probes: How many Gaussian directions, or the directions themselves [P, d].
        seed: Seed of the directions and of `init`.
        absolute: Use the absolute values of all parameters, as the paper does; False for its Table 4.
        inputs: `"ones"`: all-ones rows of the batch's shape; `"batch"`: the batch itself.
        init: Draws the weights of the Linears anew on the copy, with zero biases; None keeps the model's own.
        recalibrate: The paper's weight K / length, or parts of it, for its Table 8.

    Raises:
        ProxyError: if there is no ReLU, no way to know the input's width, or the score is not finite.

    Source: ATLAS, eq. 1, 13; App. D.1 for the defaults. Differs: the paper never says which trajectory z(t) is;
    the released code takes one finite difference along Gaussian noise, a direction per row. Here the length is
    sqrt(sum over probes of the mean over rows of |J g|^2), with exact directional derivatives J g and the
    same directions for every row, so that scores do not depend on a step size and are exactly proportional
    to B on all-ones rows. With as many probes as rows, all ones, both are the same quantity. Activations are the
    unperturbed ones; buffers are not made positive.
    """
    net = _dense_part(model)
    device = next((p.device for p in net.parameters()), torch.device("cpu"))
    generator = torch.Generator().manual_seed(seed)
    x = _rows(net, batch, inputs, device)
    directions = _directions(probes, x, generator)
    with torch.inference_mode(False):
        state = _state(net, absolute=absolute, init=init, generator=generator)
        saliency, widths = _saliency(net, state, x)
        lengths = _lengths(net, state, x, directions)
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


def _dense_part(model: nn.Module) -> nn.Module:
    """Return a stand-in for what comes after the embeddings, which the released code passes by as well.

    Modules are copied without their parameters, so that BatchNorm and dropout can be left out of the copy and its
    mode set to evaluation while the model itself is not touched.
    """
    if isinstance(model, TabularMlp):
        model = nn.Sequential(*model.layers, model.head)
    return _stand_in(model, {})


def _stand_in(part: nn.Module, known: dict[nn.Module, nn.Module]) -> nn.Module:
    if isinstance(part, nn.modules.batchnorm._BatchNorm | nn.modules.dropout._DropoutNd):
        return nn.Identity()
    if part not in known:
        known[part] = clone = copy.copy(part)
        clone.training = False
        clone._modules = {
            name: None if child is None else _stand_in(child, known) for name, child in part._modules.items()
        }
    return known[part]


def _rows(net: nn.Module, batch: Batch | None, inputs: str, device: torch.device) -> Tensor:
    if batch is not None:
        x = batch.x.detach().to(device=device, dtype=torch.float64)
        return torch.ones_like(x) if inputs == "ones" else x
    if inputs == "batch":
        raise ProxyError("inputs='batch' needs a batch, but none was given; give one, or use inputs='ones'")
    first = next((part for part in net.modules() if isinstance(part, nn.Linear)), None)
    if first is None:
        raise ProxyError("without a batch the network must have a Linear, but it has none; give a batch")
    return torch.ones(ROWS, first.in_features, dtype=torch.float64, device=device)


def _directions(probes: int | Tensor, x: Tensor, generator: torch.Generator) -> Tensor:
    """Return probe directions [P, d]."""
    if isinstance(probes, Tensor):
        return probes.to(x)
    if probes < 1:
        raise ProxyError(f"ExpressFlow needs at least one probe, but {probes} was given")
    return torch.randn(probes, *x.shape[1:], dtype=torch.float64, generator=generator).to(x.device)


def _state(net: nn.Module, *, absolute: bool, init: str | None, generator: torch.Generator) -> dict[str, Tensor]:
    """Return parameters and buffers to call the network with, in float64; the network keeps its own."""
    state = {name: _double(tensor) for name, tensor in net.named_parameters()}
    if init is not None:
        for prefix, part in net.named_modules():
            if isinstance(part, nn.Linear):
                state |= _drawn(prefix + "." if prefix else "", part, init, generator)
    if absolute:
        state = {name: tensor.abs() for name, tensor in state.items()}
    return state | {name: _double(tensor) for name, tensor in net.named_buffers()}


def _drawn(prefix: str, part: nn.Linear, init: str, generator: torch.Generator) -> dict[str, Tensor]:
    if init not in _BOUNDS:
        raise ProxyError(f"init must be one of {', '.join(_BOUNDS)} or None, but {init!r} was given")
    bound = _BOUNDS[init](part.in_features, part.out_features)
    draw = torch.rand(part.weight.shape, dtype=torch.float64, generator=generator)
    state = {prefix + "weight": ((2 * draw - 1) * bound).to(part.weight.device)}
    if part.bias is not None:
        state[prefix + "bias"] = torch.zeros_like(part.bias, dtype=torch.float64)
    return state


def _double(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().clone()
    return tensor.double() if tensor.is_floating_point() else tensor


class _Activations(TorchFunctionMode):
    """Keeps what every ReLU gives and passes functional BatchNorm and dropout by, without any hooks."""

    def __init__(self) -> None:
        super().__init__()
        self.z: list[Tensor] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in _BYPASSED:
            return args[0]
        if func in _RELU:
            z = torch.relu(args[0])  # never in place: the gradient needs z as it is now
            self.z.append(z)
            return z
        return func(*args, **(kwargs or {}))


def _forward(net: nn.Module, state: dict[str, Tensor], x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Return the sum of the outputs, and the activations [B, K] of each ReLU, first layer first."""
    with _Activations() as activations:
        y = torch.func.functional_call(net, state, (x,))
    if not activations.z:
        raise ProxyError("ExpressFlow is defined for networks with a ReLU, but none was called")
    total: Tensor = y.sum()
    return total, activations.z


def _saliency(net: nn.Module, state: dict[str, Tensor], x: Tensor) -> tuple[list[float], list[int]]:
    """Return per layer the sum of |dF/dz| z over rows and neurons, and the number of neurons."""
    with torch.enable_grad():
        total, z = _forward(net, state, x.clone().requires_grad_())
        gradients = torch.autograd.grad(total, z, allow_unused=True)
    saliency = [0.0 if g is None else float((g.abs() * a.detach()).sum()) for g, a in zip(gradients, z, strict=True)]
    return saliency, [a[0].numel() for a in z]


def _lengths(net: nn.Module, state: dict[str, Tensor], x: Tensor, directions: Tensor) -> list[float]:
    """Return per layer sqrt(sum over probes, mean over rows, of |J g|^2), with exact derivatives."""
    # Every row meets every direction. Equal rows have equal Jacobians, so one stands for all of them.
    rows = x[:1] if bool((x == x[:1]).all()) else x
    inputs = rows.repeat(len(directions), *[1] * (x.dim() - 1)).requires_grad_()
    tangents = directions.repeat_interleave(len(rows), dim=0)
    with torch.enable_grad():
        _, z = _forward(net, state, inputs)
        # J g by two reverse passes: J^T u is linear in u, and the gradient of <J^T u, g> for u is J g. The
        # forward mode of torch 2.13 warns of a deprecation when it is first used.
        u = [torch.zeros_like(a, requires_grad=True) for a in z]
        (back,) = torch.autograd.grad(z, inputs, u, create_graph=True)
        slopes = torch.autograd.grad((back * tangents).sum(), u, materialize_grads=True)
    return [math.sqrt(float(slope.square().sum()) / len(rows)) for slope in slopes]
