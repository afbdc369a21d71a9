"""The one loop: ask, evaluate, record, until the budget is spent."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.errors import RunError
from archwright.core.protocols import Executor, Searcher
from archwright.core.trial import Proposal, Trial
from archwright.study.study import Study

__all__ = ["run"]

#: How often `stop` is asked when the caller does not say.
_POLL_S = 0.1


def run(
    searcher: Searcher,
    executor: Executor,
    budget: Budget,
    *,
    seed: int,
    study: Study | None = None,
    stop: Callable[[], bool] | None = None,
    poll_s: float | None = None,
) -> Study:
    """Return the study after `searcher` has spent `budget` on `executor`, or has nothing more to ask.

    A study that already holds trials is continued: `budget` is the total, earlier trials, epochs and seconds
    included, and the executor's clock goes on from the last of them. With one worker, a run that is cut
    anywhere and continued gives the trials of an uninterrupted one.

    Args:
        searcher: Chooses proposals.
        executor: Evaluates them; must be idle. It is not closed: what runs when the loop ends goes on until then.
        budget: Limits in total. A proposal that would exceed the epochs is not started.
        seed: Where all randomness of the run comes from.
        study: Where trials are recorded; by default one in memory.
        stop: Asked at every turn; the loop ends when it says True.
        poll_s: Longest time between two questions to `stop`, in seconds; 0.1 by default when there is one.

    Raises:
        RunError: if the executor still runs something from before.
    """
    if executor.pending():
        raise RunError("an executor must be idle when a run begins; close it, or wait for what it runs")
    study = Study() if study is None else study
    executor.advance(study.elapsed_s)
    feed = _Feed(searcher, executor, budget, study, seed)
    poll_s = _POLL_S if poll_s is None and stop is not None else poll_s
    try:
        while not feed.is_spent() and not (stop is not None and stop()):
            feed.fill()
            if not feed.n_running:
                break
            trial = executor.next(feed.patience_s(poll_s))
            if trial is not None:
                feed.take(trial)
    finally:
        study.flush()
    return study


class _Feed:
    """Keeps the executor busy within the budget."""

    def __init__(self, searcher: Searcher, executor: Executor, budget: Budget, study: Study, seed: int) -> None:
        self._searcher, self._executor, self._budget, self._study, self._seed = searcher, executor, budget, study, seed
        self._max_trials = math.inf if budget.trials is None else budget.trials
        self._queue = deque(study.waiting())
        #: Submitted and not finished.
        self.n_running = 0
        self._epochs: dict[Arch, float] = {}
        self._epochs_total = 0.0
        for trial in study.trials:
            self._note(trial.proposal, trial)

    def is_spent(self) -> bool:
        """Return whether no further trial may finish within the budget."""
        return len(self._study.trials) >= self._max_trials or self._is_late()

    def fill(self) -> None:
        """Submit until the executor is full, the budget is spoken for, or the searcher wants to wait."""
        queue, max_epochs = self._queue, self._budget.epochs
        for _ in range(self._executor.free()):
            if not self._may_start_another() or not (queue or self._ask()):
                return
            trial_id, proposal = queue[0]
            if max_epochs is not None and self._price(proposal) + self._epochs_total > max_epochs:
                return
            queue.popleft()
            self._note(proposal)
            self._executor.submit(trial_id, proposal, seed=self._seed, limit_s=self._left_s())
            self.n_running += 1

    def take(self, trial: Trial) -> None:
        """Record a finished trial."""
        self.n_running -= 1
        self._study.append(trial)
        self._note(trial.proposal, trial)

    def patience_s(self, poll_s: float | None) -> float | None:
        """Return how long to wait for a trial: not beyond the deadline, not beyond the next question to `stop`."""
        left_s = self._left_s()
        if poll_s is None or left_s is None:
            return left_s if poll_s is None else poll_s
        return min(poll_s, left_s)

    def _note(self, proposal: Proposal, trial: Trial | None = None) -> None:
        """Count the epochs of what was started, or of what finished."""
        if self._budget.epochs is None:
            return
        price = self._price(proposal, trial)
        if price > 0:
            self._epochs[proposal.arch] = self._epochs.get(proposal.arch, 0.0) + price
            self._epochs_total += price

    def _price(self, proposal: Proposal, trial: Trial | None = None) -> float:
        """Return the epochs that a proposal adds: a higher fidelity continues from the lower one."""
        measured = trial.result.measures.get("epochs", 0.0) if trial is not None else 0.0
        upto = measured if proposal.fidelity is None else proposal.fidelity
        return max(0.0, upto - self._epochs.get(proposal.arch, 0.0))

    def _may_start_another(self) -> bool:
        return len(self._study.trials) + self.n_running < self._max_trials and not self._is_late()

    def _is_late(self) -> bool:
        return self._budget.seconds is not None and self._executor.now() >= self._budget.seconds

    def _left_s(self) -> float | None:
        return None if self._budget.seconds is None else max(0.0, self._budget.seconds - self._executor.now())

    def _ask(self) -> bool:
        """Queue and record a new batch; False if the searcher has none."""
        # The queue is empty: what the study waits for is what runs.
        asked = self._study.ask(self._searcher, seed=self._seed)
        self._queue.extend(asked)
        return bool(asked)
