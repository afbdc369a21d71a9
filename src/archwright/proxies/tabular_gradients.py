"""Gradient proxies of many networks of a width space, from one backward pass of each for all of them."""

# Legend: B rows, N architectures, L layers, S scalars of a network, O outputs, C classes.

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from archwright.core.errors import ProxyError
from archwright.proxies.epe_nas import EPS as EPE_EPS
from archwright.proxies.epe_nas import MANY_CLASSES
from archwright.proxies.jacov import EPS as JACOV_EPS
from archwright.proxies.tabular_backward import Gradients, backward, inner_products, input_gradients
from archwright.proxies.tabular_loss import Loss
from archwright.proxies.tabular_walk import Head, Layer, Network

__all__ = ["GRADIENTS", "GradientProxies"]

#: Whose gradients a proxy needs: the loss; its derivatives' change along the head's weights (see `grasp`); the mean
#: over rows of the summed outputs.
_NEEDS: dict[str, tuple[str, ...]] = {
    "grad_norm": ("loss",),
    "plain": ("loss",),
    "snip": ("loss",),
    "fisher": ("loss",),
    "ntk_trace_appx": ("loss",),
    "grasp": ("loss", "curvature"),
    "knas": ("outputs",),
    "jacov": ("outputs",),
    "epe_nas": ("outputs",),
}
GRADIENTS = tuple(_NEEDS)
_LOSS = ("loss", "curvature", "outputs")

Values = dict[str, npt.NDArray[np.float64]]


class GradientProxies:
    """Collects gradient proxies of networks as `walk` gives them.

    What a proxy needs of a layer is kept as one number on the device and added up at the end in float64: small
    operations on single numbers would take as long as the products.

    Args:
        names: Some of `GRADIENTS`.
        y: Targets.
        n_outputs: O.

    Raises:
        ProxyError: if targets are missing or do not fit.
    """

    def __init__(self, names: Sequence[str], y: Tensor | None, n_outputs: int) -> None:
        self.names, self._n_outputs = frozenset(names), n_outputs
        needed = {scalar for name in names for scalar in _NEEDS[name]}
        self._scalars = [scalar for scalar in _LOSS if scalar in needed]
        self._place = {scalar: place for place, scalar in enumerate(self._scalars)}
        self._y = y
        if "epe_nas" in self.names and (y is None or y.is_floating_point() or y.ndim != 1):
            raise ProxyError("epe_nas needs integer labels [B], but the batch has none; give them")
        self._loss: Loss | None = None
        if "loss" in needed:
            if y is None:
                raise ProxyError(f"{', '.join(sorted(self.names))} need labels, but the batch has none; give them")
            self._loss = Loss(y, n_outputs)
        self._inner = bool(self.names & {"grad_norm", "ntk_trace_appx", "grasp", "knas"})
        self._affine = bool(self.names & {"ntk_trace_appx", "knas"})
        self._n_layers = self._n_rows = 0
        #: Numbers, or matrices, per network; those of `_per_layer` one per layer, the head's last.
        self._per_layer: dict[str, list[Tensor]] = {name: [] for name in ("inner", "plain", "fisher", "snip")}
        self._affines: list[Tensor] = []
        self._bounds: list[float] = []
        self._fans: list[int] = []
        self._correlations: list[Tensor] = []

    def add(self, network: Network) -> None:
        """Note one network."""
        logits = network.head.logits()
        gradients = backward(network, self._by_output(network, logits), affine=self._affine)
        self._n_layers, self._n_rows = len(network.layers), len(logits)
        if self._inner:
            self._per_layer["inner"] += inner_products(network, gradients)
        if self._affine:
            joined = torch.cat(gradients.affine, 1)
            self._affines.append(joined @ joined.T)
        if self.names & {"plain", "fisher"}:
            self._add_outputs(network, gradients, logits)
        if "snip" in self.names:
            self._add_snip(network, gradients)
        if self.names & {"jacov", "epe_nas"}:
            rows = input_gradients(network, gradients, self._place["outputs"]).double()
            rows -= rows.mean(1, keepdim=True)
            rows /= rows.norm(dim=1, keepdim=True)
            self._correlations.append(rows @ rows.T)

    def values(self) -> Values:
        """Return each proxy [N] of all that was added; NaN where it is not defined."""
        found: Values = {}
        if self._inner:
            found |= self._of_inner_products()
        for name, weights in (("plain", None), ("fisher", self._fans), ("snip", self._bounds)):
            if name in self.names:
                each = self._stacked(name)
                found[name] = (each if weights is None else each * np.reshape(weights, each.shape)).sum(1)
        if "fisher" in self.names:
            found["fisher"] /= 2 * self._n_rows
        if self._correlations:
            found |= self._of_correlations()
        return {name: found[name] for name in GRADIENTS if name in self.names}

    def _by_output(self, network: Network, logits: Tensor) -> Tensor:
        """Return the derivatives of all scalars by the outputs [S, B, O]."""
        parts: list[Tensor] = []
        for scalar in self._scalars:
            if scalar == "outputs":
                parts.append(torch.full_like(logits, 1 / len(logits)))
                continue
            assert self._loss is not None
            loss = self._loss
            parts.append(loss.gradient(logits) if scalar == "loss" else loss.curvature(logits, network.head))
        return parts[0][None] if len(parts) == 1 else torch.stack(parts)

    def _add_outputs(self, network: Network, gradients: Gradients, logits: Tensor) -> None:
        place, head = self._place["loss"], network.head
        outputs = [*(layer.h for layer in network.layers), logits]
        layers = [*gradients.by_layer, gradients.by_output]
        products = [(h * d[place]).view(-1) for h, d in zip(outputs, layers, strict=True)]
        if "fisher" in self.names:
            self._per_layer["fisher"] += [torch.dot(product, product) for product in products]
            self._fans += [*(layer.inputs.z.shape[1] for layer in network.layers), head.inputs.z.shape[1]]
        if "plain" in self.names:
            # Sum of w g = sum of (h - bias) * gradient; over the rows the latter is zero below a BatchNorm.
            if head.bias is not None:
                products[-1] = ((logits - head.bias) * gradients.by_output[place]).view(-1)
            self._per_layer["plain"] += [product.sum() for product in products]

    def _add_snip(self, network: Network, gradients: Gradients) -> None:
        place = self._place["loss"]
        parts: Sequence[Head | Layer] = [*network.layers, network.head]
        for part, d in zip(parts, [*gradients.by_layer, gradients.by_output], strict=True):
            by_weight = torch.mm(d[place].T, part.inputs.z).mul_(part.weight)
            self._per_layer["snip"].append(by_weight.abs_().sum())
            self._bounds.append(part.bound)

    def _stacked(self, name: str) -> npt.NDArray[np.float64]:
        """Return [N, L + 1, ...] in float64."""
        stacked = torch.stack(self._per_layer[name]).double().cpu().numpy()
        return stacked.reshape(-1, self._n_layers + 1, *stacked.shape[1:])

    def _of_inner_products(self) -> Values:
        inner = self._stacked("inner")
        found: Values = {}
        if "loss" in self._place:
            loss = self._place["loss"]
            found["grad_norm"] = np.sqrt(np.maximum(inner[:, :, loss, loss], 0)).sum(1)
            if "curvature" in self._place:
                found["grasp"] = -inner[:, :, loss, self._place["curvature"]].sum(1)
        if self._affine:
            whole = inner.sum(1) + torch.stack(self._affines).double().cpu().numpy()
            squares = {scalar: whole[:, place, place] for scalar, place in self._place.items()}
            found |= {"ntk_trace_appx": squares["loss"]} if "loss" in squares else {}
            found |= {"knas": squares["outputs"]} if "outputs" in squares else {}
        return found

    def _of_correlations(self) -> Values:
        stacked = torch.stack(self._correlations).cpu()
        defined = torch.isfinite(stacked).all(2).all(1)
        safe = torch.where(defined[:, None, None], stacked, torch.eye(stacked.shape[1], dtype=stacked.dtype))
        found = {}
        if "jacov" in self.names:
            found["jacov"] = _jacov(safe)
        if "epe_nas" in self.names:
            assert self._y is not None
            found["epe_nas"] = _epe_nas(safe, self._y.cpu(), self._n_outputs)
        return {name: torch.where(defined, values, torch.nan).numpy() for name, values in found.items()}


def _jacov(correlations: Tensor) -> Tensor:
    eigenvalues = torch.linalg.eigvalsh(correlations).clamp(min=0) + JACOV_EPS
    scores: Tensor = -(eigenvalues.log() + 1 / eigenvalues).sum(1)
    return scores


def _epe_nas(correlations: Tensor, y: Tensor, n_outputs: int) -> Tensor:
    _, place = torch.unique(y, return_inverse=True)
    member = torch.nn.functional.one_hot(place).to(correlations)  # [B, C]
    logs = (correlations.abs() + EPE_EPS).log()
    each = ((logs @ member) * member).sum(1)  # [N, C]
    if n_outputs <= MANY_CLASSES:
        return each.abs().sum(1)
    sizes = member.sum(0)
    each = (each / sizes)[:, sizes > 1]
    if not each.shape[1]:
        raise ProxyError("with so many classes epe_nas needs a class with two samples in the batch; take a larger one")
    return (each[:, :, None] - each[:, None]).abs().sum((1, 2)) / each.shape[1]
