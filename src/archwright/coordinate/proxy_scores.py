"""Scores of architectures by proxies in one columnar file: computed here, or read from a table of somebody else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.coordinate.kept import read_results, write_results
from archwright.core.errors import BenchError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from archwright.bench.table import Bench

__all__ = ["COLUMNS", "Foreign", "Score", "foreign", "joined", "read_scores", "table_of", "write_scores"]

_KEY, _FORMAT = b"archwright.scores", 1

#: Columns of a file of scores, and their types.
COLUMNS = {
    "seed": "int32",
    "row": "int32",
    "arch": "str",
    "proxy": "str",
    "value": "float64",
    "seconds": "float64",
    "error": "str",
}

#: Columns of a foreign table that are no proxy; those of seconds begin with the prefix.
_ARCH, _SEED, _DATASET, _SECONDS = "arch", "seed", "dataset", "seconds:"


@dataclass(frozen=True, slots=True)
class Score:
    """One proxy's score of one architecture with one seed.

    Args:
        seed: Of the weights and the batch.
        row: Of the architecture in its benchmark. `arch`: its text.
        proxy: Name of the proxy.
        value: Score as the proxy gives it, sign and all; NaN where it is not defined.
        seconds: What it took; NaN where nobody measured.
        error: Why there is no value; empty where there is one.
    """

    seed: int
    row: int
    arch: str
    proxy: str
    value: float
    seconds: float = float("nan")
    error: str = ""


@dataclass(frozen=True)
class Foreign:
    """Scores that were computed elsewhere.

    Args:
        proxies: Their names, in the order of the columns.
        datasets: Values of the column `dataset`; empty without one: the scores then hold for every outcome.
        parts: Scores of each data set, in the columns of `COLUMNS`; of `""` without such a column.
    """

    proxies: tuple[str, ...]
    datasets: tuple[str, ...]
    parts: dict[str, pd.DataFrame]


def table_of(scores: Iterable[Score]) -> pd.DataFrame:
    """Return scores as a table with the columns of `COLUMNS`."""
    import pandas as pd

    rows = [(each.seed, each.row, each.arch, each.proxy, each.value, each.seconds, each.error) for each in scores]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def joined(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return all scores of the parts, by seed and row; of a score that is there twice, the first."""
    import pandas as pd

    filled = [part for part in parts if len(part)]
    if not filled:
        return table_of(())
    whole = pd.concat(filled, ignore_index=True).drop_duplicates(["seed", "row", "proxy"])
    return whole.sort_values(["seed", "row"], kind="stable", ignore_index=True)


def write_scores(path: Path, scores: pd.DataFrame) -> None:
    """Write the file in one step.

    Raises:
        RunError: if it cannot be written (exit code 1).
    """
    import pyarrow as pa

    columns = {name: pa.array(scores[name].to_numpy()) for name, kind in COLUMNS.items() if kind != "str"}
    for name in COLUMNS.keys() - columns.keys():
        columns[name] = pa.array(scores[name].to_list(), pa.string()).dictionary_encode()
    write_results(path, pa.table({name: columns[name] for name in COLUMNS}), {"format": _FORMAT}, key=_KEY)


def read_scores(path: Path) -> pd.DataFrame:
    """Return what `write_scores` wrote.

    Raises:
        RunError: if the file is damaged, or no such file.
    """
    import pandas as pd

    def made(table: pa.Table, said: Mapping[str, Any]) -> pd.DataFrame:
        columns = {name: table[name].to_pandas(strings_to_categorical=False) for name in COLUMNS}
        return pd.DataFrame(columns).astype(COLUMNS)

    return read_results(path, made, key=_KEY, format=_FORMAT, lost="its scores are computed again")


def foreign(path: Path, bench: Bench, *, proxies: Sequence[str] = ()) -> Foreign:
    """Return the scores in a table that was made elsewhere.

    Needed are a column `arch`, as the benchmark's community writes architectures or as `space:0.1.2` (or the genes in
    `g0`, `g1`, ...), and a column of numbers for each proxy. `seed` tells several scorings apart, `dataset` says for
    which outcomes a line holds, and `seconds:NAME` is what NAME took. Missing numbers stay missing.

    Args:
        path: CSV or Parquet file.
        bench: Whose architectures they are.
        proxies: Columns to take; empty means all columns of numbers.

    Raises:
        BenchError: if the file cannot be read, lacks a column, repeats a line, or names architectures that the
            benchmark does not have.
    """
    from archwright.bench.importers.plain import archs_of, read_table

    frame = read_table(path, text=(_ARCH, _DATASET))
    archs, arch_of, used = archs_of(path, frame, bench.space, arch=_ARCH, genes=None, unique=bench.is_unique)
    found = bench.rows(archs)[arch_of]
    _refuse_strangers(path, bench, found, n_lines=len(frame))
    names = _proxies(path, frame, used | {_SEED, _DATASET}, proxies)
    keys = frame.index.to_frame(index=False, name="line").assign(row=found)
    keys[_SEED] = _seeds(path, frame)
    keys[_DATASET] = frame[_DATASET].astype(str) if _DATASET in frame else ""
    repeated = keys.duplicated(["row", _SEED, _DATASET]).to_numpy()
    if repeated.any():
        raise BenchError(
            f"{path}: line {int(np.flatnonzero(repeated)[0]) + 2} repeats an architecture; if these are several "
            "scorings, a column seed must tell them apart"
        )
    datasets = tuple(sorted(set(keys[_DATASET]))) if _DATASET in frame else ()
    texts = np.array([bench.space.text(arch) for arch in archs], dtype=object)[arch_of]
    parts = {}
    for dataset in datasets or ("",):
        mine = (keys[_DATASET] == dataset).to_numpy()
        parts[dataset] = joined(_column(frame[mine], keys[mine], texts[mine], name) for name in names)
    return Foreign(names, datasets, parts)


def _refuse_strangers(path: Path, bench: Bench, rows: npt.NDArray[np.int64], *, n_lines: int) -> None:
    strangers = np.flatnonzero(rows < 0)
    if len(strangers):
        raise BenchError(
            f"{path}: every architecture must be in benchmark {bench.name!r}, but {len(strangers):,} of {n_lines:,} "
            f"lines name others, the first in line {int(strangers[0]) + 2}; leave them out"
        )


def _proxies(path: Path, frame: pd.DataFrame, used: set[str], wanted: Sequence[str]) -> tuple[str, ...]:
    import pandas as pd

    from archwright.core.catalog import suggestion

    numbers = [
        str(name)
        for name in frame.columns
        if name not in used and not str(name).startswith(_SECONDS) and pd.api.types.is_numeric_dtype(frame[name])
    ]
    if not numbers:
        raise BenchError(f"{path} must have a column of numbers for each proxy beside {_ARCH!r}, but it has none")
    for name in wanted:
        if name not in numbers:
            raise BenchError(f"{path} has no proxy {name!r}. {suggestion(name, numbers)}")
    return tuple(wanted) or tuple(numbers)


def _seeds(path: Path, frame: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the number of the seed of each line among all seeds of the table, in ascending order."""
    import pandas as pd

    if _SEED not in frame:
        return np.zeros(len(frame), dtype=np.int64)
    missing = frame[_SEED].isna().to_numpy()
    if missing.any():
        raise BenchError(f"{path}: line {int(np.flatnonzero(missing)[0]) + 2} has no seed")
    codes, _ = pd.factorize(frame[_SEED], sort=True)
    return np.asarray(codes, dtype=np.int64)


def _column(frame: pd.DataFrame, keys: pd.DataFrame, texts: npt.NDArray[np.object_], name: str) -> pd.DataFrame:
    import pandas as pd

    values = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    took = f"{_SECONDS}{name}"
    seconds = frame[took].to_numpy(dtype=np.float64, na_value=np.nan) if took in frame else np.nan
    columns = {
        "seed": keys[_SEED].to_numpy(),
        "row": keys["row"].to_numpy(),
        "arch": texts,
        "proxy": name,
        "value": values,
        "seconds": seconds,
        "error": np.where(np.isnan(values), "missing in the table", ""),
    }
    return pd.DataFrame(columns).astype(COLUMNS)
