"""A search space as JSON, and back: how a file remembers what its architectures are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archwright.core.catalog import find, names
from archwright.core.errors import NasError, SpaceError
from archwright.spaces.base import Space
from archwright.spaces.tabular_mlp import TabularMlp

__all__ = ["space_from_spec", "space_spec"]


def space_spec(space: Space) -> dict[str, Any]:
    """Return what `space_from_spec` needs to make `space` again.

    Raises:
        SpaceError: if the space is not in the catalogue, a tabular MLP, a cell of four nodes or composed of parts.
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
    raise SpaceError(
        f"to be written down, a space must be in the catalogue, a tabular MLP or composed, but {space.name!r} is"
        " none of these; write it as YAML, or offer it as a plug-in"
    )


def space_from_spec(spec: Mapping[str, Any]) -> Space:
    """Return the space that `space_spec` described.

    Raises:
        SpaceError: if the description is damaged, or needs a plug-in that is not installed.
    """
    try:
        return _made(spec)
    except (NasError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise SpaceError(f"a space must be one that can be made here, but {spec} cannot: {error}") from error


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
    raise SpaceError(f"no kind of space {spec['kind']!r}")
