"""Numbers as people read them."""

from __future__ import annotations

import math

__all__ = ["DASH", "count", "duration", "score", "short_count"]

#: Stands for a number that is not known.
DASH = "\N{EN DASH}"


def duration(seconds: float | None) -> str:
    """Return `0.24 s`, `58.9 s`, `3 min 05 s` or `2 h 10 min`; a dash for None."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    if abs(seconds) < 1:
        return f"{seconds:.2f} s"
    if abs(seconds) < 119.95:
        return f"{seconds:.1f} s"
    if abs(seconds) < 7199.5:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours} h {rest:02d} min"


def count(number: float | None) -> str:
    """Return `160,000`; a dash for None."""
    return DASH if number is None or not math.isfinite(number) else f"{number:,.0f}"


def short_count(number: float) -> str:
    """Return `950`, `12.5k`, `1.3M`: three figures at most."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(number) >= size * 0.9995:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


def score(value: float | None) -> str:
    """Return a metric's value with four decimals, fewer where it is large; a dash for None."""
    if value is None or not math.isfinite(value):
        return DASH
    magnitude = abs(value)
    decimals = 4 if magnitude < 10 else 2 if magnitude < 1000 else 0
    return f"{value:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")
