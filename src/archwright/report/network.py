"""The drawing of a network: fields, embedding, hidden layers, head, each with its parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from archwright.report import text
from archwright.report.svg import draw, element, label, tip
from archwright.report.view import RunView

__all__ = ["Block", "blocks", "network"]

#: Arrays of the model file that are computed from the data, not learned; as `FrozenNet` counts.
_NOT_LEARNED = {"cat.offset", "num.slope", "num.shift", "num.low", "num.high", "num.edges", "num.offset"}
_HEIGHT, _MIDDLE = 300.0, 138.0


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a network: its name, what it does, how wide its output is, and its learned numbers."""

    name: str
    detail: str
    width: int
    params: int | None


def blocks(view: RunView) -> list[Block]:
    """Return the blocks of the best network (of several its first), input first; empty where there is no model file."""
    shapes, best = _first_member(view.shapes), view.record.best
    if best is None or "head.weight" not in shapes:
        return []
    n_numeric = shapes["num.vector"][0] if "num.vector" in shapes else shapes.get("num.offset", (0,))[0]
    n_categorical = shapes.get("cat.offset", (0,))[0]
    kinds = [f"{n_numeric} numeric"] * bool(n_numeric) + [f"{n_categorical} categorical"] * bool(n_categorical)
    found = [Block("Fields", ", ".join(kinds), n_numeric + n_categorical, None)]
    first = shapes.get("layers.0.weight", shapes["head.weight"])
    learned = sum(_size(shape) for name, shape in shapes.items() if name[:4] in ("cat.", "num.") and _learned(name))
    each = first[1] // max(1, n_numeric + n_categorical)
    if best.get("what") != "constant":
        found.append(Block("Embedding", f"{each} per field", first[1], learned))
    for k in range(_n_layers(shapes)):
        found.append(
            Block(f"Layer {k + 1}", "Linear, BN, ReLU", shapes[f"layers.{k}.weight"][0], _own(shapes, f"layers.{k}"))
        )
    n_outputs = shapes["head.weight"][0]
    found.append(Block("Head", "output" if n_outputs == 1 else "outputs", n_outputs, _own(shapes, "head")))
    return found


def _first_member(shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, tuple[int, ...]]:
    """Return the shapes of the best member alone, where there are several."""
    own = {name.removeprefix("0."): shape for name, shape in shapes.items() if name.startswith("0.")}
    return own or shapes


def _n_layers(shapes: Mapping[str, tuple[int, ...]]) -> int:
    return sum(name.startswith("layers.") and name.endswith(".weight") for name in shapes)


def _own(shapes: Mapping[str, tuple[int, ...]], prefix: str) -> int:
    return sum(_size(shapes[f"{prefix}.{part}"]) for part in ("weight", "bias") if f"{prefix}.{part}" in shapes)


def _size(shape: tuple[int, ...]) -> int:
    return math.prod(shape)


def _learned(name: str) -> bool:
    return name not in _NOT_LEARNED


def network(view: RunView) -> str | None:
    """Return the drawing; None where there is no model file. Heights grow with the root of the width."""
    found = blocks(view)
    if not found:
        return None
    pitch = 128.0 if len(found) <= 7 else 108.0
    width = max(560.0, pitch * len(found) + 20.0)
    most = max(block.width for block in found)
    offset = (width - pitch * len(found)) / 2
    places = [offset + pitch * (k + 0.5) for k in range(len(found))]
    heights = [max(16.0, 190.0 * math.sqrt(block.width / most)) for block in found]
    parts = []
    for k in range(len(found) - 1):
        parts.append(_flow(places[k] + 22, heights[k], places[k + 1] - 22, heights[k + 1]))
    parts += [_block(block, x=x, height=h) for block, x, h in zip(found, places, heights, strict=True)]
    return draw("".join(parts), width=width, height=_HEIGHT, name="The network found")


def _flow(x1: float, h1: float, x2: float, h2: float) -> str:
    top, bottom = f"{x1:.1f},{_MIDDLE - h1 / 2:.1f} {x2:.1f},{_MIDDLE - h2 / 2:.1f}", f"{x2:.1f},{_MIDDLE + h2 / 2:.1f}"
    return element("polygon", points=f"{top} {bottom} {x1:.1f},{_MIDDLE + h1 / 2:.1f}", class_="flow")


def _block(block: Block, *, x: float, height: float) -> str:
    params = "" if block.params is None else f"{text.short_count(block.params)} params"
    said = f"{block.name}: {block.width} wide" + (f", {text.count(block.params)} parameters" if params else "")
    box = element("rect", tip(said), x=x - 22, y=_MIDDLE - height / 2, width=44.0, height=height, rx=5.0, class_="box")
    base = 256.0
    return "".join(
        [
            box,
            label(str(block.width), x=x, y=_MIDDLE + 4, anchor="middle", class_="strong"),
            label(block.name, x=x, y=base, anchor="middle", class_="strong"),
            label(block.detail, x=x, y=base + 17, anchor="middle", class_="small"),
            label(params, x=x, y=base + 33, anchor="middle", class_="small"),
        ]
    )
