"""Finds the row of an architecture: a direct index for grids, sorted keys for samples of large spaces."""

# N rows, B queries, D genes

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from archwright.core.errors import BenchError

__all__ = ["RowIndex"]

Ints = npt.NDArray[np.int64]

#: Grids up to this many points, or up to a few per row, get a table with one entry per point (4 bytes each).
_DENSE, _PER_ROW = 1 << 20, 4

_ODD = 0x9E3779B97F4A7C15  # 2^64 / golden ratio, made odd
_MASK = (1 << 64) - 1


class RowIndex:
    """Rows by genes.

    Args:
        arities: Number of choices of each of the D decisions.
        n: Number of rows N.
        arrays: What `RowIndex.build` made; empty if row i is point i of the whole grid.
        genes: Genes [N, D] of the rows, to tell apart what shares a key.
    """

    def __init__(
        self,
        arities: Sequence[int],
        n: int,
        arrays: Mapping[str, npt.NDArray[np.generic]],
        genes: npt.NDArray[np.generic],
    ) -> None:
        self._arities = np.array(arities, dtype=np.int64)
        self._n = n
        self._arrays = arrays
        self._genes = genes
        self._weights = _weights(arities)

    @staticmethod
    def build(arities: Sequence[int], genes: npt.NDArray[np.integer]) -> dict[str, npt.NDArray[np.generic]]:
        """Return the arrays to store beside `genes` [N, D].

        Raises:
            BenchError: if two rows have the same genes.
        """
        size, n = math.prod(arities), len(genes)
        keys = _keys(genes, _weights(arities))
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        same = np.flatnonzero(ordered[1:] == ordered[:-1])
        if len(same):
            first, second = (int(row) for row in sorted(order[same[0] : same[0] + 2]))
            # Keys of spaces beyond 2^63 points are hashes; two architectures out of millions never shared one.
            raise BenchError(f"every architecture must have one row, but rows {first} and {second} are the same one")
        if size == n and (order == np.arange(n)).all():
            return {}
        if size <= max(_DENSE, _PER_ROW * n):
            row_of = np.full(size, -1, dtype=np.int32)
            row_of[keys.astype(np.int64)] = np.arange(n, dtype=np.int32)
            return {"row_of": row_of}
        return {"keys": ordered, "order": order.astype(np.int64)}

    def find(self, genes: npt.NDArray[np.integer]) -> Ints:
        """Return the rows [B] of `genes` [B, D]; -1 for what is not there, genes out of range included.

        Raises:
            BenchError: if the number of genes is not D.
        """
        genes = np.asarray(genes)
        if genes.ndim != 2 or genes.shape[1] != len(self._arities):
            raise BenchError(f"genes must be [B, {len(self._arities)}], but {list(genes.shape)} was given")
        valid = ((genes >= 0) & (genes < self._arities)).all(axis=1)
        if not valid.all():
            rows = np.full(len(genes), -1, dtype=np.int64)
            rows[valid] = self.find(genes[valid])
            return rows
        keys = _keys(genes, self._weights)
        if "row_of" in self._arrays:
            return self._arrays["row_of"][keys.astype(np.int64)].astype(np.int64)
        if "keys" in self._arrays:
            return self._sorted(keys, genes)
        return keys.astype(np.int64)

    def _sorted(self, keys: npt.NDArray[np.uint64], genes: npt.NDArray[np.integer]) -> Ints:
        known, order = self._arrays["keys"], self._arrays["order"]
        place = np.minimum(np.searchsorted(known, keys), self._n - 1)
        rows = order[place].astype(np.int64)
        there = known[place] == keys
        # A hash may meet a stranger's; the genes decide.
        there[there] = (self._genes[rows[there]] == genes[there]).all(axis=1)
        return np.where(there, rows, -1)


def _weights(arities: Sequence[int]) -> npt.NDArray[np.uint64]:
    """Return what each gene counts in a key: its place value in the grid; beyond 2^63 points, a hash of its place."""
    weights, weight = [], 1
    if math.prod(arities) < 1 << 63:
        for arity in reversed(arities):
            weights.append(weight)
            weight *= arity
        weights.reverse()
    else:
        for place in range(len(arities)):
            weights.append(_mixed((place + 1) * _ODD & _MASK) | 1)
    return np.array(weights, dtype=np.uint64)


def _mixed(value: int) -> int:
    """Return 64 well mixed bits. Source: Steele et al., OOPSLA 2014, the finaliser of SplitMix64."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)


def _keys(genes: npt.NDArray[np.integer], weights: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    keys = np.zeros(len(genes), dtype=np.uint64)
    for place, weight in enumerate(weights):
        keys += genes[:, place].astype(np.uint64) * weight
    return keys
