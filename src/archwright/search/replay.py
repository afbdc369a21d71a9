"""A state that follows from the finished trials, kept so that each of them is read once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from archwright.core.history import History
from archwright.core.trial import Trial

__all__ = ["Replay"]

State = TypeVar("State")


@dataclass
class Replay(Generic[State]):
    """What a searcher knows after the trials of a history: `start()`, then `step(state, trial)` for each of them.

    Only a cache: another history, or a fresh object, gives the same state. A history that goes on where the last
    one ended costs only its new trials.

    Args:
        start: Gives the state before any trial.
        step: Changes the state by one finished trial. It must depend on nothing else.
    """

    start: Callable[[], State]
    step: Callable[[State, Trial], None]
    _state: State | None = field(default=None, init=False)
    _done: list[Trial] = field(default_factory=list, init=False)
    _read: int = field(default=0, init=False)

    def at(self, history: History) -> State:
        """Return the state after `history`. It belongs to this object: do not keep it."""
        done = history.done
        state = self._state
        if state is None or not self._continues(done):
            state, self._read = self.start(), 0
        for trial in done[self._read :]:
            self.step(state, trial)
        self._state, self._done, self._read = state, done, len(done)
        return state

    def _continues(self, done: list[Trial]) -> bool:
        """Return whether `done` begins with the trials that were read."""
        if len(done) < self._read:
            return False
        # A history only grows, so the same list needs no comparison.
        return done is self._done or done[: self._read] == self._done[: self._read]
