"""What a composed space must keep to so that everything about it stays quick: names that exist, and sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeVar

from archwright.core.errors import SpaceError
from archwright.spaces.parts.base import Part, Ref
from archwright.spaces.parts.plain import nearest

__all__ = ["folded", "require_known", "require_small"]

_MOST_DECISIONS = 2_000
_MOST_NODES = 5_000
_MOST_OPS = 10_000
_MOST_LEVELS = 20
#: Sizes have fewer digits than this, so that Python prints them.
_MOST_DIGITS = 4_000
#: Counting keeps one number for each set of shared parts that are used together.
_MOST_SHARED = 8

T = TypeVar("T")


def folded(part: Part, shared: Mapping[str, Part], of: Callable[[Part, Callable[[int], T]], T]) -> T:
    """Return `of(part, inner)`, where `inner` gives the same for a slot. Equal slots are asked once."""
    known: dict[int, T] = {}

    def fold(each: Part) -> T:
        if isinstance(each, Ref):
            return fold(shared[each.name])
        if id(each) not in known:
            known[id(each)] = of(each, lambda slot: fold(each.slots[slot]))
        return known[id(each)]

    return fold(part)


def require_known(root: Part, shared: Mapping[str, Part]) -> None:
    """Pass if every `Ref` names a shared part, one before it where it is itself in a shared part.

    Raises:
        SpaceError: if one does not, or parts are nested too deeply.
    """
    if len(shared) > _MOST_SHARED:
        raise SpaceError(f"a space must have at most {_MOST_SHARED} shared parts, but {len(shared)} were given")
    before: list[str] = []
    for name, part in shared.items():
        _require_references(part, before, f"shared part {name!r}")
        before.append(name)
    _require_references(root, before, "the space")


def _require_references(part: Part, known: list[str], where: str) -> None:
    checked: set[tuple[int, int]] = set()

    def visit(each: Part, level: int) -> None:
        if level > _MOST_LEVELS:
            raise SpaceError(f"parts must be nested at most {_MOST_LEVELS} levels deep, but {where} is deeper")
        if isinstance(each, Ref) and each.name not in known:
            hint = nearest(each.name, known) if known else "There is none before it"
            raise SpaceError(f"{where} refers to {each.name!r}, which must be a shared part. {hint}")
        if (id(each), level) not in checked:
            checked.add((id(each), level))
            for slot in each.slots:
                visit(slot, level + 1)

    visit(part, 0)


def require_small(root: Part, shared: Mapping[str, Part]) -> None:
    """Pass if decisions, nodes, operations and digits of the size are not too many.

    Raises:
        SpaceError: if they are.
    """
    parts = (root, *shared.values())
    # One at a time and by number: a space that is far too large is never written out.
    decisions = sum(folded(part, shared, _n_decisions) for part in parts)
    _require_at_most(decisions, _MOST_DECISIONS, "decisions")
    digits = sum(math.log10(arity) for part in parts for arity in part.arities)
    _require_at_most(math.ceil(digits), _MOST_DIGITS, "digits in its size")
    _require_at_most(
        folded(root, shared, lambda part, inner: part.most_nodes(inner)), _MOST_NODES, "nodes in a network"
    )
    labels: set[str] = set()
    for key, part in (("", root), *shared.items()):
        for label in part.labels(key):
            labels.add(label)
            _require_at_most(len(labels), _MOST_OPS, "operations")


def _n_decisions(part: Part, inner: Callable[[int], int]) -> int:
    # What a reference leads to is decided elsewhere.
    return len(part.own) + sum(inner(k) for k, slot in enumerate(part.slots) if not isinstance(slot, Ref))


def _require_at_most(number: int, most: int, what: str) -> None:
    if number > most:
        raise SpaceError(f"a space must have at most {most:,} {what}, but this one has {number:,} or more")
