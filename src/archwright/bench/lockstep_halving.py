"""Hyperband for many seeds at once: one numpy step takes a rung of every run."""

# N points of the grid, R runs, T trials of a run, C candidates of a bracket, F fidelities

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archwright.bench.lockstep import Floats, Ints, LockstepRuns, in_grid
from archwright.bench.table import Bench
from archwright.core.errors import BenchError

__all__ = ["LockstepCurves", "LockstepHalving"]

#: Draws of a candidate that its bracket does not have, until one that it has is taken.
_TRIES = 20

#: Rungs of the brackets of one round: (epochs, alive).
Brackets = Sequence[Sequence[tuple[int, int]]]


@dataclass(frozen=True, eq=False)
class LockstepHalving(LockstepRuns):
    """Runs of halving: the epochs [T] of each trial, equal in all runs, and the seconds [R, T] when it finished."""

    epochs: Ints
    seconds: Floats


class LockstepCurves:
    """Scores and training seconds of every point of a grid after each of F fidelities.

    The search is that of `run` with `Hyperband` on one worker, where a trial costs its training from the start, from
    another stream of random numbers: the distributions are the same, single runs are not.

    Args:
        scores: Score [N] of each point, by the epochs after which it was measured; higher is better.
        seconds: Training seconds [N] up to those epochs.

    Raises:
        BenchError: if there is not one finite number for each point.
    """

    def __init__(self, scores: Mapping[int, npt.ArrayLike], seconds: Mapping[int, npt.ArrayLike]) -> None:
        if not scores or scores.keys() != seconds.keys():
            raise BenchError(
                f"lockstep needs scores and seconds of the same epochs, but got {list(scores)} and {list(seconds)}"
            )
        self.epochs = tuple(sorted(scores))
        self._scores = np.array([scores[epoch] for epoch in self.epochs], dtype=np.float64)
        self._seconds = np.array([seconds[epoch] for epoch in self.epochs], dtype=np.float64)
        if self._scores.shape != self._seconds.shape or not np.isfinite([self._scores, self._seconds]).all():
            raise BenchError("lockstep needs a finite score and finite seconds for each point and fidelity")

    @classmethod
    def of(
        cls, bench: Bench, outcome: str, *, epochs: Sequence[int], split: str = "valid", epoch_s: float = 1.0
    ) -> LockstepCurves:
        """Return the curves of a benchmark that has every point of its space.

        Args:
            bench: Benchmark.
            outcome: What is searched on.
            epochs: Fidelities that will be asked for. The latest recorded epoch that is not after one answers.
            split: Split that is searched on.
            epoch_s: Seconds of an epoch where the benchmark recorded none.

        Raises:
            BenchError: if there is no such outcome, epoch or split, or a point without a value.
        """
        found = bench.outcome(outcome)
        sign = 1.0 if found.higher_is_better else -1.0
        scores = {epoch: sign * in_grid(bench, bench.values(outcome, slice(None), epoch, split)) for epoch in epochs}
        if found.seconds is None:
            seconds = {e: np.full(len(scores[e]), epoch_s * found.epochs[found.place(e)]) for e in epochs}
        else:
            seconds = {e: in_grid(bench, bench.values(outcome, slice(None), e, "seconds")) for e in epochs}
        return cls(scores, seconds)

    def hyperband(self, brackets: Brackets, *, runs: int, trials: int, rng: np.random.Generator) -> LockstepHalving:
        """Return runs of Hyperband; see `archwright.search.hyperband` for the method, its source and its `brackets`.

        Args:
            brackets: Rungs of the brackets of one round; a round follows the other. One bracket is halving.
            runs: R.
            trials: T; a trial is one candidate on one rung.
            rng: Where candidates come from.

        Raises:
            BenchError: if a rung has epochs that this table does not hold.
        """
        if missing := sorted({upto for rungs in brackets for upto, _ in rungs} - set(self.epochs)):
            held = ", ".join(map(str, self.epochs))
            raise BenchError(f"rungs need scores after {missing[0]} epochs, but there are those after {held}")
        places, epochs, n = list[Ints](), list[int](), 0
        for rungs in itertools.cycle(brackets):
            walked = self._walk(rungs, self._candidates(runs, rungs[0][1], rng))
            for (upto, _), alive in zip(rungs, walked, strict=True):
                places.append(alive)
                epochs += [upto] * alive.shape[1]
                n += alive.shape[1]
            if n >= trials:
                break
        return self._recorded(np.concatenate(places, axis=1)[:, :trials], np.array(epochs[:trials]))

    def _candidates(self, runs: int, n: int, rng: np.random.Generator) -> Ints:
        """Return random points [R, C], different within a run as far as twenty draws each find new ones."""
        drawn = rng.integers(self._scores.shape[1], size=(runs, n))
        for _ in range(_TRIES):
            order = np.argsort(drawn, axis=1, kind="stable")
            ranked = np.take_along_axis(drawn, order, axis=1)
            run, place = np.nonzero(ranked[:, 1:] == ranked[:, :-1])
            if not len(run):
                break
            drawn[run, order[run, place + 1]] = rng.integers(self._scores.shape[1], size=len(run))
        return drawn

    def _walk(self, rungs: Sequence[tuple[int, int]], candidates: Ints) -> list[Ints]:
        """Return who is trained on each rung, in order: the best of the rung before, of equals the earlier one."""
        walked = [candidates]
        for (upto, _), (_, alive) in itertools.pairwise(rungs):
            scores = self._scores[self.epochs.index(upto)][walked[-1]]
            best = np.argsort(-scores, axis=1, kind="stable")[:, :alive]
            walked.append(np.take_along_axis(walked[-1], best, axis=1))
        return walked

    def _recorded(self, places: Ints, epochs: Ints) -> LockstepHalving:
        fidelity = np.searchsorted(self.epochs, epochs)
        seconds = np.cumsum(self._seconds[fidelity, places], axis=1)
        return LockstepHalving(places, self._scores[fidelity, places], epochs, seconds)
