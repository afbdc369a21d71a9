"""Makes the predictor that a study names: every setting finds its place, or is refused with a hint."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from archwright.coordinate.predictors.entrant import Entrant
from archwright.core.catalog import find, names, suggestion
from archwright.core.errors import NasError, PredictorError
from archwright.core.protocols import Predictor
from archwright.predict.anytime import ANYTIME, anytime
from archwright.predict.neural import NeuralPredictor, Training
from archwright.predict.neural_names import NamedPredictor
from archwright.predict.presets import Which
from archwright.predict.presets import preset as preset_of
from archwright.predict.saliency import OperationSaliencies
from archwright.spaces.base import Space

__all__ = ["make"]

#: Fields of the training of neural predictors.
_TRAINING = tuple(each.name for each in fields(Training))
#: Arguments of predictors that hold the settings of what they are made of.
_INNER = ("settings", "encoding")


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
    given = _arguments(maker, entrant.name, entrant.settings)
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
        made.settings = _checked(made.settings, "encoder_network", made.encoder, also=[*known, *_TRAINING])
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


def _arguments(maker: Callable[..., object], name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as arguments: what is no argument belongs to the training, to the encoder, or to members."""
    known = _parameters(maker)
    given: dict[str, Any] = {}
    if "encoder" in known and name in names("encoder_network"):
        given["encoder"] = name
    inner = next((each for each in _INNER if each in known), None)
    for key, value in settings.items():
        if key == "preset" and key not in known and "which" in known:
            given["which"] = value
        elif key in ("training", *_INNER) and not isinstance(value, Mapping):
            raise PredictorError(f"{key} of {name!r} must have settings of its own, but is {value!r}")
        elif key in known:
            # Settings of parts may be said one by one and as a mapping.
            given[key] = {**given.get(key, {}), **value} if isinstance(value, Mapping) else _listed(value, known[key])
        elif "training" in known and key in _TRAINING:
            given["training"] = {**given.get("training", {}), key: value}
        elif inner is None:
            raise PredictorError(f"predictor {name!r} has no setting {key!r}. {suggestion(key, known)}")
        else:
            given[inner] = {**given.get(inner, {}), key: value}
    _check_parts(given, known)
    return given


def _check_parts(given: dict[str, Any], known: Mapping[str, inspect.Parameter]) -> None:
    """Refuse settings that a training, an encoding or the members of an ensemble do not have."""
    for key in given.get("training", {}):
        if key not in _TRAINING:
            raise PredictorError(f"the training of a predictor has no setting {key!r}. {suggestion(key, _TRAINING)}")
    if "encoding" in given:
        encoder = given.get("encoder", known["encoder"].default)
        given["encoding"] = _checked(given["encoding"], "encoder", encoder, also=known)
    if "of" in known and "settings" in given:
        member = given.get("of", known["of"].default)
        given["settings"] = _arguments(find("predictor", member), member, given["settings"])


def _parameters(maker: Callable[..., object]) -> dict[str, inspect.Parameter]:
    """Return what a maker takes besides the space, by name."""
    _, *parameters = inspect.signature(maker).parameters.values()
    return {each.name: each for each in parameters if each.kind is not inspect.Parameter.VAR_KEYWORD}


def _checked(settings: Mapping[str, Any], kind: str, name: str, *, also: Iterable[str]) -> dict[str, Any]:
    """Return settings of an encoder; what it does not have is refused now, not when it is made."""
    parameters = inspect.signature(find(kind, name)).parameters
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return dict(settings)
    for key in settings:
        if key not in parameters:
            raise PredictorError(f"encoder {name!r} has no setting {key!r}. {suggestion(key, {*parameters, *also})}")
    return {key: _listed(value, parameters[key]) for key, value in settings.items()}


def _listed(value: Any, parameter: inspect.Parameter) -> Any:
    """Return a single value as a list where several are taken: `widths=64` is one layer."""
    is_single = isinstance(value, (int, float, str)) and "Sequence[" in str(parameter.annotation)
    return [value] if is_single else value
