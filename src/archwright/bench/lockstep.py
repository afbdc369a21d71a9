"""Random search and regularised evolution for many seeds at once: one numpy step advances every run by one query."""

# N architectures of the grid, R runs, T queries of a run, S single changes of an architecture, K drawn

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archwright.bench.table import Bench
from archwright.core.errors import BenchError

__all__ = ["LockstepRuns", "LockstepTable", "in_grid"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Changes of all architectures are listed beforehand up to so many; 4 bytes each.
_LISTED = 1 << 25
#: Runs that advance together: more do not fit the processor's cache and are slower each.
_TOGETHER = 1024


@dataclass(frozen=True, eq=False)
class LockstepRuns:
    """What R runs queried: places in the grid of the space [R, T], in order, and the scores there [R, T]."""

    places: Ints
    scores: Floats

    def incumbents(self) -> Ints:
        """Return the place [R, T] of the best architecture so far after each query, the first of equals."""
        order = np.arange(self.scores.shape[1])
        before = np.full_like(self.scores, -np.inf)
        np.maximum.accumulate(self.scores[:, :-1], axis=1, out=before[:, 1:])
        best = np.maximum.accumulate(np.where(self.scores > before, order, 0), axis=1)
        return np.take_along_axis(self.places, best, axis=1)


class LockstepTable:
    """Scores of every point of a grid, to be searched by many runs at once.

    The searches are those of `run` with `RandomSearch` and `Evolution` (batch 1, one worker, default death and
    drawing), from another stream of random numbers: the distributions are the same, single runs are not.

    Args:
        scores: Score [N] of each point, in the order of `Space.index`; higher is better.
        arities: Choices of each decision; their product is N.

    Raises:
        BenchError: if there is not one finite score for each point: only complete tables can be searched so.
    """

    def __init__(self, scores: npt.ArrayLike, arities: Sequence[int]) -> None:
        self.scores = np.array(scores, dtype=np.float64)
        self.arities = tuple(int(arity) for arity in arities)
        n = int(np.prod(self.arities, dtype=object))
        if self.scores.shape != (n,) or not np.isfinite(self.scores).all():
            known = int(np.isfinite(self.scores).sum())
            raise BenchError(f"lockstep needs a finite score for each of {n:,} points, but got {known:,}")
        decisions = [(place, step) for place, arity in enumerate(self.arities) for step in range(arity - 1)]
        self._place = np.array([place for place, _ in decisions], dtype=np.int64)
        self._step = np.array([step for _, step in decisions], dtype=np.int64)
        self._weight = _weights(self.arities)
        self._changes: npt.NDArray[np.int32] | None = None
        if n * len(decisions) <= _LISTED:
            points = np.arange(n)[:, None]
            self._changes = self._changed(points, np.arange(len(decisions))[None, :]).astype(np.int32)

    @classmethod
    def of(cls, bench: Bench, outcome: str, *, epoch: int | None = None, split: str = "valid") -> LockstepTable:
        """Return the table of a benchmark that has every point of its space.

        Raises:
            BenchError: if there is no such outcome, epoch or split, or a point without a value.
        """
        sign = 1.0 if bench.outcome(outcome).higher_is_better else -1.0
        return cls(sign * in_grid(bench, bench.values(outcome, slice(None), epoch, split)), bench.space.arities)

    def random(self, *, runs: int, trials: int, rng: np.random.Generator) -> LockstepRuns:
        """Return runs of random search."""
        places = rng.integers(len(self.scores), size=(runs, trials))
        return LockstepRuns(places, self.scores[places])

    def evolution(
        self, *, runs: int, trials: int, rng: np.random.Generator, population: int = 10, sample: int = 3
    ) -> LockstepRuns:
        """Return runs of regularised evolution; see `archwright.search.evolution` for the method and its source.

        Raises:
            BenchError: if `population` or `sample` is below one.
        """
        if population < 1 or sample < 1:
            raise BenchError(f"evolution needs a population and a sample of one or more, not {population} and {sample}")
        if not len(self._place):
            return self.random(runs=runs, trials=trials, rng=rng)
        parts = [
            self._evolved(min(_TOGETHER, runs - start), trials, population, sample, rng)
            for start in range(0, runs, _TOGETHER)
        ]
        places = np.concatenate([places for places, _ in parts], axis=1).T
        scores = np.concatenate([scores for _, scores in parts], axis=1).T
        return LockstepRuns(np.ascontiguousarray(places), np.ascontiguousarray(scores))

    def _evolved(
        self, runs: int, trials: int, population: int, sample: int, rng: np.random.Generator
    ) -> tuple[Ints, Floats]:
        """Return places and scores [T, R]."""
        places = np.empty((trials, runs), dtype=np.int64)
        scores = np.empty((trials, runs))
        founders = min(population, trials)
        places[:founders] = rng.integers(len(self.scores), size=(founders, runs))
        scores[:founders] = self.scores[places[:founders]]
        n = trials - founders
        # Flat indices into [T, R]: `drawn` counts from the oldest one alive.
        columns = np.arange(runs)
        drawn = rng.integers(population, size=(n, sample, runs), dtype=np.int32) * runs + columns
        change = rng.integers(len(self._place), size=(n, runs), dtype=np.int32)
        flat_scores, flat_places = scores.ravel(), places.ravel()
        for k in range(n):
            alive = drawn[k] + k * runs
            parent = alive[flat_scores[alive].argmax(axis=0), columns]
            child = self._children(flat_places[parent], change[k])
            places[founders + k] = child
            scores[founders + k] = self.scores[child]
        return places, scores

    def _children(self, points: Ints, change: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
        if self._changes is None:
            return self._changed(points, change)
        # A flat look-up is three times as fast as one by two indices.
        children: npt.NDArray[np.int32] = self._changes.ravel()[points * self._changes.shape[1] + change]
        return children

    def _changed(self, points: Ints, change: npt.NDArray[np.integer]) -> Ints:
        """Return the points with one decision changed to another value, as `Space.mutate` numbers the changes."""
        place, step = self._place[change], self._step[change]
        weight, arity = self._weight[place], np.array(self.arities)[place]
        gene = points // weight % arity
        moved: Ints = points + (np.where(step < gene, step, step + 1) - gene) * weight
        return moved


def in_grid(bench: Bench, column: Floats) -> Floats:
    """Return a column of a benchmark in the order of `Space.index`, NaN where the benchmark has no row."""
    values = np.full(bench.space.size(), np.nan)
    values[np.asarray(bench.genes, dtype=np.int64) @ _weights(bench.space.arities)] = column
    return values


def _weights(arities: Sequence[int]) -> Ints:
    """Return what a step of each gene adds to the index."""
    return np.cumprod([1, *reversed(arities[1:])])[::-1].astype(np.int64)
