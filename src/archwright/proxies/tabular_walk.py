"""The forward pass of many networks of a width space, each state computed once for all that share it."""

# Legend: B rows, N architectures, L layers, K columns of a shared state, w a layer's own width.

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

if TYPE_CHECKING:
    from archwright.proxies.tabular_draw import SharedDraw

__all__ = ["Head", "Layer", "Network", "Rows", "State", "walk"]

#: Source: torch's BatchNorm1d.
_EPS = 1e-5


class Rows:
    """What goes into a layer, `z` [B, fan in], for all architectures with the same layers before."""

    def __init__(self, z: Tensor) -> None:
        self.z = z

    @cached_property
    def gram(self) -> Tensor:
        """Inner products of the rows [B, B]."""
        return torch.mm(self.z, self.z.T)


class State:
    """A hidden layer for all architectures with the same layers before: `K` columns, of which each takes the first.

    `h` before BatchNorm, `y` after it, `z` after ReLU, all [B, K], and `rate` [K], 1 / sqrt(variance + eps). The
    weights are `bound * weight` [K, fan in].
    """

    def __init__(self, inputs: Rows, weight: Tensor, bias: Tensor | None, bound: float) -> None:
        self.inputs, self.weight, self.bound = inputs, weight, bound
        z = inputs.z
        # With beta=0 the first argument is not read.
        added, beta = (z.new_zeros(()), 0.0) if bias is None else (bias, bound)
        self.h = torch.addmm(added, z, weight.T, beta=beta, alpha=bound)
        self.y, _, self.rate = torch.native_batch_norm(self.h, None, None, None, None, True, 0.0, _EPS)
        self.z = torch.relu(self.y)

    @cached_property
    def passes(self) -> Tensor:
        """Where the ReLU passes a gradient on: 1, else 0 [B, K]."""
        return torch.sign(self.z)

    @cached_property
    def slopes(self) -> Tensor:
        """`passes` times the rates [B, K]: what BatchNorm and ReLU multiply a gradient by, row by row."""
        return self.passes * self.rate

    @cached_property
    def signs(self) -> Tensor:
        """Where the ReLU is on: 1, else -1 [B, K]."""
        return (self.passes * 2).sub_(1)


class Layer:
    """A hidden layer of one architecture: the first `width` columns of a state.

    Each view is made when it is first asked for: in a dense set of networks views are most of the work.
    """

    def __init__(self, state: State, width: int) -> None:
        self.state, self.width = state, width
        self.inputs, self.bound = state.inputs, state.bound

    @cached_property
    def weight(self) -> Tensor:
        """Weights over `bound` [w, fan in]."""
        return self._columns(self.state.weight.T).T

    @cached_property
    def h(self) -> Tensor:
        """Before BatchNorm [B, w]."""
        return self._columns(self.state.h)

    @cached_property
    def y(self) -> Tensor:
        """After BatchNorm [B, w]."""
        return self._columns(self.state.y)

    @cached_property
    def rate(self) -> Tensor:
        """1 / sqrt(variance + eps) [w]."""
        return self.state.rate[: self.width]

    @cached_property
    def passes(self) -> Tensor:
        """Where the ReLU passes a gradient on: 1, else 0 [B, w]."""
        return self._columns(self.state.passes)

    @cached_property
    def slopes(self) -> Tensor:
        """`passes` times `rate` [B, w]."""
        return self._columns(self.state.slopes)

    @cached_property
    def outputs(self) -> Rows:
        """After the ReLU [B, w]."""
        return Rows(self._columns(self.state.z))

    def _columns(self, tensor: Tensor) -> Tensor:
        return tensor if self.width == tensor.shape[1] else tensor[:, : self.width]


@dataclass(frozen=True, slots=True)
class Head:
    """The last layer, after `last`: weights `bound * weight` [O, w], and its biases [O], where there are any."""

    last: Layer
    whole: Tensor
    bound: float
    bias: Tensor | None

    @property
    def inputs(self) -> Rows:
        """What the last hidden layer gives."""
        return self.last.outputs

    @property
    def weight(self) -> Tensor:
        """Weights over `bound` [O, w]."""
        return self.whole[:, : self.last.width]

    def logits(self) -> Tensor:
        """Return outputs [B, O]."""
        products = torch.mm(self.inputs.z, self.weight.T).mul_(self.bound)
        return products if self.bias is None else products.add_(self.bias)


@dataclass(frozen=True, slots=True)
class Network:
    """One architecture's forward pass.

    Args:
        layers: Its hidden layers.
        head: Its last layer.
        first_new: Layers before this one are the objects of the network before in the walk.
    """

    layers: list[Layer]
    head: Head
    first_new: int


def walk(draw: SharedDraw, x: Tensor, genes: npt.NDArray[np.integer]) -> Iterator[Network]:
    """Yield the forward pass of each architecture, in the order given.

    BatchNorm uses the batch's statistics, its scale is one and its shift zero. As it treats every column by itself,
    the state after layer l depends on (w_1 ... w_{l-1}) only and w_l selects its first columns: all 20^4 networks of
    ATLAS's space have 1 + 20 + 400 + 8,000 states.

    Args:
        draw: Their weights.
        x: Inputs [B, d]; their type and device are those of the whole pass.
        genes: Architectures [N, L], all different, in lexicographic order.
    """
    weights = [weight.to(x) for weight in draw.weights]
    biases = None if draw.biases is None else [bias.to(x) for bias in draw.biases]
    first_new, needed = _sharing(genes)
    widths = np.array(draw.space.widths)
    states: list[State] = []
    layers: list[Layer] = []
    for own, wide, new in zip(widths[genes].tolist(), widths[needed].tolist(), first_new.tolist(), strict=True):
        del states[new + 1 :], layers[new:]
        for i in range(new, len(own)):
            if i == len(states):  # else all layers before are the same, and only this one has another width
                inputs = layers[-1].outputs if i else Rows(x)
                fan_in = inputs.z.shape[1]
                bias = None if biases is None else biases[i][: wide[i]]
                states.append(State(inputs, weights[i][: wide[i], :fan_in], bias, draw.bound(fan_in)))
            layers.append(Layer(states[i], own[i]))
        bound = draw.bound(own[-1])
        bias = None if biases is None else biases[-1] * bound
        yield Network(list(layers), Head(layers[-1], weights[-1], bound, bias), new)


def _sharing(genes: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.integer]]:
    """Return the first gene in which each architecture differs from the one before [N], and genes [N, L].

    The latter are, for each layer, the widest of all architectures with the same layers before it.
    """
    n, n_layers = genes.shape
    differs = np.ones((n, n_layers), dtype=bool)
    differs[1:] = genes[1:] != genes[:-1]
    first = differs.argmax(1)
    needed = np.empty_like(genes)
    for layer in range(n_layers):
        starts = np.flatnonzero((first < layer) | (np.arange(n) == 0))
        widest = np.maximum.reduceat(genes[:, layer], starts)
        needed[:, layer] = np.repeat(widest, np.diff([*starts, n]))
    return first, needed
