"""What a study of predictors is: predictors, training sets of several sizes, outcomes of benchmarks; and its folder."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from archwright.coordinate.experiment import Case, joined_cases
from archwright.coordinate.kept import PlanFolder, make_folders, read_record
from archwright.coordinate.predictors.entrant import Entrant
from archwright.core.errors import NasError, RunError
from archwright.core.files import write_atomically

__all__ = ["Cell", "Found", "PredictorFolder", "PredictorStudy", "Rules"]

FORMAT = 1

#: Architectures that predictors are judged on, at most, where nothing else is said.
TEST = 10_000

_SIZE = re.compile(r"[1-9][0-9]*|[0-9]+(\.[0-9]+)?%")


@dataclass(frozen=True, slots=True)
class Rules:
    """What all predictors of a study have in common.

    Args:
        signals: What is learned and foretold: `final`, the last epoch on record; `half`, half of it; an epoch; or
            another outcome's name, its last epoch. Several are an anytime study.
        labels: Split whose values these are: `valid` or `test`; empty for validation where there is one.
        pool: Where training sets are drawn from: `random`, so many architectures at random; `first`, the first rows.
        pool_size: Architectures of the pool; None for half of those that are known.
        test: Architectures to judge on, of those outside the pool, at most.
        sets: Training sets of each size; the runs take them in turn. None gives each run its own.
        preset: Of predictors that know presets.
        candidates: Architectures that a search chooses from; zero where predictors are compared.

    Raises:
        RunError: if a number or a word is none of these.
    """

    signals: tuple[str, ...] = ("final",)
    labels: str = ""
    pool: Literal["random", "first"] = "random"
    pool_size: int | None = None
    test: int = TEST
    sets: int | None = 3
    preset: str = ""
    candidates: int = 0

    def __post_init__(self) -> None:
        _require(self.labels in ("", "valid", "test"), f"labels must be valid or test, but are {self.labels!r}")
        _require(self.pool in ("random", "first"), f"the pool must be random or first, but is {self.pool!r}")
        _require(self.sets is None or self.sets > 0, f"there must be one training set or more, but sets is {self.sets}")
        _require(self.test > 1, f"predictors must be judged on two architectures or more, but test is {self.test}")
        _require(self.pool_size is None or self.pool_size > 1, f"a pool of {self.pool_size} is too small")
        said = ", ".join(self.signals) or "none"
        _require(0 < len(set(self.signals)) == len(self.signals), f"signals must be named, each once, but are {said}")


@dataclass(frozen=True, slots=True)
class Cell:
    """One training of one predictor.

    Args:
        case: The outcome. `entrant`: who learns it.
        size: Architectures to train on.
        set: Number of the training set. `seed`: of the training.
    """

    case: Case
    entrant: Entrant
    size: int
    set: int
    seed: int


@dataclass(frozen=True, slots=True)
class Found:
    """What one training came to: values by name, or the reason why there are none."""

    values: dict[str, float]
    error: str = ""


@dataclass(frozen=True, slots=True)
class PredictorStudy:
    """Every predictor learns every case from training sets of every size, several times.

    Args:
        cases: Outcomes to learn.
        entrants: Who learns.
        sizes: Architectures to train on: `78`, or `1%` of the pool.
        seeds: Trainings of each; training k has training set `k % sets` and seed `k // sets`, and more of them may
            follow.
        rules: What is the same for all.
    """

    cases: tuple[Case, ...]
    entrants: tuple[Entrant, ...]
    sizes: tuple[str, ...]
    seeds: int
    rules: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        _require(
            bool(self.cases and self.entrants and self.sizes) and self.seeds > 0,
            f"a study needs an outcome, a predictor, a size and a seed, but {len(self.cases)} outcomes, "
            f"{len(self.entrants)} predictors, {len(self.sizes)} sizes and {self.seeds} seeds were given",
        )
        for size in self.sizes:
            _require(bool(_SIZE.fullmatch(size)), f"a training set has a size such as 78 or 1%, but {size!r} was given")
        labels = [entrant.label for entrant in self.entrants]
        _require(len(set(labels)) == len(labels), f"each predictor must be named once, but {', '.join(labels)} were")

    def runs(self) -> Iterator[tuple[int, int]]:
        """Yield the training set and the seed of every training, in their order."""
        for run in range(self.seeds):
            yield (run, 0) if self.rules.sets is None else (run % self.rules.sets, run // self.rules.sets)

    def cells(self, n_pool: Callable[[Case], int]) -> Iterator[Cell]:
        """Yield every training: all predictors once, the largest training sets first, before any is trained again.

        Args:
            n_pool: Gives the architectures of the pool of a case.
        """
        for drawn, seed in self.runs():
            for case in self.cases:
                for size in sorted(self.sizes_of(n_pool(case)), reverse=True):
                    for entrant in self.entrants:
                        yield Cell(case, entrant, size, drawn, seed)

    def sizes_of(self, n_pool: int) -> tuple[int, ...]:
        """Return the sizes of training sets from a pool, in their order.

        Raises:
            RunError: if one is larger than the pool, or has not two architectures.
        """
        sizes = [int(float(size[:-1]) / 100 * n_pool) if size[-1] == "%" else int(size) for size in self.sizes]
        for said, size in zip(self.sizes, sizes, strict=True):
            if not 2 <= size <= n_pool:
                raise RunError(
                    f"a training set must have 2 to {n_pool:,} architectures, its pool, but {said} is {size:,}"
                )
        return tuple(dict.fromkeys(sizes))

    def to_json(self) -> dict[str, Any]:
        """Return this as JSON values."""
        return {
            "format": FORMAT,
            "cases": [asdict(case) for case in self.cases],
            "entrants": [entrant.to_json() for entrant in self.entrants],
            "sizes": self.sizes,
            "seeds": self.seeds,
            "rules": asdict(self.rules),
        }

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> PredictorStudy:
        """Return what `to_json` made."""
        rules = dict(said["rules"])
        rules["signals"] = tuple(rules["signals"])
        return cls(
            tuple(Case(**case) for case in said["cases"]),
            tuple(Entrant(**entrant) for entrant in said["entrants"]),
            tuple(said["sizes"]),
            said["seeds"],
            Rules(**rules),
        )

    def joined(self, wanted: PredictorStudy) -> PredictorStudy:
        """Return this study with the cases, predictors, sizes and seeds of `wanted` as well.

        Raises:
            RunError: if the two cannot be compared: other rules, or something else under the same name.
        """
        if wanted.rules != self.rules:
            ours, theirs = asdict(self.rules), asdict(wanted.rules)
            differing = "; ".join(f"{key} {ours[key]} and {theirs[key]}" for key in ours if ours[key] != theirs[key])
            raise RunError(
                f"a study has one set of rules, here and wanted: {differing}; choose another folder with --out"
            )
        known = {entrant.label: entrant for entrant in self.entrants}
        for entrant in wanted.entrants:
            if known.setdefault(entrant.label, entrant).to_json() != entrant.to_json():
                raise RunError(
                    f"{entrant.label!r} has other settings in this study; give it another label, or choose another "
                    "folder with --out"
                )
        return replace(
            self,
            cases=joined_cases(self.cases, wanted.cases, lambda _, case: f"{case.name} is not the one of this study"),
            entrants=tuple(known.values()),
            sizes=tuple(dict.fromkeys((*self.sizes, *wanted.sizes))),
            seeds=max(self.seeds, wanted.seeds),
        )


class PredictorFolder(PlanFolder[PredictorStudy]):
    """The files of a study of predictors.

    `study.json` says what it is; `results/CASE/PREDICTOR/` has a file per finished training; in `cache/` is what would
    take long to compute again.
    """

    __slots__ = ()

    command = "archwright predictors"
    format = FORMAT
    inner = ("results",)
    advice = "; give a benchmark with --bench"

    @staticmethod
    def plan(said: dict[str, Any]) -> PredictorStudy:
        """Return the study of JSON values."""
        return PredictorStudy.from_json(said)

    @property
    def results(self) -> Path:
        """Folder of what was found."""
        return self.path / "results"

    @property
    def cache(self) -> Path:
        """Folder of what can be computed again."""
        return self.path / "cache"

    def file(self, cell: Cell) -> Path:
        """Return the file of a training."""
        folder = self.results / cell.case.name / cell.entrant.place
        return folder / f"{cell.size}-set{cell.set}-seed{cell.seed}.json"

    def read(self, cell: Cell) -> Found | None:
        """Return what a training came to; None where it is not finished.

        Raises:
            RunError: if its file is damaged.
        """
        path = self.file(cell)
        if not path.exists():
            return None
        try:
            return read_record(path, _found, format=FORMAT, missing=f"{path} was removed meanwhile")
        except NasError as error:
            raise RunError(f"{error}; remove it, and that training is done again") from error

    def keep(self, cell: Cell, found: Found) -> None:
        """Write down what a training came to.

        Raises:
            RunError: if it cannot be written (exit code 1).
        """
        path = self.file(cell)
        make_folders(path.parent, "")
        values = {name: value if math.isfinite(value) else None for name, value in found.values.items()}
        said = {"format": FORMAT, "values": values, "error": found.error}
        write_atomically(path, json.dumps(said, allow_nan=False).encode())


def _found(said: dict[str, Any]) -> Found:
    values = {name: float("nan") if value is None else float(value) for name, value in said["values"].items()}
    return Found(values, str(said["error"]))


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise RunError(message)
