"""The charts of an experiment as inline SVG for its page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from archwright.report import text
from archwright.report.comparison_panels import COLOURS, Panel, Series
from archwright.report.significance import Overall
from archwright.report.svg import Frame, Scale, draw, element, label, path, steps, tip

__all__ = ["STYLE", "panel_svg", "ranks_svg"]

Floats = npt.NDArray[np.float64]

#: Makes the corners of a line of its points.
Way = Callable[[list[tuple[float, float]]], list[tuple[float, float]]]

_WIDTH, _HEIGHT = 470.0, 330.0
#: Points that a line of the page needs at most.
_POINTS = 160

_SHADES = [":root{" + "".join(f"--k{n}:{each[dark]};" for n, each in enumerate(COLOURS)) + "}" for dark in (0, 1)]
_CLASSES = "".join(
    f".k{n}{{stroke:var(--k{n})}}.f{n}{{fill:var(--k{n})}}.swatch.k{n}{{background:var(--k{n})}}"
    for n in range(len(COLOURS))
)

#: What the page's style sheet needs besides that of all drawings.
STYLE = (
    f"{_SHADES[0]}@media (prefers-color-scheme:dark){{{_SHADES[1]}}}{_CLASSES}"
    ".line{fill:none;stroke-linejoin:round}.line.d1{stroke-dasharray:6 3}.line.d2{stroke-dasharray:2 2}"
    ".spread{opacity:.13}.whisker{stroke-width:2}"
)


def panel_svg(panel: Panel) -> str:
    """Return one chart."""
    frame = Frame.of(panel.x, panel.y, width=_WIDTH, height=_HEIGHT, log_x=panel.log_x)
    parts = [frame.axes(x_label=panel.x_label, y_label=panel.y_label, n_x=5)]
    way = steps if panel.is_stepped else list
    parts += [_band(frame, line, way) for line in panel.series]
    if panel.best is not None:
        y = frame.y(panel.best)
        parts.append(element("line", x1=frame.x.start, x2=frame.x.stop, y1=y, y2=y, class_="dash"))
        parts.append(label("best of the benchmark", x=frame.x.stop, y=y - 4, anchor="end", class_="small"))
    for place, line in enumerate(panel.series):
        # Where lines coincide the later ones are thinner, so that each can be seen.
        parts.append(_line(frame, line, way, 3.0 - 1.5 * place / max(1, len(panel.series) - 1)))
        if not panel.is_stepped:
            parts += _marks(frame, line)
    return draw("".join(parts), name=panel.title, width=_WIDTH, height=_HEIGHT)


def ranks_svg(names: Sequence[str], cases: Sequence[str], rank_table: Floats, overall: Overall, *, by: str) -> str:
    """Return the mean ranks over benchmarks: a dot per benchmark, a large one for their mean, a bar for chance.

    Args:
        names: Who is ranked, K of them. `cases`: the benchmarks, B of them.
        rank_table: Ranks [B, K]. `overall`: what they say together.
        by: What the ranks are by: `mean final value`.
    """
    row_height, left = 26.0, 250.0
    height = row_height * len(names) + 58
    x = Scale(0.5, len(names) + 0.5, left, 940.0)
    bottom = height - 44
    parts = []
    for tick in range(1, len(names) + 1):
        parts.append(element("line", x1=x(tick), x2=x(tick), y1=8.0, y2=bottom, class_="grid"))
        parts.append(label(str(tick), x=x(tick), y=bottom + 16, anchor="middle", class_="small"))
    for row, place in enumerate(np.argsort(overall.ranks, kind="stable").tolist()):
        y, rank, colour = 20.0 + row * row_height, float(overall.ranks[place]), place % len(COLOURS)
        parts.append(label(names[place], x=left - 60, y=y + 4, anchor="end", class_="strong"))
        parts.append(label(f"{rank:.2f}", x=left - 14, y=y + 4, anchor="end"))
        if overall.difference is not None:
            ends = [x(rank - overall.difference / 2), x(rank + overall.difference / 2)]
            parts.append(element("line", x1=ends[0], x2=ends[1], y1=y, y2=y, class_=f"whisker k{colour}"))
        for case, each in zip(cases, rank_table[:, place].tolist(), strict=True):
            said = tip(f"{case}: {each:g}")
            parts.append(element("circle", said, cx=x(each), cy=y, r=4.0, class_=f"f{colour}", opacity=0.35))
        parts.append(element("circle", tip(f"mean {rank:.2f}"), cx=x(rank), cy=y, r=6.0, class_=f"f{colour}"))
    parts.append(label(f"rank by {by}; 1 is the best", x=(left + 940) / 2, y=bottom + 34, anchor="middle"))
    return draw("".join(parts), name="Mean ranks over benchmarks", width=960.0, height=height)


def _marks(frame: Frame, line: Series) -> list[str]:
    """Return a mark at each value, which says it."""
    numbers = zip(line.x.tolist(), line.y.tolist(), strict=True)
    says = [f"{line.name}: {text.score(y)} at {x:,g}" for x, y in numbers]
    points = zip(says, _points(frame, line, line.y), strict=True)
    shade = f"f{line.colour % len(COLOURS)}"
    return [element("circle", tip(said), cx=x, cy=y, r=3.0, class_=shade) for said, (x, y) in points]


def _line(frame: Frame, line: Series, way: Way, width: float) -> str:
    dash = f" d{line.colour // len(COLOURS) % 3}" if line.colour >= len(COLOURS) else ""
    said = f"{line.name}: {text.score(float(line.y[-1]))} at the end"
    points = _points(frame, line, line.y)
    drawn = path(way(points), f"line k{line.colour % len(COLOURS)}{dash}")
    return drawn.removesuffix("/>") + f' stroke-width="{width:.1f}">{tip(said)}</path>'


def _band(frame: Frame, line: Series, way: Way) -> str:
    if line.low is None or line.high is None:
        return ""
    upper, lower = way(_points(frame, line, line.high)), way(_points(frame, line, line.low))
    return path([*upper, *reversed(lower)], f"spread f{line.colour % len(COLOURS)}")


def _points(frame: Frame, line: Series, heights: Floats) -> list[tuple[float, float]]:
    """Return pixel points; of a long line only as many as the eye can tell apart."""
    points = [(frame.x(x), frame.y(y)) for x, y in zip(line.x.tolist(), heights.tolist(), strict=True)]
    if len(points) <= _POINTS:
        return points
    least = (frame.x.stop - frame.x.start) / _POINTS
    kept = [points[0]]
    for point, after in pairwise([*points[1:], (float("inf"), 0.0)]):
        if point[0] - kept[-1][0] >= least or after[0] == float("inf"):
            kept.append(point)
    return kept
