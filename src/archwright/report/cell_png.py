"""Drawings of cells as PNG: the same places as in the SVG, painted by matplotlib."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import IO, Any

from archwright.core.errors import MissingExtraError
from archwright.report.cell_drawing import Box, Drawing, arrow_head, bends
from archwright.report.layered import Point
from archwright.report.svg import STYLE

__all__ = ["as_png"]

#: Pixels of the drawing per inch, and of the picture per pixel of the drawing.
_PER_INCH, _SCALE = 100.0, 2.0
_FONT_POINTS = 12.0 * 72.0 / _PER_INCH

#: The light palette of the SVG, so that there is one list of colours.
_PALETTE = dict(re.findall(r"--(\w+):(#[0-9a-f]+)", STYLE.partition("@media")[0]))


def as_png(drawings: Sequence[Drawing], file: IO[bytes]) -> None:
    """Write the drawings, one below the other, to `file`.

    Raises:
        MissingExtraError: if matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            "a PNG needs matplotlib: pip install 'archwright[plots]', or name a file that ends in .svg"
        ) from error
    width, height = max(each.width for each in drawings), sum(each.height for each in drawings)
    figure = Figure(figsize=(width / _PER_INCH, height / _PER_INCH), dpi=_PER_INCH * _SCALE, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0.0, width)
    axes.set_ylim(height, 0.0)
    axes.axis("off")
    below = 0.0
    for each in drawings:
        _paint(axes, each, below)
        below += each.height
    # No software name or date: the same architecture gives the same bytes.
    figure.savefig(file, format="png", metadata={"Software": None})


def _paint(axes: Any, drawn: Drawing, below: float) -> None:
    def moved(point: Point) -> Point:
        return (point[0], point[1] + below)

    if drawn.diagram.title:
        axes.text(20.0, 26.0 + below, drawn.diagram.title, fontsize=_FONT_POINTS, weight="bold", color=_PALETTE["ink"])
    for way in drawn.ways:
        _paint_way(axes, [moved(point) for point in way], downwards=drawn.downwards)
    for box, centre in zip(drawn.diagram.boxes, drawn.centres, strict=True):
        _paint_box(axes, box, *moved(centre))


def _paint_way(axes: Any, way: Sequence[Point], *, downwards: bool) -> None:
    from matplotlib.patches import PathPatch, Polygon
    from matplotlib.path import Path

    points, codes = [way[0]], [Path.MOVETO]
    for curve in bends(way, downwards=downwards):
        points += curve
        codes += [Path.CURVE4] * 3
    axes.add_patch(PathPatch(Path(points, codes), fill=False, edgecolor=_PALETTE["faint"], linewidth=1.0))
    head = arrow_head(way[-1], downwards=downwards)
    axes.add_patch(Polygon(head, closed=True, facecolor=_PALETTE["faint"], edgecolor="none"))


def _paint_box(axes: Any, box: Box, x: float, y: float) -> None:
    from matplotlib.patches import Circle, FancyBboxPatch

    width, height = box.size
    fill, edge = {
        "end": (_PALETTE["wash"], _PALETTE["accent"]),
        "node": ("#ffffff", _PALETTE["ink"]),
        "sum": ("#ffffff", _PALETTE["faint"]),
        "op": (_mixed(_PALETTE[f"c{box.colour}"], 0.22), _PALETTE[f"c{box.colour}"]),
    }[box.look]
    shape: Any = Circle((x, y), height / 2)
    if box.look in ("op", "end"):
        style = f"round,pad=0,rounding_size={6.0 if box.look == 'op' else height / 2 - 0.01}"
        shape = FancyBboxPatch((x - width / 2, y - height / 2), width, height, boxstyle=style)
    shape.set(facecolor=fill, edgecolor=edge, linewidth=0.9)
    axes.add_patch(shape)
    axes.text(
        x,
        y,
        box.shown,
        fontsize=_FONT_POINTS,
        color=_PALETTE["ink"],
        ha="center",
        va="center_baseline",
        parse_math=False,
    )


def _mixed(colour: str, share: float) -> str:
    """Return a colour mixed with white."""
    parts = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return "#" + "".join(f"{round(255 + (part - 255) * share):02x}" for part in parts)
