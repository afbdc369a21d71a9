"""The charts of a study of proxies as inline SVG for its page."""

from __future__ import annotations

import math

from archwright.report.comparison_svg import STYLE as COLOUR_STYLE
from archwright.report.proxy_panels import Bars, Scatter, correlation_text
from archwright.report.svg import Frame, Scale, draw, element, label, tip

__all__ = ["STYLE", "bars_svg", "scatter_svg"]

_WIDTH, _HEIGHT = 320.0, 250.0
#: Colours of validation and test, by their place among those of all reports.
_SHADES = (2, 1)

#: What the page's style sheet needs besides that of all drawings.
STYLE = COLOUR_STYLE + (
    ".points{fill:none;stroke:var(--k2);stroke-width:4;stroke-linecap:round;stroke-opacity:.4}"
    ".points.many{stroke-width:2.6;stroke-opacity:.32}"
)
_MANY = 400


def scatter_svg(plot: Scatter) -> str:
    """Return one scatter plot; all its points are one path, which keeps the page small."""
    frame = Frame.of(plot.x_limits, plot.y_limits, width=_WIDTH, height=_HEIGHT, log_x=plot.log_x)
    axes = frame.axes(x_label=plot.x_label, y_label=plot.y_label, n_x=4, n_y=4)
    # A line of no length with round ends is a dot.
    places = zip(plot.x.tolist(), plot.y.tolist(), strict=True)
    way = "".join(f"M{frame.x(x):.1f} {frame.y(y):.1f}h0" for x, y in places)
    points = element("path", d=way, class_="points many" if len(plot.x) > _MANY else "points")
    name = f"{plot.title}: {plot.caption}, Spearman {correlation_text(plot.rho)}"
    return draw(axes + points, name=name, width=_WIDTH, height=_HEIGHT)


def bars_svg(chart: Bars) -> str:
    """Return Spearman's correlation of every proxy with its interval, a row each, a colour per target."""
    row_height, left, right = 24.0, 150.0, 940.0
    height = row_height * len(chart.names) + 58
    known = [each for intervals in chart.intervals for each in intervals if not math.isnan(each.value)]
    lowest = min([0.0, *(each.value if math.isnan(each.low) else each.low for each in known)])
    x = Scale(max(-1.0, lowest - 0.05) if lowest < 0 else 0.0, 1.0, left, right)
    bottom = height - 44
    parts = []
    ticks = x.ticks(8)
    for tick, name in zip(ticks, x.names(ticks), strict=True):
        kind = "axis" if tick == 0 else "grid"
        parts.append(element("line", x1=x(tick), x2=x(tick), y1=8.0, y2=bottom, class_=kind))
        parts.append(label(name, x=x(tick), y=bottom + 16, anchor="middle", class_="small"))
    for row, name in enumerate(chart.names):
        y = 20.0 + row * row_height
        parts.append(label(name, x=left - 14, y=y + 4, anchor="end", class_="strong"))
        for place, (target, intervals) in enumerate(zip(chart.targets, chart.intervals, strict=True)):
            each, at = intervals[row], y + (place - (len(chart.targets) - 1) / 2) * 8
            if math.isnan(each.value):
                continue
            shade = _SHADES[place]
            if not math.isnan(each.low):
                ends = {"x1": x(each.low), "x2": x(each.high)}
                parts.append(element("line", **ends, y1=at, y2=at, class_=f"whisker k{shade}"))
            said = tip(f"{name}, {target}: {correlation_text(each)}")
            parts.append(element("circle", said, cx=x(each.value), cy=at, r=4.0, class_=f"f{shade}"))
    parts.append(label("Spearman's rank correlation", x=(left + right) / 2, y=bottom + 34, anchor="middle"))
    return draw("".join(parts), name="Spearman's rank correlation of each proxy", width=960.0, height=height)
