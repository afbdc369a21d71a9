"""The last steps of a run, inside its time: test metrics, exports, the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archwright.coordinate.record import RunFolder, RunRecord

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Finisher", "Step"]

Step = Callable[[RunFolder, RunRecord, "pd.DataFrame | None"], Any]


@dataclass(frozen=True, slots=True)
class Finisher:
    """One of the last steps.

    Args:
        name: What it makes, for messages and the accounting.
        run: Called with the folder, the record and some rows of the table; what it returns is not looked at.
        expected_s: Seconds it takes, until a rehearsal has measured it.
        rehearse: True if it may run during training as well: to measure it, and to leave its result behind
            should the run be killed.
    """

    name: str
    run: Step
    expected_s: float
    rehearse: bool = False
