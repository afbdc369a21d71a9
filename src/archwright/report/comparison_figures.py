"""The charts of an experiment as PNG files, by matplotlib."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from archwright.report.comparison import Comparison, Contest
from archwright.report.comparison_panels import COLOURS, Panel, case_title, panels
from archwright.report.png import figure_class, save, styled
from archwright.report.significance import Overall

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["write_contest_png", "write_panels_png", "write_ranks_png"]

Floats = npt.NDArray[np.float64]

#: Lines of more contestants than there are colours are dashed.
_DASHES = ("solid", (0, (5, 2)), (0, (1.5, 1.5)))
#: Charts in a row.
_ACROSS = 4
#: Characters of a name on a line of the legend, where it can be broken.
_NAME = 32
#: Inches of a legend beside the charts: for the lines and margins, and for each character; for each line of text.
_BESIDE, _CHARACTER, _TEXT_LINE = 0.75, 0.066, 0.15
#: Values that an axis names at most.
_TICKS = 7
#: Characters of the caption on a line, for each chart.
_LINE = 78


def write_contest_png(path: Path, contest: Contest, comparison: Comparison, *, caption: str) -> None:
    """Write the charts of one case side by side.

    Raises:
        MissingExtraError: if matplotlib is not installed.
        RunError: if the file cannot be written (exit code 1).
    """
    title, drawn = case_title(contest.case), panels(contest, comparison.names)
    write_panels_png(path, drawn, n_names=len(comparison.names), title=title, caption=caption)


def write_panels_png(path: Path, drawn: Sequence[Panel], *, n_names: int, title: str, caption: str) -> None:
    """Write charts in rows of four, with one legend.

    Args:
        path: File to write.
        drawn: The charts.
        n_names: Names in the legend. `title`: above all charts. `caption`: below them.

    Raises:
        MissingExtraError: if matplotlib is not installed.
        RunError: if the file cannot be written (exit code 1).
    """
    figure_of = figure_class()
    with styled():
        across = min(_ACROSS, len(drawn))
        down = -(-len(drawn) // across)
        beside, high = (0.0, 0.0) if drawn[0].is_stepped else _legend_size(drawn)
        figure = figure_of(figsize=(4.4 * across + beside, max(4.4 * down, high)))
        figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.06)
        axes = figure.subplots(down, across, squeeze=False).ravel()
        for place, panel in zip(axes, drawn, strict=False):
            _draw(place, panel)
        for place in axes[len(drawn) :]:
            place.set_axis_off()
        figure.suptitle(title, x=0.012, ha="left", fontsize=12.5, fontweight="bold")
        figure.supxlabel(fill(caption, _LINE * across), x=0.012, ha="left", fontsize=7.5, color="#7a8494")
        if drawn[0].is_stepped:
            # Curves rise to the right: below their ends is room.
            axes[0].legend(loc="lower right", ncols=1 if n_names < 5 else 2, fontsize=8)
        else:
            lines = {line.get_label(): line for place in axes for line in place.get_lines()}
            figure.legend(handles=list(lines.values()), loc="outside right upper", fontsize=8)
        save(figure, path)


def _legend_size(drawn: Sequence[Panel]) -> tuple[float, float]:
    """Return the inches that a legend of all names takes, in width and height."""
    names = {line.name for panel in drawn for line in panel.series}
    lines = [line for name in names for line in _broken(name).splitlines()]
    return _BESIDE + _CHARACTER * max(map(len, lines)), _BESIDE + _TEXT_LINE * len(lines)


def _broken(name: str) -> str:
    """Return the name of a contestant, with lines broken before settings.

    >>> _broken("ta_gates:symmetry=none:contact=message:detach=true")
    'ta_gates:symmetry=none\\n  :contact=message:detach=true'
    """
    lines = [""]
    for part in re.findall(r":?[^:]+", name):
        if lines[-1] and len(lines[-1]) + len(part) > _NAME:
            lines.append("  ")
        lines[-1] += part
    return "\n".join(lines)


def write_ranks_png(path: Path, names: Sequence[str], rank_table: Floats, overall: Overall, *, by: str) -> None:
    """Write the mean ranks over all benchmarks, with bars that join what may be equal.

    Args:
        path: File to write.
        names: Who is ranked, K of them.
        rank_table: Ranks [B, K] on each benchmark. `overall`: what they say together.
        by: What the ranks are by: `mean final value`.

    Raises:
        MissingExtraError: if matplotlib is not installed.
        RunError: if the file cannot be written (exit code 1).
    """
    figure_of = figure_class()
    order = np.argsort(overall.ranks, kind="stable").tolist()
    with styled():
        figure = figure_of(figsize=(7.0, 1.3 + 0.34 * len(names)), layout="constrained")
        axes = figure.subplots()
        for row, place in enumerate(order):
            colour = COLOURS[place % len(COLOURS)][0]
            rank = float(overall.ranks[place])
            axes.scatter(rank_table[:, place], np.full(overall.n, row), s=16, color=colour, alpha=0.3, lw=0)
            axes.scatter([rank], [row], s=60, color=colour, zorder=3)
            if overall.difference is not None:
                reach = overall.difference / 2
                axes.plot([rank - reach, rank + reach], [row, row], color=colour, lw=1.6, solid_capstyle="butt")
        axes.set_yticks(range(len(names)), [f"{names[place]}  {overall.ranks[place]:.2f}" for place in order])
        axes.invert_yaxis()
        axes.set_xlim(0.5, len(names) + 0.5)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"rank by {by} (1 is the best): small dots are outcomes, large ones their mean", fontsize=8)
        axes.set_title(f"Mean rank over {overall.n} benchmark outcomes")
        if overall.difference is not None:
            said = f"bars that do not overlap differ (Nemenyi, 5 %, critical difference {overall.difference:.2f})"
            figure.supxlabel(said, x=0.012, ha="left", fontsize=7.5, color="#7a8494")
        save(figure, path)


def _draw(axes: Axes, panel: Panel) -> None:
    for place, line in enumerate(panel.series):
        # Where lines coincide the later ones are thinner, so that each can be seen.
        width = 2.6 - 1.2 * place / max(1, len(panel.series) - 1)
        colour = COLOURS[line.colour % len(COLOURS)][0]
        dash = _DASHES[line.colour // len(COLOURS) % len(_DASHES)]
        # What is known at one trial or time holds until the next.
        step: Literal["post"] | None = "post" if panel.is_stepped else None
        if line.low is not None and line.high is not None:
            axes.fill_between(line.x, line.low, line.high, step=step, color=colour, alpha=0.11, lw=0)
        style, mark = ("steps-post", "") if panel.is_stepped else ("default", "o")
        name = _broken(line.name)
        axes.plot(line.x, line.y, drawstyle=style, marker=mark, ms=3.5, color=colour, ls=dash, lw=width, label=name)
    if panel.best is not None:
        axes.axhline(panel.best, color="#98a1b0", lw=1, ls=(0, (3, 3)))
        axes.annotate(
            "best of the benchmark",
            (1, panel.best),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=7.5,
            color="#7a8494",
        )
    if panel.log_x:
        axes.set_xscale("log")
    if not panel.is_stepped:
        ticks = sorted({x for line in panel.series for x in line.x.tolist()})
        ticks = ticks[:: -(-len(ticks) // _TICKS)]
        axes.set_xticks(ticks, [f"{tick:,g}" for tick in ticks])
        axes.minorticks_off()
    axes.set_xlim(*panel.x)
    axes.set_ylim(*panel.y)
    axes.set_title(panel.title)
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
