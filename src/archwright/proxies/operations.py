"""Saliencies of single operations of a network: what zero-cost proxies sum over all layers, operation by operation."""

# Legend: w a weight, g its gradient of the loss, H the Hessian of the loss, R the sum of the outputs; O operations.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from archwright.core.errors import ProxyError
from archwright.proxies.base import Batch
from archwright.proxies.copies import Copy, stand_in
from archwright.proxies.derivatives import hessian_products, loss_gradients, output_gradients

__all__ = ["METRICS", "operation_saliencies", "require_metrics"]

#: The metrics that there are, in the order of TA-GATES.
METRICS = ("grad_norm", "snip", "grasp", "plain", "synflow")

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def operation_saliencies(
    model: nn.Module, batch: Batch, paths: Sequence[str], *, metrics: Sequence[str] = METRICS
) -> Floats:
    """Return the saliencies [O, metrics] of O modules of a network, each with its sign.

    A metric of an operation is the sum that the proxy of this name takes over the whole network, taken over the weights
    of the operation's linear and convolutional layers. It is 0 for an operation without such weights, and for one that
    the network's outputs do not depend on. In float64. All metrics together cost two forward passes, two backward
    passes, and for `grasp` a third one.

    Args:
        model: Untrained network; it is never touched.
        batch: Inputs [B, ...] and labels [B].
        paths: Modules by their paths as in `named_modules`, of which none holds another.
        metrics: Which of `METRICS`, one or more, in any order.

    Raises:
        ProxyError: if a metric or a module is unknown, a module is within another, there are no weights or labels, or a
            value is not finite.

    Source: TA-GATES (NeurIPS 2022), section 3.2.
    """
    require_metrics(metrics)
    net = stand_in(model, batchnorm="batch", dtype=torch.float64)
    owners, n = _owners(net, paths), len(paths)
    found: dict[str, Floats] = {}
    if set(metrics) - {"synflow"}:
        found |= _of_loss(net, batch, owners, n, with_grasp="grasp" in metrics)
    if "synflow" in metrics:
        net = stand_in(model, batchnorm="off", dtype=torch.float64, absolute=True)
        of_outputs = _Joined.of(net, output_gradients(net, batch), owners, n)
        found["synflow"] = of_outputs.total(of_outputs.by_layer(of_outputs.products))
    values = np.stack([found[name] for name in metrics], axis=1)
    if not np.isfinite(values).all():
        raise ProxyError("saliencies of operations must be finite; check the network's parameters and inputs")
    return values


def _of_loss(net: Copy, batch: Batch, owners: Mapping[str, int], n: int, *, with_grasp: bool) -> dict[str, Floats]:
    """Return the metrics of the loss [O], which share its gradients."""
    gradients = loss_gradients(net, batch, create_graph=with_grasp)
    first = _Joined.of(net, gradients, owners, n)
    found = {
        "grad_norm": first.total(np.sqrt(first.by_layer(first.derivative**2))),
        "snip": first.total(first.by_layer(np.abs(first.products))),
        "plain": first.total(first.by_layer(first.products)),
    }
    if with_grasp:
        second = _Joined.of(net, hessian_products(net, gradients), owners, n)
        found["grasp"] = -second.total(second.by_layer(second.products))
    return found


def require_metrics(metrics: Sequence[str]) -> None:
    """Check names of metrics.

    Raises:
        ProxyError: if there are none, or one is unknown.
    """
    if not metrics or not set(metrics) <= set(METRICS):
        raise ProxyError(f"metrics of operations must be one or more of {', '.join(METRICS)}, not {list(metrics)}")


@dataclass(frozen=True, eq=False)
class _Joined:
    """The weights of all layers of operations in one vector [W], since sums over many small tensors are slow.

    Args:
        weight: The weights [W].
        derivative: A derivative of each [W].
        starts: Where the L layers start [L].
        owners: Operation of each layer [L].
        n: Number O of operations.
    """

    weight: Floats
    derivative: Floats
    starts: Ints
    owners: Ints
    n: int

    @classmethod
    def of(cls, net: Copy, derivatives: Mapping[str, Tensor], owners: Mapping[str, int], n: int) -> Self:
        """Return those of the weights that have a derivative and an owner."""
        names = [name for name in owners if name in derivatives]
        weights, slopes = ([table[name].detach().flatten() for name in names] for table in (net.params, derivatives))
        none = [torch.zeros(0, dtype=torch.float64)]
        weight, derivative = (torch.cat(parts or none).cpu().numpy() for parts in (weights, slopes))
        starts = np.cumsum([0, *(each.numel() for each in weights[:-1])])[: len(weights)]
        return cls(weight, derivative, starts, np.array([owners[name] for name in names], dtype=np.int64), n)

    @property
    def products(self) -> Floats:
        """The weights times their derivatives [W]."""
        return self.weight * self.derivative

    def by_layer(self, values: Floats) -> Floats:
        """Return the sums of `values` [W] over each layer [L]."""
        sums: Floats = np.add.reduceat(values, self.starts) if len(self.starts) else np.zeros(0)
        return sums

    def total(self, values: Floats) -> Floats:
        """Return the sums of `values` [L] over each operation [O]."""
        return np.bincount(self.owners, weights=values, minlength=self.n).astype(np.float64)


def _owners(net: Copy, paths: Sequence[str]) -> dict[str, int]:
    """Return the operation of each weight that belongs to one."""
    number = {path: place for place, path in enumerate(paths)}
    for path in paths:
        try:
            net.module.get_submodule(path)
        except AttributeError as error:
            raise ProxyError(f"an operation must be a module of the network, but {path!r} is none") from error
    if len(number) < len(paths) or "" in number or any(above in number for path in paths for above in _above(path)):
        raise ProxyError("operations must be different modules, none a part of another")
    return {weight: number[path] for weight in net.weights() for path in _above(weight) if path in number}


def _above(path: str) -> list[str]:
    """Return the paths of the modules that hold `path`, without the network itself."""
    parts = path.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]
