"""What every predictor is trained on: architectures, and a score for each."""

# N architectures, T columns of scores

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from archwright.core.errors import PredictorError
from archwright.core.trial import Evidence

__all__ = ["require_columns", "require_scores"]


def require_scores(evidence: Sequence[Evidence], scores: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the scores [N] of N pieces of evidence.

    Raises:
        PredictorError: if there are not as many scores as architectures, fewer than two, or one is not finite.
    """
    known = np.asarray(scores, dtype=np.float64)
    if known.ndim != 1:
        raise PredictorError(f"scores must be one for each architecture, but have shape {known.shape}")
    _require_complete(evidence, known)
    return known


def require_columns(evidence: Sequence[Evidence], scores: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the scores [N, T] of N pieces of evidence after T budgets; scores [N] are one column.

    Raises:
        PredictorError: if there are not as many rows as architectures, fewer than two, a score is not finite, or they
            are no table.
    """
    known = np.asarray(scores, dtype=np.float64)
    columns = known[:, None] if known.ndim == 1 else known
    if columns.ndim != 2 or not columns.shape[1]:
        raise PredictorError(
            f"scores of several budgets must be a table [architectures, budgets], but have shape {known.shape}"
        )
    _require_complete(evidence, columns)
    return columns


def _require_complete(evidence: Sequence[Evidence], known: npt.NDArray[np.float64]) -> None:
    if len(evidence) != len(known) or len(known) < 2 or not np.isfinite(known).all():
        raise PredictorError(
            f"a predictor needs two finite scores or more, one for each architecture, but got {len(known)} scores "
            f"for {len(evidence)} architectures"
        )
