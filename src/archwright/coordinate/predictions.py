"""Predictions of a model as a table."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from archwright.core.errors import DataError, RunError
from archwright.nets.model import Model

__all__ = ["prediction_frame", "write_frame"]


def prediction_frame(model: Model, frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per row of `frame`: `prediction`, and for classes one `probability_LABEL` each.

    Raises:
        DataError: if `frame` lacks a column that the model was trained on.
    """
    values = model.predict_values(frame)
    made = {"prediction": values if model.schema.target.kind == "real" else model.schema.target.decode(values)}
    target = model.schema.target
    if target.kind == "binary":
        made[f"probability_{target.classes[0]}"] = 1.0 - values
        made[f"probability_{target.classes[1]}"] = values
    elif target.kind == "classes":
        made |= {f"probability_{label}": values[:, i] for i, label in enumerate(target.classes)}
    return pd.DataFrame(made)


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV or Parquet, by the file's suffix.

    Raises:
        DataError: for another suffix.
        RunError: if the file cannot be written (exit code 1).
    """
    writers = {".csv": lambda: frame.to_csv(path, index=False), ".parquet": lambda: frame.to_parquet(path)}
    if path.suffix not in writers:
        raise DataError(f"predictions are written as .csv or .parquet, but {path.name!r} was given")
    try:
        writers[path.suffix]()
    except OSError as error:
        raise RunError.of_system(f"{path} must be writable, but: {error.strerror or error}") from None
