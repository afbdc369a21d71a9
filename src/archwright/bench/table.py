"""The one format of benchmarks: columns of numbers, one row per architecture, mapped into memory."""

# N architectures, S seeds, E recorded epochs, D genes, B queries

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from archwright.bench.files import load_folder, save_folder
from archwright.bench.outcome import FloatArray, Outcome, Provenance, require_name
from archwright.bench.rows import RowIndex
from archwright.bench.space_spec import space_from_spec, space_spec
from archwright.core.arch import Arch
from archwright.core.errors import BenchError
from archwright.core.rng import derive
from archwright.spaces.base import Space

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Bench", "Outcome", "Provenance", "mean_over_seeds", "write_bench"]

Genes = npt.NDArray[np.integer]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: Architectures that are looked at before a benchmark is written: is each valid, and canonical where it says so?
_CHECKED = 1000


def write_bench(
    folder: str | Path,
    *,
    name: str,
    space: Space,
    archs: Sequence[Arch] | Genes,
    outcomes: Sequence[Outcome],
    measures: Mapping[str, npt.ArrayLike],
    provenance: Provenance,
    units: Mapping[str, str] | None = None,
    unique: bool = False,
) -> Path:
    """Write a benchmark and return its folder. An older benchmark in that folder is replaced.

    Args:
        folder: New or empty folder, or one with an older benchmark.
        name: Of the benchmark: `nb201`.
        space: What `archs` are from: of the catalogue, a tabular MLP, or written in YAML.
        archs: N architectures, or their genes [N, D]; all different.
        outcomes: At least one, with arrays [N, S, E] and names that differ.
        measures: Further numbers [N] of each architecture, NaN where unknown: `params`, `flops_m`, `raspi4_latency_ms`.
            `NAME@DATASET` belongs to the outcomes `DATASET` and `DATASET-...`, where it is called NAME.
        provenance: Where the numbers come from.
        units: Units of measures, by name.
        unique: Each row stands for all architectures that are the same network: `archs` are canonical forms, and
            look-ups of other forms go through `Space.canonical`.

    Raises:
        BenchError: if one of these does not hold.
    """
    genes = _genes_of(space, archs)
    _check(space, genes, outcomes, unique=unique)
    require_name(name, "a benchmark")
    columns = {key: np.asarray(column, dtype=np.float64) for key, column in measures.items()}
    for key, column in columns.items():
        require_name(key.replace("@", "+"), "a measure")
        if column.shape != (len(genes),):
            raise BenchError(f"measure {key!r} must be [{len(genes)}], but {list(column.shape)} was given")
    arrays: dict[str, npt.NDArray[Any]] = {"genes": genes.astype(_smallest(space.arities))}
    arrays |= {f"rows.{key}": array for key, array in RowIndex.build(space.arities, genes).items()}
    arrays |= {f"measure.{key}": column for key, column in columns.items()}
    for outcome in outcomes:
        for split, array in outcome.arrays().items():
            arrays[f"{outcome.name}.{split}"] = np.asarray(array, dtype=np.float32)
    meta = {
        "name": name,
        "space": space_spec(space),
        "unique": unique,
        "outcomes": [_described(outcome) for outcome in outcomes],
        "measures": {key: (units or {}).get(key, "") for key in columns},
        "provenance": asdict(provenance),
    }
    save_folder(Path(folder), meta, arrays)
    return Path(folder)


class Bench:
    """A benchmark, opened. Arrays stay on disk until they are looked at.

    Args:
        folder: Where it is.
        meta: Its `bench.json`.
        arrays: Its arrays, by name.

    Raises:
        BenchError: if its description cannot be understood.

    Example:
        >>> bench = Bench.open("nb201")                                                   # doctest: +SKIP
        >>> rows = bench.rows([bench.space.at(6111)])                                     # doctest: +SKIP
        >>> bench.values("cifar10", rows, split="test")                                   # doctest: +SKIP
        array([94.373])
    """

    def __init__(self, folder: Path, meta: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self.folder = folder
        try:
            self.name: str = meta["name"]
            self.provenance = Provenance(**meta["provenance"])
            self.is_unique: bool = meta["unique"]
            #: Units of the measures, by name; empty where none is known.
            self.units: dict[str, str] = dict(meta["measures"])
            self.measures: dict[str, FloatArray] = {key: arrays[f"measure.{key}"] for key in self.units}
            self.outcomes: dict[str, Outcome] = {each["name"]: _outcome(each, arrays) for each in meta["outcomes"]}
            self.genes: Genes = arrays["genes"]
            self.space: Space = space_from_spec(meta["space"])
            index = {key.removeprefix("rows."): array for key, array in arrays.items() if key.startswith("rows.")}
        except (KeyError, TypeError) as error:
            raise BenchError(
                f"{folder} is damaged: its bench.json lacks {error}; import the benchmark again"
            ) from error
        if self.genes.shape[1] != len(self.space.arities):
            wanted, found = len(self.space.arities), self.genes.shape[1]
            raise BenchError(f"{folder} has {found} genes, but space {self.space.name!r} has {wanted} here")
        self._index = RowIndex(self.space.arities, len(self.genes), index, self.genes)
        self._means: dict[tuple[str, str, int], Floats] = {}

    @classmethod
    def open(cls, bench: str | Path, *, verify: bool | None = None) -> Self:
        """Return the benchmark in a folder, or the one imported under a name.

        Args:
            bench: Folder, or name (looked up in the folder `bench` of `ARCHWRIGHT_HOME`).
            verify: Compare all checksums. None does so where it is quick (see `load_folder`); True always.

        Raises:
            BenchError: if there is no such benchmark, or it is damaged.
        """
        from archwright.bench.home import folder_of

        folder = folder_of(bench)
        meta, arrays = load_folder(folder, verify=verify)
        return cls(folder, meta, arrays)

    def __len__(self) -> int:
        return len(self.genes)

    def __repr__(self) -> str:
        return f"<Bench {self.name}: {len(self):,} architectures, {', '.join(self.outcomes)}>"

    def outcome(self, name: str) -> Outcome:
        """Return one outcome.

        Raises:
            BenchError: if there is none of that name; the message offers the nearest.
        """
        if name not in self.outcomes:
            from archwright.core.catalog import suggestion

            raise BenchError(f"benchmark {self.name!r} has no outcome {name!r}. {suggestion(name, self.outcomes)}")
        return self.outcomes[name]

    def rows(self, archs: Sequence[Arch] | Genes) -> Ints:
        """Return the rows [B] of architectures, or of genes [B, D]; -1 where the benchmark has none.

        Where a row stands for all forms of a network (`is_unique`), forms that are not stored are looked up by their
        canonical form, which costs what `Space.canonical` costs.

        Raises:
            BenchError: if an architecture is of another space, or has another number of genes.
        """
        genes = archs if isinstance(archs, np.ndarray) else _genes_of(self.space, archs)
        rows = self._index.find(genes)
        if self.is_unique and (rows < 0).any():
            self._find_canonical(genes, rows)
        return rows

    def archs(self, rows: Sequence[int] | Ints) -> list[Arch]:
        """Return the architectures of rows."""
        name = self.space.name
        return [Arch(name, tuple(genes)) for genes in self.genes[np.asarray(rows, dtype=np.int64)].tolist()]

    def values(
        self, outcome: str, rows: Sequence[int] | Ints | slice, epoch: int | None = None, split: str = "valid"
    ) -> Floats:
        """Return values [B], the mean over the seeds that have one, in the direction and unit of the outcome.

        Args:
            outcome: Name of an outcome.
            rows: Rows [B]; -1 gives NaN. A slice is taken as it is.
            epoch: Epoch; the latest recorded one that is not after it answers. None is the last.
            split: `valid`, `test`, `train` or `seconds`.

        Raises:
            BenchError: if there is no such outcome, epoch or split.
        """
        place = self.outcome(outcome).place(epoch)
        column = self._means.get((outcome, split, place))
        if column is None:
            column = mean_over_seeds(self.outcomes[outcome].array(split)[:, :, place])
            self._means[outcome, split, place] = column
        if isinstance(rows, slice):
            return column[rows]
        rows = np.asarray(rows, dtype=np.int64)
        found = column[rows]
        if (rows < 0).any():
            found[rows < 0] = np.nan
        return found

    def curve(self, outcome: str, row: int, split: str = "valid") -> Floats:
        """Return values [E] after each recorded epoch, the mean over seeds, NaN where nothing was recorded.

        Raises:
            BenchError: if there is no such outcome or split.
        """
        return mean_over_seeds(self.outcome(outcome).array(split)[row].T)

    def best(self, outcome: str, epoch: int | None = None, split: str = "valid") -> int:
        """Return the row with the best value, the first of equals.

        Raises:
            BenchError: if there is no such outcome, epoch or split, or it has no values.
        """
        values = self.values(outcome, slice(None), epoch, split)
        if np.isnan(values).all():
            raise BenchError(f"outcome {outcome!r} of benchmark {self.name!r} has no {split} values at epoch {epoch}")
        return int(np.nanargmax(values) if self.outcomes[outcome].higher_is_better else np.nanargmin(values))

    def measures_of(self, outcome: str) -> dict[str, FloatArray]:
        """Return the measures [N] that hold for an outcome: those of its data set (`NAME@DATASET`) before others."""
        general = {key: column for key, column in self.measures.items() if "@" not in key}
        own: dict[str, tuple[int, str]] = {}
        for key in self.measures.keys() - general.keys():
            name, _, dataset = key.partition("@")
            if outcome == dataset or outcome.startswith(f"{dataset}-"):
                own[name] = max(own.get(name, (0, "")), (len(dataset), key))
        return general | {name: self.measures[key] for name, (_, key) in own.items()}

    def frame(self, outcomes: Sequence[str] | None = None) -> pd.DataFrame:
        """Return a table with a row per architecture: its text, measures, and `OUTCOME.SPLIT` at the last epoch.

        Raises:
            BenchError: if there is no such outcome.
        """
        import pandas as pd

        columns: dict[str, Any] = {"arch": [self.space.text(arch) for arch in self.archs(np.arange(len(self)))]}
        columns |= {key: np.array(column) for key, column in self.measures.items()}
        for name in self.outcomes if outcomes is None else outcomes:
            for split in self.outcome(name).arrays():
                columns[f"{name}.{split}"] = self.values(name, slice(None), split=split)
        return pd.DataFrame(columns)

    def space_of_rows(self) -> Space:
        """Return a space that holds exactly this benchmark's rows; its own space where that is so already."""
        return self._space_of_rows

    @cached_property
    def _space_of_rows(self) -> Space:
        from archwright.bench.subspace import Restricted

        if len(self) == self.space.size():
            return self.space
        return Restricted(self.space, np.array(self.genes), any_form=self.is_unique)

    def _find_canonical(self, genes: Genes, rows: Ints) -> None:
        name = self.space.name
        for place in np.flatnonzero(rows < 0):
            arch = Arch(name, tuple(genes[place].tolist()))
            if self.space.check(arch) is None:
                canonical = np.array([self.space.canonical(arch).genes])
                rows[place] = self._index.find(canonical)[0]


def _genes_of(space: Space, archs: Sequence[Arch] | Genes) -> Genes:
    if isinstance(archs, np.ndarray):
        if archs.ndim != 2 or archs.shape[1] != len(space.arities):
            raise BenchError(f"genes must be [N, {len(space.arities)}], but {list(archs.shape)} was given")
        return archs
    for arch in archs:
        if arch.space != space.name or len(arch.genes) != len(space.arities):
            raise BenchError(
                f"architectures must be of space {space.name!r} with {len(space.arities)} genes, but {arch} is not"
            )
    return np.array([arch.genes for arch in archs], dtype=np.int64).reshape(len(archs), len(space.arities))


def _check(space: Space, genes: Genes, outcomes: Sequence[Outcome], *, unique: bool) -> None:
    if not len(genes) or not outcomes:
        raise BenchError(f"a benchmark must have architectures and outcomes, but got {len(genes)} and {len(outcomes)}")
    if len({outcome.name for outcome in outcomes}) != len(outcomes):
        raise BenchError(f"names of outcomes must differ, but {[outcome.name for outcome in outcomes]} was given")
    for outcome in outcomes:
        (n, *_) = next(iter(outcome.arrays().values())).shape
        if n != len(genes):
            raise BenchError(f"outcome {outcome.name!r} must have {len(genes)} rows, but has {n}")
    outside = ((genes < 0) | (genes >= np.array(space.arities))).any(axis=1)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise BenchError(f"row {row} is not in space {space.name!r}: genes {genes[row].tolist()}")
    some = np.arange(len(genes))
    if len(genes) > _CHECKED:
        some = derive(0, "checked", len(genes)).choice(len(genes), _CHECKED, replace=False)
    for row in some.tolist():
        arch = Arch(space.name, tuple(genes[row].tolist()))
        if (reason := space.check(arch)) is not None:
            raise BenchError(f"row {row} is not in space {space.name!r}: {reason}")
        if unique and space.canonical(arch) != arch:
            raise BenchError(f"rows must be canonical forms, but row {row}, {arch}, is {space.canonical(arch)}")


def _smallest(arities: Sequence[int]) -> npt.DTypeLike:
    return np.min_scalar_type(max(arities))


def _described(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "metric": outcome.metric,
        "unit": outcome.unit,
        "higher_is_better": outcome.higher_is_better,
        "epochs": [int(epoch) for epoch in outcome.epochs],
        "splits": list(outcome.arrays()),
    }


def _outcome(described: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Outcome:
    given = {split: arrays[f"{described['name']}.{split}"] for split in described["splits"]}
    return Outcome(
        name=described["name"],
        metric=described["metric"],
        unit=described["unit"],
        epochs=tuple(described["epochs"]),
        valid=given.get("valid"),
        test=given.get("test"),
        train=given.get("train"),
        seconds=given.get("seconds"),
        higher_is_better=described["higher_is_better"],
    )


def mean_over_seeds(values: FloatArray) -> Floats:
    """Return the mean [M] of values [M, S] over what is not NaN; NaN where nothing is."""
    there = ~np.isnan(values)
    sums = np.where(there, values, 0.0).sum(axis=1, dtype=np.float64)
    counts = there.sum(axis=1)
    mean: Floats = np.divide(sums, counts, out=np.full(len(values), np.nan), where=counts > 0)
    return mean
