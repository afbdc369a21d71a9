"""Evaluations as tasks of a Ray cluster, on this machine or on many."""

from __future__ import annotations

import logging
import os
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from archwright.core.errors import MissingExtraError, RunError
from archwright.core.protocols import Evaluator
from archwright.core.trial import Proposal, Result, Trial
from archwright.run.clock import Clock
from archwright.run.outcome import evaluate

__all__ = ["RayExecutor"]

#: Times that a trial is given out again after its worker or node was lost.
_RETRIES = 1
#: Longest single wait, so that Ctrl-C is heard.
_WAIT_S = 0.5


@dataclass(slots=True)
class _Task:
    id: int
    proposal: Proposal
    seed: int
    limit_s: float | None
    started_s: float
    losses: int = 0


class RayExecutor:
    """Gives each evaluation to Ray as one task of `cpus` processors.

    The loop and the study stay in this process: only proposals go out and only results come back, so the study's file
    is the same as with any other executor. A trial whose worker or node is lost is given out once more with the same
    seed, hence with the same result; when that is lost as well, it is a failed trial. What the evaluator raises is a
    failed trial at once.

    Args:
        evaluator: Sent to the cluster once, by cloudpickle; may be defined in the script that runs.
        address: Of a running cluster (`host:port`, `auto`, or `ray://...`); None uses the one that this process is
            connected to, or starts one on this machine.
        workers: Evaluations at once; None takes as many as the cluster has processors for.
        cpus: Processors of one evaluation.
        gpus: GPUs of one evaluation; a part is allowed.
        clock: Clock of this executor; by default one that starts now.

    Raises:
        MissingExtraError: if Ray is not installed.
        RunError: if there is no cluster at `address`, or a number is out of its range.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        *,
        address: str | None = None,
        workers: int | None = None,
        cpus: float = 1.0,
        gpus: float = 0.0,
        clock: Clock | None = None,
    ) -> None:
        if (workers is not None and workers < 1) or cpus <= 0 or gpus < 0:
            raise RunError(
                f"Ray needs workers >= 1, cpus > 0 and gpus >= 0, but {workers}, {cpus} and {gpus} were given"
            )
        self._ray = _import_ray()
        self._own = _connect(self._ray, address)
        self._clock = clock or Clock.starting_now()
        self._workers, self._cpus = workers, cpus
        # Ray's own retries are off: they would hide how often a trial was begun.
        self._remote = self._ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(evaluate)
        self._evaluator = self._ray.put(evaluator)
        self._tasks: dict[Any, _Task] = {}
        self._finished: deque[Trial] = deque()
        self._is_closed = False

    def free(self) -> int:
        """Return how many evaluations can be started now: the cluster may have grown or shrunk."""
        if self._workers is None:
            limit = max(1, int(self._ray.cluster_resources().get("CPU", 0) // self._cpus))
        else:
            limit = self._workers
        return max(0, limit - len(self._tasks) - len(self._finished))

    def submit(self, id: int, proposal: Proposal, *, seed: int, limit_s: float | None = None) -> None:
        """Give one evaluation to the cluster."""
        self._give_out(_Task(id, proposal, seed, limit_s, self.now()))

    def next(self, timeout_s: float | None = None) -> Trial | None:
        """Return the next finished trial; None if none finishes within `timeout_s`, or none is pending."""
        until_s = None if timeout_s is None else self.now() + timeout_s
        while not self._finished and self._tasks:
            left_s = _WAIT_S if until_s is None else max(0.0, min(_WAIT_S, until_s - self.now()))
            done, _ = self._ray.wait(list(self._tasks), num_returns=1, timeout=left_s)
            for reference in done:
                self._fetch(reference)
            if until_s is not None and not self._finished and self.now() >= until_s:
                return None
        return self._finished.popleft() if self._finished else None

    def pending(self) -> Sequence[Proposal]:
        """Return what is running or waits for a place, in order of submission, and what `next` has not fetched."""
        waiting = [trial.proposal for trial in self._finished]
        return waiting + [task.proposal for task in sorted(self._tasks.values(), key=lambda task: task.started_s)]

    def now(self) -> float:
        """Return seconds by this executor's clock."""
        return self._clock.now()

    def advance(self, to_s: float) -> None:
        """Make the clock read at least `to_s`."""
        self._clock = self._clock.at_least(to_s)

    def close(self) -> None:
        """Cancel what runs, and end the cluster if this object started it."""
        if self._is_closed:
            return
        self._is_closed = True
        for reference in self._tasks:
            self._ray.cancel(reference, force=True)
        self._tasks.clear()
        self._finished.clear()
        if self._own:
            self._ray.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _give_out(self, task: _Task) -> None:
        reference = self._remote.remote(
            self._evaluator, task.proposal, id=task.id, seed=task.seed, limit_s=task.limit_s
        )
        self._tasks[reference] = task

    def _fetch(self, reference: Any) -> None:
        """Take the result of a task that has ended, or give the trial out again if it was lost."""
        task = self._tasks.pop(reference)
        errors = self._ray.exceptions
        try:
            result = self._ray.get(reference)
        except errors.RayTaskError as error:
            # What an evaluator raises is a result already; this is the evaluator failing to arrive.
            result = Result(None, self.now() - task.started_s, error=str(error).strip().splitlines()[-1])
        except errors.RayError as error:
            if task.losses < _RETRIES:
                task.losses += 1
                self._give_out(task)
                return
            cause = str(error).strip().splitlines()[0]
            lost = f"lost {task.losses + 1} times with its worker or node: {type(error).__name__}: {cause}"
            result = Result(None, self.now() - task.started_s, error=lost)
        self._finished.append(Trial(task.id, task.proposal, result, self.now()))


def _import_ray() -> Any:
    # Set before the import, which reads it: nothing is reported to anybody.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # From Ray's next version on its default; said here so that it does not warn on processors.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError:
        raise MissingExtraError("the Ray executor needs Ray: pip install 'archwright[ray]'") from None
    return ray


def _connect(ray: Any, address: str | None) -> bool:
    """Connect to a cluster; return whether it was started here."""
    if ray.is_initialized():
        return False
    # Workers find the modules that this process finds, where they share a file system.
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {"env_vars": {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}}
    dashboard = None if address else False
    try:
        ray.init(
            address=address,
            include_dashboard=dashboard,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env=environment,
        )
    except (ConnectionError, ValueError, TimeoutError) as error:
        cause = " ".join(str(error).split())
        raise RunError(
            f"there must be a Ray cluster at {address!r}, but: {cause}; start one with `ray start`"
        ) from None
    return True
