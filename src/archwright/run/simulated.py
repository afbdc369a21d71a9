"""N workers in virtual time: an evaluation takes the seconds that its result says, and no real ones."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Self

from archwright.core.errors import RunError
from archwright.core.protocols import Evaluator
from archwright.core.trial import Proposal, Result, Trial
from archwright.run.outcome import evaluate

__all__ = ["SimulatedExecutor"]


class SimulatedExecutor:
    """A heap of (finish time, trial); `next` moves the clock. The same inputs give the same times on any machine.

    Args:
        evaluator: Gives results whose `cost_s` is the time to simulate. It gets no `limit_s`: what does not
            finish in time stays pending.
        workers: Evaluations that run at once in simulated time.
        start_s: First reading of the clock.

    Raises:
        RunError: if there is no worker.
    """

    def __init__(self, evaluator: Evaluator, *, workers: int = 1, start_s: float = 0.0) -> None:
        if workers < 1:
            raise RunError(f"a simulation needs at least one worker, but {workers} were given")
        self._evaluator = evaluator
        self._workers = workers
        self._clock_s = start_s
        # Ids are unique among what is pending, so that the heap never compares proposals.
        self._heap: list[tuple[float, int, Proposal, Result]] = []
        self._running: dict[int, Proposal] = {}

    def free(self) -> int:
        """Return how many simulated workers are idle."""
        return self._workers - len(self._heap)

    def submit(self, id: int, proposal: Proposal, *, seed: int, limit_s: float | None = None) -> None:
        """Evaluate at once, in secret; the result appears when its time has come."""
        result = evaluate(self._evaluator, proposal, id=id, seed=seed, limit_s=None)
        heappush(self._heap, (self._clock_s + max(0.0, result.cost_s), id, proposal, result))
        self._running[id] = proposal

    def next(self, timeout_s: float | None = None) -> Trial | None:
        """Move the clock to the next finish and return that trial; None if it lies beyond `timeout_s`."""
        if not self._heap:
            return None
        if timeout_s is not None and self._heap[0][0] > self._clock_s + timeout_s:
            self._clock_s += timeout_s
            return None
        finished_s, trial_id, proposal, result = heappop(self._heap)
        del self._running[trial_id]
        self._clock_s = finished_s
        return Trial(trial_id, proposal, result, finished_s)

    def pending(self) -> Sequence[Proposal]:
        """Return what is running, in order of submission."""
        return list(self._running.values())

    def now(self) -> float:
        """Return simulated seconds."""
        return self._clock_s

    def advance(self, to_s: float) -> None:
        """Make the clock read at least `to_s`."""
        self._clock_s = max(self._clock_s, to_s)

    def close(self) -> None:
        """Forget what is running."""
        self._heap.clear()
        self._running.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
