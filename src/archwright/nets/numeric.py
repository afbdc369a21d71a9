"""Numeric fields to vectors, in torch. B rows, M fields, E embedding width, T bins."""

from __future__ import annotations

import math
import sys
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from archwright.nets.inputs import Inputs
from archwright.nets.recipe import Recipe

__all__ = ["LinearVectors", "NumericEmbedding", "PiecewiseLinear", "QuantileLookup", "numeric_embedding"]

Array = npt.NDArray[Any]


class NumericEmbedding(nn.Module):
    """Numbers [B, M] to vectors [B, M, E]."""

    def initialise(self, generator: torch.Generator, *, bound: float) -> None:
        """Draw the parameters; vectors uniformly within +-`bound`."""
        raise NotImplementedError

    def frozen(self) -> dict[str, Array]:
        """Return the arrays that `nets.frozen` needs for these fields."""
        raise NotImplementedError


class LinearVectors(NumericEmbedding):
    """A field is its value times its vector; no bias, so the mean of a standardised column is the zero vector.

    Source: ATLAS, sec. 4.1 (numeric fields have one embedding row, multiplied by the value).
    """

    def __init__(self, inputs: Inputs, width: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.empty(inputs.n_numeric, width))

    def initialise(self, generator: torch.Generator, *, bound: float) -> None:
        nn.init.uniform_(self.vector, -bound, bound, generator=generator)

    def forward(self, num: Tensor) -> Tensor:
        return num.unsqueeze(-1) * self.vector

    def frozen(self) -> dict[str, Array]:
        return {"num.vector": _array(self.vector)}


class PiecewiseLinear(NumericEmbedding):
    """Piecewise-linear embeddings: a linear one, plus a learned vector for every bin that the value has filled.

    Parameters and bin arithmetic are the library's; only the forward pass is ours, because one clamp between
    two bounds and one batched product do in 0.25 ms what takes its clamps, concatenations and transposes
    0.5 ms (14 fields, 16 bins, 512 rows, one thread). A test holds the two equal.

    Source: Gorishniy et al., arXiv:2203.05556, sec. 3.2; version "B" of arXiv:2410.24210, without activation.
    """

    low: Tensor
    high: Tensor

    def __init__(self, inputs: Inputs, width: int) -> None:
        super().__init__()
        edges = [torch.tensor(edges, dtype=torch.float32) for edges in inputs.edges]
        # The library draws initial values from the global generator, and has no argument against it.
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            # It also warns of fields with one bin. A yes/no column is one, and is right to be.
            warnings.simplefilter("ignore", UserWarning)
            self.rtdl = _rtdl().PiecewiseLinearEmbeddings(edges, width, activation=False, version="B")
        low, high = _bounds([len(e) - 1 for e in edges])
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    def initialise(self, generator: torch.Generator, *, bound: float) -> None:
        nn.init.uniform_(self.rtdl.linear0.weight, -bound, bound, generator=generator)
        nn.init.uniform_(self.rtdl.linear0.bias, -bound, bound, generator=generator)
        nn.init.zeros_(self.rtdl.linear.weight)

    def forward(self, num: Tensor) -> Tensor:
        x = num.unsqueeze(-1)
        bins, linear = self.rtdl.impl, self.rtdl.linear0
        # Clamped field by field [M, B, T], which is the layout that the batched product wants.
        code = torch.addcmul(bins.bias.unsqueeze(1), bins.weight.unsqueeze(1), x.transpose(0, 1))
        code = torch.minimum(torch.maximum(code, self.low), self.high)
        filled = torch.bmm(code, self.rtdl.linear.weight).transpose(0, 1)
        return filled + torch.addcmul(linear.bias, linear.weight, x)

    def frozen(self) -> dict[str, Array]:
        return {
            "num.slope": _array(self.rtdl.impl.weight),
            "num.shift": _array(self.rtdl.impl.bias),
            "num.low": _array(self.low.squeeze(1)),
            "num.high": _array(self.high.squeeze(1)),
            "num.table": _array(self.rtdl.linear.weight),
            "num.vector": _array(self.rtdl.linear0.weight),
            "num.bias": _array(self.rtdl.linear0.bias),
        }


class QuantileLookup(NumericEmbedding):
    """A vector per quantile bin: the number becomes a category."""

    edges: Tensor
    offset: Tensor

    def __init__(self, inputs: Inputs, width: int) -> None:
        super().__init__()
        inner = [edges[1:-1] for edges in inputs.edges]
        # At least one column, as an empty tensor has no rows to search in; inf is never reached.
        padded = torch.full((len(inner), max(1, *map(len, inner))), math.inf)
        for row, values in zip(padded, inner, strict=True):
            row[: len(values)] = torch.tensor(values)
        sizes = [len(values) + 1 for values in inner]
        self.register_buffer("edges", padded)
        self.register_buffer("offset", torch.tensor(np.cumsum([0, *sizes[:-1]])))
        self.table = nn.Parameter(torch.empty(sum(sizes), width))

    def initialise(self, generator: torch.Generator, *, bound: float) -> None:
        nn.init.uniform_(self.table, -bound, bound, generator=generator)

    def forward(self, num: Tensor) -> Tensor:
        rows = torch.searchsorted(self.edges, num.t().contiguous(), right=True).t()
        return nn.functional.embedding(rows + self.offset, self.table)

    def frozen(self) -> dict[str, Array]:
        return {
            "num.edges": _array(self.edges),
            "num.offset": _array(self.offset),
            "num.table": _array(self.table),
        }


_KINDS: dict[str, type[LinearVectors] | type[PiecewiseLinear] | type[QuantileLookup]] = {
    "linear": LinearVectors,
    "ple": PiecewiseLinear,
    "quantile": QuantileLookup,
}


def numeric_embedding(inputs: Inputs, recipe: Recipe) -> NumericEmbedding:
    """Return the embedding of the numeric fields that `recipe` asks for, not yet initialised."""
    return _KINDS[recipe.encoding](inputs, recipe.embedding)


def _bounds(n_bins: list[int]) -> tuple[Tensor, Tensor]:
    # The library puts a field's last bin into the last slot. The first bin has no floor and the last no
    # ceiling, so that values beyond the training range extrapolate. Slots in between that are not used have
    # slope and shift 0, so any bounds around 0 do.
    widest = max(n_bins)
    low = torch.zeros(len(n_bins), 1, widest)
    high = torch.ones(len(n_bins), 1, widest)
    low[:, :, 0] = -math.inf
    high[:, :, -1] = math.inf
    for field, count in enumerate(n_bins):
        if count == 1:
            low[field, :, -1] = -math.inf
    return low, high


def _rtdl() -> ModuleType:
    """Import rtdl_num_embeddings without scikit-learn.

    The library imports `sklearn.tree` for a function that is not used here, which takes 1.0 to 2.3 s: half of
    a short run. It does without where scikit-learn is missing, so it is told so, unless it is loaded anyway.
    """
    if "rtdl_num_embeddings" not in sys.modules and "sklearn" not in sys.modules:
        sys.modules["sklearn"] = None  # type: ignore[assignment]  # None makes `import sklearn` fail at once
        try:
            import rtdl_num_embeddings
        finally:
            del sys.modules["sklearn"]
    import rtdl_num_embeddings

    module: ModuleType = rtdl_num_embeddings
    return module


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.detach().cpu().numpy().copy()
    return array
