"""Checks of what a searcher is told."""

from __future__ import annotations

import numbers

from archwright.core.errors import SearchError

__all__ = ["require_whole"]


def require_whole(searcher: str, *, least: int = 1, **values: object) -> None:
    """Accept whole numbers of at least `least`; None is accepted as well: no value.

    Raises:
        SearchError: if one is anything else.
    """
    for name, value in values.items():
        is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if value is not None and not (is_whole and value >= least):  # type: ignore[operator]
            raise SearchError(f"{searcher} needs a whole {name} of {least} or more, but {value!r} was given")
