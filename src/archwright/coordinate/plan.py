"""Seconds into numbers: how many architectures to score, how many to train, and for how long.

The plan and the run share one schedule value, `Rungs`: what is priced here is what `Halving` walks.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archwright.core.errors import BudgetError
from archwright.search.halving import Rung, Rungs, bracket, halving

__all__ = ["RATIO", "UNIT", "Plan", "counted", "plan", "rungs_of", "rungs_seconds"]

#: Architectures scored for each one trained. Source: ATLAS, sec. 3.4 and App. E (M/K about 30).
RATIO = 30
#: Candidates that a bracket trains fully, if it has as many: as many as answer together. Scores after a few epochs
#: say little about those after a full training: with one or two finalists, random search with the same trainer was
#: as good.
FINALISTS = 8
#: Epochs of the first rung. Source: ATLAS, sec. 3.4 and App. E (U = 2).
UNIT = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """What fits into the time.

    Args:
        score: M, architectures to score in the filtering phase.
        rungs: ((epochs in total, architectures alive), ...) of the refinement phase.
        seconds: Predicted wall seconds of both phases.
        cut: True where not even the smallest plan fits, so that the clock will cut it.
    """

    score: int
    rungs: Rungs
    seconds: float
    cut: bool = False

    @property
    def candidates(self) -> int:
        """K, architectures to train."""
        return self.rungs[0][1]


def plan(
    *,
    budget_s: float,
    score_s: float,
    epoch_s: float | Sequence[float] | npt.NDArray[np.float64],
    ratio: float = RATIO,
    unit: int = UNIT,
    eta: int = 2,
    cap: int = 64,
    workers: int = 1,
    limit: int = 4096,
    ending: bool = False,
) -> Plan:
    """Return the plan with the most candidates that fits into `budget_s`.

    Every candidate starts with `unit` epochs; each further rung keeps one in `eta` and multiplies the epochs
    by `eta`, up to `cap`. Never fewer than `workers` stay alive, because an idle core trains for nothing.

    Args:
        budget_s: Wall seconds for scoring and training together.
        score_s: t1, seconds to score one architecture.
        epoch_s: t2, seconds of one epoch: one number, or one per candidate in the order of their scores.
        ratio: M/K, scored architectures for each one trained; 0 where the whole space is scored anyway.
        unit: U, epochs of the first rung.
        eta: Of how many candidates one survives a rung.
        cap: Most epochs for any candidate.
        workers: Candidates that train at the same time.
        limit: Most candidates to consider.
        ending: Count the rungs' epochs down from `cap` (`bracket`) instead of up from `unit` (`halving`, the paper).

    Raises:
        BudgetError: if a time is not above zero.

    Source: ATLAS (eq. 2, App. E). Differs: eq. 2 prices every rung at K U t2, as if each survivor started
        anew; here survivors continue, so a later rung costs only the added epochs. t2 is per architecture and
        the price is the makespan on `workers` workers, found by walking the rungs, not a closed form.
    """
    times = np.atleast_1d(np.asarray(epoch_s, dtype=np.float64))
    if not budget_s > 0 or score_s < 0 or not (times > 0).all() or not len(times):
        raise BudgetError(
            f"a plan needs times above zero, but budget_s={budget_s}, score_s={score_s}, epoch_s={epoch_s} were given"
        )
    most = limit if times.size == 1 else min(limit, times.size)

    def priced(candidates: int) -> Plan:
        rungs = rungs_of(candidates, unit=unit, eta=eta, cap=cap, workers=workers, ending=ending)
        scored = max(candidates, round(ratio * candidates))
        mine = np.full(candidates, times[0]) if times.size == 1 else times[:candidates]
        return Plan(scored, rungs, scored * score_s + rungs_seconds(rungs, mine, workers=workers))

    best = _largest(priced, budget_s=budget_s, most=most)
    if best is not None:
        return best
    # Not even one candidate fits: one for each worker, with as many whole epochs as fit, at least one.
    few = min(workers, most)
    mine = np.full(few, times[0]) if times.size == 1 else times[:few]
    fits = int((budget_s - few * score_s) / mine.max())
    rungs = (Rung(max(1, min(fits, cap)), few),)
    return Plan(few, rungs, few * score_s + rungs_seconds(rungs, mine, workers=workers), cut=fits < 1)


def rungs_of(candidates: int, *, unit: int, eta: int, cap: int, workers: int, ending: bool) -> Rungs:
    """Return the schedule of one bracket; see `plan` for the arguments."""
    if ending:
        keep = min(max(workers, FINALISTS), candidates)
        return bracket(candidates=candidates, unit=unit, eta=eta, cap=cap, keep=keep)
    return halving(candidates=candidates, start=unit, eta=eta, cap=cap, keep=min(workers, candidates))


def counted(trials: int, *, start: int, eta: int, cap: int) -> Rungs:
    """Return the rungs with the most candidates that need at most `trials` trainings; the last one trains fully.

    Args:
        trials: Trainings, one or more; each rung of each candidate counts.
        start: Epochs of the first rung.
        eta: Of how many candidates one survives a rung.
        cap: Epochs of a full training.

    Example:
        >>> [tuple(rung) for rung in counted(10, start=2, eta=2, cap=20)]
        [(2, 6), (4, 3), (20, 1)]
    """
    made: Rungs = (Rung(cap, 1),)
    for candidates in range(2, trials + 1):
        rungs = halving(candidates=candidates, start=start, eta=eta, cap=cap)
        if sum(alive for _, alive in rungs) > trials:
            break
        made = (*rungs[:-1], Rung(cap, rungs[-1].alive))
    return made


def rungs_seconds(rungs: Rungs, epoch_s: npt.NDArray[np.float64], *, workers: int, done: int = 0) -> float:
    """Return the wall seconds that `rungs` take when survivors continue and `workers` train at once.

    Which candidates survive is not known beforehand, so a rung's survivors are taken evenly from the list.

    Args:
        rungs: Epochs in total and candidates alive, per rung.
        epoch_s: Seconds of one epoch for each candidate of the first rung, [K].
        workers: Candidates that train at the same time.
        done: Epochs that all candidates have already.
    """
    total, before = 0.0, done
    for epochs, alive in rungs:
        chosen = epoch_s[np.linspace(0, len(epoch_s) - 1, alive).round().astype(int)]
        total += _makespan(chosen * max(0, epochs - before), workers=workers)
        before = epochs
    return total


def _makespan(times: npt.NDArray[np.float64], *, workers: int) -> float:
    """Return when the last of `times` ends if each free worker takes the next one."""
    if workers == 1:
        return float(times.sum())
    ends = [0.0] * min(workers, len(times))
    for time in times:
        heapq.heappush(ends, heapq.heappop(ends) + float(time))
    return max(ends)


def _largest(priced: Callable[[int], Plan], *, budget_s: float, most: int) -> Plan | None:
    """Return the plan of the largest K that fits: doubling, then bisection between the last two."""
    fits: Plan | None = None
    low, high = 0, 1
    while high <= most:
        tried = priced(high)
        if tried.seconds > budget_s:
            break
        fits, low, high = tried, high, high * 2
    high = min(high, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        tried = priced(middle)
        if tried.seconds <= budget_s:
            fits, low = tried, middle
        else:
            high = middle
    return fits
