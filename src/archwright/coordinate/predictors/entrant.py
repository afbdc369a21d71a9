"""A predictor as a study names it: `ta_gates:steps=2`, or settings under a label."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.coordinate.contestant import plain_value
from archwright.core.catalog import find, names, suggestion
from archwright.core.errors import NasError, PredictorError, RunError, UnknownNameError
from archwright.core.protocols import Predictor
from archwright.predict.anytime import ANYTIME, anytime
from archwright.predict.neural import NeuralPredictor, Training
from archwright.predict.neural_names import NamedPredictor
from archwright.predict.presets import Which
from archwright.predict.presets import preset as preset_of
from archwright.predict.saliency import OperationSaliencies

if TYPE_CHECKING:
    from archwright.spaces.base import Space

__all__ = ["Entrant", "make", "read_entrants"]

#: A label becomes the name of a folder, colons and equals signs apart.
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+:=-]{0,119}")
#: Fields of the training of neural predictors.
_TRAINING = tuple(each.name for each in fields(Training))
#: Arguments of predictors that hold the settings of what they are made of.
_INNER = ("settings", "encoding")


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
        if self.name not in (known := {*names("predictor"), *names("encoder_network")}) and self.name not in ANYTIME:
            raise UnknownNameError(f"no predictor {self.name!r}. {suggestion(self.name, {*known, *ANYTIME})}")
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


def make(
    entrant: Entrant, space: Space, *, preset: str = "", is_anytime: bool = False, cache: Path | None = None
) -> Predictor:
    """Return a new predictor on a space.

    Args:
        entrant: Name and settings.
        space: Space of the architectures.
        preset: Of predictors that know presets and whose settings name none; empty leaves it to them.
        is_anytime: Whether names of `ANYTIME` mean predictors of several signals.
        cache: Folder where saliencies of operations are kept.

    Raises:
        PredictorError: if it has no such setting, or refuses a value; the message offers the nearest name.
        NasError: what its parts raise: an encoding that the space does not have.
    """
    if is_anytime and entrant.name in ANYTIME:
        maker: Callable[..., Any] = _Anytime(entrant.name)
    else:
        maker = _maker(entrant.name)
    known = _parameters(maker)
    given: dict[str, Any] = {}
    if "encoder" in known and entrant.name in names("encoder_network"):
        given["encoder"] = entrant.name
    given |= _arguments(entrant, known)
    if "encoding" in given:
        default = inspect.signature(maker).parameters["encoder"].default
        _check_keys(given["encoding"], "encoder", given.get("encoder", default), also=known)
    if preset and "which" in known:
        given.setdefault("which", preset)
    changed: Mapping[str, Any] = {}
    if not isinstance(maker, (_Anytime, NamedPredictor)):
        changed = given.pop("training", {})
    try:
        made: Any = maker(space, **given)
        if changed:
            made.training = replace(made.training, **changed)
    except NasError:
        raise
    except (TypeError, ValueError) as error:
        raise PredictorError(f"predictor {entrant.label!r} cannot be made: {error}") from error
    if isinstance(made, NeuralPredictor):
        _check_keys(made.settings, "encoder_network", made.encoder, also=[*known, *_TRAINING])
        if cache is not None and isinstance(made.saliency, OperationSaliencies):
            made.saliency = OperationSaliencies(space, folder=cache)
    ready: Predictor = made
    return ready


@dataclass(frozen=True)
class _Anytime:
    """Makes one of `ANYTIME` with the sizes of a preset, and as many time steps as there are signals."""

    name: str

    def __call__(
        self,
        space: Space,
        *,
        which: Which = "paper",
        settings: Mapping[str, Any] | None = None,
        head: Sequence[int] | None = None,
        training: Mapping[str, Any] | None = None,
    ) -> Predictor:
        """Return a predictor that is not fitted."""
        encoder, _ = ANYTIME[self.name]
        changed = dict(training or {})
        base = preset_of(encoder, space, which, loss=changed.get("loss", "mse"))
        sizes = {key: value for key, value in base["settings"].items() if key != "steps"}
        return anytime(
            self.name,
            space,
            settings=sizes | dict(settings or {}),
            head=base["head"] if head is None else head,
            training=replace(base["training"], **changed),
        )


def _maker(name: str) -> Callable[..., Any]:
    """Return what makes a predictor."""
    if name in names("predictor"):
        maker: Callable[..., Any] = find("predictor", name)
        return maker
    if name not in names("encoder_network"):
        raise PredictorError(f"{name!r} learns several signals: name them, as --anytime half,final")
    return NeuralPredictor


def _arguments(entrant: Entrant, known: Sequence[str]) -> dict[str, Any]:
    """Return settings as arguments: what is no argument belongs to the training, or to the encoder."""
    given: dict[str, Any] = {}
    inner = next((name for name in _INNER if name in known), None)
    for key, value in entrant.settings.items():
        if key == "preset" and key not in known and "which" in known:
            given["which"] = value
        elif key in ("training", *_INNER) and not isinstance(value, Mapping):
            raise PredictorError(f"{key} of {entrant.label!r} must have settings of its own, but is {value!r}")
        elif key in known:
            # Settings of parts may be said one by one and as a mapping.
            given[key] = {**given.get(key, {}), **value} if isinstance(value, Mapping) else value
        elif "training" in known and key in _TRAINING:
            given["training"] = {**given.get("training", {}), key: value}
        elif inner is None:
            raise PredictorError(f"predictor {entrant.name!r} has no setting {key!r}. {suggestion(key, known)}")
        else:
            given[inner] = {**given.get(inner, {}), key: value}
    for key in given.get("training", {}):
        if key not in _TRAINING:
            raise PredictorError(f"the training of a predictor has no setting {key!r}. {suggestion(key, _TRAINING)}")
    return given


def _parameters(maker: Callable[..., object]) -> list[str]:
    _, *parameters = inspect.signature(maker).parameters.values()
    return [each.name for each in parameters if each.kind is not inspect.Parameter.VAR_KEYWORD]


def _check_keys(settings: Mapping[str, Any], kind: str, name: str, *, also: Sequence[str]) -> None:
    """Refuse settings that an encoder does not have: now, not when it is made."""
    parameters = inspect.signature(find(kind, name)).parameters
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return
    for key in settings:
        if key not in parameters:
            raise PredictorError(f"encoder {name!r} has no setting {key!r}. {suggestion(key, {*parameters, *also})}")


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
