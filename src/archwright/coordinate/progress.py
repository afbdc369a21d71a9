"""What a run tells about itself while it is going on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Progress", "Watch"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands.

    Args:
        phase: `read`, `prepare`, `encode`, `profile`, `filter`, `refine` or `finish`.
        detail: What the phase is doing, in words.
        scored: Architectures scored so far.
        trained: Trainings finished so far.
        alive: Candidates alive in the present rung.
        best: Best validation score so far, as a sentence; empty before there is one.
        used_s: Seconds of this session used.
        budget_s: Seconds of this session in all.
    """

    phase: str
    detail: str
    scored: int
    trained: int
    alive: int
    best: str
    used_s: float
    budget_s: float


Watch = Callable[[Progress], None]
