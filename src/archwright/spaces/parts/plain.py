"""Scalars and plain values of composed spaces: how they are compared, named and refused."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from archwright.core.errors import ArchError, SpaceError

__all__ = [
    "Plain",
    "Scalar",
    "label",
    "nearest",
    "require_different",
    "require_keys",
    "require_name",
    "require_options",
    "require_scalar",
    "same",
    "whole",
]

#: What stands in a space for itself: the name of an operation, a number, a truth value, or None for "nothing".
Scalar: TypeAlias = "str | int | float | bool | None"

#: A setting as a user's objective wants it: scalars, lists and dicts.
Plain: TypeAlias = Any

#: More options than this in one decision are a mistake more often than a wish, and make neighbours slow.
MOST_OPTIONS = 10_000

_LONGEST_NAME = 80


def same(a: object, b: object) -> bool:
    """Return whether two scalars are the same; True is not 1."""
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def whole(value: object) -> bool:
    """Return whether a value is a whole number; True is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def label(scalar: Scalar, key: str = "") -> str:
    """Return the name of a node for a scalar: an operation's own name, or `key=number` for a chain's member."""
    if isinstance(scalar, str):
        return scalar
    shown = str(scalar).lower() if isinstance(scalar, bool) else str(scalar)
    return f"{key}={shown}" if key else shown


def nearest(given: object, known: Iterable[object]) -> str:
    """Return the end of an error message: what was probably meant, or else what there is."""
    names = [str(name) for name in known]
    near = difflib.get_close_matches(str(given), names, n=1, cutoff=0.5)
    shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    return f"Did you mean {near[0]!r}?" if near else f"There are: {shown}"


def require_keys(value: object, keys: Sequence[str], at: str) -> Mapping[str, Any]:
    """Return `value` if it is a mapping with exactly these keys.

    Raises:
        ArchError: if it is not.
    """
    if not isinstance(value, Mapping):
        raise ArchError(f"{at} must be a mapping with {', '.join(keys)}, but {value!r} was given")
    for key in value:
        if key not in keys:
            raise ArchError(f"{at} has no {key!r}. {nearest(key, keys)}")
    for key in keys:
        if key not in value:
            raise ArchError(f"{at} must have {key!r}, but has only {', '.join(map(str, value)) or 'nothing'}")
    return value


def require_name(name: object, what: str) -> str:
    """Return `name` if it is a short printable text.

    Raises:
        SpaceError: if it is not.
    """
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise SpaceError(f"{what} must be a printable text of 1 to {_LONGEST_NAME} characters, but {name!r} was given")
    return name


def require_scalar(scalar: Scalar) -> None:
    """Pass if a scalar can stand in a space.

    Raises:
        SpaceError: if it is an unprintable text or a number without end.
    """
    if isinstance(scalar, str):
        require_name(scalar, "an operation's name")
    elif isinstance(scalar, float) and not math.isfinite(scalar):
        raise SpaceError(f"a number in a space must be finite, but {scalar} was given")


def require_options(number: int) -> None:
    """Pass if one decision may have so many options.

    Raises:
        SpaceError: if they are too many.
    """
    if number > MOST_OPTIONS:
        raise SpaceError(
            f"one decision must have at most {MOST_OPTIONS:,} options, but has {number:,}: use larger steps or fewer "
            "predecessors"
        )


def require_different(values: Collection[object], what: str) -> None:
    """Pass if no two values are equal.

    Raises:
        SpaceError: if two are.
    """
    seen: list[object] = []
    for value in values:
        if any(same(value, other) for other in seen):
            raise SpaceError(f"{what} must differ from each other, but {value!r} is there twice")
        seen.append(value)
