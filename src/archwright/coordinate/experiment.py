"""What an experiment is: contestants on benchmarks, many seeds, one budget; and the folder that keeps it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archwright.coordinate.contestant import Contestant
from archwright.coordinate.kept import PlanFolder
from archwright.coordinate.trial_file import Trials, read_trials
from archwright.core.budget import Budget
from archwright.core.errors import BenchError, BudgetError, RunError

if TYPE_CHECKING:
    from archwright.bench.table import Bench

__all__ = ["Case", "Cell", "Experiment", "ExperimentFolder", "open_cases"]

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Case:
    """One benchmark's outcome to search on, and the one to report.

    Args:
        bench: Name of the benchmark.
        folder: Where it was found.
        checksum: Of its `bench.json`: another benchmark in that folder is another experiment.
        outcome: Whose scores the searchers see.
        searched: Split of `outcome` that gives the scores: `valid`, or `test` where there is no validation.
        report: Whose values after the full training are reported.
        split: Of `report`: `test`, or `valid` where there is no test.
        metric: Of `report`. `unit`: of that metric.
        higher_is_better: Direction of that metric.
        best: The best value that any architecture of the benchmark has there.
        median: The median value.
        n: Architectures.
        least_epochs: Epochs of the shortest training of `outcome` on record.
        full_epochs: Epochs of its full training; the same where there is one fidelity only.
        training_s: Simulated seconds of a full training, the mean over architectures; its epochs where no seconds are
            on record.
        has_seconds: Whether trainings have a cost, so that simulated time means something.
        score_sign: 1 where scores are the metric of `outcome`, -1 where they are its negative.
        score_metric: Metric of `outcome`. `score_unit`: of that metric.
    """

    bench: str
    folder: str
    checksum: str
    outcome: str
    searched: str
    report: str
    split: str
    metric: str
    unit: str
    higher_is_better: bool
    best: float
    median: float
    n: int
    least_epochs: int
    full_epochs: int
    training_s: float
    has_seconds: bool
    score_sign: int
    score_metric: str
    score_unit: str

    @property
    def name(self) -> str:
        """Benchmark and outcome; differs between the cases of an experiment."""
        return f"{self.bench}.{self.outcome}"

    @property
    def has_time(self) -> bool:
        """Whether simulated time says more than the number of trials: trainings differ in seconds, or in epochs."""
        return self.has_seconds or self.least_epochs < self.full_epochs

    @property
    def is_same_measure(self) -> bool:
        """Whether the reported number is the one that the searchers see, so that they may be said to overfit."""
        return (self.split, self.report) == (self.searched, self.outcome)


@dataclass(frozen=True, slots=True)
class Cell:
    """One contestant on one case, all seeds."""

    case: Case
    contestant: Contestant

    @property
    def name(self) -> str:
        """Name of its files."""
        # A colon is no part of a file name on every system.
        return f"{self.case.name}.{str(self.contestant).replace(':', ',')}"


@dataclass(frozen=True, slots=True)
class Experiment:
    """Every contestant runs on every case with every seed.

    Args:
        cases: What to search.
        contestants: Who searches.
        seeds: Runs of each pair; their seeds are 0, 1, ...
        budget: Of each run; seconds are simulated. None where `trainings` is given.
        trainings: In place of a budget: the simulated time that the workers together need for so many full
            trainings of average cost, on each case.
        workers: Simulated workers of each run.
        continued: A training with more epochs goes on from the shorter one and costs only the added epochs; else each
            begins anew.
    """

    cases: tuple[Case, ...]
    contestants: tuple[Contestant, ...]
    seeds: int
    budget: Budget | None
    trainings: float | None = None
    workers: int = 1
    continued: bool = False

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.workers < 1:
            raise RunError(
                f"an experiment needs one seed and one worker or more, but {self.seeds} and {self.workers} were given"
            )
        if (self.budget is None) == (self.trainings is None) or (self.trainings is not None and not self.trainings > 0):
            raise BudgetError(
                "an experiment needs either trials, seconds and epochs, or trainings above zero, but "
                f"{self.budget} and {self.trainings} trainings were given"
            )
        for case in self.cases:
            if self.budget is not None and self.budget.seconds is not None and not case.has_seconds:
                raise BenchError(
                    f"{case.name} has no training times, so seconds cannot limit a run; use --trials or --trainings"
                )

    def budget_of(self, case: Case) -> Budget:
        """Return the budget of each run on a case."""
        if self.budget is not None:
            return self.budget
        assert self.trainings is not None
        return Budget(seconds=self.trainings * case.training_s / self.workers)

    @property
    def limits(self) -> str:
        """The budget in words: `300 trials`."""
        given = {"full trainings": self.trainings} if self.budget is None else asdict(self.budget)
        named = {"simulated seconds" if name == "seconds" else name: limit for name, limit in given.items()}
        return " and ".join(f"{limit:,g} {name}" for name, limit in named.items() if limit is not None)

    def cells(self) -> Iterator[Cell]:
        """Yield every pair of a case and a contestant."""
        for case in self.cases:
            for contestant in self.contestants:
                yield Cell(case, contestant)

    def to_json(self) -> dict[str, Any]:
        """Return this as JSON values."""
        return {
            "format": FORMAT,
            "cases": [asdict(case) for case in self.cases],
            "contestants": [str(contestant) for contestant in self.contestants],
            "seeds": self.seeds,
            "budget": None if self.budget is None else asdict(self.budget),
            "trainings": self.trainings,
            "workers": self.workers,
            "continued": self.continued,
        }

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Experiment:
        """Return what `to_json` made."""
        return cls(
            tuple(Case(**case) for case in said["cases"]),
            tuple(Contestant.parse(text) for text in said["contestants"]),
            said["seeds"],
            None if said["budget"] is None else Budget(**said["budget"]),
            said["trainings"],
            said["workers"],
            said["continued"],
        )

    def joined(self, wanted: Experiment) -> Experiment:
        """Return this experiment with the cases, contestants and seeds of `wanted` as well.

        Raises:
            RunError: if the two cannot be compared: another budget, or other benchmarks under the same names.
        """
        if replace(wanted, cases=(), contestants=(), seeds=1) != replace(self, cases=(), contestants=(), seeds=1):
            raise RunError(
                f"an experiment has one budget for all, here {_said(self)}, but {_said(wanted)} was given; choose "
                "another folder with --out"
            )

        def refused(known: Case, case: Case) -> str:
            what = "reports another outcome" if known.report != case.report else "is another benchmark now"
            return f"{case.name} {what} than in this experiment"

        both = joined_cases(self.cases, wanted.cases, refused)
        contestants = dict.fromkeys((*self.contestants, *wanted.contestants))
        return replace(self, cases=both, contestants=tuple(contestants), seeds=max(self.seeds, wanted.seeds))


def joined_cases(
    ours: Sequence[Case], wanted: Sequence[Case], refused: Callable[[Case, Case], str]
) -> tuple[Case, ...]:
    """Return our cases and the wanted ones, each once.

    A benchmark may have moved: its checksum says that it is the same, and the wanted folder counts.

    Args:
        ours: The cases of a record.
        wanted: Cases to add.
        refused: Says how a case and ours of the same name differ.

    Raises:
        RunError: if two of the same name differ in more than the folder.
    """
    cases = {case.name: case for case in ours}
    for case in wanted:
        known = cases.setdefault(case.name, case)
        if known != replace(case, folder=known.folder):
            raise RunError(f"{refused(known, case)}; choose another folder with --out")
    moved = {case.name: case.folder for case in wanted}
    return tuple(replace(case, folder=moved.get(case.name, case.folder)) for case in cases.values())


class ExperimentFolder(PlanFolder[Experiment]):
    """The files of an experiment.

    `experiment.json` says what it is, `trials/CELL.parquet` holds finished runs, `parts/` those that were finished
    since that file was written, and the answers of searchers in runs that are not finished.
    """

    __slots__ = ()

    noun = "experiment"
    command = "archwright bench run"
    format = FORMAT
    inner = ("trials", "parts")

    @property
    def parts(self) -> Path:
        """Folder of finished runs that are not gathered yet."""
        return self.path / "parts"

    def trials(self, cell: Cell) -> Path:
        """Return the file of the finished runs of a cell."""
        return self.path / "trials" / f"{cell.name}.parquet"

    def parts_of(self, cell: Cell) -> list[Path]:
        """Return the files of finished runs that are not gathered yet."""
        start = f"{cell.name}@"
        return sorted(path for path in self.parts.glob("*.parquet") if path.name.startswith(start))

    def part(self, cell: Cell, seeds: Sequence[int]) -> Path:
        """Return the file for some finished runs."""
        return self.parts / f"{cell.name}@{seeds[0]}-{seeds[-1]}.parquet"

    def answers(self, cell: Cell, seed: int) -> Path:
        """Return the file of a searcher's answers in a run that is not finished."""
        return self.parts / f"{cell.name}@{seed}.answers.npz"

    def read(self, cell: Cell) -> Trials:
        """Return the finished runs of a cell.

        Raises:
            RunError: if a file is damaged.
        """
        files = [path for path in (self.trials(cell), *self.parts_of(cell)) if path.exists()]
        return Trials.joined(read_trials(path) for path in files)

    @staticmethod
    def plan(said: dict[str, Any]) -> Experiment:
        """Return the experiment of JSON values."""
        return Experiment.from_json(said)

    def joined(self, wanted: Experiment) -> Experiment:
        """Return the experiment that is here together with `wanted`. Changes nothing.

        Raises:
            RunError: if the folder holds something else, another experiment, or damaged trials of this one.
        """
        there = super().joined(wanted)
        for cell in wanted.cells() if self.record.exists() else ():
            self.read(cell)
        return there


def open_cases(bench: str | Path, outcomes: Sequence[str], *, report: str | None = None) -> tuple[Case, ...]:
    """Return the cases of a benchmark.

    Args:
        bench: Name or folder.
        outcomes: What to search on: names, or `all` alone. Empty means the benchmark's only one.
        report: What to report; by default what is searched on.

    Raises:
        BenchError: if there is no such benchmark or outcome, or it has several and none is named.
    """
    from archwright.bench.table import Bench

    opened = Bench.open(bench)
    if not outcomes and len(opened.outcomes) > 1:
        raise BenchError(
            f"benchmark {opened.name!r} has several outcomes, so one must be named, as {opened.name}:OUTCOME; it has "
            f"{', '.join(opened.outcomes)}"
        )
    chosen = list(opened.outcomes) if list(outcomes) in ([], ["all"]) else outcomes
    return tuple(_case(opened, outcome, report or outcome) for outcome in chosen)


def _case(bench: Bench, outcome: str, report: str) -> Case:
    searched, reported = bench.outcome(outcome), bench.outcome(report)
    split = "test" if reported.test is not None else "valid"
    values = bench.values(report, slice(None), split=split)
    sign = 1 if reported.higher_is_better else -1
    return Case(
        bench=bench.name,
        folder=str(bench.folder.resolve()),
        checksum=_checksum(bench.folder),
        outcome=outcome,
        searched="valid" if searched.valid is not None else "test",
        report=report,
        split=split,
        metric=reported.metric,
        unit=reported.unit,
        higher_is_better=reported.higher_is_better,
        best=float(np.nanmax(values * sign) * sign),
        median=float(np.nanmedian(values)),
        n=len(bench),
        least_epochs=searched.epochs[0],
        full_epochs=searched.epochs[-1],
        training_s=_training_s(bench, outcome),
        has_seconds=searched.seconds is not None,
        score_sign=1 if searched.higher_is_better else -1,
        score_metric=searched.metric,
        score_unit=searched.unit,
    )


def _checksum(folder: Path) -> str:
    return str(json.loads((folder / "bench.json").read_bytes())["checksum"])


def _training_s(bench: Bench, outcome: str) -> float:
    epochs = float(bench.outcome(outcome).epochs[-1])
    if bench.outcome(outcome).seconds is None:
        return epochs
    seconds = bench.values(outcome, slice(None), split="seconds")
    known = seconds[~np.isnan(seconds)]
    return float(known.mean()) if len(known) else epochs


def _said(experiment: Experiment) -> str:
    how = ", trainings continued" if experiment.continued else ""
    return f"{experiment.limits} on {experiment.workers} simulated worker{'s' if experiment.workers != 1 else ''}{how}"
