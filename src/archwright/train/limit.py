"""When training has to end."""

from __future__ import annotations

import math
import sys

from archwright.run.clock import Clock

__all__ = ["Limit"]


class Limit:
    """A limit in seconds from now on, and the driver's wish to stop. Asking costs about 1 us.

    Args:
        limit_s: Seconds; None means that time does not end it.
    """

    def __init__(self, limit_s: float | None) -> None:
        self.clock = Clock.starting_now()
        self.limit_s = math.inf if limit_s is None else limit_s
        # A worker process asks its own module; elsewhere nobody can send a cancellation.
        worker = sys.modules.get("archwright.run.worker")
        self._stopping = None if worker is None else worker.stopping

    def elapsed_s(self) -> float:
        """Return seconds since this limit began."""
        return self.clock.now()

    def left_s(self) -> float:
        """Return seconds until the limit; infinite without one."""
        return self.limit_s - self.clock.now()

    def cancelled(self) -> bool:
        """Whether the driver has asked running evaluations to stop."""
        return self._stopping is not None and self._stopping.is_set()

    def reached(self, *, reserve_s: float = 0.0) -> bool:
        """Whether to stop now, if `reserve_s` seconds are needed afterwards."""
        return self.left_s() <= reserve_s or self.cancelled()
