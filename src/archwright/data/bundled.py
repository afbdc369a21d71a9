"""The small data sets that scikit-learn carries inside: they need no network."""

from __future__ import annotations

from importlib import import_module

from archwright.core.errors import DataError
from archwright.data.tables import Table, did_you_mean

__all__ = ["BUNDLED", "read_bundled"]

BUNDLED = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")


def read_bundled(name: str) -> Table:
    """Return a bundled set with its target in the column `target`, as class names where the set has them.

    Raises:
        DataError: if there is no such set.
    """
    if name not in BUNDLED:
        raise DataError(f"scikit-learn bundles no set {name!r}. {did_you_mean(name, BUNDLED)}")
    bunch = getattr(import_module("sklearn.datasets"), f"load_{name}")(as_frame=True)
    frame = bunch.data.copy()
    warnings: tuple[str, ...] = ()
    target = bunch.target
    if target.ndim == 2:
        first, *others = target.columns
        warnings = (f"sklearn:{name} has several targets; `target` is {first!r}, without {', '.join(others)}.",)
        target = target[first]
    labels = getattr(bunch, "target_names", None)
    if labels is not None and bunch.target.ndim == 1 and all(isinstance(label, str) for label in labels):
        target = target.map(dict(enumerate(map(str, labels))))
    frame["target"] = target
    return Table(frame, f"sklearn:{name}", warnings=warnings)
