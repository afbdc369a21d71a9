"""What predictors share that are kept as their training data: reading one again means fitting it again."""

# N architectures, D width of an encoding

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.errors import MissingExtraError, PredictorError
from archwright.core.trial import Evidence, Prediction
from archwright.predict.standardised import StandardisedPredictor, VectorPredictor
from archwright.spaces.base import Space

__all__ = ["EncodedPredictor", "RefitPredictor", "library"]

Floats = npt.NDArray[np.float64]


class RefitPredictor(StandardisedPredictor):
    """Is kept as data, settings and seed, which say what it is, since it learns nothing from anywhere else."""

    def __init__(self, space: Space, settings: Mapping[str, Any]) -> None:
        super().__init__(space, settings)
        self._data: tuple[tuple[Arch, ...], Floats, int] | None = None

    def state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what a fitted predictor is: settings and seed for JSON, and its training data as arrays.

        Raises:
            PredictorError: if it was not fitted.
        """
        self._require_fitted()
        assert self._data is not None
        archs, scores, seed = self._data
        arrays = {"genes": np.array([arch.genes for arch in archs], dtype=np.int64), "scores": scores}
        return {"settings": self.settings, "seed": seed}, arrays

    @classmethod
    def from_state(cls, space: Space, values: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the predictor that `state` described, by fitting it again with the same seed.

        Raises:
            PredictorError: if values and arrays do not belong together.
            ArchError: if an architecture is not in the space.
        """
        try:
            made = cls(space, **values["settings"])
            evidence = [Evidence(Arch(space.name, tuple(genes))) for genes in arrays["genes"].tolist()]
            scores, seed = np.asarray(arrays["scores"], dtype=np.float64), int(values["seed"])
        except (KeyError, TypeError, ValueError) as error:
            raise PredictorError(f"this is no {cls.__name__} of {space.name!r}: {error}") from error
        if len(evidence) != len(scores):
            raise PredictorError(f"this is no {cls.__name__}: {len(scores)} scores for {len(evidence)} architectures")
        made._fit(evidence, scores, seed)
        return made

    def _fit(self, evidence: Sequence[Evidence], scores: Floats, seed: int) -> None:
        super()._fit(evidence, scores, seed)
        self._data = (tuple(each.arch for each in evidence), scores.copy(), seed)

    def _learn(self, evidence: Sequence[Evidence], scores: Floats, seed: int) -> None:
        self._learn_archs([each.arch for each in evidence], scores, seed)

    def _guess(self, evidence: Sequence[Evidence]) -> Prediction:
        return self._guess_archs([each.arch for each in evidence])

    @abstractmethod
    def _learn_archs(self, archs: Sequence[Arch], scores: Floats, seed: int) -> None:
        """Learn standardised scores."""

    @abstractmethod
    def _guess_archs(self, archs: Sequence[Arch]) -> Prediction:
        """Return standardised scores."""


class EncodedPredictor(VectorPredictor, RefitPredictor):
    """Learns from the vectors of a fixed encoding, and is kept as its training data."""

    def _learn_archs(self, archs: Sequence[Arch], scores: Floats, seed: int) -> None:
        self._learn_vectors(self._encoded(archs), scores, seed)

    def _guess_archs(self, archs: Sequence[Arch]) -> Prediction:
        return self._guess_vectors(self._encoded(archs))

    @abstractmethod
    def _learn_vectors(self, vectors: Floats, scores: Floats, seed: int) -> None:
        """Learn standardised scores of vectors [N, D]."""

    @abstractmethod
    def _guess_vectors(self, vectors: Floats) -> Prediction:
        """Return standardised scores of vectors [N, D]."""


def library(package: str) -> Any:
    """Return an optional package, imported now, because other predictors do not need it.

    Raises:
        MissingExtraError: if it is not installed.
    """
    try:
        # What a package's own code should no longer do concerns its authors.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return import_module(package)
    except ImportError as error:
        raise MissingExtraError(
            f"this predictor needs the package {package}, which cannot be imported ({error}): "
            f"run pip install {package} or pip install 'archwright[predictors]'"
        ) from error
