"""Which names of the catalogue have a contract test."""

from __future__ import annotations

from archwright.core.catalog import names

__all__ = ["covered"]


def covered(contract: type, kind: str) -> set[str]:
    """Return the names of `kind` in the catalogue that a subclass of `contract` has as its `name`.

    Only subclasses that are imported count, so ask where they are defined.
    """
    found: set[str] = set()
    todo = [contract]
    while todo:
        subclasses: list[type] = todo.pop().__subclasses__()
        found |= {subclass.__dict__.get("name", "") for subclass in subclasses}
        todo += subclasses
    return found & set(names(kind))
