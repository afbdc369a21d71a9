"""What the charts of an experiment show, before anything is drawn: for the page and for PNG files alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from archwright.coordinate.experiment import Case
from archwright.report.comparison import Contest, Curve, Entry

__all__ = ["COLOURS", "Panel", "Series", "case_title", "measure", "panels"]

Floats = npt.NDArray[np.float64]

#: Light and dark shade of each contestant's colour, told apart by people with any colour vision as well as eight can.
COLOURS = (
    ("#6b7280", "#9aa3b2"),
    ("#c9652b", "#f0a06a"),
    ("#2f66b3", "#7eb0f2"),
    ("#2c7a55", "#6cc79b"),
    ("#8a4fa8", "#c79be0"),
    ("#a88714", "#dcbc4c"),
    ("#b8456e", "#f08fb2"),
    ("#17838f", "#63c5d0"),
)

#: Share of a curve's start that may lie below the chart: a search's first draws say little about its end.
_OPENING = 0.06

#: A logarithmic axis of time begins at this share of its end.
_EARLIEST = 0.005


@dataclass(frozen=True, eq=False)
class Series:
    """One contestant's line: `y` over `x`, and the band between `low` and `high` where it has one."""

    name: str
    colour: int
    x: Floats
    y: Floats
    low: Floats | None = None
    high: Floats | None = None


@dataclass(frozen=True, eq=False)
class Panel:
    """One chart.

    Args:
        key: Name for files: `trials`, `seconds`, `regret`.
        title: What it shows.
        x_label, y_label: Names of the axes, with units.
        series: The lines.
        x, y: Limits of the axes.
        log_x: Whether the horizontal axis is logarithmic.
        best: Height of a reference line, the benchmark's best; None where there is none.
        is_stepped: Whether a value holds until the next one; else lines go straight from mark to mark.
    """

    key: str
    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    x: tuple[float, float]
    y: tuple[float, float]
    log_x: bool = False
    best: float | None = None
    is_stepped: bool = True


def measure(case: Case) -> str:
    """Return the name of what is reported, with its unit: `test accuracy (percent)`."""
    split = {"valid": "validation", "test": "test"}[case.split]
    unit = f" ({case.unit})" if case.unit else ""
    return f"{split} {case.metric.replace('_', ' ')}{unit}"


def case_title(case: Case) -> str:
    """Return the name of a case as a title: what is searched, and what is reported where that is something else."""
    reported = f", reported on {case.report}" if case.report != case.outcome else ""
    return f"{case.bench}: {case.outcome}{reported}"


def panels(contest: Contest, names: tuple[str, ...]) -> list[Panel]:
    """Return the charts of a contest; those that have nothing to show are left out.

    Args:
        contest: What was found.
        names: All contestants of the experiment; a place in it is a colour.
    """
    colours = {name: place for place, name in enumerate(names)}
    # Both charts over the course of a run have the height that trials need: over time the first seconds would rule it.
    limits = _limits([curve for entry in contest.entries if (curve := entry.over_trials()) is not None], contest.case)
    made = [
        _anytime(
            contest,
            colours,
            Entry.over_trials,
            limits=limits,
            key="trials",
            title="Best so far over trials",
            x_label="trials",
        ),
        _anytime(
            contest,
            colours,
            Entry.over_time,
            limits=limits,
            key="seconds",
            title="Best so far over simulated time",
            x_label=f"simulated {'seconds' if contest.case.has_seconds else 'epochs'}, logarithmic",
            log_x=True,
        ),
        _regrets(contest, colours),
    ]
    return [panel for panel in made if panel is not None]


def _anytime(
    contest: Contest,
    colours: dict[str, int],
    curve_of: Callable[[Entry], Curve | None],
    *,
    limits: tuple[float, float],
    key: str,
    title: str,
    x_label: str,
    log_x: bool = False,
) -> Panel | None:
    case = contest.case
    curves = [(entry, curve) for entry in contest.entries if (curve := curve_of(entry)) is not None]
    if not curves or (log_x and not case.has_time):
        return None
    series = tuple(Series(e.name, colours[e.name], c.x, c.mean, c.low, c.high) for e, c in curves)
    x = (min(float(c.x[0]) for _, c in curves), max(float(c.x[-1]) for _, c in curves))
    if log_x:
        x = (max(x[0], x[1] * _EARLIEST), x[1])
    arrow = "" if case.higher_is_better else ", lower is better"
    y_label = f"{measure(case)} of the incumbent{arrow}"
    return Panel(key, title, x_label, y_label, series, x, limits, log_x, best=case.best)


def _limits(curves: Iterable[Curve], case: Case) -> tuple[float, float]:
    """Return vertical limits that show every curve after its opening, and the benchmark's best."""
    sign = 1.0 if case.higher_is_better else -1.0
    worst, top = [], [sign * case.best]
    for curve in curves:
        start = min(int(len(curve.x) * _OPENING), len(curve.x) - 1)
        edges = np.stack([curve.low, curve.high, curve.mean])[:, start:] * sign
        worst.append(float(edges.min()))
        top.append(float(edges.max()))
    low, high = min(worst), max(top)
    air = (high - low) * 0.05 or abs(high) * 0.01 or 0.5
    limits = sorted((sign * (low - air / 2), sign * (high + air)))
    return limits[0], limits[1]


def _regrets(contest: Contest, colours: dict[str, int]) -> Panel | None:
    series = []
    for entry in contest.entries:
        known = np.sort(entry.regrets[~np.isnan(entry.regrets)])
        if len(known):
            # The share starts at zero, left of the smallest regret.
            x = np.concatenate(([known[0]], known))
            series.append(Series(entry.name, colours[entry.name], x, np.arange(len(x)) / len(known)))
    if not series:
        return None
    high = max(float(line.x[-1]) for line in series)
    unit = f" ({contest.case.unit})" if contest.case.unit else ""
    # Every line goes on to the right edge, where all runs are counted.
    right = high * 1.02 or 1.0
    ended = tuple(Series(s.name, s.colour, np.append(s.x, right), np.append(s.y, 1.0)) for s in series)
    label = f"distance to the benchmark's best at the end{unit}"
    return Panel(
        "regret", "Final regret", label, "share of runs at or below", ended, (-0.02 * right, right), (0.0, 1.04)
    )
