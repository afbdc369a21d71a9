"""Evaluations one after another, in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Self

from archwright.core.protocols import Evaluator
from archwright.core.trial import Proposal, Trial
from archwright.run.clock import Clock
from archwright.run.outcome import evaluate

__all__ = ["InlineExecutor"]


class InlineExecutor:
    """Runs each evaluation inside `next`, in the calling process.

    A running evaluation is not interrupted: `timeout_s` is not looked at, only the `limit_s` that the evaluator got.
    """

    def __init__(self, evaluator: Evaluator, *, clock: Clock | None = None) -> None:
        self._evaluator = evaluator
        self._clock = clock or Clock.starting_now()
        self._waiting: deque[tuple[int, Proposal, int, float | None]] = deque()

    def free(self) -> int:
        """Return 1 if nothing waits, else 0."""
        return 0 if self._waiting else 1

    def submit(self, id: int, proposal: Proposal, *, seed: int, limit_s: float | None = None) -> None:
        """Keep one proposal for the coming `next`."""
        self._waiting.append((id, proposal, seed, limit_s))

    def next(self, timeout_s: float | None = None) -> Trial | None:
        """Evaluate what was submitted first and return it; None if nothing was."""
        if not self._waiting:
            return None
        # Taken off only when done: an interrupt leaves the proposal pending, as it is.
        trial_id, proposal, seed, limit_s = self._waiting[0]
        result = evaluate(self._evaluator, proposal, id=trial_id, seed=seed, limit_s=limit_s)
        self._waiting.popleft()
        return Trial(trial_id, proposal, result, self.now())

    def pending(self) -> Sequence[Proposal]:
        """Return what was submitted and not evaluated yet."""
        return [proposal for _, proposal, _, _ in self._waiting]

    def now(self) -> float:
        """Return seconds since this executor, or the clock given to it, was made."""
        return self._clock.now()

    def advance(self, to_s: float) -> None:
        """Make the clock read at least `to_s`."""
        self._clock = self._clock.at_least(to_s)

    def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
