"""What readers of official files share: one clear refusal, JSON, and rows and curves that come one at a time."""

# N architectures, S seeds, E recorded epochs

from __future__ import annotations

import json
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.bench.outcome import FloatArray, Outcome
from archwright.bench.restricted import open_file
from archwright.core.errors import BenchError, NasError

__all__ = ["Curves", "Rows", "numbers_of", "read_json", "reading", "refusal"]

#: What goes wrong inside a file that has another structure than the official one.
_ODD = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    # What zipfile says to a method of compression that it does not have, and numpy to a damaged head of an array.
    NotImplementedError,
    OSError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def refusal(path: Path, what: str, problem: str) -> BenchError:
    """Return the error for a file that is not what it should be.

    Args:
        path: The file or folder.
        what: What it must be: "the benchmark file of NAS-Bench-Macro".
        problem: What it is instead.
    """
    return BenchError(f"{path} must be {what}, but {problem}; see docs/importing.md for the official files")


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turn whatever an odd structure causes into one clear line.

    Raises:
        BenchError: for every such error; errors that already are clear pass.
    """
    try:
        yield
    except NasError:
        raise
    except _ODD as error:
        problem = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise refusal(path, what, f"it is truncated or of another form ({problem})") from error


def read_json(path: Path, what: str) -> Any:
    """Return the content of a JSON file, compressed or not; NaN and Infinity are read as such.

    Raises:
        BenchError: if it is not JSON.
    """
    with reading(path, what), open_file(path) as file:
        return json.loads(file.read())


class Rows:
    """Rows of a benchmark under construction: one for each architecture, in the order in which they come."""

    def __init__(self) -> None:
        self._row_of: dict[tuple[int, ...], int] = {}

    def __len__(self) -> int:
        return len(self._row_of)

    def row(self, genes: Sequence[int]) -> int:
        """Return the row of an architecture; a new one if it comes for the first time."""
        return self._row_of.setdefault(tuple(genes), len(self._row_of))

    def genes(self) -> npt.NDArray[np.int64]:
        """Return all genes [N, D]."""
        return np.array(list(self._row_of), dtype=np.int64).reshape(len(self), -1)


class Curves:
    """What one data set and schedule recorded, training by training, and numbers of each architecture."""

    def __init__(self) -> None:
        self._runs: dict[tuple[int, int], dict[str, FloatArray]] = {}
        self._runs_of: dict[int, int] = {}
        self._numbers: dict[str, dict[int, float]] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def add(self, row: int, splits: Mapping[str, npt.ArrayLike], *, seed: int | None = None) -> None:
        """Add one training.

        Args:
            row: Of its architecture.
            splits: Curves [E] by `valid`, `test`, `train`, `seconds`. They may be shorter than others'. Infinite
                numbers, and those too large for float32, count as missing.
            seed: Place among the seeds; None takes the next one of that architecture.
        """
        count = self._runs_of.get(row, 0)
        place = count if seed is None else seed
        self._runs_of[row] = max(count, place + 1)
        self._runs.setdefault((row, place), {}).update({split: _finite(curve) for split, curve in splits.items()})

    def note(self, row: int, **numbers: float) -> None:
        """Keep numbers of an architecture: the first one that is given stays."""
        for name, number in numbers.items():
            self._numbers.setdefault(name, {}).setdefault(row, float(number))

    def n_epochs(self) -> int:
        """Return the length of the longest curve."""
        return max((len(curve) for run in self._runs.values() for curve in run.values()), default=0)

    def arrays(self, n_rows: int) -> dict[str, FloatArray]:
        """Return the curves as arrays [N, S, E], NaN where nothing was recorded; this object is empty afterwards."""
        splits = sorted({split for run in self._runs.values() for split in run})
        shape = (n_rows, max(self._runs_of.values(), default=0), self.n_epochs())
        arrays: dict[str, FloatArray] = {split: np.full(shape, np.nan, dtype=np.float32) for split in splits}
        while self._runs:
            (row, seed), run = self._runs.popitem()
            for split, curve in run.items():
                arrays[split][row, seed, : len(curve)] = curve
        return arrays

    def outcome(self, name: str, metric: str, unit: str, n_rows: int, *, higher_is_better: bool = True) -> Outcome:
        """Return the curves as an outcome with epochs 1, 2, ...; this object has no curves afterwards."""
        epochs = tuple(range(1, self.n_epochs() + 1))
        arrays = self.arrays(n_rows)
        return Outcome(
            name,
            metric,
            unit,
            epochs,
            valid=arrays.get("valid"),
            test=arrays.get("test"),
            train=arrays.get("train"),
            seconds=arrays.get("seconds"),
            higher_is_better=higher_is_better,
        )

    def numbers(self, n_rows: int) -> Mapping[str, npt.NDArray[np.float64]]:
        """Return the numbers kept, by name, as columns [N]; NaN where none was given."""
        columns = {}
        for name, of_row in self._numbers.items():
            column = np.full(n_rows, np.nan)
            column[list(of_row)] = list(of_row.values())
            columns[name] = column
        return columns


def numbers_of(curves: Mapping[str, Curves], n_rows: int) -> dict[str, npt.ArrayLike]:
    """Return the numbers kept for each data set as measures `NAME@DATASET`."""
    return {f"{key}@{name}": column for name, each in curves.items() for key, column in each.numbers(n_rows).items()}


def _finite(curve: npt.ArrayLike) -> FloatArray:
    """Return a curve [E] as float32, NaN where it has no finite number."""
    with np.errstate(over="ignore"):
        values = np.atleast_1d(np.array(curve, dtype=np.float64)).astype(np.float32)
    values[~np.isfinite(values)] = np.nan
    return values
