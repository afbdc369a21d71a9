"""What a study of predictors says: how well each one foretells what it has not seen, from how many architectures."""

# K sizes of training sets, R trainings of each

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from archwright.coordinate.experiment import Case
from archwright.coordinate.predictors.running import all_cells
from archwright.coordinate.predictors.study import Found, PredictorFolder, PredictorStudy
from archwright.coordinate.predictors.task import Task, task_of
from archwright.coordinate.predictors.work import value_name
from archwright.core.errors import RunError

__all__ = ["MAIN", "Entry", "Gain", "PredictorFindings", "Section", "load_predictors"]

Floats = npt.NDArray[np.float64]

#: The metric that predictors are compared by.
MAIN = "kendall"


@dataclass(frozen=True, eq=False)
class Gain:
    """How much better the first predictor is than another, training by training, on the same sets and seeds.

    Args:
        label: The other predictor. `size`: of the training sets.
        differences: Of each training that both have finished.
    """

    label: str
    size: int
    differences: Floats

    @property
    def wins(self) -> int:
        """Trainings in which the first one is better."""
        return int((self.differences > 0).sum())


@dataclass(frozen=True, eq=False)
class Entry:
    """One predictor on one case.

    Args:
        label: What the study calls it.
        found: Values by name [K, R], NaN where there is none.
        finished: Trainings that are done, of each size [K].
        errors: Why trainings failed, and how many did.
    """

    label: str
    found: dict[str, Floats]
    finished: tuple[int, ...]
    errors: tuple[tuple[str, int], ...]

    @property
    def n_failed(self) -> int:
        """Trainings that failed."""
        return sum(n for _, n in self.errors)


@dataclass(frozen=True, eq=False)
class Section:
    """All predictors on one signal of one case.

    Args:
        case: The outcome. `task`: what is learned of it, and what predictors are judged on.
        place: Of the signal among those of the task.
        sizes: Architectures in the training sets, ascending.
        runs: Training set and seed of every training.
        entries: In the order in which predictors were named.
    """

    case: Case
    task: Task
    place: int
    sizes: tuple[int, ...]
    runs: tuple[tuple[int, int], ...]
    entries: tuple[Entry, ...]

    @property
    def signal(self) -> str:
        """Name of the signal; empty where there is one only."""
        return self.task.signals[self.place].name if len(self.task.signals) > 1 else ""

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that some predictor has, in the order in which they are computed."""
        suffix = f"@{self.signal}" if self.signal else ""
        names = dict.fromkeys(name for entry in self.entries for name in entry.found)
        own = [name.removesuffix(suffix) for name in names if name.endswith(suffix)]
        # Seconds are of all signals together.
        return tuple(dict.fromkeys([*own, *(name for name in names if name.endswith("_s"))]))

    def values(self, entry: Entry, metric: str) -> Floats:
        """Return the values [K, R] of a metric; NaN where there is none."""
        empty = np.full((len(self.sizes), len(self.runs)), np.nan)
        return entry.found.get(metric if metric.endswith("_s") else value_name(self.task, metric, self.place), empty)

    def gains(self, metric: str = MAIN) -> list[Gain]:
        """Return how much better the first predictor is than each other one, at each size."""
        first, *others = self.entries
        ours, found = self.values(first, metric), []
        for other in others:
            differences = ours - self.values(other, metric)
            for size, row in zip(self.sizes, differences, strict=True):
                known = row[~np.isnan(row)]
                if len(known):
                    found.append(Gain(other.label, size, known))
        return found


@dataclass(frozen=True, eq=False)
class PredictorFindings:
    """A study with everything that was found."""

    study: PredictorStudy
    sections: tuple[Section, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The predictors, in the order in which they were named."""
        return tuple(entrant.label for entrant in self.study.entrants)


def load_predictors(folder: PredictorFolder) -> PredictorFindings:
    """Return what a study's folder says; trainings that are not finished yet are left out.

    Raises:
        RunError: if the folder holds no study, nothing that is finished, or a damaged file.
        NasError: if a benchmark is not there any more.
    """
    study = folder.load()
    found: dict[tuple[str, str], dict[tuple[int, int, int], Found]] = {}
    sizes: dict[str, set[int]] = {}
    for cell in all_cells(study):
        sizes.setdefault(cell.case.name, set()).add(cell.size)
        if (result := folder.read(cell)) is not None:
            found.setdefault((cell.case.name, cell.entrant.label), {})[cell.size, cell.set, cell.seed] = result
    if not found:
        raise RunError(
            f"{folder.path} holds no finished training yet: continue with `archwright predictors compare --out "
            f"{folder.path}`"
        )
    return PredictorFindings(study, tuple(_sections(study, found, sizes)))


def _sections(
    study: PredictorStudy,
    found: dict[tuple[str, str], dict[tuple[int, int, int], Found]],
    sizes: dict[str, set[int]],
) -> Iterator[Section]:
    runs = tuple(study.runs())
    for case in study.cases:
        task, ascending = task_of(case, study.rules), tuple(sorted(sizes[case.name]))
        entries = tuple(
            _entry(entrant.label, found.get((case.name, entrant.label), {}), ascending, runs)
            for entrant in study.entrants
        )
        for place in range(len(task.signals)):
            yield Section(case, task, place, ascending, runs, entries)


def _entry(
    label: str,
    found: dict[tuple[int, int, int], Found],
    sizes: tuple[int, ...],
    runs: tuple[tuple[int, int], ...],
) -> Entry:
    names = dict.fromkeys(name for result in found.values() for name in result.values)
    tables = {name: np.full((len(sizes), len(runs)), np.nan) for name in names}
    places = {(size, *run): (k, r) for k, size in enumerate(sizes) for r, run in enumerate(runs)}
    for key, result in found.items():
        for name, value in result.values.items():
            tables[name][places[key]] = value
    finished = Counter(size for size, *_ in found)
    errors = Counter(result.error for result in found.values() if result.error)
    return Entry(label, tables, tuple(finished[size] for size in sizes), tuple(errors.most_common()))
