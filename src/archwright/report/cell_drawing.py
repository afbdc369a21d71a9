"""Drawings of architectures: cells with operations on nodes or on edges, as SVG, or as PNG through matplotlib."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from archwright.core.arch import Arch
from archwright.core.errors import ExportError
from archwright.core.files import write_atomically
from archwright.core.graph import Graph
from archwright.report.layered import Layout, Point, lay_out
from archwright.report.svg import draw, element, label, standalone, tip
from archwright.spaces.base import Space
from archwright.spaces.edges import EdgeCell

__all__ = ["SUMS", "Box", "Diagram", "Drawing", "diagrams", "drawing", "save_drawing"]

#: Graphs with more boxes are no longer readable as a picture.
_MOST_BOXES = 400

_MARGIN, _TITLE = 20.0, 26.0
#: Pixels per character of a label at 12 px, with some air for wider fonts.
_CHARACTER = 7.4
_HEIGHT = 28.0
_LONGEST = 28
_WIDEST = 1150.0
_COLOURS = 8

#: Nodes that only bring values together, and the sign they are drawn with.
SUMS = {"join": "+", "sum": "+", "add": "+"}


@dataclass(frozen=True, slots=True)
class Box:
    """What one box says, and how it looks: `end` (input or output), `op`, `node` of a cell, or `sum`."""

    name: str
    look: str
    colour: int = 0

    @property
    def shown(self) -> str:
        """The name, cut where it is long."""
        return self.name if len(self.name) <= _LONGEST else f"{self.name[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"

    @property
    def size(self) -> Point:
        """Width and height in pixels."""
        if self.look in ("node", "sum"):
            return (24.0, 24.0)
        return (len(self.shown) * _CHARACTER + 20.0, _HEIGHT)


@dataclass(frozen=True, slots=True)
class Diagram:
    """Boxes and edges (i, j) with i < j, under a title."""

    title: str
    boxes: tuple[Box, ...]
    edges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A diagram with its places, in pixels from its upper left corner. Ways are as `layered.Way` has them."""

    diagram: Diagram
    centres: tuple[Point, ...]
    ways: tuple[tuple[Point, ...], ...]
    width: float
    height: float
    downwards: bool


def diagrams(space: Space, arch: Arch) -> tuple[Diagram, ...]:
    """Return one diagram for each cell of `arch`: with operations on edges where the space has them there.

    Raises:
        ArchError: if `arch` is not in the space.
    """
    space.require(arch)
    cells = getattr(space, "cells", None)
    found: Sequence[EdgeCell | Graph] = cells(arch) if cells is not None else space.graphs(arch)
    names = tuple(getattr(space, "cell_names", ()))
    if len(names) != len(found):
        names = tuple(f"cell {k + 1}" for k in range(len(found))) if len(found) > 1 else ("",)
    colours = _colours(space.op_names)
    return tuple(
        _of_edges(cell, name, space.op_names, colours, plain_output=bool(getattr(space, "concatenates", False)))
        if isinstance(cell, EdgeCell)
        else _of_graph(cell, name, space.op_names, colours)
        for cell, name in zip(found, names, strict=True)
    )


def _of_graph(graph: Graph, title: str, op_names: Sequence[str], colours: Mapping[str, int]) -> Diagram:
    edges = tuple(sorted(graph.edges, key=lambda edge: (edge[1], edge[0])))
    inner = {i for i, _ in edges} & {j for _, j in edges}
    boxes = tuple(
        _box(op_names[op], colours) if node in inner else Box(op_names[op], "end") for node, op in enumerate(graph.ops)
    )
    return Diagram(title, boxes, edges)


def _of_edges(
    cell: EdgeCell, title: str, op_names: Sequence[str], colours: Mapping[str, int], *, plain_output: bool
) -> Diagram:
    """Return the nodes of the cell as numbers, and between them a box for each operation that lets something pass.

    With `plain_output` the edges into the last node are lines without operations.
    """
    boxes: list[Box] = []
    edges: list[tuple[int, int]] = []
    place: dict[int, int] = {}
    for node in range(cell.n_nodes):
        plain = plain_output and node == cell.n_nodes - 1
        entering = []
        for source, _, op in (edge for edge in cell.edges if edge[1] == node and op_names[edge[2]] != "none"):
            if plain:
                entering.append(place[source])
                continue
            edges.append((place[source], len(boxes)))
            entering.append(len(boxes))
            boxes.append(_box(op_names[op], colours))
        place[node] = len(boxes)
        edges += [(each, place[node]) for each in entering]
        boxes.append(Box("output", "end") if plain else Box(str(node), "node"))
    return Diagram(title, tuple(boxes), tuple(edges))


def _box(name: str, colours: Mapping[str, int]) -> Box:
    return Box(SUMS[name], "sum") if name in SUMS else Box(name, "op", colours[name])


def _colours(op_names: Sequence[str]) -> dict[str, int]:
    """Return a colour for each operation; where there are more than colours, for each first part of a name."""
    ops = [name for name in op_names if not re.match(r"(input|output)(?![a-z])", name) and name not in SUMS]
    if len(ops) <= _COLOURS:
        return {name: k for k, name in enumerate(ops)}
    family = {name: re.split(r"[\d(=]|[-_](?=\d)", name)[0] for name in ops}
    order = list(dict.fromkeys(family.values()))
    return {name: order.index(family[name]) % _COLOURS for name in ops}


def drawing(diagram: Diagram) -> Drawing:
    """Return the diagram with its places: from left to right, or downwards where that would be too wide.

    Raises:
        ExportError: if it has too many boxes to be read as a picture.
    """
    if len(diagram.boxes) > _MOST_BOXES:
        raise ExportError(
            f"a drawing must have at most {_MOST_BOXES} boxes, but this architecture has {len(diagram.boxes)}: "
            "draw a smaller one with --arch"
        )
    across = lay_out([box.size for box in diagram.boxes], diagram.edges)
    if across.length <= _WIDEST:
        return _placed(diagram, across, downwards=False)
    return _placed(diagram, lay_out([box.size[::-1] for box in diagram.boxes], diagram.edges), downwards=True)


def _placed(diagram: Diagram, layout: Layout, *, downwards: bool) -> Drawing:
    top = _TITLE if diagram.title else 0.0

    def place(point: Point) -> Point:
        x, y = point[::-1] if downwards else point
        return (x + _MARGIN, y + _MARGIN + top)

    width, height = place((layout.length, layout.breadth))
    ways = tuple(tuple(map(place, way.points)) for way in layout.ways)
    return Drawing(diagram, tuple(map(place, layout.centres)), ways, width + _MARGIN, height + _MARGIN, downwards)


def bends(way: Sequence[Point], *, downwards: bool) -> list[tuple[Point, Point, Point]]:
    """Return the curves between the points of a way, each as two control points and its end."""
    curves = []
    for k, ((x1, y1), (x2, y2)) in enumerate(pairwise(way)):
        if k % 2 == 0:
            curves.append(((x1, y1), (x2, y2), (x2, y2)))
        elif downwards:
            curves.append(((x1, (y1 + y2) / 2), (x2, (y1 + y2) / 2), (x2, y2)))
        else:
            curves.append((((x1 + x2) / 2, y1), ((x1 + x2) / 2, y2), (x2, y2)))
    return curves


def save_drawing(space: Space, arch: Arch, path: str | Path) -> Path:
    """Write the cells of `arch` to an SVG or a PNG file, by the ending of `path`, and return the path.

    Raises:
        ArchError: if `arch` is not in the space.
        ExportError: if the ending is another one, or the architecture is too large for a picture.
        MissingExtraError: if a PNG is wanted and matplotlib is not installed.
        RunError: if the file cannot be written.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in (".svg", ".png"):
        raise ExportError(f"a drawing must be called something.svg or something.png, but {path.name!r} was given")
    drawings = [drawing(diagram) for diagram in diagrams(space, arch)]
    name = f"{space.name}: {space.text(arch)}"
    if ending == ".svg":
        write_atomically(path, standalone(as_svg(drawings, name=name)).encode())
    else:
        from archwright.report.cell_png import as_png

        with io.BytesIO() as buffer:
            as_png(drawings, buffer)
            write_atomically(path, buffer.getvalue())
    return path


def as_svg(drawings: Sequence[Drawing], *, name: str) -> str:
    """Return the drawings one below the other as SVG; `name` is what a screen reader says."""
    parts, y = [], 0.0
    for each in drawings:
        parts.append(element("g", _svg(each), transform=f"translate(0 {y:.1f})"))
        y += each.height
    return draw("".join(parts), width=max(each.width for each in drawings), height=y, name=name)


def _svg(drawn: Drawing) -> str:
    title = drawn.diagram.title
    parts = [label(title, x=_MARGIN, y=_MARGIN + 6, class_="strong")] if title else []
    for way in drawn.ways:
        parts.append(_svg_way(way, downwards=drawn.downwards))
    parts += [_svg_box(box, *centre) for box, centre in zip(drawn.diagram.boxes, drawn.centres, strict=True)]
    return "".join(parts)


def _svg_way(way: Sequence[Point], *, downwards: bool) -> str:
    x, y = way[0]
    words = [f"M{x:.1f} {y:.1f}"]
    for one, two, end in bends(way, downwards=downwards):
        words.append("C" + " ".join(f"{a:.1f} {b:.1f}" for a, b in (one, two, end)))
    line = element("path", d=" ".join(words), style="fill:none;stroke:var(--faint);stroke-width:1.4")
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in arrow_head(way[-1], downwards=downwards))
    return line + element("polygon", points=points, style="fill:var(--faint)")


def arrow_head(tip_: Point, *, downwards: bool) -> list[Point]:
    """Return the corners of the arrow that ends at a point."""
    x, y = tip_
    return [(x, y), (x - 3.5, y - 7), (x + 3.5, y - 7)] if downwards else [(x, y), (x - 7, y - 3.5), (x - 7, y + 3.5)]


def _svg_box(box: Box, x: float, y: float) -> str:
    width, height = box.size
    style = {
        "end": "fill:var(--wash);stroke:var(--accent)",
        "node": "fill:var(--panel);stroke:var(--ink);stroke-width:1.3",
        "sum": "fill:var(--panel);stroke:var(--faint)",
        "op": f"fill:var(--c{box.colour});fill-opacity:.22;stroke:var(--c{box.colour})",
    }[box.look]
    radius = height / 2 if box.look in ("node", "sum", "end") else 6.0
    # A coat in the colour of the panel keeps what is below from shining through.
    place = {"x": x - width / 2, "y": y - height / 2, "width": width, "height": height, "rx": radius}
    coat = element("rect", style="fill:var(--panel)", **place)
    shape = element("rect", tip(box.name), style=style, **place)
    return coat + shape + label(box.shown, x=x, y=y + 4, anchor="middle", class_="strong")
