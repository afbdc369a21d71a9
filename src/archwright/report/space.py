"""A search space in a few numbers."""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from archwright.core.arch import Arch
from archwright.core.catalog import find, names
from archwright.core.graph import Graph
from archwright.core.rng import derive
from archwright.report.cell_drawing import SUMS
from archwright.spaces.base import Space
from archwright.spaces.compose import Composed

__all__ = ["describe_space", "lines", "list_lines", "list_spaces"]

#: Grids up to this size are walked through to count the valid points; of larger ones so many points are drawn.
_COUNTED, _DRAWN = 100_000, 10_000
#: Architectures of which isomorphic ones are found, and over which depths are taken; else so many are drawn.
_COMPARED, _MEASURED, _SAMPLED = 50_000, 2_000, 300
_MOST_NEIGHBOURS = 100_000
_LISTED = 16
#: Operations that give zero whatever they read.
_BLOCKING = ("none", "zero")
_EXACT, _TOO_LARGE = "exact", "not counted (too large)"


def describe_space(space: Space, arch: Arch | None = None, *, limit_s: float = 8.0) -> dict[str, Any]:
    """Return what a space holds: sizes, operations, depths, and one example.

    The keys: `name`, `size` (points of the grid), `decisions`, `architectures` (valid ones, and how that is known),
    `unique` (of these, up to isomorphism or what the space itself holds equal), `operations`, `depth` (operations on
    the longest path of a cell: min, mean, max, and over what), `example`, `neighbours` of it, `value` of composed
    spaces, and for layered networks `layers`, `widths` and `example_widths`.

    Args:
        space: The space.
        arch: The example; by default a random one, the same at every call.
        limit_s: Seconds after which counting ends, for each of the two counts.

    Raises:
        ArchError: if `arch` is not in the space.
    """
    example = space.random(rng=np.random.default_rng(0)) if arch is None else space.require(arch)
    known = _architectures(space, limit_s)
    facts: dict[str, Any] = {
        "name": space.name,
        "size": int(space.size()),
        "decisions": len(space.arities),
        "architectures": known,
        "unique": _unique(space, known, limit_s),
        "operations": [
            name for name in space.op_names if not name.startswith(("input", "output")) and name not in SUMS
        ],
        "depth": _depth(space, known, limit_s),
        "neighbours": sum(1 for _ in islice(space.neighbours(example), _MOST_NEIGHBOURS)),
        "example": space.text(example),
    }
    if isinstance(space, Composed):
        facts["value"] = space.value(example)
    widths_of = getattr(space, "widths_of", None)
    if widths_of is not None:
        facts["layers"] = len(space.arities)
        facts["widths"] = [int(width) for width in getattr(space, "widths", ())]
        facts["example_widths"] = [int(width) for width in widths_of(example)]
    return facts


def _architectures(space: Space, limit_s: float) -> dict[str, Any]:
    """Return the number of valid architectures, None where it is not known, and how it is known."""
    count = getattr(space, "count", None)
    if count is not None:
        return {"number": int(count()), "how": _EXACT}
    if type(space).check is Space.check:
        return {"number": int(space.size()), "how": _EXACT}
    if space.size() <= _COUNTED:
        walked = _walked(space.enumerate(), limit_s)
        return {"number": None, "how": _TOO_LARGE} if walked is None else {"number": len(walked), "how": _EXACT}
    rng = derive(0, "points", space.name)
    points = rng.integers(space.arities, size=(_DRAWN, len(space.arities))).tolist()
    valid = sum(space.check(Arch(space.name, tuple(genes))) is None for genes in points)
    # Fewer than a hundred hits would give a number that is wrong by more than a tenth.
    if valid < 100:
        return {"number": None, "how": _TOO_LARGE}
    return {"number": valid * space.size() // _DRAWN, "how": f"estimated from {_DRAWN:,} points of the grid"}


def _archs(space: Space) -> Iterator[Arch]:
    return space.settled_archs() if isinstance(space, Composed) else space.enumerate()


def _walked(archs: Iterator[Any], limit_s: float) -> list[Any] | None:
    """Return all that an iterator yields; None if that takes longer than `limit_s`."""
    end, walked = time.monotonic() + limit_s, []
    for each in archs:
        walked.append(each)
        if time.monotonic() > end:
            return None
    return walked


def _unique(space: Space, known: dict[str, Any], limit_s: float) -> dict[str, Any]:
    """Return the number of architectures that differ in more than the numbering of nodes, and what was held equal."""
    if known["how"] != _EXACT or known["number"] > _COMPARED:
        return {"number": None, "how": _TOO_LARGE}
    # A space that has a form of its own for equal networks knows best which are equal; composed ones compare graphs.
    own = type(space).canonical is not Space.canonical and not isinstance(space, Composed)
    if own:
        keys = _walked((space.canonical(arch) for arch in _archs(space)), limit_s)
    else:
        keys = _walked((_keys(space, arch) for arch in _archs(space)), limit_s)
    if keys is None:
        return {"number": None, "how": _TOO_LARGE}
    return {"number": len(set(keys)), "how": "canonical forms" if own else "up to isomorphism"}


def _keys(space: Space, arch: Arch) -> tuple[str, ...]:
    return tuple(graph.key() for graph in space.graphs(arch))


def _depth(space: Space, known: dict[str, Any], limit_s: float) -> dict[str, Any]:
    """Return the least, mean and largest number of operations on the longest path of a cell."""
    every = known["how"] == _EXACT and space.size() <= _COUNTED and known["number"] <= _MEASURED
    archs = _walked(_archs(space), limit_s) if every else None
    over = f"all {len(archs):,}" if archs else f"a random sample of {_SAMPLED}"
    archs = archs or [space.random(rng=derive(0, "depth", space.name, k)) for k in range(_SAMPLED)]
    depths = [_longest(graph, space.op_names) for arch in archs for graph in space.graphs(arch)]
    return {"min": min(depths), "mean": sum(depths) / len(depths), "max": max(depths), "over": over}


def _longest(graph: Graph, op_names: Sequence[str]) -> int:
    """Return the most operations between an input and an output; 0 where nothing comes through.

    Inputs are the nodes that read nothing and outputs those that nothing reads; neither is an operation, nor is a
    sum. Nothing passes `none` and `zero`.
    """
    sources: list[list[int]] = [[] for _ in graph.ops]
    for i, j in graph.edges:
        sources[j].append(i)
    read = {i for i, _ in graph.edges}
    longest: list[int | None] = []
    for node, op in enumerate(graph.ops):
        reached = [n for i in sources[node] if (n := longest[i]) is not None]
        counts = node in read and bool(sources[node]) and op_names[op] not in SUMS
        blocked = op_names[op] in _BLOCKING or (sources[node] and not reached)
        longest.append(None if blocked else max(reached, default=0) + counts)
    return max((n for node, n in enumerate(longest) if n is not None and node not in read), default=0)


def lines(facts: dict[str, Any]) -> list[str]:
    """Return the facts as lines for people."""
    depth = facts["depth"]
    shown = {
        "name": facts["name"],
        "size": f"{_number(facts['size'])} points, {facts['decisions']} decisions",
        "networks": _known(facts["architectures"]),
        "unique": _known(facts["unique"]),
        "operations": _listed(facts["operations"]),
        "depth": f"{depth['min']} to {depth['max']}, mean {depth['mean']:.2f}: operations on the longest path of a "
        f"cell, over {depth['over']}",
        "example": facts["example"],
        "neighbours": f"{facts['neighbours']:,} of the example",
    }
    if "widths" in facts:
        shown["layers"] = str(facts["layers"])
        shown["widths"] = ", ".join(map(str, facts["widths"]))
    if "value" in facts:
        shown["value"] = json.dumps(facts["value"])
    return [f"{key:<11} {value}" for key, value in shown.items()]


def _known(fact: dict[str, Any]) -> str:
    if fact["number"] is None:
        return str(fact["how"])
    return _number(fact["number"]) + ("" if fact["how"] == _EXACT else f" ({fact['how']})")


def _number(number: int) -> str:
    """Return all digits of a number, or its magnitude where nobody counts the digits."""
    if number < 10**15:
        return f"{number:,}"
    digits = str(number)
    return f"{digits[0]}.{digits[1:3]}e{len(digits) - 1}"


def _listed(names: list[str]) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def list_spaces() -> list[dict[str, Any]]:
    """Return name, size and first line of the description of every space in the catalogue."""
    found = []
    for name in names("space"):
        make = find("space", name)
        said = (inspect.getdoc(make) or "").partition("\n")[0]
        found.append({"name": name, "size": int(make().size()), "what": said})
    return found


def list_lines(spaces: list[dict[str, Any]]) -> list[str]:
    """Return one line for each space."""
    return [f"{each['name']:<15} {_number(each['size']):>20}  {each['what']}" for each in spaces]
