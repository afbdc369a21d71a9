"""How much a run may spend."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from archwright.core.errors import BudgetError

__all__ = ["Budget", "seconds"]

_UNIT_S = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(s|min|m|h|d|)", re.IGNORECASE)


def seconds(text: str | float) -> float:
    """Return a duration in seconds from `90`, `"90s"`, `"1.5m"`, `"2h"` or `"1h30m"`.

    Raises:
        BudgetError: if the text is no duration, or not above zero.
    """
    given = text
    total = 0.0
    if isinstance(text, str):
        text = text.strip()
        parts = _PART.findall(text)
        bare = sum(1 for _, unit in parts if not unit)
        if not parts or _PART.sub("", text).strip() or (bare and len(parts) > 1):
            raise BudgetError(f"a budget must be a duration such as 60s, 5m or 1h30m, but {given!r} was given")
        total = sum(float(number) * _UNIT_S[unit.lower()] for number, unit in parts)
    else:
        total = float(text)
    if not math.isfinite(total) or total <= 0:
        raise BudgetError(f"a budget must be above zero seconds, but {given!r} was given")
    return total


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one run; the first one reached ends it. None means no limit of that kind.

    Args:
        seconds: Seconds of the executor's clock.
        trials: Finished trials, failed ones included.
        epochs: Epochs in total, over all trials.

    Raises:
        BudgetError: if no limit is given, or one is not above zero.
    """

    seconds: float | None = None
    trials: int | None = None
    epochs: float | None = None

    def __post_init__(self) -> None:
        limits = {"seconds": self.seconds, "trials": self.trials, "epochs": self.epochs}
        if all(limit is None for limit in limits.values()):
            raise BudgetError("a budget must limit seconds, trials or epochs, but none was given")
        for name, limit in limits.items():
            if limit is not None and not limit > 0:
                raise BudgetError(f"a budget's {name} must be above zero, but {limit} was given")
