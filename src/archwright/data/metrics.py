"""How good predictions are. NumPy only, so that the driver needs no scikit-learn."""

# N rows, K classes.

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import DataError

__all__ = [
    "DEFAULT_METRIC",
    "METRICS",
    "Metric",
    "accuracy",
    "auc",
    "find_metric",
    "log_loss",
    "r2",
    "ranking_score",
    "rmse",
    "score",
    "value_of",
]

Array = npt.NDArray[Any]
Weight = npt.NDArray[Any] | None

# As scikit-learn's log_loss: a certain and wrong prediction costs much, not infinitely much.
_EPSILON = 1e-7


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure of predictions.

    Args:
        name: As users write it.
        higher_is_better: Direction of `fn`.
        fn: (y, prediction, weight) -> value. Binary: y 0/1, probability [N]. Classes: y index, probabilities [N, K].
            Real: both on the standardised scale.
        kinds: The kinds of target that it is defined for.
        has_unit: Whether its value scales with the target's unit.
    """

    name: str
    higher_is_better: bool
    fn: Callable[[Array, Array, Weight], float]
    kinds: tuple[str, ...]
    has_unit: bool = False


def auc(scores: Array, y: Array, weight: Weight = None) -> float:
    """Return the area under the ROC curve; ties count one half. NaN where one class is absent or a score is NaN."""
    scores = np.asarray(scores, dtype=np.float64).ravel()
    positive = np.asarray(y).ravel() > 0.5
    weights = np.ones(len(scores)) if weight is None else np.asarray(weight, dtype=np.float64)
    if np.isnan(scores).any():
        return float("nan")
    order = np.argsort(scores)
    ranked, weights, positive = scores[order], weights[order], positive[order]
    up, down = np.where(positive, weights, 0.0), np.where(positive, 0.0, weights)
    total = up.sum() * down.sum()
    if not total > 0:
        return float("nan")
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    up, down = np.add.reduceat(up, starts), np.add.reduceat(down, starts)
    below = np.cumsum(down) - down
    return float((up * (below + 0.5 * down)).sum() / total)


def accuracy(y: Array, prediction: Array, weight: Weight = None) -> float:
    """Return the share of rows whose most probable class is the true one."""
    prediction = np.asarray(prediction)
    chosen = prediction.argmax(axis=1) if prediction.ndim == 2 else prediction > 0.5
    return float(np.average(chosen == np.asarray(y), weights=weight))


def log_loss(y: Array, prediction: Array, weight: Weight = None) -> float:
    """Return the mean negative log-probability of the true class, in nats."""
    p = np.asarray(prediction, dtype=np.float64)
    y = np.asarray(y)
    true = p[np.arange(len(p)), y.astype(np.int64)] if p.ndim == 2 else np.where(y > 0.5, p, 1.0 - p)
    return float(np.average(-np.log(np.clip(true, _EPSILON, 1.0)), weights=weight))


def rmse(y: Array, prediction: Array, weight: Weight = None) -> float:
    """Return the root of the mean squared error, in the unit of `y`."""
    error = np.asarray(prediction, dtype=np.float64).ravel() - np.asarray(y, dtype=np.float64)
    return float(np.sqrt(np.average(error * error, weights=weight)))


def r2(y: Array, prediction: Array, weight: Weight = None) -> float:
    """Return the share of variance explained: 0 for the mean of these rows, NaN if `y` is constant."""
    y = np.asarray(y, dtype=np.float64)
    centred = y - np.average(y, weights=weight)
    total = float(np.average(centred * centred, weights=weight))
    return 1.0 - rmse(y, prediction, weight) ** 2 / total if total > 0 else float("nan")


def _auc_of(y: Array, prediction: Array, weight: Weight) -> float:
    return auc(prediction, y, weight)


#: Weight of the log loss in `ranking_score`. One pair of rows changes the AUC of 1,000 positive and 1,000 negative
#: rows by a millionth, and the log losses of two good networks differ by less than one.
TIE = 1e-6

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("auc", True, _auc_of, ("binary",)),
        Metric("accuracy", True, accuracy, ("binary", "classes")),
        Metric("log_loss", False, log_loss, ("binary", "classes")),
        Metric("r2", True, r2, ("real",)),
        Metric("rmse", False, rmse, ("real",), has_unit=True),
    )
}

DEFAULT_METRIC = {"binary": "auc", "classes": "accuracy", "real": "r2"}


def find_metric(name: str | None, kind: str) -> Metric:
    """Return the metric named, or the default one of a kind of target.

    Raises:
        DataError: if there is no such metric, or it is not defined for `kind`.
    """
    fitting = [metric.name for metric in METRICS.values() if kind in metric.kinds]
    metric = METRICS.get(name or DEFAULT_METRIC[kind])
    if metric is None:
        raise DataError(f"no metric {name!r}. For a {kind} target there are: {', '.join(fitting)}.")
    if kind not in metric.kinds:
        raise DataError(
            f"the metric {metric.name!r} is not defined for a {kind} target; there are: {', '.join(fitting)}."
        )
    return metric


def score(metric: str | Metric, y: Array, prediction: Array, weight: Weight = None, *, scale: float = 1.0) -> float:
    """Return the metric with its sign turned so that higher is always better. NaN where it is not defined.

    Args:
        metric: Name or value.
        y: Encoded targets [N].
        prediction: As the metric takes them, see `Metric`.
        weight: Row weights [N].
        scale: The target's standard deviation: gives `rmse` the target's own unit.
    """
    chosen = METRICS[metric] if isinstance(metric, str) else metric
    value = chosen.fn(y, prediction, weight) * (scale if chosen.has_unit else 1.0)
    return value if chosen.higher_is_better else -value


def ranking_score(
    metric: str | Metric, y: Array, prediction: Array, weight: Weight = None, *, scale: float = 1.0
) -> float:
    """Return `score`, with ties of AUC and accuracy broken by the log loss: by a millionth of it, not more.

    On a few hundred rows many networks have the same AUC or accuracy, often 1; the more certain one is the better one.
    """
    chosen = METRICS[metric] if isinstance(metric, str) else metric
    value = score(chosen, y, prediction, weight, scale=scale)
    return value - TIE * log_loss(y, prediction, weight) if chosen.name in ("auc", "accuracy") else value


def value_of(metric: str | Metric, score: float) -> float:
    """Return what a score stands for, with the metric's own sign: an rmse of 3.2 for the score -3.2."""
    chosen = METRICS[metric] if isinstance(metric, str) else metric
    return score if chosen.higher_is_better else -score
