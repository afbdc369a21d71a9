"""A predictor as a study names it: `ta_gates:steps=2`, or settings under a label."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archwright.coordinate.contestant import plain_value
from archwright.core.catalog import names, suggestion
from archwright.core.errors import PredictorError, RunError, UnknownNameError

__all__ = ["Entrant", "read_entrants"]

#: A label becomes the name of a folder, colons and equals signs apart.
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+:=-]{0,119}")


@dataclass(frozen=True)
class Entrant:
    """A predictor's name, its settings, and the label that it has in tables; a study has each label once.

    Args:
        label: What tables call it.
        name: In the catalogue: a predictor, or the encoder of a neural one; in a study of several signals also one of
            `ANYTIME`.
        settings: Values that JSON can hold. A key is an argument of the predictor, a field of its training, or a
            setting of its encoder; a mapping holds those of one of these, as `{"training": {"epochs": 100}}`.

    Example:
        >>> Entrant.parse("xgboost:trees=100:training.epochs=3").settings
        {'trees': 100, 'training': {'epochs': 3}}
    """

    label: str
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _LABEL.fullmatch(self.label):
            raise PredictorError(
                "a predictor must be called by letters, digits and _ . + - : =, at most 120 of them, but "
                f"{self.label!r} was given"
            )
        known = {*names("predictor"), *names("encoder_network")}
        if self.name not in known and self.name not in (several := _of_several_signals()):
            raise UnknownNameError(f"no predictor {self.name!r}. {suggestion(self.name, {*known, *several})}")
        try:
            json.dumps(self.settings, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise PredictorError(
                f"settings of {self.label!r} must be numbers, words and lists of them: {error}"
            ) from None

    def __hash__(self) -> int:
        return hash((self.label, self.name))

    @property
    def place(self) -> str:
        """Name of its folder."""
        # A colon is no part of a file name on every system.
        return self.label.replace(":", ",")

    @classmethod
    def parse(cls, text: str) -> Entrant:
        """Return the predictor that `NAME`, or `NAME:KEY=VALUE:KEY=VALUE`, says; the text is its label.

        Raises:
            PredictorError: if the text is not of that form, or repeats a key.
            UnknownNameError: if there is no such predictor; the message offers the nearest one.
        """
        name, *parts = text.split(":")
        settings: dict[str, Any] = {}
        for part in parts:
            key, equals, value = part.partition("=")
            *outer, last = key.split(".")
            place = settings
            for each in outer:
                place = place.setdefault(each, {})
            if not equals or not last or not value or len(outer) > 1 or last in place:
                raise PredictorError(
                    f"a predictor must read NAME or NAME:KEY=VALUE:KEY=VALUE, each key once, but {text!r} was given"
                )
            place[last] = _value(value)
        return cls(text, name, settings)

    @classmethod
    def of(cls, label: str, said: object) -> Entrant:
        """Return the predictor that a file of settings describes: a mapping, its key `predictor` naming it.

        Raises:
            PredictorError: if it is no mapping of settings.
            UnknownNameError: if there is no such predictor; the message offers the nearest one.
        """
        if said is None:
            return cls(label, label)
        if not isinstance(said, Mapping) or not all(isinstance(key, str) for key in said):
            raise PredictorError(f"the settings of {label!r} must be KEY: VALUE, but {said!r} was given")
        settings = dict(said)
        return cls(label, str(settings.pop("predictor", label)), settings)

    def to_json(self) -> dict[str, Any]:
        """Return this as JSON values."""
        return {"label": self.label, "name": self.name, "settings": dict(self.settings)}


def read_entrants(texts: Sequence[str], file: Path | None = None) -> tuple[Entrant, ...]:
    """Return the predictors that texts name; labels of a file of settings first, catalogue names else.

    Args:
        texts: Labels of the file, or what `Entrant.parse` reads. Without any, all of the file.
        file: YAML file that says for each label the predictor and its settings.

    Raises:
        RunError: if the file cannot be read.
        NasError: as `Entrant.parse` and `Entrant.of`.
    """
    known = {} if file is None else _read(file)
    chosen = [known[text] if text in known else Entrant.parse(text) for text in texts]
    return tuple({each.label: each for each in (chosen or known.values())}.values())


def _of_several_signals() -> Collection[str]:
    # Imported for rare names only: torch comes with it.
    from archwright.predict.anytime import ANYTIME

    return ANYTIME


def _value(text: str) -> object:
    if text.lower() == "none":
        # A way to break symmetry, and a word like any other.
        return text.lower()
    found = plain_value(text)
    return [plain_value(part) for part in text.split("+")] if isinstance(found, str) and "+" in text else found


def _read(file: Path) -> dict[str, Entrant]:
    import yaml

    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RunError(f"{file} must be a YAML file of settings, but: {' '.join(str(error).split())}") from None
    if not isinstance(said, dict) or not said:
        raise RunError(f"{file} must say settings for each label, as `small: {{predictor: gates}}`")
    return {str(label): Entrant.of(str(label), each) for label, each in said.items()}
