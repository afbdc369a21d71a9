"""YAML text as nodes that know their line, so that every refusal can name it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from archwright.core.errors import NasError, SpaceError
from archwright.spaces.parts.plain import Scalar, nearest

__all__ = ["Text", "resolved", "texts"]

#: Aliases can make a short text very long: no more nodes than this are visited.
_MOST_NODES = 50_000
_MOST_LEVELS = 100

_LONGEST_NUMBER = 100

T = TypeVar("T")


@dataclass(frozen=True)
class Text:
    """One node of a YAML text."""

    node: Any
    source: str

    @property
    def line(self) -> int:
        """The node's line, from 1."""
        return int(self.node.start_mark.line) + 1

    @property
    def is_scalar(self) -> bool:
        """Whether it is neither list nor mapping."""
        return bool(self.node.id == "scalar")

    @property
    def is_mapping(self) -> bool:
        """Whether it is a mapping."""
        return bool(self.node.id == "mapping")

    def error(self, message: str) -> SpaceError:
        """Return an error that names the place."""
        return SpaceError(f"{self.source}, line {self.line}: {message}")

    def made(self, make: Callable[[], T]) -> T:
        """Return what `make` returns; its errors name the place, if they do not yet.

        Raises:
            SpaceError: if `make` refuses.
        """
        try:
            return make()
        except NasError as error:
            if str(error).startswith(f"{self.source}, line "):
                raise
            raise self.error(str(error)) from error

    def scalar(self, what: str) -> Any:
        """Return the value of a scalar.

        As YAML 1.2 has it, so that `no` is a text and `1e-3` a number; dates are texts.

        Raises:
            SpaceError: if it is none.
        """
        if not self.is_scalar:
            raise self.error(f"{what} must be a text or a number, but a {self._kind} was given")
        return self.node.value if self.node.style else resolved(self.node.value)

    def text(self, what: str) -> str:
        """Return a scalar as it is written.

        Raises:
            SpaceError: if it is none.
        """
        self.scalar(what)
        return str(self.node.value)

    def items(self, what: str) -> list[Text]:
        """Return the nodes of a list.

        Raises:
            SpaceError: if it is none.
        """
        if self.node.id != "sequence":
            raise self.error(f"{what} must be a list, but a {self._kind} was given")
        return [Text(each, self.source) for each in self.node.value]

    def named(self, what: str) -> dict[str, Text]:
        """Return the nodes of a mapping by their keys, which are taken as they are written.

        Raises:
            SpaceError: if it is none, or a key is not a text or there twice.
        """
        if not self.is_mapping:
            raise self.error(f"{what} must be a mapping, but a {self._kind} was given")
        found: dict[str, Text] = {}
        for key, each in self.node.value:
            at = Text(key, self.source)
            if not at.is_scalar:
                raise at.error(f"a key of {what} must be a text, but a {at._kind} was given")
            if key.value in found:
                raise at.error(f"{what} has {key.value!r} twice")
            found[key.value] = Text(each, self.source)
        return found

    def mapping(self, what: str, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Text]:
        """Return the nodes of a mapping that must have some keys and may have others.

        Raises:
            SpaceError: if a key is missing, or is another one; the message offers the nearest.
        """
        found = self.named(what)
        known = (*required, *optional)
        for key in found:
            if key not in known:
                place = next(Text(node, self.source) for node, _ in self.node.value if node.value == key)
                raise place.error(f"{what} has no field {key!r}. {nearest(key, known)}")
        for key in required:
            if key not in found:
                raise self.error(f"{what} must have the field {key!r}, but has {', '.join(found) or 'none'}")
        return found

    def only(self, what: str, known: Sequence[str]) -> tuple[str, Text]:
        """Return the one key of a mapping, which must be known, and its node.

        Raises:
            SpaceError: if it is no such mapping.
        """
        found = self.named(what) if self.is_mapping else {}
        if len(found) != 1:
            given = f"a mapping with {', '.join(found) or 'nothing'}" if self.is_mapping else f"a {self._kind}"
            raise self.error(f"{what} must be a scalar or a mapping with one of {', '.join(known)}, but is {given}")
        ((kind, below),) = found.items()
        if kind not in known:
            raise self.error(f"there is no kind of part {kind!r}. {nearest(kind, known)}")
        return kind, below

    @property
    def _kind(self) -> str:
        names: Mapping[str, str] = {"sequence": "list", "mapping": "mapping"}
        return names.get(self.node.id, f"scalar {self.node.value!r}")


def texts(text: str, *, source: str) -> Text:
    """Return the one document of a YAML text. Nothing in it is executed or constructed.

    Raises:
        SpaceError: if it is not YAML, empty, too deep, or grows too large by its aliases.
    """
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}" if mark else ""
        raise SpaceError(f"{source}{place}: is not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise SpaceError(f"{source}: is not YAML: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise SpaceError(f"{source}: must be nested at most {_MOST_LEVELS} levels deep, but is deeper") from error
    if node is None:
        raise SpaceError(f"{source}: must describe a space with 'name' and 'space', but is empty")
    top = Text(node, source)
    _require_small(top)
    return top


def _require_small(top: Text) -> None:
    todo, visited = [(top, 0)], 0
    while todo:
        text, level = todo.pop()
        visited += 1
        if visited > _MOST_NODES or level > _MOST_LEVELS:
            raise text.error(
                f"a space must be written with at most {_MOST_NODES:,} nodes and {_MOST_LEVELS} levels, aliases "
                "followed, but has more"
            )
        if text.node.tag.rpartition(":")[2] not in _TAGS:
            raise text.error(f"a space must have no tags, but {text.node.tag!r} was given")
        if not text.is_scalar:
            inside = [each for pair in text.node.value for each in pair] if text.is_mapping else text.node.value
            todo += [(Text(each, text.source), level + 1) for each in inside]


_TAGS = ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "value", "merge")


_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def resolved(plain: str) -> Scalar:
    """Return the scalar that text without quotes stands for."""
    if plain in ("", "~", "null", "Null", "NULL"):
        return None
    if plain.lower() in ("true", "false"):
        return plain.lower() == "true"
    if _INT.fullmatch(plain) and len(plain) < _LONGEST_NUMBER:
        return int(plain)
    return float(plain) if _FLOAT.fullmatch(plain) and math.isfinite(float(plain)) else plain
