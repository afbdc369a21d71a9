"""The best score so far, over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archwright.coordinate.record import RunRecord

__all__ = ["Trace", "trace"]


@dataclass(frozen=True)
class Trace:
    """N points of a step line: seconds on the run's clock, score from then on, and what gave it."""

    at_s: npt.NDArray[np.float64]
    score: npt.NDArray[np.float64]
    what: tuple[str, ...]


def trace(record: RunRecord) -> Trace:
    """Return the incumbents of a run in order of time; scores never fall. Higher is better."""
    known = [entry for entry in record.incumbents if entry.get("score") is not None]
    known.sort(key=lambda entry: float(entry.get("at_s") or 0.0))
    at_s = np.array([float(entry.get("at_s") or 0.0) for entry in known])
    scores = np.array([float(entry["score"]) for entry in known])
    best = np.maximum.accumulate(scores) if len(scores) else scores
    return Trace(at_s, best, tuple(str(entry.get("what") or "") for entry in known))
