"""The encoded rows as plain arrays, and their place on disk, where workers map them instead of copying."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import RunError

__all__ = ["Arrays", "Split", "load_arrays", "save_arrays"]

# An array file of at most this size is its header and next to nothing else.
_HEADER_BYTES = 256

# N rows, M numeric fields, C categorical fields.


@dataclass(frozen=True, slots=True)
class Split:
    """Encoded rows of one part of a task.

    Args:
        num: Numeric fields [N, M], float32.
        cat: Codes of the categorical fields [N, C], int32.
        y: Targets [N]: float32 0/1, int64 class index, or float32 standardised.
        weight: Row weights [N], float32, or None where all count the same.
    """

    num: npt.NDArray[np.float32]
    cat: npt.NDArray[np.int32]
    y: npt.NDArray[Any]
    weight: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True)
class Arrays:
    """What a worker trains and validates on. There is no test part, so that no worker can look at it."""

    train: Split
    valid: Split


def save_arrays(folder: Path, arrays: Arrays) -> None:
    """Write `train_num.npy`, `train_cat.npy`, `train_y.npy`, `valid_...`, and weights where there are any."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "valid"):
        split: Split = getattr(arrays, part)
        for field in fields(Split):
            array = getattr(split, field.name)
            target = folder / f"{part}_{field.name}.npy"
            if array is None:
                target.unlink(missing_ok=True)
            else:
                np.save(target, array, allow_pickle=False)


def load_arrays(folder: Path) -> Arrays:
    """Map the arrays of a folder into memory, read only.

    Raises:
        RunError: if a file is missing or damaged.
    """
    return Arrays(_load(Path(folder), "train"), _load(Path(folder), "valid"))


def _load(folder: Path, part: str) -> Split:
    try:
        num, cat, y = (_map(folder / f"{part}_{name}.npy") for name in ("num", "cat", "y"))
        weight = folder / f"{part}_weight.npy"
        return Split(num, cat, y, _map(weight) if weight.exists() else None)
    except (OSError, ValueError) as error:
        raise RunError(f"the arrays in {folder} cannot be read ({error}); start the run again.") from error


def _map(path: Path) -> npt.NDArray[Any]:
    # An empty array cannot be mapped: a table without numeric (or categorical) fields has one.
    array: npt.NDArray[Any] = (
        np.load(path, mmap_mode="r", allow_pickle=False)
        if path.stat().st_size > _HEADER_BYTES
        else np.load(path, allow_pickle=False)
    )
    return array
