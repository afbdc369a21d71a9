"""What the charts of a study of proxies show, before anything is drawn: for the page and for PNG files alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from archwright.core.ranks import mid_ranks
from archwright.core.rng import derive
from archwright.report.correlation import Interval
from archwright.report.proxy_findings import Entry, Section, Target

__all__ = ["Axis", "Bars", "Scatter", "bars", "correlation_text", "scatters"]

Floats = npt.NDArray[np.float64]
Axis = Literal["rank", "value"]

#: Points of a scatter plot at most: more only hide each other.
_POINTS = 2000
#: Share of the architectures with the worst outcomes that may lie below a chart: some train to chance level, and
#: would press all others to the upper edge.
_WORST = 0.05
#: Values are drawn on a logarithmic axis where they are positive and span so much.
_WIDE = 1e3


@dataclass(frozen=True, eq=False)
class Scatter:
    """Scores of one proxy against an outcome, a point per architecture.

    Args:
        title: Name of the proxy.
        rho: Spearman's correlation, with its interval. `tau`: tau-b.
        x: Score, or its rank from 0 to 1. `y`: outcome; points beyond `y_limits` are drawn at the edge.
        x_label, y_label: Names of the axes.
        x_limits, y_limits: Ends of the axes.
        log_x: Whether the horizontal axis is logarithmic.
        n: Architectures compared. `n_beyond`: those beyond the vertical axis.
    """

    title: str
    rho: Interval
    tau: Interval
    x: Floats
    y: Floats
    x_label: str
    y_label: str
    x_limits: tuple[float, float]
    y_limits: tuple[float, float]
    log_x: bool
    n: int
    n_beyond: int

    @property
    def caption(self) -> str:
        """What must be said of the points."""
        drawn = f"{len(self.x):,} of {self.n:,}" if len(self.x) < self.n else f"{self.n:,}"
        return f"{drawn} architectures" + (f", {self.n_beyond:,} beyond the edge" if self.n_beyond else "")


@dataclass(frozen=True, eq=False)
class Bars:
    """Correlations of all proxies with the targets of a case, the best proxy first: `intervals[target][proxy]`."""

    names: tuple[str, ...]
    targets: tuple[str, ...]
    intervals: tuple[tuple[Interval, ...], ...]


def bars(section: Section) -> Bars:
    """Return the chart of correlations of a section."""
    entries = section.ordered
    intervals = tuple(tuple(entry.agreements[k].rho for entry in entries) for k in range(len(section.targets)))
    return Bars(tuple(entry.proxy for entry in entries), tuple(each.label for each in section.targets), intervals)


def scatters(section: Section, *, axis: Axis = "rank", target: int = 0) -> list[Scatter]:
    """Return a scatter plot per proxy, the best first; those without a pair of numbers are left out.

    Args:
        section: What was found.
        axis: `rank` shows the rank of a score, turned so that better is right; `value` the score itself.
        target: Which of the section's targets.
    """
    made = [_scatter(section.targets[target], entry, target, axis) for entry in section.ordered]
    return [scatter for scatter in made if scatter is not None]


def correlation_text(interval: Interval) -> str:
    """Return `0.732 [0.711, 0.750]`; a dash where nothing is known."""
    numbers = [f"{each:.3f}".replace("-", "\N{MINUS SIGN}") for each in (interval.value, interval.low, interval.high)]
    if np.isnan(interval.value):
        return "\N{EN DASH}"
    return numbers[0] if np.isnan(interval.low) else f"{numbers[0]} [{numbers[1]}, {numbers[2]}]"


def _scatter(target: Target, entry: Entry, place: int, axis: Axis) -> Scatter | None:
    # The first seed stands for all: points of several would be counted several times by the eye.
    scores = entry.scores[0]
    known = np.flatnonzero(~(np.isnan(entry.scores).any(axis=0) | np.isnan(target.values)))
    if axis == "value":
        known = known[np.isfinite(scores[known])]
    if not len(known):
        return None
    # Of all architectures, so that the plots of a case can be compared.
    limits = _y_limits(target, target.values[~np.isnan(target.values)])
    chosen = known
    if len(known) > _POINTS:
        chosen = np.sort(derive(0, "points").permutation(known)[:_POINTS])
    x, x_limits, log_x = _places(scores[known], entry.direction, axis)
    y = target.values[known]
    drawn = np.isin(known, chosen)
    better = "right" if entry.direction > 0 else "left"
    return Scatter(
        title=entry.proxy,
        rho=entry.agreements[place].rho,
        tau=entry.agreements[place].tau,
        x=x[drawn],
        y=np.clip(y[drawn], *limits),
        x_label="rank of the score, better to the right" if axis == "rank" else f"score, better to the {better}",
        y_label=target.label,
        x_limits=x_limits,
        y_limits=limits,
        log_x=log_x,
        n=len(known),
        n_beyond=int(((y < limits[0]) | (y > limits[1])).sum()),
    )


def _places(scores: Floats, direction: int, axis: Axis) -> tuple[Floats, tuple[float, float], bool]:
    """Return where scores are on the horizontal axis, its ends, and whether it is logarithmic."""
    if axis == "rank":
        return (mid_ranks(direction * scores) - 0.5) / len(scores), (0.0, 1.0), False
    low, high = float(scores.min()), float(scores.max())
    if low > 0 and high / low > _WIDE:
        return scores, (low / 1.2, high * 1.2), True
    air = (high - low) * 0.03 or abs(high) * 0.05 or 0.5
    return scores, (low - air, high + air), False


def _y_limits(target: Target, values: Floats) -> tuple[float, float]:
    """Return limits that hold all but the worst values, and all where those are near the others."""
    sign = 1.0 if target.higher_is_better else -1.0
    turned = sign * values
    best, worst, low = float(turned.max()), float(turned.min()), float(np.quantile(turned, _WORST))
    if worst >= low - (best - low) / 2:
        low = worst
    air = (best - low) * 0.05 or abs(best) * 0.01 or 0.5
    ends = sorted((sign * (low - air), sign * (best + air)))
    return ends[0], ends[1]
