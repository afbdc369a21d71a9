"""Seconds since an origin, by a clock that never jumps."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

__all__ = ["Clock"]


@dataclass(frozen=True, slots=True)
class Clock:
    """Monotonic seconds since `origin_s`, a reading of `time.monotonic()`."""

    origin_s: float

    @classmethod
    def starting_now(cls) -> Self:
        """Return a clock that reads zero now."""
        return cls(time.monotonic())

    @classmethod
    def process_start(cls) -> Self:
        """Return a clock that read zero when this process was started, before any import."""
        return cls(time.monotonic() - _process_age_s())

    def now(self) -> float:
        """Return seconds since the origin."""
        return time.monotonic() - self.origin_s

    def at_least(self, reading_s: float) -> Self:
        """Return this clock, set forward where it reads less than `reading_s`."""
        behind_s = reading_s - self.now()
        return type(self)(self.origin_s - behind_s) if behind_s > 0 else self


def _process_age_s() -> float:
    """Return seconds since this process was started."""
    # psutil adds whole seconds of boot time on Linux, which is up to one second wrong: too much for a budget
    # of three. The kernel's own figure is good to 10 ms.
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, IndexError, ValueError):
        age_s = -1.0
    if age_s >= time.process_time() * 0.5:
        return age_s
    import psutil

    return max(0.0, time.time() - float(psutil.Process().create_time()))
