"""How a score is shown: inside the program higher is better; a reader wants the metric itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archwright.report import text

__all__ = ["Shown", "metric_label", "shown_metric"]

_LABELS = {"auc": "AUC", "accuracy": "accuracy", "log_loss": "log loss", "rmse": "RMSE", "r2": "R²"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A metric's label, and whether scores are its negative."""

    label: str
    lower_is_better: bool

    def value(self, score: float) -> float:
        """Return the metric's own value for a score."""
        return -score if self.lower_is_better else score

    def text(self, score: float | None) -> str:
        """Return the metric's own value as text; a dash for None."""
        return text.score(None if score is None else self.value(score))

    @property
    def axis(self) -> str:
        """Name of an axis of validation values."""
        return f"validation {self.label}" + (" (lower is better)" if self.lower_is_better else "")


def metric_label(name: str) -> str:
    """Return a metric's name as people write it."""
    return _LABELS.get(name, name.replace("_", " "))


def shown_metric(task: Mapping[str, Any]) -> Shown:
    """Return how the scores of a task are shown; a metric that is not known is shown as it is."""
    from archwright.data.metrics import METRICS

    name = str(task.get("metric") or "score")
    metric = METRICS.get(name)
    lower = metric is not None and not metric.higher_is_better
    return Shown(metric_label(name), lower)
