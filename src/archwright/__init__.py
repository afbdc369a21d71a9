"""Neural architecture search for tables and for research: keeps its time budget, resumes, exports.

The names below are loaded when they are first used, so that `import archwright` costs next to nothing. The loop
itself is `archwright.run.loop.run`; `archwright.run` is the package around it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archwright.coordinate.fit import fit, resume
    from archwright.coordinate.objective import search
    from archwright.coordinate.ranking import rank
    from archwright.core.arch import Arch
    from archwright.core.budget import Budget
    from archwright.core.catalog import find
    from archwright.core.errors import NasError
    from archwright.core.graph import Graph
    from archwright.core.history import History
    from archwright.core.rng import derive
    from archwright.core.trial import Proposal, Result, Trial
    from archwright.estimator import NasClassifier, NasRegressor
    from archwright.nets.model import Model
    from archwright.study.study import Study

__all__ = [
    "Arch",
    "Budget",
    "Graph",
    "History",
    "Model",
    "NasClassifier",
    "NasError",
    "NasRegressor",
    "Proposal",
    "Result",
    "Study",
    "Trial",
    "__version__",
    "derive",
    "find",
    "fit",
    "rank",
    "resume",
    "search",
]

_HOME = {
    "Arch": "core.arch",
    "Budget": "core.budget",
    "Graph": "core.graph",
    "History": "core.history",
    "Model": "nets.model",
    "NasClassifier": "estimator",
    "NasError": "core.errors",
    "NasRegressor": "estimator",
    "Proposal": "core.trial",
    "Result": "core.trial",
    "Study": "study.study",
    "Trial": "core.trial",
    "derive": "core.rng",
    "find": "core.catalog",
    "fit": "coordinate.fit",
    "rank": "coordinate.ranking",
    "resume": "coordinate.fit",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("archwright")
    elif name == "search":
        # The package itself, which can be called: importing it sets this name anyway.
        value = import_module("archwright.search")
    elif name in _HOME:
        value = getattr(import_module(f"archwright.{_HOME[name]}"), name)
    else:
        raise AttributeError(f"module 'archwright' has no attribute {name!r}")
    # Kept, so that this function is asked once per name.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
