"""What an experiment says: incumbents of every run, curves over seeds, final results, ranks."""

# R runs, T trials, G points of a curve

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from archwright.coordinate.experiment import Case, Cell, Experiment, ExperimentFolder
from archwright.coordinate.trial_file import Trials
from archwright.core.errors import RunError
from archwright.core.ranks import ranks

__all__ = ["Comparison", "Contest", "Curve", "Entry", "Run", "incumbents", "load_comparison"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Points of a curve over simulated time.
_GRID = 200


@dataclass(frozen=True, eq=False)
class Run:
    """One seeded run: what it would have reported after each of its T trials.

    Args:
        seed: Of the run.
        value: Reported value of the incumbent after each trial; NaN before there is one.
        finished_s: Simulated seconds at which each trial finished.
    """

    seed: int
    value: Floats
    finished_s: Floats

    @property
    def final(self) -> float:
        """What the run reports in the end; NaN if it found nothing."""
        return float(self.value[-1]) if len(self.value) else float("nan")

    def at(self, seconds: Floats) -> Floats:
        """Return what the run would have reported at some times [G]; NaN before its first incumbent."""
        place = np.searchsorted(self.finished_s, seconds, side="right") - 1
        known = np.where(place >= 0, self.value[np.maximum(place, 0)], np.nan) if len(self.value) else None
        return np.full(len(seconds), np.nan) if known is None else known


@dataclass(frozen=True, eq=False)
class Curve:
    """Mean and quartiles over all R runs at G places: trials, or simulated seconds."""

    x: Floats
    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, eq=False)
class Entry:
    """One contestant on one case.

    Args:
        name: The contestant's text.
        case: What was searched.
        runs: Its finished runs, by seed.
    """

    name: str
    case: Case
    runs: tuple[Run, ...]

    @cached_property
    def finals(self) -> Floats:
        """What each run [R] reports in the end, in the metric's own direction."""
        return np.array([run.final for run in self.runs], dtype=np.float64)

    @cached_property
    def regrets(self) -> Floats:
        """How far below the benchmark's best each run [R] ends; never negative."""
        sign = 1.0 if self.case.higher_is_better else -1.0
        return np.maximum(0.0, sign * (self.case.best - self.finals))

    def over_trials(self) -> Curve | None:
        """Return the curve over trials; it ends where the shortest run does, so that every point is of all runs."""
        shortest = min((len(run.value) for run in self.runs), default=0)
        if not shortest:
            return None
        table = np.stack([run.value[:shortest] for run in self.runs])
        return _curve(np.arange(1.0, shortest + 1), table)

    def over_time(self) -> Curve | None:
        """Return the curve over simulated time, on a logarithmic grid, from where all runs have an incumbent on."""
        if not self.runs or not all(len(run.value) for run in self.runs):
            return None
        first = max(_first_s(run) for run in self.runs)
        last = min(float(run.finished_s[-1]) for run in self.runs)
        if not 0 < first < last:
            return None
        grid = np.geomspace(first, last, _GRID)
        grid[0] = first  # Rounding must not put it before the first incumbent.
        return _curve(grid, np.stack([run.at(grid) for run in self.runs]))


@dataclass(frozen=True, eq=False)
class Contest:
    """All contestants on one case; those without a finished run are left out."""

    case: Case
    entries: tuple[Entry, ...]

    @cached_property
    def means(self) -> Floats:
        """Mean final value of each contestant, over the runs that found something."""
        return np.array([_nanmean(entry.finals) for entry in self.entries], dtype=np.float64)

    @property
    def ranks(self) -> Floats:
        """Rank of each contestant by its mean final value; 1 is the best, equals share the mean of their ranks."""
        return ranks(self.means, higher_is_better=self.case.higher_is_better)

    def paired(self, a: Entry, b: Entry) -> tuple[Floats, Floats]:
        """Return the final values of two contestants for the seeds that both have finished."""
        ours, theirs = ({run.seed: run.final for run in entry.runs} for entry in (a, b))
        both = sorted(ours.keys() & theirs.keys())
        return np.array([ours[seed] for seed in both]), np.array([theirs[seed] for seed in both])


@dataclass(frozen=True, eq=False)
class Comparison:
    """An experiment with everything that was found."""

    experiment: Experiment
    contests: tuple[Contest, ...]

    @cached_property
    def complete(self) -> tuple[Contest, ...]:
        """The contests that all contestants took part in: only they can be averaged."""
        return tuple(each for each in self.contests if len(each.entries) == len(self.experiment.contestants))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The contestants, in the order in which they were named."""
        return tuple(str(contestant) for contestant in self.experiment.contestants)

    @cached_property
    def rank_table(self) -> Floats:
        """Ranks [contests, contestants] of the complete contests."""
        return np.array([each.ranks for each in self.complete]).reshape(len(self.complete), len(self.names))


def load_comparison(folder: ExperimentFolder) -> Comparison:
    """Return what an experiment's folder says; runs that are not finished are left out.

    Raises:
        RunError: if the folder holds no experiment, no finished run, or a damaged file.
    """
    experiment = folder.load()
    contests = []
    for case in experiment.cases:
        cells = [Cell(case, contestant) for contestant in experiment.contestants]
        entries = [Entry(str(cell.contestant), case, _runs(folder.read(cell))) for cell in cells]
        found = tuple(entry for entry in entries if entry.runs)
        if found:
            contests.append(Contest(case, found))
    if not contests:
        raise RunError(
            f"{folder.path} holds no finished run yet: continue with `archwright bench run --out {folder.path}`"
        )
    return Comparison(experiment, tuple(contests))


def incumbents(epochs: Sequence[int] | npt.NDArray[np.int32], scores: Sequence[float] | Floats) -> Ints:
    """Return the place [T] of the incumbent after each trial; -1 before there is one.

    The incumbent is the best by validation among the trials with the most epochs so far, the first of equals: scores
    after few epochs are not compared with scores after many. With one fidelity it is simply the best.

    Source: BOHB, arXiv:1807.01774, section 5: the best on the largest budget evaluated so far.
    """
    told = np.asarray(scores, dtype=np.float64)
    counted = np.where(np.isnan(told), -1, np.asarray(epochs, dtype=np.int64))
    most = np.maximum.accumulate(counted) if len(counted) else counted
    places = np.full(len(told), -1, dtype=np.int64)
    order = np.arange(len(told))
    for level in np.unique(most[most >= 0]):
        visible = np.where(counted == level, told, -np.inf)
        before = np.concatenate(([-np.inf], np.maximum.accumulate(visible)[:-1]))
        best = np.maximum.accumulate(np.where(visible > before, order, -1))
        places[most == level] = best[most == level]
    return places


def _runs(trials: Trials) -> tuple[Run, ...]:
    runs = []
    for seed in trials.seeds:
        rows = trials.rows_of(seed)
        places = incumbents(trials.epochs[rows], trials.score[rows])
        values = trials.value[rows]
        told = np.where(places >= 0, values[np.maximum(places, 0)], np.nan) if len(values) else values
        runs.append(Run(seed, told, trials.finished_s[rows]))
    return tuple(runs)


def _first_s(run: Run) -> float:
    known = ~np.isnan(run.value)
    return float(run.finished_s[known.argmax()]) if known.any() else float("inf")


def _curve(x: Floats, table: Floats) -> Curve | None:
    """Return the curve of runs [R, G] over the places where every run has a value."""
    known = ~np.isnan(table).any(axis=0)
    if not known.any():
        return None
    table = table[:, known]
    low, high = np.quantile(table, [0.25, 0.75], axis=0)
    return Curve(x[known], table.mean(axis=0), low, high)


def _nanmean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
