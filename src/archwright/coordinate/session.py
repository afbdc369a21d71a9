"""One fit or resume: the clock, the deadline, the phases and what is told about them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from archwright.coordinate.finish import Finisher
from archwright.coordinate.incumbent import Incumbent
from archwright.coordinate.progress import Progress, Watch
from archwright.coordinate.record import Phase, RunFolder, RunRecord
from archwright.core.protocols import Evaluator, Executor
from archwright.run.clock import Clock
from archwright.run.inline import InlineExecutor
from archwright.run.pool import PoolExecutor

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Session", "cores"]

logger = logging.getLogger(__name__)

#: Modules that workers import while the table is being read.
PRELOAD = ("archwright.train.warm", "archwright.train.evaluator", "archwright.train.profile")
#: Seconds kept back for what nobody has measured: the record's last write and the end of the process.
MARGIN_S = 0.25
#: The same as a share of the budget, for a machine that is busy with something else.
MARGIN_SHARE = 0.005
#: Seconds between rehearsals, which also keep the report on disk up to date.
REHEARSE_S = 20.0
#: Budgets below this end before a worker has imported torch: no worker is started, so that none takes processor time.
LEAST_S = 2.5
#: A measured duration is expected again times this.
CAUTION = 1.5


def cores() -> int:
    """Return the processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Session:
    """What all phases of one fit or resume share.

    Args:
        folder: The run's folder.
        record: The run's record; this adds a session to it.
        budget_s: Seconds of this session, from its start to its end.
        clock: Reads zero at the start of the session; by default now.
        workers: Worker processes; 0 trains inside this process.
        finish: The last steps, most important first.
        watch: Told where the run stands.
    """

    def __init__(
        self,
        folder: RunFolder,
        record: RunRecord,
        *,
        budget_s: float,
        clock: Clock | None,
        workers: int,
        finish: Sequence[Finisher] = (),
        watch: Watch | None = None,
    ) -> None:
        clock = clock or Clock.starting_now()
        before_s = record.used_s
        #: The run's clock: goes on from where the last session ended.
        self.clock = Clock(clock.origin_s - before_s)
        self.number = len(record.sessions) + 1
        self.budget_s, self.began_s, self.deadline_s = budget_s, before_s, before_s + budget_s
        self.folder, self.record, self.workers, self.watch = folder, record, workers, watch
        self.finish = tuple(finish)
        self.finish_s = {step.name: step.expected_s for step in self.finish}
        self.test_s = 0.0
        #: Measures `test_s` anew for a new incumbent.
        self.time_test: Callable[[], float] = lambda: self.test_s
        #: Seconds from a network's offer to its being the incumbent, on disk.
        self.take_s = 0.0
        self.scored = self.trained = self.alive = 0
        self.incumbent: Incumbent | None = None
        #: Some rows of the table, for the check of an export.
        self.sample: pd.DataFrame | None = None
        self._last_told_s = -1.0
        self._refine_turns, self._rehearse_at_s = 0, 0.0
        started = datetime.now(UTC).isoformat(timespec="seconds")
        record.status = "running"
        record.sessions.append({"budget_s": budget_s, "used_s": None, "started": started, "status": "running"})
        self.pool: PoolExecutor | None = None
        #: Whether there is time to start anything that trains.
        self.trains = workers == 0 or budget_s >= LEAST_S
        if workers > 0 and self.trains:
            # First of all, because workers need seconds to import torch while this process reads the table.
            self.pool = PoolExecutor(workers, preload=PRELOAD, clock=self.clock)

    def now(self) -> float:
        """Return seconds on the run's clock."""
        return self.clock.now()

    @property
    def used_s(self) -> float:
        """Seconds of this session so far."""
        return self.now() - self.began_s

    @property
    def reserve_s(self) -> float:
        """Seconds that everything after training is expected to take."""
        return sum(self.finish_s.values()) + self.test_s + self.take_s + MARGIN_S + MARGIN_SHARE * self.budget_s

    @property
    def train_until_s(self) -> float:
        """When training must have ended, on the run's clock."""
        return self.deadline_s - self.reserve_s

    def left_s(self) -> float:
        """Return seconds left for training; negative when there are none."""
        return self.train_until_s - self.now()

    @contextmanager
    def phase(self, name: str, *, planned_s: float | None = None) -> Iterator[Phase]:
        """Account for one phase, whatever ends it."""
        phase = Phase(self.number, name, planned_s, None, round(self.now(), 3))
        self.record.phases.append(phase)
        self.tell(name, "")
        try:
            yield phase
        finally:
            phase.used_s = round(self.now() - phase.began_s, 3)
            logger.info("phase %s took %.2f s", name, phase.used_s)

    def executor(self, evaluator: Evaluator) -> Executor:
        """Return an idle executor that evaluates by `evaluator`."""
        if self.pool is None:
            return InlineExecutor(evaluator, clock=self.clock)
        self.pool.use(evaluator)
        return self.pool

    def turn(self, phase: str, detail: str = "") -> bool:
        """Take offers, tell the watcher; True if training must end now. Asked at every turn of a loop."""
        if self.incumbent is not None and self.incumbent.poll():
            self.take_s = max(self.take_s, self.incumbent.took_s)
            self.test_s = self.time_test()
        self.tell(phase, detail)
        if phase == "refine":
            self._refine_turns += 1
            # Not at the first turn: the workers have nothing to do yet, and would wait.
            if self._refine_turns > 1 and self.now() >= self._rehearse_at_s and self.left_s() > self.reserve_s:
                self._rehearse()
        return self.left_s() <= 0

    def tell(self, phase: str, detail: str) -> None:
        """Tell the watcher where the run stands, ten times a second at most."""
        if self.watch is None or self.now() - self._last_told_s < 0.1:
            return
        self._last_told_s = self.now()
        best = self.incumbent.text if self.incumbent is not None else ""
        self.watch(Progress(phase, detail, self.scored, self.trained, self.alive, best, self.used_s, self.budget_s))

    def _rehearse(self) -> None:
        """Run the last steps that may be run twice: measures them, and leaves their result behind."""
        began_s = self.now()
        for step in self.finish:
            if not step.rehearse:
                continue
            before_s = self.now()
            self.folder.save(self.record)
            step.run(self.folder, self.record, self.sample)
            self.finish_s[step.name] = CAUTION * (self.now() - before_s)
        self._rehearse_at_s = self.now() + max(REHEARSE_S, 30 * (self.now() - began_s))

    def close(self) -> None:
        """Kill the workers. Safe to call twice."""
        if self.pool is not None:
            self.pool.close()
