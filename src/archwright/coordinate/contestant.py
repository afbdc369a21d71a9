"""A searcher as an experiment names it: `evolution:population=20:sample=10`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from archwright.core.catalog import find, names, suggestion
from archwright.core.errors import SpaceError, UnknownNameError
from archwright.core.protocols import Searcher
from archwright.recipes import RECIPES, build
from archwright.spaces.base import Space

__all__ = ["Contestant", "plain_value"]

#: Settings in epochs, which the benchmark must know.
_EPOCHS = ("fidelity", "min_epochs", "max_epochs")

#: A contestant's text becomes a part of file names.
_TEXT = re.compile(r"[A-Za-z0-9_.+-]+(:[A-Za-z_]+=[A-Za-z0-9_.+-]+)*")


@dataclass(frozen=True)
class Contestant:
    """A searcher's name and its settings; equal ones search alike.

    Args:
        name: Name in the catalogue, or of a recipe that needs no settings.
        settings: What its maker takes besides the space.

    Example:
        >>> str(Contestant.parse("evolution:population=20:sample=10"))
        'evolution:population=20:sample=10'
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Contestant:
        """Return what `str(contestant)` wrote.

        Raises:
            SpaceError: if the text is not of that form, names a setting twice, or one that the searcher lacks.
            UnknownNameError: if there is no such searcher; the message offers the nearest one.
        """
        if not _TEXT.fullmatch(text):
            raise SpaceError(f"a searcher must read NAME or NAME:KEY=VALUE:KEY=VALUE, but {text!r} was given")
        name, *parts = text.split(":")
        pairs = [part.split("=", 1) for part in parts]
        if len({key for key, _ in pairs}) < len(pairs):
            raise SpaceError(f"each setting of a searcher must be given once, but {text!r} repeats one")
        known = _parameters(name)
        for key, _ in pairs:
            if key not in known:
                hint = suggestion(key, known) if known else "It has none"
                raise SpaceError(f"searcher {name!r} has no setting {key!r}. {hint}")
        return cls(name, {key: _value(value, known[key]) for key, value in pairs})

    def make(self, space: Space, *, epochs: tuple[int, int]) -> Searcher:
        """Return the searcher on `space`.

        Args:
            space: What it searches.
            epochs: Of the shortest training that the benchmark knows, and of the full one. Equal ones mean that there
                is one fidelity only.

        Raises:
            SpaceError: if the searcher refuses its settings, or needs one that is not given.
        """
        least, full = epochs
        limits = {"min_epochs": least, "max_epochs": full} if least < full else {}
        if self.name not in names("searcher"):
            return build(self.name, space, max_epochs=limits.get("max_epochs"), min_epochs=limits.get("min_epochs", 1))
        known = _parameters(self.name)
        settings = {key: limit for key, limit in limits.items() if key in known} | dict(self.settings)
        lacking = [
            key for key, each in known.items() if each.default is inspect.Parameter.empty and key not in settings
        ]
        if lacking:
            raise SpaceError(
                f"searcher {self.name!r} needs {', '.join(lacking)}, which cannot be said in a word: use it in Python"
            )
        try:
            made: Searcher = find("searcher", self.name)(space, **settings)
        except (TypeError, ValueError) as error:
            raise SpaceError(f"searcher {str(self)!r} cannot be made: {error}") from error
        for name in _EPOCHS:
            asked = getattr(made, name, None)
            if name in settings and asked is not None and not least <= asked <= full:
                raise SpaceError(f"{name} of {self.name!r} must be in epochs {least}..{full}, but {asked} was given")
        return made

    def __str__(self) -> str:
        return ":".join([self.name, *(f"{key}={_text(value)}" for key, value in sorted(self.settings.items()))])

    def __hash__(self) -> int:
        return hash(str(self))


def _parameters(name: str) -> dict[str, inspect.Parameter]:
    """Return the settings of a searcher, by name; those of a recipe are fixed."""
    known = names("searcher")
    if name not in known and name not in RECIPES:
        raise UnknownNameError(f"no searcher {name!r}. {suggestion(name, {*known, *RECIPES})}")
    if name not in known:
        return {}
    maker: Callable[..., Searcher] = find("searcher", name)
    _, *parameters = inspect.signature(maker).parameters.values()
    return {each.name: each for each in parameters}


def _value(text: str, parameter: inspect.Parameter) -> int | float | bool | str | tuple[str, ...] | None:
    return tuple(text.split("+")) if isinstance(parameter.default, tuple) else plain_value(text)


def plain_value(text: str) -> int | float | bool | str | None:
    """Return what a word stands for: a number, `true`, `false`, `none`, or itself."""
    words: dict[str, bool | None] = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _text(value: object) -> str:
    return "+".join(value) if isinstance(value, tuple) else str(value)
