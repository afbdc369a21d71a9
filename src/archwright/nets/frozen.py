"""A trained network in numpy: what is left of it for prediction, without torch.

B rows, M numeric fields, C categorical fields, E embedding width, T bins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from archwright.nets.inputs import Inputs
from archwright.nets.storage import Arrays

__all__ = ["FrozenNet", "offsets"]

Floats = npt.NDArray[np.float32]
#: Numbers that one batch of a forward pass may hold: 64 MB, small enough for any machine.
_BATCH_NUMBERS = 2**24
#: Up to so many rows are computed in double precision: a product of matrices rounds otherwise for one row than for two,
#: and a row's answer should not depend on its neighbours.
_FEW_ROWS = 256
#: Arrays that are computed from the data, not learned.
_NOT_LEARNED = {"cat.offset", "num.slope", "num.shift", "num.low", "num.high", "num.edges", "num.offset"}


class FrozenNet:
    """The inference form of a `TabularMlp`: BatchNorm folded into the Linears, dropout gone.

    Arrays, all float32 unless said otherwise. Fields are concatenated numeric first.

    - `cat.table` [sum of cardinalities, E], `cat.offset` [C] int64: field c with code k is row `offset[c] + k`.
    - `linear`: `num.vector` [M, E]; a field is `x * vector`.
    - `ple`: `num.slope`, `num.shift`, `num.low`, `num.high` [M, T], `num.table` [M, T, E], `num.vector`,
      `num.bias` [M, E]; a field is `clip(x * slope + shift, low, high) @ table + x * vector + bias`.
    - `quantile`: `num.edges` [M, T-1] inner bin edges, filled up with inf, `num.offset` [M] int64, `num.table`
      [sum of bins, E]; a field is row `offset + (number of edges <= x)`.
    - `layers.{i}.weight` [out, in], `layers.{i}.bias` [out], ReLU after each; `head.weight`, `head.bias`.

    Args:
        arrays: The arrays above; those of a kind of field that the task lacks are absent.
        inputs: Fields and outputs.
        widths: Widths of the hidden layers; none means a linear model of the embeddings.
        encoding: `linear`, `ple` or `quantile`.
    """

    def __init__(
        self, arrays: Mapping[str, npt.NDArray[Any]], inputs: Inputs, widths: Sequence[int], encoding: str
    ) -> None:
        self.arrays: Arrays = dict(arrays)
        self.inputs = inputs
        self.widths = tuple(widths)
        self.encoding = encoding

    @classmethod
    def constant(cls, logits: Sequence[float], inputs: Inputs) -> Self:
        """Return the network that answers `logits` [n_outputs] whatever it is given."""
        arrays: Arrays = {
            "head.weight": np.zeros((inputs.n_outputs, inputs.n_fields), dtype=np.float32),
            "head.bias": np.asarray(logits, dtype=np.float32).reshape(inputs.n_outputs),
        }
        if inputs.cardinalities:
            arrays["cat.table"] = np.zeros((inputs.n_rows, 1), dtype=np.float32)
            arrays["cat.offset"] = offsets(inputs.cardinalities)
        if inputs.n_numeric:
            arrays["num.vector"] = np.zeros((inputs.n_numeric, 1), dtype=np.float32)
        return cls(arrays, inputs, (), "linear")

    @property
    def members(self) -> tuple[Self, ...]:
        """This network alone; a `Committee` has more."""
        return (self,)

    @property
    def n_params(self) -> int:
        """Learned numbers, after folding."""
        return sum(array.size for name, array in self.arrays.items() if name not in _NOT_LEARNED)

    def forward(self, num: npt.NDArray[Any], cat: npt.NDArray[Any]) -> Floats:
        """Return logits [B, n_outputs] for encoded rows.

        Up to 256 rows are computed in double precision, so that each has the same answer in whatever company.

        Args:
            num: Numeric fields [B, M].
            cat: Codes [B, C], each below its field's cardinality.
        """
        bins = self.arrays["num.slope"].shape[1] if "num.slope" in self.arrays else 1
        per_row = self.inputs.n_fields * self.arrays["head.weight"].shape[1] + self.inputs.n_numeric * bins
        rows = int(np.clip(_BATCH_NUMBERS // (per_row + sum(self.widths) + 1), 64, 16384))
        out = np.empty((len(num), self.inputs.n_outputs), dtype=np.float32)
        precision = np.float64 if len(num) <= _FEW_ROWS else np.float32
        for start in range(0, len(num), rows):
            part = slice(start, start + rows)
            numbers = np.asarray(num[part], dtype=np.float32).astype(precision, copy=False)
            out[part] = self._batch(numbers, np.asarray(cat[part]))
        return out

    def _batch(self, num: npt.NDArray[Any], cat: npt.NDArray[Any]) -> npt.NDArray[Any]:
        arrays = self.arrays
        parts = []
        if self.inputs.n_numeric:
            parts.append(_NUMERIC[self.encoding](arrays, num).reshape(len(num), -1))
        if self.inputs.cardinalities:
            parts.append(arrays["cat.table"][cat + arrays["cat.offset"]].reshape(len(num), -1))
        # Categories alone have the precision of their table.
        hidden = np.concatenate(parts, axis=1).astype(num.dtype, copy=False)
        for i in range(len(self.widths)):
            hidden = hidden @ arrays[f"layers.{i}.weight"].T
            hidden += arrays[f"layers.{i}.bias"]
            np.maximum(hidden, 0, out=hidden)
        logits: npt.NDArray[Any] = hidden @ arrays["head.weight"].T + arrays["head.bias"]
        return logits


def offsets(cardinalities: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return the first row of each field in a table that holds them one after the other."""
    return np.concatenate([[0], np.cumsum(cardinalities)[:-1]]).astype(np.int64)


def _linear(arrays: Arrays, num: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return num[:, :, None] * arrays["num.vector"]


def _ple(arrays: Arrays, num: npt.NDArray[Any]) -> npt.NDArray[Any]:
    x = num[:, :, None]
    code = np.clip(x * arrays["num.slope"] + arrays["num.shift"], arrays["num.low"], arrays["num.high"])
    piecewise = (code.transpose(1, 0, 2) @ arrays["num.table"]).transpose(1, 0, 2)
    fields: npt.NDArray[Any] = piecewise + x * arrays["num.vector"] + arrays["num.bias"]
    return fields


def _quantile(arrays: Arrays, num: npt.NDArray[Any]) -> npt.NDArray[Any]:
    columns = [
        np.searchsorted(edges, column, side="right") for edges, column in zip(arrays["num.edges"], num.T, strict=True)
    ]
    rows: npt.NDArray[Any] = arrays["num.table"][np.stack(columns, axis=1) + arrays["num.offset"]]
    return rows


_NUMERIC = {"linear": _linear, "ple": _ple, "quantile": _quantile}
