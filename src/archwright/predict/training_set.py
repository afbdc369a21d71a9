"""What every predictor is trained on: architectures, and a score for each."""

# N architectures

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from archwright.core.errors import PredictorError
from archwright.core.trial import Evidence

__all__ = ["require_scores"]


def require_scores(evidence: Sequence[Evidence], scores: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the scores [N] of N pieces of evidence.

    Raises:
        PredictorError: if there are not as many scores as architectures, fewer than two, or one is not finite.
    """
    known = np.asarray(scores, dtype=np.float64)
    if len(evidence) != len(known) or len(known) < 2 or not np.isfinite(known).all():
        raise PredictorError(
            f"a predictor needs two finite scores or more, one for each architecture, but got {len(known)} scores "
            f"for {len(evidence)} architectures"
        )
    return known
