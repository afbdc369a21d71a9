"""What predictors of a study learn of one case: values to learn and to foretell, the pool and the test."""

# N architectures, S signals, D genes

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from archwright.bench.table import Bench
from archwright.coordinate.experiment import Case
from archwright.coordinate.predictors.study import Rules
from archwright.coordinate.simulate import opened
from archwright.core.catalog import names
from archwright.core.errors import BenchError, RunError
from archwright.core.rng import derive
from archwright.core.trial import Evidence
from archwright.spaces.base import Space

__all__ = ["Signal", "Task", "task_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Signal:
    """One column of values.

    Args:
        name: As the study calls it.
        outcome: Of the benchmark. `split`: of that outcome. `epoch`: None for its last.
        higher_is_better: Direction of the metric.
    """

    name: str
    outcome: str
    split: str
    epoch: int | None
    higher_is_better: bool

    def values(self, bench: Bench) -> Floats:
        """Return the values [N] of all rows, turned so that higher is better; NaN where nothing is known."""
        found = bench.values(self.outcome, slice(None), self.epoch, self.split)
        return found if self.higher_is_better else -found

    @property
    def label(self) -> str:
        """What it is, in words: `validation of cifar10 after 12 epochs`."""
        split = {"valid": "validation", "test": "test"}[self.split]
        return f"{split} of {self.outcome}" + ("" if self.epoch is None else f" after {self.epoch} epochs")


@dataclass(frozen=True, eq=False)
class Task:
    """One case under the rules of a study.

    Args:
        bench: The benchmark.
        signals: What is learned.
        truths: What predictions are judged by, for each signal.
        rows: Rows of which all of that is known.
        pool: Rows of which training sets are made.
        test: Rows that predictors are judged on; none of the pool.
    """

    bench: Bench
    signals: tuple[Signal, ...]
    truths: tuple[Signal, ...]
    rows: Ints
    pool: Ints
    test: Ints

    @property
    def space(self) -> Space:
        """The space of the architectures."""
        return self.bench.space

    @cached_property
    def labels(self) -> Floats:
        """What is learned [N, S] of all rows, higher is better."""
        return np.stack([signal.values(self.bench) for signal in self.signals], axis=1)

    @cached_property
    def truth(self) -> Floats:
        """What is true [N, S] of all rows, higher is better."""
        return np.stack([signal.values(self.bench) for signal in self.truths], axis=1)

    @cached_property
    def examined(self) -> list[Evidence]:
        """The architectures of the test."""
        return self.evidence(self.test)

    def evidence(self, rows: Ints) -> list[Evidence]:
        """Return what predictors may look at of some rows: architectures, and the proxies that the benchmark has."""
        archs = self.bench.archs(rows)
        known: list[dict[str, float]] = [{} for _ in archs]
        for name, column in self._proxies.items():
            for proxies, value in zip(known, column[rows].tolist(), strict=True):
                if not math.isnan(value):
                    proxies[name] = value
        return [Evidence(arch, proxies=proxies) for arch, proxies in zip(archs, known, strict=True)]

    @cached_property
    def _proxies(self) -> dict[str, npt.NDArray[np.floating]]:
        """Measures that are known before any training, since proxies of the catalogue compute them."""
        measures = self.bench.measures_of(self.signals[-1].outcome)
        return {name: measures[name] for name in names("proxy") if name in measures}

    def training(self, size: int, set: int) -> Ints:
        """Return the rows of training set number `set`; a larger one holds the smaller ones."""
        return derive(set, "training", self.bench.name, len(self.bench)).permutation(self.pool)[:size]


@lru_cache(maxsize=8)
def task_of(case: Case, rules: Rules) -> Task:
    """Return what a case means under the rules; the same object each time.

    Raises:
        BenchError: if the benchmark cannot be opened, or has no such outcome, split or epoch.
        RunError: if too few architectures are known.
    """
    bench = opened(case.folder)
    signals = tuple(_signal(bench, case, name, rules.labels) for name in rules.signals)
    truths = signals
    if case.report != case.outcome:
        # Learned from what is cheap, judged by what is wanted.
        truths = tuple(_of_outcome(bench, signal.name, case.report, None, rules.labels) for signal in signals)
    known = np.ones(len(bench), dtype=np.bool_)
    for each in {*signals, *truths}:
        known &= ~np.isnan(each.values(bench))
    rows = np.flatnonzero(known)
    n_pool = len(rows) // 2 if rules.pool_size is None else rules.pool_size
    if not 2 <= n_pool <= len(rows) - max(2, rules.candidates):
        raise RunError(
            f"a pool and a test need two architectures each, but {case.name} has {len(rows):,} that are known, and the "
            f"pool takes {n_pool:,}"
        )
    # One order for all outcomes of a benchmark.
    order = derive(0, "pool", bench.name, len(bench)).permutation(len(bench))
    shuffled = order[known[order]]
    pool = rows[:n_pool] if rules.pool == "first" else shuffled[:n_pool]
    test = shuffled[~np.isin(shuffled, pool)][: rules.test]
    return Task(bench, signals, truths, rows, np.sort(pool), np.sort(test))


def _signal(bench: Bench, case: Case, name: str, labels: str) -> Signal:
    """Return what a word means on a case."""
    epochs = bench.outcome(case.outcome).epochs
    if name == "final":
        return _of_outcome(bench, name, case.outcome, None, labels)
    if name == "half":
        if epochs[0] > epochs[-1] / 2:
            others = ", ".join(sorted(bench.outcomes))
            raise BenchError(
                f"{case.name} has nothing on record up to half of its {epochs[-1]} epochs; name an outcome in place of "
                f"half: {others}"
            )
        return _of_outcome(bench, name, case.outcome, epochs[-1] // 2, labels)
    if name.isdecimal():
        return _of_outcome(bench, name, case.outcome, int(name), labels)
    return _of_outcome(bench, name, name, None, labels)


def _of_outcome(bench: Bench, name: str, outcome: str, epoch: int | None, labels: str) -> Signal:
    described = bench.outcome(outcome)
    split = labels or ("valid" if described.valid is not None else "test")
    described.array(split)
    at = None if epoch is None else described.epochs[described.place(epoch)]
    return Signal(name, outcome, split, at, described.higher_is_better)
