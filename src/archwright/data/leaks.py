"""Columns that give the target away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.data.columns import as_labels, as_numbers
from archwright.data.feature import Feature

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["copies_target"]

# Rows that decide against most columns.
_FIRST_ROWS = 1000
# Fewer rows agree by chance too easily.
_MIN_ROWS = 10
_SAME = 1e-9
# Rows that each of two classes needs before one threshold between them is no chance, whatever the number of columns.
_APART_ROWS = 20


def copies_target(feature: Feature, series: pd.Series[Any], kind: str, y: npt.NDArray[np.generic]) -> bool:
    """Whether a column alone tells the target: one to one for classes, a straight line for numbers.

    Of two classes also where every number of one lies above every number of the other, as identifiers do that were
    given class by class.

    Args:
        feature: What the column became.
        series: Its rows [N].
        kind: Of the target.
        y: The encoded target [N].
    """
    if len(y) < _MIN_ROWS or feature.kind == "datetime":
        return False
    if kind == "real":
        return feature.kind == "numeric" and _on_a_line(as_numbers(series), y.astype(np.float64))
    if feature.kind == "numeric":
        values = np.nan_to_num(as_numbers(series), nan=np.inf)
        n_classes = len(np.unique(y))
        if kind == "binary" and _are_apart(values[y == 1], values[y == 0]):
            return True
        if len(np.unique(values[:_FIRST_ROWS])) > n_classes:
            return False
        return _one_to_one(np.unique(values, return_inverse=True)[1], y.astype(np.int64))
    return _one_to_one(as_labels(series).codes + 1, y.astype(np.int64))


def _one_to_one(codes: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> bool:
    n_codes, n_classes = len(np.unique(codes)), len(np.unique(y))
    return n_codes == n_classes and len(np.unique(codes * (int(y.max()) + 1) + y)) == n_classes


def _are_apart(some: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> bool:
    if min(len(some), len(others)) < _APART_ROWS:
        return False
    return bool(some.min() > others.max() or some.max() < others.min())


def _on_a_line(values: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> bool:
    both = ~np.isnan(values)
    # Dividing first: squares of very large numbers would overflow.
    x, y = values[both], y[both]
    if len(x) < _MIN_ROWS:
        return False
    x = x / (np.abs(x).max() or 1.0)
    x, y = x - x.mean(), y - y.mean()
    product = float(x @ x) * float(y @ y)
    return product > 0 and float(x @ y) ** 2 / product > 1 - _SAME
