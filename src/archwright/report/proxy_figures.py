"""The charts of a study of proxies as PNG files, by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from archwright.report.comparison_panels import COLOURS
from archwright.report.png import figure_class, save, styled
from archwright.report.proxy_panels import Bars, Scatter, correlation_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["write_bars_png", "write_scatter_png"]

_ACROSS = 4
#: Side of a scatter plot in inches, and characters of the caption per inch.
_SIDE, _LINE = 2.7, 17
#: Validation is blue, test is orange.
_SHADES = (COLOURS[2][0], COLOURS[1][0])
#: Points fade and shrink where there are many.
_DENSE = 400


def write_bars_png(path: Path, chart: Bars, *, title: str, caption: str) -> None:
    """Write Spearman's correlation of every proxy, with its interval, for each target.

    Raises:
        MissingExtraError: if matplotlib is not installed.
        RunError: if the file cannot be written (exit code 1).
    """
    figure_of = figure_class()
    with styled():
        figure = figure_of(figsize=(7.6, 1.9 + 0.3 * len(chart.names)), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0, color="#98a1b0", lw=1)
        for place, (target, intervals) in enumerate(zip(chart.targets, chart.intervals, strict=True)):
            shift = (place - (len(chart.targets) - 1) / 2) * 0.3
            rows = [row + shift for row in range(len(intervals))]
            axes.scatter([each.value for each in intervals], rows, s=20, color=_SHADES[place], label=target, zorder=3)
            for row, each in zip(rows, intervals, strict=True):
                axes.plot([each.low, each.high], [row, row], color=_SHADES[place], lw=1.8, solid_capstyle="butt")
        axes.set_yticks(range(len(chart.names)), chart.names)
        axes.invert_yaxis()
        axes.set_xlim(_left(chart), 1.0)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("Spearman's rank correlation")
        axes.set_title(title)
        figure.legend(loc="outside upper right", ncols=len(chart.targets), fontsize=8)
        figure.supxlabel(fill(caption, 120), x=0.012, ha="left", fontsize=7.5, color="#7a8494")
        save(figure, path)


def write_scatter_png(path: Path, plots: Sequence[Scatter], *, title: str, caption: str) -> None:
    """Write the scatter plots of one case in rows of four, the best proxy first.

    Raises:
        MissingExtraError: if matplotlib is not installed.
        RunError: if the file cannot be written (exit code 1).
    """
    figure_of = figure_class()
    across = min(_ACROSS, len(plots))
    down = math.ceil(len(plots) / across)
    with styled():
        figure = figure_of(figsize=(_SIDE * max(across, 2), _SIDE * down + 0.9))
        figure.set_layout_engine("constrained", w_pad=0.06, h_pad=0.07)
        grid = figure.subplots(down, across, squeeze=False)
        for place, axes in enumerate(grid.ravel()):
            if place >= len(plots):
                axes.set_axis_off()
                continue
            _draw(axes, plots[place])
            if place % across == 0:
                axes.set_ylabel(plots[place].y_label)
        figure.suptitle(title, x=0.012, ha="left", fontsize=12.5, fontweight="bold")
        line = int(_LINE * _SIDE * max(across, 2))
        figure.supxlabel(fill(caption, line), x=0.012, ha="left", fontsize=7.5, color="#7a8494")
        save(figure, path)


def _draw(axes: Axes, plot: Scatter) -> None:
    is_dense = len(plot.x) > _DENSE
    axes.scatter(
        plot.x, plot.y, s=4 if is_dense else 9, color=_SHADES[0], alpha=0.3 if is_dense else 0.5, lw=0, clip_on=False
    )
    if plot.log_x:
        axes.set_xscale("log")
    axes.set_xlim(*plot.x_limits)
    axes.set_ylim(*plot.y_limits)
    axes.set_title(f"{plot.title}  {correlation_text(plot.rho)}", fontsize=8.5)
    axes.tick_params(labelsize=7.5)
    axes.set_xlabel(plot.x_label, fontsize=7.5)


def _left(chart: Bars) -> float:
    known = [each.low for intervals in chart.intervals for each in intervals if not math.isnan(each.low)]
    lowest = min([*known, 0.0])
    return max(-1.0, lowest - 0.05) if lowest < 0 else -0.02
