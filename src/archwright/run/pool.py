"""Evaluations in worker processes of one thread each."""

from __future__ import annotations

import pickle
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any, Self

from archwright.core.errors import RunError, WorkerError
from archwright.core.protocols import Evaluator
from archwright.core.trial import Proposal, Result, Trial
from archwright.run.clock import Clock
from archwright.run.process import WorkerProcess

__all__ = ["PoolExecutor"]

#: Workers in a row that may die before they are ready, until the pool gives up.
_PATIENCE = 3


@dataclass(slots=True)
class _Task:
    id: int
    proposal: Proposal
    seed: int
    started_s: float
    deadline_s: float | None


@dataclass(slots=True)
class _Slot:
    """A place for one worker; the process in it may be replaced."""

    process: WorkerProcess
    ready: bool = False
    knows: int = 0
    task: _Task | None = None


class PoolExecutor:
    """A pool of processes. A worker that is killed or crashes gives a failed trial and is replaced.

    Workers start at once, in the background, by `subprocess`: a script needs no `__main__` guard. They end when
    this process ends, however it ends. Their environment sets one thread per process.

    Args:
        workers: Number of processes.
        preload: Modules that each worker imports before its first task (`"torch"`).
        env: Further environment variables for workers.
        clock: Clock of this executor; by default one that starts now.

    Raises:
        RunError: if `workers` is below one.
        WorkerError: if the system cannot start a process.
    """

    def __init__(
        self,
        workers: int,
        *,
        preload: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        if workers < 1:
            raise RunError(f"a pool needs at least one worker, but {workers} were given")
        self._preload = tuple(preload)
        self._env = dict(env or {})
        self._clock = clock or Clock.starting_now()
        self._evaluator = b""
        self._version = 0
        self._early_deaths = 0
        self._finished: deque[Trial] = deque()
        self._slots: list[_Slot] = []
        try:
            for _ in range(workers):
                self._slots.append(_Slot(self._started()))
        except WorkerError:
            self.close()
            raise

    def use(self, evaluator: Evaluator) -> None:
        """Evaluate the coming proposals by `evaluator`, which must be picklable; running ones are not touched.

        Raises:
            RunError: if the evaluator cannot travel to another process.
        """
        if type(evaluator).__module__ == "__main__":
            raise RunError(
                f"a pool's evaluator must be importable, but {type(evaluator).__name__} is defined in the script that "
                "runs; move it to a module of its own, or use the inline executor"
            )
        try:
            self._evaluator = pickle.dumps(evaluator)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise RunError(f"a pool's evaluator must be picklable, but it is not: {error}") from error
        self._version += 1

    def ready(self) -> int:
        """Return how many workers have done their imports."""
        self._look(0.0)
        return sum(slot.ready for slot in self._slots)

    def pids(self) -> tuple[int, ...]:
        """Return the process ids of the workers."""
        return tuple(slot.process.pid for slot in self._slots)

    def free(self) -> int:
        """Return how many workers have no task, those that are still starting included."""
        return sum(slot.task is None for slot in self._slots)

    def submit(self, id: int, proposal: Proposal, *, seed: int, limit_s: float | None = None) -> None:
        """Give one proposal to a free worker, a ready one if there is any.

        Raises:
            RunError: if no worker is free, or `use` was never called.
            WorkerError: if workers keep dying before they are ready.
        """
        self._look(0.0)  # A worker that died while it was idle must not get the task.
        idle = [slot for slot in self._slots if slot.task is None]
        if not idle or not self._version:
            raise RunError("submit needs an evaluator (`use`) and a free worker (`free`)")
        now_s = time.monotonic()
        slot = next((slot for slot in idle if slot.ready), idle[0])
        slot.task = _Task(id, proposal, seed, now_s, None if limit_s is None else now_s + limit_s)
        self._hand_over(slot)

    def next(self, timeout_s: float | None = None) -> Trial | None:
        """Return the next finished trial; None if none finishes within `timeout_s`, or none is pending.

        Raises:
            WorkerError: if workers keep dying before they are ready.
            RunError: if a worker cannot load the evaluator.
        """
        until_s = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._finished:
            if all(slot.task is None for slot in self._slots):
                return None
            left_s = None if until_s is None else until_s - time.monotonic()
            self._look(None if left_s is None else max(0.0, left_s))
            if left_s is not None and left_s <= 0 and not self._finished:
                return None
        return self._finished.popleft()

    def pending(self) -> Sequence[Proposal]:
        """Return what is running, in order of submission, and what is finished and not fetched by `next`."""
        running = [slot.task for slot in self._slots if slot.task is not None]
        waiting = [trial.proposal for trial in self._finished]
        return waiting + [task.proposal for task in sorted(running, key=lambda task: task.started_s)]

    def cancel(self) -> None:
        """Ask running evaluations to end soon; they may look at `archwright.run.worker.stopping`."""
        for slot in self._slots:
            if slot.task is not None:
                slot.process.send(("cancel",))

    def now(self) -> float:
        """Return seconds by this executor's clock."""
        return self._clock.now()

    def advance(self, to_s: float) -> None:
        """Make the clock read at least `to_s`."""
        self._clock = self._clock.at_least(to_s)

    def close(self) -> None:
        """Kill all workers now. Running evaluations are lost."""
        for slot in self._slots:
            slot.process.kill()
        self._slots.clear()
        self._finished.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _started(self) -> WorkerProcess:
        return WorkerProcess(self._preload, self._env)

    def _hand_over(self, slot: _Slot) -> None:
        """Send the slot's task to its worker, and the evaluator first where the worker does not know it."""
        assert slot.task is not None
        if slot.knows != self._version:
            slot.process.send(("use", self._evaluator))
            slot.knows = self._version
        task = slot.task
        slot.process.send(("task", task.id, task.proposal, task.seed, task.deadline_s))

    def _look(self, timeout_s: float | None) -> None:
        """Wait until a worker says something or dies, and take note."""
        places = {signal: place for place, slot in enumerate(self._slots) for signal in slot.process.signals()}
        for place in sorted({places[signal] for signal in wait(list(places), timeout_s)}):
            slot = self._slots[place]
            messages = slot.process.receive()
            if messages is None:
                self._bury(slot)
                continue
            for message in messages:
                self._hear(slot, message)

    def _hear(self, slot: _Slot, message: tuple[Any, ...]) -> None:
        if message[0] == "ready":
            slot.ready, self._early_deaths = True, 0
        elif message[0] == "result" and slot.task is not None:
            self._finish(slot, message[2])
        elif message[0] == "broken":
            raise RunError(f"a worker cannot load the evaluator: {message[1]}")

    def _finish(self, slot: _Slot, result: Result) -> None:
        assert slot.task is not None
        self._finished.append(Trial(slot.task.id, slot.task.proposal, result, self.now()))
        slot.task = None

    def _bury(self, slot: _Slot) -> None:
        """Replace a dead worker. What it was evaluating has failed, unless it had not begun."""
        cause = slot.process.cause_of_death()
        if not slot.ready:
            self._early_deaths += 1
            if self._early_deaths >= _PATIENCE:
                words = slot.process.last_words(lines=5)
                raise WorkerError(f"workers die before they are ready ({cause}); the last one wrote:\n{words}")
        elif slot.task is not None:
            self._finish(slot, Result(None, time.monotonic() - slot.task.started_s, error=cause))
        slot.process.kill()
        slot.process, slot.ready, slot.knows = self._started(), False, 0
        if slot.task is not None:
            self._hand_over(slot)
