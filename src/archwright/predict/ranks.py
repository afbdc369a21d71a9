"""How well predicted scores rank architectures."""

# N architectures

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from archwright.core.errors import PredictorError

__all__ = ["METRICS", "best_rank", "kendall", "pearson", "precision_at", "r2", "spearman", "squared_error"]

Floats = npt.NDArray[np.floating]


def kendall(predicted: Floats, true: Floats) -> float:
    """Return Kendall's tau-b of N pairs, -1 to 1; NaN where one side is constant.

    Raises:
        PredictorError: if the lengths differ, or there are fewer than two.
    """
    from scipy.stats import kendalltau

    _check(predicted, true)
    return float(kendalltau(predicted, true).statistic) if _varies(predicted, true) else math.nan


def spearman(predicted: Floats, true: Floats) -> float:
    """Return Spearman's rank correlation, -1 to 1, ties sharing their mean rank; NaN where one side is constant.

    Raises:
        PredictorError: as `kendall`.
    """
    from scipy.stats import rankdata

    _check(predicted, true)
    return pearson(rankdata(predicted), rankdata(true))


def pearson(predicted: Floats, true: Floats) -> float:
    """Return the linear correlation, -1 to 1; NaN where one side is constant.

    Raises:
        PredictorError: as `kendall`.
    """
    _check(predicted, true)
    return float(np.corrcoef(predicted, true)[0, 1]) if _varies(predicted, true) else math.nan


def precision_at(k: int, predicted: Floats, true: Floats) -> float:
    """Return Precision@K, 0 to 1: the share of the predicted best K that are among the true best K.

    Of equals the first ones count as better, on both sides.

    Raises:
        PredictorError: as `kendall`, or if K is not in 1..N.

    Source: TA-GATES, section 4.2 and figure 3; GATES, arXiv:2004.01899, section 4.
    """
    _check(predicted, true)
    _check_k(k, predicted)
    best = _order(true)[:k]
    return float(np.isin(_order(predicted)[:k], best).mean())


def best_rank(k: int, predicted: Floats, true: Floats) -> int:
    """Return N@K: the true rank, from 1, of the truly best of the predicted best K. Lower is better.

    Raises:
        PredictorError: as `precision_at`.

    Source: GATES, arXiv:2004.01899, section 4.
    """
    _check(predicted, true)
    _check_k(k, predicted)
    rank = np.empty(len(true), dtype=np.int64)
    rank[_order(true)] = np.arange(1, len(true) + 1)
    return int(rank[_order(predicted)[:k]].min())


def squared_error(predicted: Floats, true: Floats) -> float:
    """Return the mean squared error.

    Raises:
        PredictorError: as `kendall`.
    """
    _check(predicted, true)
    return float(np.mean(np.square(predicted - true)))


def r2(predicted: Floats, true: Floats) -> float:
    """Return the share of the variance that is explained, at most 1; NaN where the truth is constant.

    Raises:
        PredictorError: as `kendall`.
    """
    _check(predicted, true)
    variance = float(np.var(true))
    return 1 - squared_error(predicted, true) / variance if variance > 0 else math.nan


#: Metrics by name; higher is better for all but `mse`.
METRICS: dict[str, Callable[[Floats, Floats], float]] = {
    "kendall": kendall,
    "spearman": spearman,
    "pearson": pearson,
    "mse": squared_error,
    "r2": r2,
}


def _check(predicted: Floats, true: Floats) -> None:
    if predicted.shape != true.shape or predicted.ndim != 1 or len(true) < 2:
        raise PredictorError(
            f"predictions and truth must be as many, at least two, but have shapes {predicted.shape} and {true.shape}"
        )


def _check_k(k: int, predicted: Floats) -> None:
    if not 1 <= k <= len(predicted):
        raise PredictorError(f"K must be in 1..{len(predicted)}, but {k} was given")


def _varies(predicted: Floats, true: Floats) -> bool:
    return bool(np.ptp(predicted) > 0 and np.ptp(true) > 0)


def _order(values: Floats) -> npt.NDArray[np.int64]:
    """Return the places of the values, the highest first, of equals the first one first."""
    return np.argsort(-values, kind="stable")
