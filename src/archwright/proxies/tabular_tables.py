"""Proxies of a width space that need no data: sums over layers of tabled numbers, and SynFlow from its prefixes."""

# Legend: N architectures, L layers, h widths, n the largest one, P different prefixes (w_1 ... w_l).

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

    from archwright.proxies.tabular_draw import SharedDraw

__all__ = ["flops", "l2_norm", "params", "synflow"]

Genes = npt.NDArray[np.integer]
Values = npt.NDArray[np.float64]

#: Architectures whose prefixes are carried at once: with widths up to 512, states of at most 67 MB.
_TOGETHER = 2**14


def params(draw: SharedDraw, genes: Genes) -> Values:
    """Return the parameters [N]: weights, biases, and BatchNorm's two for each hidden unit."""
    fans = draw.fans(genes)
    hidden = (fans[:, 1:] * (fans[:, :-1] + 3)).sum(1)
    counts: Values = (hidden + draw.n_outputs * (fans[:, -1] + 1)).astype(np.float64)
    return counts


def flops(draw: SharedDraw, genes: Genes) -> Values:
    """Return the multiply-adds [N] of the products for one row."""
    fans = draw.fans(genes)
    counts: Values = ((fans[:, :-1] * fans[:, 1:]).sum(1) + draw.n_outputs * fans[:, -1]).astype(np.float64)
    return counts


def l2_norm(draw: SharedDraw, genes: Genes) -> Values:
    """Return the sum [N] over the layers of the norms of their weights.

    A layer's norm is one of h x h corners of one matrix, all from its squares added up in both directions.
    """
    edges = np.array(draw.space.widths)
    total = np.zeros(len(genes))
    for layer, weight in enumerate(draw.weights):
        squares = np.square(weight.numpy(), dtype=np.float64).cumsum(0)
        squares = squares[edges - 1] if layer < draw.space.layers else squares[-1:]
        rows = genes[:, layer] if layer < draw.space.layers else 0
        if layer == 0:
            table = np.sqrt(squares.sum(1, keepdims=True)) * draw.bound(draw.d)
            total += table[rows, 0]
        else:
            bounds = np.array([draw.bound(int(fan_in)) for fan_in in edges])
            table = np.sqrt(squares.cumsum(1)[:, edges - 1]) * bounds
            total += table[rows, genes[:, layer - 1]]
    return total


def synflow(draw: SharedDraw, genes: Genes) -> Values:
    """Return SynFlow [N] for genes in lexicographic order.

    With positive weights and an input of ones no ReLU clips: the network is affine, and the sum of w dR/dw over a
    layer's weights is the sum R of the outputs less what the biases of that layer and of later ones add to it. So the
    bias of layer l (1, ..., L + 1) is missing l times in L + 1 layers, and one pass of t_l = W t_(l-1) + (L + 1 - l) b
    from t_0 = L + 1 ends in SynFlow itself. States depend on prefixes only, as in `whole_space`.
    """
    weights = [_positive(weight) for weight in draw.weights]
    biases = None if draw.biases is None else [_positive(bias) for bias in draw.biases]
    parts = [
        _synflow(draw, weights, biases, genes[start : start + _TOGETHER]) for start in range(0, len(genes), _TOGETHER)
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def _synflow(draw: SharedDraw, weights: list[Values], biases: list[Values] | None, genes: Genes) -> Values:
    n_layers, widths = draw.space.layers, draw.space.widths
    first = (weights[0].sum(1) * (n_layers + 1) + (0 if biases is None else n_layers * biases[0])) * draw.bound(draw.d)
    states = first[:, None]  # [n, P], of the empty prefix
    column = np.zeros(len(genes), dtype=np.int64)
    for layer in range(1, n_layers):
        prefixes, column = np.unique(column * len(widths) + genes[:, layer - 1], return_inverse=True)
        parents, last = np.divmod(prefixes, len(widths))
        grown = np.empty((len(states), len(prefixes)))
        bias = 0 if biases is None else ((n_layers - layer) * biases[layer])[:, None]
        for k in np.unique(last):
            of_k, w = last == k, widths[k]
            grown[:, of_k] = (weights[layer][:, :w] @ states[:w, parents[of_k]] + bias) * draw.bound(w)
        states = grown
    flows = (weights[-1].sum(0)[:, None] * states).cumsum(0)[np.array(widths) - 1]  # [h, P]
    bounds = np.array([draw.bound(width) for width in widths])
    last_genes = genes[:, -1]
    found: Values = flows[last_genes, column] * bounds[last_genes]
    return found


def _positive(tensor: Tensor) -> Values:
    positive: Values = np.abs(tensor.numpy()).astype(np.float64)
    return positive
