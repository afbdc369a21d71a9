"""Fits a predictor and says how well it ranks what it has not seen, and how long it took."""

# N architectures, S signals

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.core.protocols import Predictor
from archwright.core.trial import Evidence
from archwright.predict.ranks import METRICS, best_rank, precision_at

__all__ = ["BEST", "LAST_EPOCHS", "PRECISION", "Fitted", "fit_watched", "judge", "tops"]

Floats = npt.NDArray[np.float64]

#: Epochs at the end of a neural predictor's training whose metrics are averaged: TA-GATES, appendix B.1.
LAST_EPOCHS = 5

#: Names of Precision@K and N@K.
PRECISION, BEST = "precision@", "n@"

#: K of N@K.
_BEST = (1, 5, 10)
#: Metrics that compare predictions and truth as numbers, not as ranks.
_IN_UNITS = ("mse", "r2")


@dataclass(frozen=True, eq=False)
class Fitted:
    """A predictor that was fitted once.

    Args:
        predictions: Of the examined architectures [N, S]: after each of the last epochs, or once.
        fit_s: Seconds of the training. `query_s`: of predicting all examined architectures once, encoding included.
    """

    predictions: tuple[Floats, ...]
    fit_s: float
    query_s: float


@dataclass
class _Watch:
    """Predicts after each of the last epochs."""

    examined: Sequence[Evidence]
    first: int
    predict: Callable[[Sequence[Evidence]], Floats]
    predictions: list[Floats] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __call__(self, epoch: int, predictor: object) -> None:
        """Predict, if `epoch` is one of the last."""
        if epoch >= self.first:
            self.look()

    def look(self) -> None:
        """Predict, and take note of the seconds."""
        began_s = time.monotonic()
        self.predictions.append(self.predict(self.examined))
        self.seconds.append(time.monotonic() - began_s)


def fit_watched(
    predictor: Predictor,
    evidence: Sequence[Evidence],
    scores: Floats,
    examined: Sequence[Evidence],
    *,
    rng: np.random.Generator,
) -> Fitted:
    """Fit a predictor, and predict the examined architectures: a neural one after each of its last five epochs.

    Args:
        predictor: Whom; of several signals only one that can predict them all.
        evidence: Architectures to learn from. `scores`: of these [N, S], higher is better.
        examined: Architectures to predict.
        rng: Of the training.

    Raises:
        PredictorError: if it cannot be fitted.
    """
    learner: Any = predictor
    is_watched = hasattr(learner, "on_epoch") and hasattr(learner, "training")
    first = max(1, learner.training.epochs - LAST_EPOCHS + 1) if is_watched else 0
    n = scores.shape[1]
    watch = _Watch(examined, first, lambda these: _means(learner, these, n))
    if is_watched:
        learner.on_epoch = watch
    began_s = time.monotonic()
    try:
        learner.fit(evidence, scores if n > 1 else scores[:, 0], rng=rng)
    finally:
        if is_watched:
            learner.on_epoch = None
    fit_s = time.monotonic() - began_s - sum(watch.seconds)
    if not watch.predictions:
        watch.look()
    return Fitted(tuple(watch.predictions), fit_s, watch.seconds[0])


def judge(predictions: Sequence[Floats], truth: Floats, *, has_unit: bool) -> dict[str, float]:
    """Return how well predictions [N] agree with the truth [N], by name; the mean over several predictions.

    `precision@K` and `n@K` are by K; `mse` and `r2` are there where predictions have a unit.
    """
    each = [_judge(predicted, truth, has_unit=has_unit) for predicted in predictions]
    return {name: float(np.mean([values[name] for values in each])) for name in each[0]}


def tops(n: int) -> list[int]:
    """Return the K of Precision@K among N architectures: 1, 2, 5, 10, 20, 50, ... up to half of them."""
    steps = [step * 10**power for power in range(len(str(n))) for step in (1, 2, 5)]
    return [k for k in steps if k <= max(1, n // 2)]


def _judge(predicted: Floats, truth: Floats, *, has_unit: bool) -> dict[str, float]:
    if not np.isfinite(predicted).all():
        # A training that diverged ranks nothing.
        predicted = np.zeros_like(predicted)
        has_unit = False
    found = {name: rate(predicted, truth) for name, rate in METRICS.items() if has_unit or name not in _IN_UNITS}
    n = len(truth)
    found |= {f"{PRECISION}{k}": precision_at(k, predicted, truth) for k in tops(n)}
    found |= {f"{BEST}{k}": float(best_rank(k, predicted, truth)) for k in _BEST if k <= n}
    return {name: value if math.isfinite(value) else math.nan for name, value in found.items()}


def _means(predictor: Any, examined: Sequence[Evidence], n: int) -> Floats:
    """Return predictions [N, S] of `n` signals."""
    found: Floats = predictor.predict_all(examined) if n > 1 else predictor.predict(examined).mean[:, None]
    return found
