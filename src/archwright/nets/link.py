"""From a network's outputs to predictions, per kind of target."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["predictions"]


def predictions(kind: str, logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return what metrics and users read, from logits [B, n_outputs].

    Returns:
        `binary`: probability of the positive class [B]; `classes`: probabilities [B, n_outputs]; `real`:
        values on the standardised scale [B].
    """
    # Double precision: in single precision large logits would become equal probabilities, hence ties in ranks.
    z = np.asarray(logits, dtype=np.float64)
    if kind == "binary":
        z = z[:, 0]
        small = np.exp(-np.abs(z))
        return np.where(z >= 0, 1 / (1 + small), small / (1 + small))
    if kind == "classes":
        power = np.exp(z - z.max(axis=1, keepdims=True))
        shares: npt.NDArray[np.float64] = power / power.sum(axis=1, keepdims=True)
        return shares
    assert kind == "real", kind
    return z[:, 0]
