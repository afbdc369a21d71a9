"""The refinement phase: successive halving over the best candidates, planned anew after every rung."""

from __future__ import annotations

import itertools
import logging
import math
import statistics
from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from archwright.coordinate.cost import EpochCost, Timed
from archwright.coordinate.earlier import Earlier
from archwright.coordinate.filter import Filter, equal_widths
from archwright.coordinate.options import SearchOptions
from archwright.coordinate.plan import Plan, counted, plan, rungs_of, rungs_seconds
from archwright.coordinate.session import Session
from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.protocols import Executor
from archwright.core.trial import Trial
from archwright.run.loop import run
from archwright.search.halving import Halving, Rung, Rungs
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.study.study import Study

__all__ = ["Refinement", "affordable_s", "replan"]

logger = logging.getLogger(__name__)

#: Candidates for which a cost limit makes room, the first number that leaves room for a network of middle width.
CANDIDATES = (16, 8, 4, 2, 1)
#: Epochs for which a network of middle width must fit, or a narrower one is taken.
LEAST_EPOCHS = 3
#: Each level of cost at which candidates are taken is this share of the one above. The proxy prefers wide networks
#: and its first choices are all alike, so with more time it would only choose wider ones. From every level some:
#: then a long run considers what a short one does.
LEVEL = 0.5
#: Candidates that a plan may consider.
MOST = 4096
#: Shares of a schedule that are tried when it no longer fits, the largest first.
SHARES = (1.0, 0.75, 0.5, 0.35, 0.25, 0.15, 0.1, 0.0)
#: Seconds that must be left for a further bracket to begin.
LEAST_S = 0.3
#: Share of the time that the first bracket may take, if a full training of middle width fits into it.
FIRST_SHARE = 0.25
#: Later brackets train for this many times the epochs after which the first full trainings were best: beyond its
#: best epoch a network only overfits, and with a rate that falls faster the best comes at the end.
HEADROOM = 1.5
#: Share of the time left within which a plan by `max_trials` must fit, so that the clock does not disturb it.
COUNTED_SHARE = 0.5


class _Shape(TypedDict):
    unit: int
    eta: int
    cap: int
    workers: int
    ending: bool


def affordable_s(
    budget_s: float, *, middle_s: float, unit: int, eta: int, cap: int, workers: int, ending: bool
) -> float:
    """Return the seconds that one epoch may take for a candidate of a bracket.

    As many candidates as `CANDIDATES` allows shall fit into `budget_s`, if they may be of middle width; fewer
    otherwise, because many epochs of narrow networks are worth less than a few of wider ones.

    Args:
        budget_s: Wall seconds of the bracket.
        middle_s: Seconds of one epoch of a network of middle width.
        unit: Epochs of the first rung.
        eta: Of how many candidates one survives a rung.
        cap: Most epochs for any candidate.
        workers: Candidates that train at the same time.
        ending: Whether the schedule counts down from `cap`; see `plan`.

    Differs: ATLAS takes the best scores whatever they cost, and sets t2 by the largest network. Its proxy
    prefers wide networks, so a short budget would be spent on a few epochs of the dearest ones.
    """
    limit_s = 0.0
    for candidates in CANDIDATES:
        rungs = rungs_of(candidates, unit=unit, eta=eta, cap=cap, workers=workers, ending=ending)
        limit_s = budget_s / rungs_seconds(rungs, np.ones(candidates), workers=workers)
        if limit_s >= middle_s:
            return limit_s
    # Not even one full training: rather some epochs of the middle width than many of a narrower one.
    return max(limit_s, min(middle_s, budget_s / LEAST_EPOCHS))


def replan(rungs: Rungs, epoch_s: Sequence[float], *, done: int, left_s: float, workers: int) -> Rungs:
    """Return the schedule `rungs` with as many survivors as fit into the time that is left.

    Args:
        rungs: What remains of the schedule.
        epoch_s: Seconds of one epoch of the survivors, best first.
        done: Epochs that the survivors have.
        left_s: Wall seconds left.
        workers: Candidates that train at the same time.

    Returns:
        The same epochs with fewer survivors; where even as many as there are workers do not fit, one last rung
        of those, with as many epochs as fit, at least one more.
    """
    times = np.asarray(epoch_s, dtype=np.float64)
    few = min(workers, len(times))
    for share in SHARES:
        kept = tuple(Rung(epochs, max(few, min(len(times), math.ceil(share * alive)))) for epochs, alive in rungs)
        if rungs_seconds(kept, times[: kept[0].alive], workers=workers, done=done) <= left_s:
            return kept
    fits = done + int(left_s / times[:few].max())
    return (Rung(max(done + 1, min(fits, rungs[-1].epochs)), few),)


class Refinement:
    """Trains candidates in brackets of successive halving until the time is up.

    A bracket takes the best candidates that were not trained yet. What is left of the time when no further bracket
    fits goes to the best that are not fully trained. After every rung the cost model learns what the rung took,
    and what remains of the schedule is planned anew.

    Args:
        session: Clock, record and executor.
        space: The search space.
        filter: Ranks candidates.
        cost: Predicts seconds per epoch; learns here.
        executor: Trains.
        study: Where trainings are recorded.
        options: Unit, eta, seed and limits.
        cap: Most epochs for one candidate.
        earlier: What sessions before have trained: not chosen anew, but trained on in the last stretch.

    Source: ATLAS, sec. 3.3 and Algorithm 2. Differs: survivors continue from their weights; as many candidates
        as there are workers stay alive to the end; brackets repeat while there is time.
    """

    def __init__(
        self,
        session: Session,
        *,
        space: TabularMlp,
        filter: Filter,
        cost: EpochCost,
        executor: Executor,
        study: Study,
        options: SearchOptions,
        cap: int,
        earlier: Earlier | None = None,
    ) -> None:
        earlier = earlier or Earlier()
        self._session, self._space, self._filter, self._cost = session, space, filter, cost
        self._executor, self._study, self._options, self._cap = executor, study, options, cap
        self._workers = max(1, session.workers)
        self._scores, self._epochs = dict(earlier.scores), dict(earlier.epochs)
        self._is_counted = False
        self._full, self._peaks = cap, list[int]()

    def walk(self) -> None:
        """Run brackets until the time, the trials or the space are used up."""
        bracket = 1
        while not self._is_over() and (bracket == 1 or self._session.left_s() > LEAST_S):
            chosen, made = self._next_bracket(bracket)
            is_short = made.cut or self._is_too_short(made)
            if (bracket > 1 and not chosen) or (is_short and self._unfinished()):
                if not self._unfinished():
                    return
                # It may stop early, and leave time for more.
                self._last_stretch()
                continue
            self._bracket(bracket, chosen, made)
            self._shorten()
            bracket += 1

    def _shorten(self) -> None:
        """Train later brackets for fewer epochs if the first full trainings were best early.

        Once only: with a faster falling rate the best comes earlier as well, and a second look would shorten again.
        """
        if not self._peaks or self._is_counted or not self._options.ending or self._cap < self._full:
            return
        enough = max(self._options.unit, math.ceil(HEADROOM * statistics.median(self._peaks)))
        if enough < self._cap:
            logger.info("full trainings were best after %s epochs: %d from now on", self._peaks, enough)
            self._cap = enough

    def _last_stretch(self) -> None:
        """Train the finalists on for what time is left; the clock ends them, and their rate follows it."""
        self._rung(self._unfinished()[: self._workers], self._cap, "last stretch")

    def _is_too_short(self, made: Plan) -> bool:
        """Whether the time is too short to train new candidates for half of their epochs."""
        return made.rungs[-1].epochs < self._cap / 2

    def _unfinished(self) -> list[Arch]:
        """Return what was trained, but not fully, best first."""
        ranked = sorted(self._scores, key=lambda arch: self._scores[arch], reverse=True)
        return [arch for arch in ranked if self._epochs[arch] < self._cap]

    def _is_over(self) -> bool:
        most = self._options.max_trials
        return self._session.left_s() <= 0 or (most is not None and len(self._study.history) >= most)

    def _next_bracket(self, bracket: int) -> tuple[list[Arch], Plan]:
        """Return the candidates of a bracket and their schedule."""
        by_count = self._counted_bracket(bracket)
        if by_count is not None:
            return by_count
        self._is_counted = False
        options, left_s = self._options, max(self._session.left_s(), 1e-3)
        shape = _Shape(
            unit=options.unit, eta=options.survivor_of, cap=self._cap, workers=self._workers, ending=options.ending
        )
        middle_s = float(self._cost.seconds([equal_widths(self._space, self._space.arities[0] // 2)])[0])
        budget_s = left_s if bracket > 1 or not options.ending else self._first_s(left_s, middle_s)
        limit_s = affordable_s(budget_s, middle_s=middle_s, **shape)
        first = plan(budget_s=budget_s, score_s=self._filter.score_s, epoch_s=limit_s, ratio=1, limit=MOST, **shape)
        # Most cost less than the limit, so more of them fit; asking for more is free where all are scored.
        wanted = first.candidates if self._filter.score_s else 4 * first.candidates
        ranked = self._ranked(wanted, limit_s)
        if not ranked and not self._epochs:
            ranked = [equal_widths(self._space, 0)]
        self._session.scored = self._filter.scored
        if not ranked:
            return [], first
        made = plan(budget_s=budget_s, score_s=0.0, epoch_s=self._cost.seconds(ranked), ratio=0, limit=MOST, **shape)
        self._note_plan(made.rungs, made.seconds, f"bracket {bracket}", epoch_limit_s=limit_s)
        return ranked[: made.candidates], made

    def _first_s(self, left_s: float, middle_s: float) -> float:
        """Return the seconds of the first bracket: enough to see after how many epochs networks are best."""
        return min(left_s, max(FIRST_SHARE * left_s, self._cap * middle_s))

    def _ranked(self, n: int, limit_s: float) -> list[Arch]:
        """Return about `n` untried candidates: the filter's at each level of cost, the levels in turn.

        A filter for which each score costs something, as in the paper, is asked for one level only.
        """
        exclude, found = set(self._epochs), []
        limits_s = [limit_s]
        cheapest_s = float(self._cost.seconds([equal_widths(self._space, 0)])[0])
        while not self._filter.score_s and LEVEL * limits_s[-1] > cheapest_s:
            limits_s.append(LEVEL * limits_s[-1])
        for level_s in limits_s:
            best = self._filter.top(-(-n // len(limits_s)), limit_s=level_s, cost=self._cost, exclude=exclude)
            exclude.update(best)
            found.append(best)
        mixed = itertools.chain.from_iterable(itertools.zip_longest(*found))
        return [arch for arch in mixed if arch is not None]

    def _counted_bracket(self, bracket: int) -> tuple[list[Arch], Plan] | None:
        """Return a bracket that uses up `max_trials`, chosen without the clock so that it is the same every time.

        None where trials are not limited, or the time is too short for as many of them.
        """
        options = self._options
        if options.max_trials is None:
            return None
        left = options.max_trials - len(self._study.history)
        rungs = counted(left, start=options.unit, eta=options.survivor_of, cap=self._cap)
        candidates = self._filter.top(rungs[0].alive, limit_s=math.inf, cost=self._cost, exclude=self._epochs)
        if 0 < len(candidates) < rungs[0].alive:  # the space is nearly used up
            rungs = tuple(Rung(epochs, min(alive, len(candidates))) for epochs, alive in rungs)
        priced_s = rungs_seconds(rungs, self._cost.seconds(candidates), workers=self._workers) if candidates else 0.0
        if priced_s > COUNTED_SHARE * self._session.left_s():
            return None
        self._note_plan(rungs, priced_s, f"bracket {bracket} of {left} trials")
        self._is_counted = True
        return candidates, Plan(score=self._filter.scored, rungs=rungs, seconds=priced_s)

    def _bracket(self, bracket: int, alive: list[Arch], made: Plan) -> None:
        """Walk one bracket's rungs, planning what remains after each."""
        rungs, number = made.rungs, 1
        while rungs and alive and not self._is_over():
            epochs, count = rungs[0]
            alive = self._rung(alive[:count], epochs, f"bracket {bracket} rung {number}")
            rungs, number = rungs[1:], number + 1
            if rungs and alive and not self._is_counted and self._session.left_s() > 0:
                times = self._cost.seconds(alive).tolist()
                left_s = self._session.left_s()
                rungs = replan(rungs, times, done=epochs, left_s=left_s, workers=self._workers)
                kept = np.array(times[: rungs[0].alive])
                priced_s = rungs_seconds(rungs, kept, workers=self._workers, done=epochs)
                self._note_plan(rungs, priced_s, f"after bracket {bracket} rung {number - 1}")

    def _rung(self, alive: list[Arch], epochs: int, note: str) -> list[Arch]:
        """Train `alive` to `epochs` epochs and return them best first, without those that failed."""
        session, before = self._session, len(self._study.history)
        session.alive = len(alive)
        limits = Budget(seconds=session.train_until_s, trials=self._options.max_trials)
        run(
            Halving(tuple(alive), (Rung(epochs, len(alive)),), note=note),
            self._executor,
            limits,
            seed=self._options.seed,
            study=self._study,
            stop=lambda: self._turn(note),
        )
        session.turn("refine", note)
        session.trained = len(self._study.history.ok())
        self._learn(self._study.history.done[before:])
        self._epochs |= dict.fromkeys(alive, epochs)
        if epochs == self._cap:
            curves = [
                trial.result.curve for trial in self._study.history.done[before:] if trial.result.score is not None
            ]
            self._peaks += [1 + int(np.argmax(curve)) for curve in curves if curve]
        wanted = set(alive)
        scores = {
            trial.proposal.arch: trial.result.score
            for trial in self._study.history.at(epochs)
            if trial.result.score is not None and trial.proposal.arch in wanted
        }
        self._scores |= scores
        return sorted(scores, key=lambda arch: scores[arch], reverse=True)

    def _turn(self, note: str) -> bool:
        self._session.trained = len(self._study.history.ok())
        return self._session.turn("refine", note) or self._is_over()

    def _learn(self, trials: Sequence[Trial]) -> None:
        """Tell the cost model what the epochs of a rung took."""
        self._cost.add(
            [
                Timed(trial.proposal.arch, trial.result.measures["epoch_s"])
                for trial in trials
                if trial.result.measures.get("epoch_s", 0.0) > 0
            ]
        )

    def _note_plan(self, rungs: Rungs, seconds: float, why: str, *, epoch_limit_s: float | None = None) -> None:
        self._session.record.plans.append(
            {
                "at_s": round(self._session.now(), 3),
                "session": self._session.number,
                "score": self._filter.scored,
                "rungs": [list(rung) for rung in rungs],
                "seconds": round(seconds, 3),
                "epoch_limit_s": epoch_limit_s,
                "why": why,
            }
        )
        logger.info("plan %s: rungs %s, %.1f s", why, rungs, seconds)
