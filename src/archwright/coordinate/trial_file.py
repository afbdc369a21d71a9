"""The trials of many seeded runs in one columnar file, which pandas, Polars and DuckDB read as well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.coordinate.kept import read_results, write_results

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Trials", "read_trials", "write_trials"]

_KEY, _FORMAT = b"archwright.trials", 1


@dataclass(frozen=True, eq=False)
class Trials:
    """Trials of finished runs, a row each, in order of seed and completion.

    Args:
        seeds: Runs that are finished, those without any trial included; ascending.
        seed: Run of each trial.
        trial: Its number within the run, in order of proposal.
        arch: The architecture's text.
        epochs: Epochs it had when it was scored.
        score: Validation score, higher is better; NaN where the evaluation failed.
        cost_s: Simulated seconds of the evaluation.
        finished_s: Simulated seconds from the start of the run.
        value: What its full training reaches by the measure the experiment reports, in that measure's own direction;
            NaN where the benchmark has none.
    """

    seeds: tuple[int, ...]
    seed: npt.NDArray[np.int32]
    trial: npt.NDArray[np.int32]
    arch: npt.NDArray[np.object_]
    epochs: npt.NDArray[np.int32]
    score: npt.NDArray[np.float64]
    cost_s: npt.NDArray[np.float64]
    finished_s: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]

    @classmethod
    def none(cls) -> Trials:
        """Return no runs at all."""
        return cls((), *(np.empty(0, dtype) for dtype in _DTYPES.values()))

    @classmethod
    def joined(cls, parts: Iterable[Trials]) -> Trials:
        """Return all runs of the parts in order of seed; of a run that is there twice, the first."""
        runs: dict[int, tuple[Trials, slice]] = {}
        for part in parts:
            for seed in part.seeds:
                runs.setdefault(seed, (part, part.rows_of(seed)))
        seeds = tuple(sorted(runs))
        if not seeds:
            return cls.none()
        chosen = [runs[seed] for seed in seeds]
        columns = [np.concatenate([getattr(part, name)[rows] for part, rows in chosen]) for name in _DTYPES]
        return cls(seeds, *columns)

    def rows_of(self, seed: int) -> slice:
        """Return where the trials of one run are."""
        first, last = np.searchsorted(self.seed, [seed, seed + 1]).tolist()
        return slice(first, last)

    def __len__(self) -> int:
        return len(self.seed)


#: Columns and their types.
_DTYPES: dict[str, Any] = {
    "seed": np.int32,
    "trial": np.int32,
    "arch": np.object_,
    "epochs": np.int32,
    "score": np.float64,
    "cost_s": np.float64,
    "finished_s": np.float64,
    "value": np.float64,
}
assert [each.name for each in fields(Trials)] == ["seeds", *_DTYPES]


def write_trials(path: Path, trials: Trials) -> None:
    """Write the file in one step.

    Raises:
        RunError: if it cannot be written (exit code 1).
    """
    import pyarrow as pa

    columns = {name: pa.array(getattr(trials, name)) for name in _DTYPES if name != "arch"}
    columns["arch"] = pa.array(trials.arch, pa.string()).dictionary_encode()
    said = {"format": _FORMAT, "seeds": trials.seeds}
    write_results(path, pa.table({name: columns[name] for name in _DTYPES}), said, key=_KEY)


def read_trials(path: Path) -> Trials:
    """Return what `write_trials` wrote.

    Raises:
        RunError: if the file is damaged, or no such file.
    """

    def made(table: pa.Table, said: Mapping[str, Any]) -> Trials:
        return Trials(tuple(said["seeds"]), *(_column(table[name], dtype) for name, dtype in _DTYPES.items()))

    return read_results(path, made, key=_KEY, format=_FORMAT, lost="its runs are done again")


def _column(column: Any, dtype: Any) -> npt.NDArray[Any]:
    """Return a column of a table as an array; texts share one object per different text."""
    if dtype is not np.object_:
        return np.asarray(column.to_numpy(), dtype=dtype)
    coded = column.combine_chunks()
    texts = np.array(coded.dictionary.to_pylist(), dtype=np.object_)
    return texts[coded.indices.to_numpy()] if len(coded) else np.empty(0, np.object_)
