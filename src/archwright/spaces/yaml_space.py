"""Composed spaces as YAML text: read with the line of every mistake, and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from archwright.core.errors import SpaceError
from archwright.spaces.compose import Composed
from archwright.spaces.parts.base import Leaf, Part, Ref
from archwright.spaces.parts.cell import Cell
from archwright.spaces.parts.options import Choice, Ints, Op
from archwright.spaces.parts.series import Chain, Repeat
from archwright.spaces.parts.yaml_text import Text, resolved, texts

__all__ = ["load_space", "parse_space", "to_yaml"]

_MOST_BYTES = 1_000_000

#: What may stand below the key of each kind of part, and which of it must.
_CELL_KEYS = ("ops", "nodes", "inputs", "ops_on", "edges", "predecessors", "output")


def load_space(path: str | Path) -> Composed:
    """Return the space that a YAML file describes.

    Raises:
        SpaceError: if the file cannot be read, or is not a space; one line names the file, the line and the field.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SpaceError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > _MOST_BYTES:
        raise SpaceError(f"{path}: must be at most {_MOST_BYTES:,} bytes, but has {len(content):,}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpaceError(f"{path}: must be UTF-8 text, but byte {error.start} is not") from error
    return parse_space(text, source=str(path))


def parse_space(text: str, *, source: str = "space") -> Composed:
    """Return the space that YAML text describes. `source` is what errors call the text.

    Raises:
        SpaceError: if the text is not a space; one line names the source, the line and the field.

    Example:
        >>> space = parse_space("name: tiny\\nspace: {chain: {stem: {choice: [a, b]}, width: {ints: [8, 16, 8]}}}")
        >>> space.size()
        4
    """
    top = texts(text, source=source)
    fields = top.mapping("a space", ("name", "space"), ("shared",))
    name = fields["name"].text("name")
    shared = fields["shared"].named("shared") if "shared" in fields else {}
    parts = {key: _part(each) for key, each in shared.items()}
    root = _part(fields["space"])
    return top.made(lambda: Composed(name, root, parts))


def to_yaml(space: Composed) -> str:
    """Return text that `parse_space` reads back as an equal space."""
    import yaml

    described: dict[str, Any] = {"name": space.name}
    if space.shared:
        described["shared"] = {name: _plain(part) for name, part in space.shared.items()}
    described["space"] = _plain(space.root)

    class Dumper(yaml.SafeDumper):
        """Quotes every text that reads as something else."""

    def written(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if resolved(text) == text else "'")

    Dumper.add_representer(str, written)
    text: str = yaml.dump(
        described, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100
    )
    return text


def _part(text: Text) -> Any:
    """Return the part that one node of the text describes: a scalar, or a mapping with the kind as its only key."""
    if text.is_scalar:
        scalar = text.scalar("a part")
        return text.made(lambda: Leaf(scalar) and scalar)
    kind, below = text.only("a part", tuple(_KINDS))
    return below.made(lambda: _KINDS[kind](below))


def _choice(text: Text) -> Choice:
    if text.is_mapping:
        return Choice({name: _part(each) for name, each in text.named("choice").items()})
    return Choice([_part(each) for each in text.items("choice")])


def _ints(text: Text) -> Ints:
    if text.is_mapping:
        fields = text.mapping("ints", ("start", "stop"), ("step",))
        return Ints(**{key: each.scalar(key) for key, each in fields.items()})
    numbers = [each.scalar("ints") for each in text.items("ints")]
    if not 2 <= len(numbers) <= 3:
        raise text.error(f"ints must be [start, stop] or [start, stop, step], but {numbers} was given")
    return Ints(*numbers)


def _op(text: Text) -> Op:
    fields = text.named("op")
    if "name" not in fields:
        raise text.error("op must have 'name', beside its settings")
    name = fields.pop("name").text("name")
    return Op(name, {key: _part(each) for key, each in fields.items()})


def _chain(text: Text) -> Chain:
    if text.is_mapping:
        return Chain({name: _part(each) for name, each in text.named("chain").items()})
    return Chain([_part(each) for each in text.items("chain")])


def _repeat(text: Text) -> Repeat:
    fields = text.mapping("repeat", ("part", "times"), ("shared",))
    shared = fields["shared"].scalar("shared") if "shared" in fields else False
    return Repeat(_part(fields["part"]), times=_part(fields["times"]), shared=shared)


def _cell(text: Text) -> Cell:
    fields = text.mapping("cell", _CELL_KEYS[:2], _CELL_KEYS[2:])
    ops = [_part(each) for each in fields.pop("ops").items("ops")]
    return Cell(ops, **{key: each.scalar(key) for key, each in fields.items()})


def _ref(text: Text) -> Ref:
    return Ref(text.text("ref"))


_KINDS = {
    "choice": _choice,
    "ints": _ints,
    "op": _op,
    "chain": _chain,
    "repeat": _repeat,
    "cell": _cell,
    "ref": _ref,
}


def _plain(part: object) -> Any:
    """Return what YAML writes for a part."""
    match part:
        case Leaf():
            return part.scalar
        case Choice():
            return {"choice": _members(part.options, part.names)}
        case Ints():
            return {"ints": [part.start, part.stop, part.step][: 2 if part.step == 1 else 3]}
        case Op():
            return {"op": {"name": part.name, **{key: _plain(each) for key, each in part.settings}}}
        case Chain():
            return {"chain": _members(part.parts, part.names)}
        case Repeat():
            shared = {"shared": True} if part.shared else {}
            return {"repeat": {"times": _plain(part.times), **shared, "part": _plain(part.part)}}
        case Cell():
            given = {key: getattr(part, key) for key in _CELL_KEYS[1:]}
            default = Cell(part.ops, nodes=part.nodes)
            kept = {key: each for key, each in given.items() if key == "nodes" or each != getattr(default, key)}
            return {"cell": {**kept, "ops": [_plain(op) for op in part.ops]}}
        case Ref():
            return {"ref": part.name}
        case Part():
            raise SpaceError(f"a part of type {type(part).__name__} cannot be written as YAML")
        case _:
            return part


def _members(members: Any, names: Any) -> Any:
    plain = [_plain(each) for each in members]
    return dict(zip(names, plain, strict=True)) if names else plain
