"""Searchers: what to evaluate next. Called as a function, the package searches: `archwright.search(space, evaluate)`.

`archwright.search` has to be both, the package of the searchers and the call that people expect by that name; so the
package can be called, and hands over to `archwright.coordinate.objective.search`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """A package that can be called."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the study of a search; see `archwright.coordinate.objective.search`."""
        return import_module("archwright.coordinate.objective").search(*args, **kwargs)


sys.modules[__name__].__class__ = _Callable
