"""Ranks of values, equal ones sharing theirs."""

# N values

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["mid_ranks", "ranks"]

Floats = npt.NDArray[np.float64]


def mid_ranks(values: Floats) -> Floats:
    """Return ranks [N] from 1, the lowest; equal values share the mean of theirs.

    Example:
        >>> mid_ranks(np.array([7.0, 3.0, 7.0])).tolist()
        [2.5, 1.0, 2.5]
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    found: Floats = (np.cumsum(counts) - (counts - 1) / 2)[place.reshape(-1)]
    return found


def ranks(values: Floats, *, higher_is_better: bool) -> Floats:
    """Return ranks [N] from 1, the best; equal values share the mean of theirs, NaN comes last."""
    return mid_ranks(np.where(np.isnan(values), np.inf, -values if higher_is_better else values))
