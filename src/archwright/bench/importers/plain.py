"""Anybody's results: a CSV or Parquet file with a row per architecture, epoch, seed and data set."""

# N architectures, S seeds, E epochs, D genes, L lines of the file

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.bench.importing import Imported
from archwright.bench.outcome import Outcome, Provenance
from archwright.bench.space_spec import named_space
from archwright.core.arch import Arch
from archwright.core.catalog import suggestion
from archwright.core.errors import ArchError, BenchError, SpaceError
from archwright.spaces.base import Space

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["archs_of", "read", "read_table"]

#: What the first line of a file counts as, where lines are named in errors: the header is line 1.
_FIRST_LINE = 2

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def read(
    path: Path,
    *,
    space: str | Space,
    layers: int | None = None,
    widths: Sequence[int] | None = None,
    name: str | None = None,
    arch: str = "arch",
    genes: Sequence[str] | None = None,
    score: str = "score",
    test: str = "test",
    train: str = "train",
    epoch: str = "epoch",
    cost: str = "cost",
    seed: str = "seed",
    dataset: str = "dataset",
    ignore: Sequence[str] = (),
    metric: str | None = None,
    unit: str = "",
    lower_is_better: bool = False,
    unique: bool = False,
    source: str | None = None,
    licence: str = "not stated",
) -> Imported:
    """Return the benchmark in a table.

    Needed are the architecture and its score; every other column may be absent. Columns of numbers that have no part
    here are measures (`params`, `latency_ms`); columns of text are left out. Infinite numbers count as missing.

    Args:
        path: CSV (any extension) or Parquet file (`.parquet`, `.pq`).
        space: Name of a space, or a YAML file.
        layers: Hidden layers, if the space is `tabular_mlp`.
        widths: Widths, if the space is `tabular_mlp`.
        name: Of the benchmark; by default that of the file.
        arch: Column with the architecture, as its community writes it or as `space:0.1.2`.
        genes: Columns with one gene each, in the order of the space, instead of `arch`. Without either, `g0`, `g1`...
        score: Column with the validation score.
        test: Column with the test score.
        train: Column with the score on training data.
        epoch: Column with the epoch after which a row was recorded; without one, every row is a full training.
        cost: Column with training seconds from the start to that epoch.
        seed: Column with the seed. The seeds of each architecture are taken in ascending order.
        dataset: Column with the data set; each makes an outcome. Without one, the outcome is named like `score`.
        ignore: Columns to leave out.
        metric: What the score is; by default the name of its column.
        unit: Unit of the score: `percent`, `fraction`.
        lower_is_better: Direction of the score.
        unique: A row stands for all architectures that are the same network.
        source: Where the numbers come from; by default the file's name.
        licence: Their licence.

    Raises:
        BenchError: if the file cannot be read, lacks a column, or has a row that is no number, no architecture of the
            space, or there twice. The message names the line.
        UnknownNameError: if there is no such space.
    """
    made = named_space(space, layers=layers, widths=widths)
    parts = {"score": score, "test": test, "train": train, "epoch": epoch, "cost": cost}
    parts |= {"seed": seed, "dataset": dataset}
    frame = read_table(path, text=(arch, dataset)).drop(columns=list(ignore), errors="ignore")
    given = _require_columns(path, frame, parts)
    archs, arch_of, used = archs_of(path, frame, made, arch=arch, genes=genes, unique=unique)
    lines = _Lines(path, frame, arch_of, len(archs), given)
    outcomes = lines.outcomes(metric=metric or score, unit=unit, higher_is_better=not lower_is_better)
    return Imported(
        name=name or path.stem,
        space=made,
        archs=archs,
        outcomes=outcomes,
        provenance=Provenance(source or path.name, licence),
        measures=lines.measures(used | set(given.values())),
        unique=unique,
    )


@dataclass(frozen=True)
class _Lines:
    """The table, with the number of the architecture of each line, and the columns by their part in it."""

    path: Path
    frame: pd.DataFrame
    arch_of: Ints
    n_archs: int
    given: dict[str, str]

    def outcomes(self, *, metric: str, unit: str, higher_is_better: bool) -> list[Outcome]:
        """Return an outcome per data set."""
        numbers = {part: self._numbers(part) for part in ("score", "test", "train", "cost") if part in self.given}
        epochs = self._whole("epoch") if "epoch" in self.given else np.ones(len(self.frame), dtype=np.int64)
        seeds = self._seeds()
        datasets: dict[str, npt.NDArray[np.bool_]] = {self.given["score"]: np.ones(len(self.frame), dtype=np.bool_)}
        if "dataset" in self.given:
            column = self.frame[self.given["dataset"]].astype(str).to_numpy()
            datasets = {str(name): column == name for name in sorted(set(column))}
        found = []
        for name, mine in datasets.items():
            kept, place = np.unique(epochs[mine], return_inverse=True)
            at = (self.arch_of[mine], seeds[mine], place)
            self._refuse_repeats(mine, at)
            arrays = {part: _cube(values[mine], at, self.n_archs, len(kept)) for part, values in numbers.items()}
            found.append(
                Outcome(
                    name,
                    metric,
                    unit,
                    tuple(map(int, kept)),
                    valid=arrays["score"],
                    test=arrays.get("test"),
                    train=arrays.get("train"),
                    seconds=arrays.get("cost"),
                    higher_is_better=higher_is_better,
                )
            )
        return found

    def measures(self, used: set[str]) -> dict[str, Floats]:
        """Return the columns of numbers without a part, one number per architecture."""
        import pandas as pd

        found: dict[str, Floats] = {}
        for column in self.frame.columns:
            if column in used or not pd.api.types.is_numeric_dtype(self.frame[column]):
                continue
            values = self.frame[column].astype(np.float64).groupby(self.arch_of)
            if (values.nunique() > 1).any():
                raise BenchError(
                    f"{self.path}: column {column!r} has several values for one architecture, so it is no measure; "
                    "say what it is, or leave it out (ignore)"
                )
            found[str(column)] = np.asarray(values.first().reindex(range(self.n_archs)), dtype=np.float64)
        return found

    def _seeds(self) -> Ints:
        """Return the number of the seed of each line among the seeds of its architecture."""
        import pandas as pd

        if "seed" not in self.given:
            return np.zeros(len(self.frame), dtype=np.int64)
        labels = pd.Series(self.frame[self.given["seed"]].to_numpy())
        if labels.isna().any():
            raise BenchError(f"{self.path}: line {_line(labels.isna())} has no seed")
        ranks: Ints = labels.groupby(self.arch_of).rank(method="dense").to_numpy().astype(np.int64) - 1
        return ranks

    def _numbers(self, part: str) -> Floats:
        import pandas as pd

        column = self.frame[self.given[part]]
        numbers = pd.to_numeric(column, errors="coerce")
        wrong = (numbers.isna() & column.notna()).to_numpy()
        if wrong.any():
            value = column.iloc[int(np.flatnonzero(wrong)[0])]
            raise BenchError(f"{self.path}: line {_line(wrong)}: {self.given[part]} must be a number, but is {value!r}")
        values: Floats = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isfinite(values), values, np.nan)

    def _whole(self, part: str) -> Ints:
        values = self._numbers(part)
        wrong = ~(values >= 0) | (values != np.floor(values))
        if wrong.any():
            raise BenchError(f"{self.path}: line {_line(wrong)}: {self.given[part]} must be a whole number")
        return values.astype(np.int64)

    def _refuse_repeats(self, mine: npt.NDArray[np.bool_], at: tuple[Ints, Ints, Ints]) -> None:
        import pandas as pd

        repeated = pd.DataFrame(dict(enumerate(at))).duplicated().to_numpy()
        if repeated.any():
            where = np.flatnonzero(mine)[repeated]
            raise BenchError(
                f"{self.path}: line {int(where[0]) + _FIRST_LINE} repeats the architecture, seed and epoch of another "
                f"one ({len(where)} lines do); if these are several trainings, a column must tell their seed"
            )


def read_table(path: Path, *, text: tuple[str, ...]) -> pd.DataFrame:
    """Return a CSV or Parquet file with at least one row; columns named in `text` are never read as numbers.

    Raises:
        BenchError: if it cannot be read.
    """
    import pandas as pd
    from pyarrow import ArrowInvalid

    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            frame = pd.read_parquet(path)
        else:
            # An architecture may look like a number, 00120, and a data set like a missing value.
            frame = pd.read_csv(path, dtype=dict.fromkeys(text, str), encoding="utf-8-sig", low_memory=False)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, ArrowInvalid, UnicodeDecodeError, OSError) as error:
        raise BenchError(f"{path} must be a CSV or Parquet file with a header, but: {error}") from error
    if not len(frame):
        raise BenchError(f"{path} must have a row per result, but it has none")
    return frame


def _require_columns(path: Path, frame: pd.DataFrame, parts: dict[str, str]) -> dict[str, str]:
    """Return the columns that are there, by part; refuse a missing score, and a name that was chosen but is missing."""
    for part, column in parts.items():
        if column not in frame.columns and (part == "score" or column != part):
            raise BenchError(f"{path} has no column {column!r} ({part}). {suggestion(column, map(str, frame.columns))}")
    return {part: column for part, column in parts.items() if column in frame.columns}


def archs_of(
    path: Path, frame: pd.DataFrame, space: Space, *, arch: str, genes: Sequence[str] | None, unique: bool
) -> tuple[list[Arch], Ints, set[str]]:
    """Return the architectures, which of them each line is about, and the columns that say so.

    Raises:
        BenchError: if a line has none, or one that is not of the space. The message names the line.
    """
    import pandas as pd

    columns = [f"g{place}" for place in range(len(space.arities))] if genes is None else list(genes)
    if genes is None and arch in frame.columns:
        columns = [arch]
    elif missing := [column for column in columns if column not in frame.columns]:
        raise BenchError(f"{path} has no column {arch!r} (arch), nor {missing[0]!r} (a gene of {space.name!r})")
    elif len(columns) != len(space.arities):
        raise BenchError(f"{path}: space {space.name!r} has {len(space.arities)} genes, but {columns} were named")
    if frame[columns].isna().any(axis=None):
        raise BenchError(f"{path}: line {_line(frame[columns].isna().any(axis=1))} has no architecture")
    keys = frame[columns[0]].astype(str) if columns == [arch] else _joined(frame[columns], space)
    codes, texts = pd.factorize(keys)
    archs = []
    for code, text in enumerate(texts):
        try:
            made = space.parse(str(text))
            archs.append(space.canonical(made) if unique else made)
        except (ArchError, SpaceError) as error:
            raise BenchError(f"{path}: line {_line(codes == code)}: {error}") from error
    merged, numbers = pd.factorize(pd.Series(archs, dtype=object))
    # Two texts may be the same architecture.
    return list(numbers), merged[codes].astype(np.int64), set(columns)


def _joined(columns: pd.DataFrame, space: Space) -> pd.Series[str]:
    text = columns.iloc[:, 0].astype(str)
    for place in range(1, columns.shape[1]):
        text = text + "." + columns.iloc[:, place].astype(str)
    return f"{space.name}:" + text


def _cube(values: Floats, at: tuple[Ints, Ints, Ints], n: int, n_epochs: int) -> npt.NDArray[np.float32]:
    """Return [N, S, E], NaN where no line says anything."""
    cube = np.full((n, int(at[1].max()) + 1, n_epochs), np.nan, dtype=np.float32)
    cube[at] = values
    return cube


def _line(wrong: Any) -> int:
    return int(np.flatnonzero(np.asarray(wrong))[0]) + _FIRST_LINE
