"""What the charts of a study of predictors show, before anything is drawn: for the page and for PNG files alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from archwright.coordinate.predictors.judging import PRECISION
from archwright.report.comparison_panels import Panel, Series
from archwright.report.predictor_findings import MAIN, Section
from archwright.report.svg import span

__all__ = ["agreement_panel", "precision_panel"]

Floats = npt.NDArray[np.float64]

#: Precision@K is drawn from this K on: of fewer architectures it jumps.
_LEAST_K = 5


def agreement_panel(section: Section) -> Panel | None:
    """Return Kendall's tau over the size of the training set; None where there is no value, or one size only."""
    series = []
    for place, entry in enumerate(section.entries):
        mean, std = _spread(section.values(entry, MAIN))
        known = ~np.isnan(mean)
        if known.any():
            x = np.array(section.sizes, dtype=np.float64)[known]
            mean, std = mean[known], std[known]
            series.append(Series(entry.label, place, x, mean, mean - std, mean + std))
    if not series or len(section.sizes) < 2:
        return None
    edges = [edge for line in series for edge in (line.low, line.high) if edge is not None]
    return Panel(
        MAIN,
        "Agreement over training sizes",
        "architectures in the training set, logarithmic",
        f"Kendall's tau{_with(section)}",
        tuple(series),
        span(section.sizes, log=True),
        span(np.concatenate(edges).tolist()),
        log_x=True,
        is_stepped=False,
    )


def precision_panel(section: Section, size: int) -> Panel | None:
    """Return Precision@K over K, learned from training sets of one size; None where there is none."""
    k = section.sizes.index(size)
    tops = [int(name.removeprefix(PRECISION)) for name in section.metrics if name.startswith(PRECISION)]
    tops = sorted(top for top in tops if top >= _LEAST_K)
    series = []
    for place, entry in enumerate(section.entries):
        means = np.array([_spread(section.values(entry, f"{PRECISION}{top}"))[0][k] for top in tops])
        if len(means) and not np.isnan(means).all():
            series.append(Series(entry.label, place, np.array(tops, dtype=np.float64), means))
    if not series or len(tops) < 2:
        return None
    return Panel(
        f"precision-{size}",
        f"Precision@K, {size:,} to learn from",
        "K, logarithmic",
        f"share of true best K{_with(section)}",
        tuple(series),
        span(tops, log=True),
        (-0.02, 1.02),
        log_x=True,
        is_stepped=False,
    )


def _spread(table: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation [K] over trainings; NaN where there is none, no deviation of a single one."""
    means, stds = np.full(len(table), np.nan), np.zeros(len(table))
    for k, row in enumerate(table):
        known = row[~np.isnan(row)]
        if len(known):
            means[k] = known.mean()
        if len(known) > 1:
            stds[k] = known.std(ddof=1)
    return means, stds


def _with(section: Section) -> str:
    return f", {section.signal}" if section.signal else ""
