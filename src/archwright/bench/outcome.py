"""What a benchmark recorded, as values: the trainings on one data set, and where the numbers come from."""

# N architectures, S seeds, E recorded epochs

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archwright.core.errors import BenchError

__all__ = ["SPLITS", "FloatArray", "Outcome", "Provenance"]

FloatArray = npt.NDArray[np.floating]

#: What an outcome may hold an array [N, S, E] of.
SPLITS = ("valid", "test", "train", "seconds")

#: A name becomes a part of file names, so it must be one everywhere.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]*(\.[A-Za-z0-9_+-]+)*")


@dataclass(frozen=True)
class Provenance:
    """Where a benchmark's numbers come from.

    Args:
        source: Address or description of what was read.
        licence: Its licence; "none stated" where its authors state none.
        version: Version of the distribution.
        citation: How its authors want to be cited.
        note: What a user must know about these numbers.
    """

    source: str
    licence: str
    version: str = ""
    citation: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class Outcome:
    """One data set trained with one schedule.

    Arrays are [N, S, E], stored as float32, NaN where nothing was recorded. A benchmark with one training of
    each architecture and no curve has S = E = 1.

    Args:
        name: Letters, digits, `_ + - .`; by custom the data set, then what tells the schedule: `cifar10-e12`.
        metric: What the numbers are: `accuracy`, `auc`, `perplexity`.
        unit: Of the metric: `percent`, `fraction`, `nats`; empty where it has none.
        epochs: E recorded epochs, ascending; the last one is the full training.
        valid: Metric on validation data. None where the benchmark has only a test.
        test: Metric on test data; never shown to a searcher.
        train: Metric on training data.
        seconds: Training seconds from the start up to that epoch.
        higher_is_better: Direction of the metric. Numbers are kept as published; an evaluator negates.

    Raises:
        BenchError: if shapes, epochs or the name are not of this form.
    """

    name: str
    metric: str
    unit: str
    epochs: tuple[int, ...]
    valid: FloatArray | None
    test: FloatArray | None = None
    train: FloatArray | None = None
    seconds: FloatArray | None = None
    higher_is_better: bool = True

    def __post_init__(self) -> None:
        require_name(self.name, "an outcome")
        if not self.epochs or any(a >= b for a, b in zip(self.epochs, self.epochs[1:], strict=False)):
            raise BenchError(f"epochs of outcome {self.name!r} must ascend, but {self.epochs} was given")
        arrays = self.arrays()
        if not arrays:
            raise BenchError(f"outcome {self.name!r} must have valid, test or train values, but none was given")
        shapes = {np.shape(array) for array in arrays.values()}
        (first, *others) = shapes
        if others or len(first) != 3 or first[2] != len(self.epochs):
            wanted = f"[architectures, seeds, {len(self.epochs)}]"
            raise BenchError(f"arrays of outcome {self.name!r} must all be {wanted}, but {sorted(shapes)} were given")

    def arrays(self) -> Mapping[str, FloatArray]:
        """Return the arrays that are there, by the names in `SPLITS`."""
        given = {split: getattr(self, split) for split in SPLITS}
        return {split: array for split, array in given.items() if array is not None}

    def array(self, split: str) -> FloatArray:
        """Return the array of one split.

        Raises:
            BenchError: if this outcome has no such array.
        """
        arrays = self.arrays()
        if split not in arrays:
            raise BenchError(f"outcome {self.name!r} has no {split!r} values; it has {', '.join(arrays)}")
        return arrays[split]

    def place(self, epoch: int | None) -> int:
        """Return the place of the latest recorded epoch that is not after `epoch`; of the last one for None.

        Raises:
            BenchError: if `epoch` is outside the recorded range.
        """
        if epoch is None:
            return len(self.epochs) - 1
        if not self.epochs[0] <= epoch <= self.epochs[-1]:
            first, last = self.epochs[0], self.epochs[-1]
            raise BenchError(f"outcome {self.name!r} has epochs {first}..{last}, but epoch {epoch} was asked for")
        return bisect_right(self.epochs, epoch) - 1


def require_name(name: str, what: str) -> str:
    """Return `name`.

    Raises:
        BenchError: if it could not be a part of a file name on every system.
    """
    if not _NAME.fullmatch(name):
        raise BenchError(f"the name of {what} must be letters, digits and _ + - between dots, but {name!r} was given")
    return name
