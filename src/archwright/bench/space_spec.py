"""A search space as JSON, and back: how a benchmark remembers what its architectures are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archwright.core.catalog import find, names
from archwright.core.errors import BenchError, NasError, SpaceError
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
    if isinstance(space, TabularMlp):
        return {"kind": "tabular_mlp", "name": space.name, "widths": list(space.widths), "layers": space.layers}
    if space.name in names("space"):
        made = find("space", space.name)()
        if made.arities == space.arities:
            return {"kind": "catalogue", "name": space.name}
    from archwright.spaces.compose import Composed
    from archwright.spaces.four_nodes import FourNodeSpace

    if type(space) is FourNodeSpace:  # a subclass has a text of its own
        named = {"none": space.operations[space.none], "skip": space.operations[space.skip]}
        return {"kind": "four_nodes", "name": space.name, "operations": list(space.operations), **named}
    if isinstance(space, Composed):
        from archwright.spaces.yaml_space import to_yaml

        return {"kind": "yaml", "text": to_yaml(space)}
    raise BenchError(
        f"a benchmark's space must be in the catalogue, a tabular MLP or composed, but {space.name!r} is none of"
        " these; write it as YAML, or offer it as a plug-in"
    )


def space_from_spec(spec: Mapping[str, Any]) -> Space:
    """Return the space that `space_spec` described.

    Raises:
        BenchError: if the description is damaged, or needs a plug-in that is not installed.
    """
    try:
        return _made(spec)
    except (NasError, KeyError, TypeError, ValueError) as error:
        raise BenchError(f"a benchmark's space must be one that can be made here, but {dict(spec)}: {error}") from error


def _made(spec: Mapping[str, Any]) -> Space:
    space: Space
    if spec["kind"] == "tabular_mlp":
        return TabularMlp(spec["widths"], layers=spec["layers"], name=spec["name"])
    if spec["kind"] == "yaml":
        from archwright.spaces.yaml_space import parse_space

        return parse_space(spec["text"])
    if spec["kind"] == "four_nodes":
        from archwright.spaces.four_nodes import FourNodeSpace

        return FourNodeSpace(spec["name"], spec["operations"], none=spec["none"], skip=spec["skip"])
    if spec["kind"] == "catalogue":
        space = find("space", spec["name"])()
        return space
    raise BenchError(f"no kind of space {spec['kind']!r}")
