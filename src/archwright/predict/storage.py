"""Fitted predictors as files: JSON and arrays in one safetensors file; nothing that could be run."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, Self, cast, runtime_checkable

import numpy.typing as npt

from archwright.core.catalog import find, name_of
from archwright.core.errors import MissingExtraError, NasError, PredictorError, SpaceError
from archwright.core.protocols import Predictor
from archwright.nets.storage import Arrays, read_arrays, write_arrays
from archwright.spaces.base import Space
from archwright.spaces.spec import space_from_spec, space_spec

__all__ = ["StorablePredictor", "load_predictor", "predictor_from_state", "predictor_state", "save_predictor"]

_WHAT = "archwright predictor"
_FORMAT = 1

#: Predictors that names of the catalogue are made of, and that have no name there themselves.
_BUILDING_BLOCKS = {
    "neural": "archwright.predict.neural:NeuralPredictor",
    "anytime": "archwright.predict.anytime:Anytime",
}

#: What code may raise that is given values of a damaged file, besides the errors of this package.
_DAMAGED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError)


@runtime_checkable
class StorablePredictor(Predictor, Protocol):
    """A predictor that can be written down."""

    @property
    def space(self) -> Space:
        """Space of its architectures."""

    def state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what a fitted predictor is: values for JSON, and arrays.

        Raises:
            PredictorError: if it was not fitted.
        """

    @classmethod
    def from_state(cls, space: Space, values: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the predictor that `state` described.

        Raises:
            PredictorError: if values and arrays do not belong together.
        """


def save_predictor(predictor: Predictor, path: Path | str) -> None:
    """Write a fitted predictor and the description of its space as one file, in one step and durably.

    Networks are written as weights. A predictor of a library is written as its training data, settings and seed.

    Raises:
        PredictorError: if it was not fitted, or its class is not in the catalogue.
        RunError: if the file cannot be written.
    """
    values, arrays = predictor_state(predictor)
    space = cast("StorablePredictor", predictor).space
    shape = {"name": space.name, "arities": list(space.arities), "spec": _spec(space)}
    write_arrays(Path(path), arrays, {"what": _WHAT, "format": _FORMAT, "space": shape} | values, durable=True)


def load_predictor(path: Path | str, space: Space | None = None) -> Predictor:
    """Return the predictor that `save_predictor` wrote; it predicts the same.

    A predictor of a library is fitted again, which takes as long as it took: its predictions are equal bit by bit where
    the library has the same version.

    Args:
        path: The file. It names a predictor of the catalogue, never code.
        space: Space of its architectures; needed only if that is neither in the catalogue nor composed.

    Raises:
        RunError: if the file is missing, damaged, or not written by archwright.
        PredictorError: if it holds no predictor, one of a newer format, or one of another space than `space`.
        MissingExtraError: if a library that the predictor needs is not installed.
    """
    stored = read_arrays(Path(path))
    meta = stored.meta
    if not isinstance(meta, dict) or meta.get("what") != _WHAT:
        raise PredictorError(f"{path} must be a saved predictor, but holds something else")
    if meta.get("format") != _FORMAT:
        raise PredictorError(
            f"{path} must be a predictor of format {_FORMAT}, but has {meta.get('format')!r}: it was written by "
            "another version of archwright"
        )
    try:
        return predictor_from_state(_space(meta["space"], space), meta, stored.arrays)
    except MissingExtraError:
        raise
    except (NasError, *_DAMAGED) as error:
        reason = str(error) if isinstance(error, NasError) else f"it is damaged: {type(error).__name__} {error}"
        # Reasons that libraries give have several lines.
        raise PredictorError(f"{path} cannot be read: {' '.join(reason.split())}") from error


def predictor_state(predictor: Predictor) -> tuple[dict[str, Any], Arrays]:
    """Return a fitted predictor as values for JSON, its name among them, and arrays; for predictors made of others too.

    Raises:
        PredictorError: if it was not fitted, or its class is not in the catalogue.
    """
    made = type(predictor)
    name = name_of("predictor", made)
    if name is None:
        place = f"{made.__module__}:{made.__qualname__}"
        name = next((block for block, at in _BUILDING_BLOCKS.items() if at == place), None)
    if name is None or not isinstance(predictor, StorablePredictor):
        raise PredictorError(
            f"a predictor that is kept must be in the catalogue, with state and from_state, but {made.__name__} is not;"
            " offer it as a plug-in, an entry point of archwright.predictors"
        )
    values, arrays = predictor.state()
    return {"predictor": name, "values": values}, arrays


def predictor_from_state(space: Space, kept: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Predictor:
    """Return the predictor of `space` that `predictor_state` described.

    Raises:
        UnknownNameError: if the catalogue has no predictor of that name.
        PredictorError: if it is no description of a predictor.
    """
    name = kept["predictor"]
    if name in _BUILDING_BLOCKS:
        module, _, attribute = _BUILDING_BLOCKS[name].partition(":")
        found = getattr(import_module(module), attribute)
    else:
        found = find("predictor", name)
    if not hasattr(found, "from_state"):
        raise PredictorError(f"{name!r} must be a predictor that can be read from a file, but has no from_state")
    predictor: Predictor = found.from_state(space, kept["values"], arrays)
    return predictor


def _spec(space: Space) -> dict[str, Any] | None:
    """Return the description of `space`; None if only somebody who has the space can read the file."""
    try:
        return space_spec(space)
    except SpaceError:
        return None


def _space(stored: Mapping[str, Any], given: Space | None) -> Space:
    """Return the space of a stored predictor: the given one, or what is described.

    Raises:
        PredictorError: if another one was given, or none where there is no description.
        SpaceError: if the description is of no space that can be made here.
    """
    if given is None and stored["spec"] is None:
        raise PredictorError(f"its space {stored['name']!r} is of your own: give it as `space`")
    space = space_from_spec(stored["spec"]) if given is None else given
    if (space.name, list(space.arities)) != (stored["name"], stored["arities"]):
        raise PredictorError(f"its space must be {stored['name']!r} as it was then, but is {space.name!r}")
    return space
