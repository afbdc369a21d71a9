"""Rows as the estimators train on them: weights checked, and every column under a name of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_array, check_consistent_length

from archwright.core.errors import DataError

__all__ = ["checked_weights", "kept_rows"]


def checked_weights(sample_weight: Any, *, n: int) -> NDArray[np.float64] | None:
    """Return checked weights [N].

    Raises:
        DataError: if there are not N of them, one is negative, or all are zero.
    """
    if sample_weight is None:
        return None
    weight: NDArray[np.float64] = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight"
    )
    if weight.shape != (n,):
        raise DataError(f"sample_weight must have the shape ({n},), one for each row, but has {weight.shape}")
    if (weight < 0).any():
        raise DataError(f"sample_weight must not be negative, but {weight.min():g} was given")
    if not weight.any():
        raise DataError("Sample weights must contain at least one non-zero number, but all are zero")
    return weight


def kept_rows(
    frame: pd.DataFrame, *, target: pd.Series, weight: NDArray[np.float64] | None, groups: Any
) -> dict[str, Any]:
    """Return `frame`, `target` and, where given, `weight` and `group`, all under column names of their own.

    Rows of weight zero are left out: they must not change the network, and a validation set of nothing but them
    would have no score.
    """
    parts: dict[str, Any] = {"frame": frame, "target": target}
    if weight is not None:
        parts["weight"] = pd.Series(weight)
    if groups is not None:
        check_consistent_length(frame, groups)
        parts["group"] = pd.Series(np.asarray(groups))
    if weight is not None and not weight.all():
        parts = {role: part[weight > 0].reset_index(drop=True) for role, part in parts.items()}
    taken = set(map(str, frame.columns))
    for role in [role for role in parts if role != "frame"]:
        name = str(parts[role].name) if parts[role].name is not None else role
        while name in taken:
            name += "_"
        parts[role] = parts[role].rename(name)
        taken.add(name)
    return parts
