"""A search space as JSON, and back: how a benchmark remembers what its architectures are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archwright.core.catalog import find
from archwright.core.errors import BenchError, SpaceError
from archwright.spaces import spec
from archwright.spaces.base import Space
from archwright.spaces.tabular_mlp import TabularMlp, frappe

__all__ = ["named_space", "space_from_spec", "space_spec"]


def named_space(name: str | Path | Space, *, layers: int | None = None, widths: Sequence[int] | None = None) -> Space:
    """Return a space as a user names it: by the catalogue's name, or by a YAML file.

    Args:
        name: Name or file; a space is returned as it is.
        layers: Hidden layers of `tabular_mlp`; 4 by default.
        widths: Widths of `tabular_mlp`; by default those of ATLAS's space for Frappe.

    Raises:
        UnknownNameError: if there is no such space; the message offers the nearest one.
        SpaceError: if the file is no space, or layers and widths are given for a space that has its own.
    """
    if isinstance(name, Space):
        return name
    if name == "tabular_mlp":
        return TabularMlp(frappe().widths if widths is None else widths, layers=4 if layers is None else layers)
    if layers is not None or widths is not None:
        raise SpaceError(f"layers and widths belong to the space 'tabular_mlp', but the space is {str(name)!r}")
    if Path(name).suffix.lower() in (".yaml", ".yml"):
        from archwright.spaces.yaml_space import load_space

        return load_space(name)
    space: Space = find("space", str(name))()
    return space


def space_spec(space: Space) -> dict[str, Any]:
    """Return what `space_from_spec` needs to make `space` again.

    Raises:
        BenchError: if the space is not in the catalogue, a tabular MLP, a cell of four nodes or composed of parts.
    """
    try:
        return spec.space_spec(space)
    except SpaceError as error:
        raise BenchError(f"a benchmark's architectures must be of a space that can be kept: {error}") from error


def space_from_spec(described: Mapping[str, Any]) -> Space:
    """Return the space that `space_spec` described.

    Raises:
        BenchError: if the description is damaged, or needs a plug-in that is not installed.
    """
    try:
        return spec.space_from_spec(described)
    except SpaceError as error:
        raise BenchError(f"a benchmark's architectures must be of a space that can be made: {error}") from error
