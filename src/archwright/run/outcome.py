"""One evaluation that cannot break the loop: whatever goes wrong becomes a failed result."""

from __future__ import annotations

import logging
import math
import time
import traceback

from archwright.core.protocols import Evaluator
from archwright.core.rng import numbered
from archwright.core.trial import Proposal, Result

__all__ = ["evaluate"]

_log = logging.getLogger(__name__)


def evaluate(evaluator: Evaluator, proposal: Proposal, *, id: int, seed: int, limit_s: float | None) -> Result:
    """Return what `evaluator` gives for trial `id`; an exception or a score that is no number is a failed result."""
    started_s = time.monotonic()
    try:
        result = evaluator.evaluate(proposal, rng=numbered(seed, "trial", id), limit_s=limit_s)
        return _checked(result)
    except Exception as error:  # noqa: BLE001 - executors turn every failure into data
        _log.info("trial %d failed", id, exc_info=True)
        return Result(None, time.monotonic() - started_s, error=traceback.format_exception_only(error)[-1].strip())


def _checked(result: Result) -> Result:
    if not isinstance(result, Result):
        raise TypeError(f"an evaluator must return a Result, but gave {type(result).__name__}")
    score = result.score
    if score is None or (type(score) is float and math.isfinite(score)):
        return result
    if math.isfinite(score):
        return _with_score(result, float(score), result.error)
    return _with_score(result, None, result.error or f"the score is {float(score)}")


def _with_score(result: Result, score: float | None, error: str) -> Result:
    return Result(score, result.cost_s, result.curve, result.measures, result.hidden, error)
