"""What predictors share that are kept as their training data: reading one again means fitting it again."""

# N architectures, D width of an encoding

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.catalog import find
from archwright.core.errors import EncodingError, MissingExtraError, PredictorError
from archwright.core.protocols import Encoder
from archwright.core.trial import Evidence, Prediction
from archwright.predict.training_set import require_scores
from archwright.spaces.base import Space

__all__ = ["EncodedPredictor", "RefitPredictor", "library"]

Floats = npt.NDArray[np.float64]


class RefitPredictor(ABC):
    """Learns standardised scores of architectures from a seed, so that data, settings and seed say what it is.

    Args:
        space: Space of the architectures.
        settings: Keyword arguments, which JSON can hold, that make an equal predictor.
    """

    needs: frozenset[str] = frozenset()

    def __init__(self, space: Space, settings: Mapping[str, Any]) -> None:
        self.space, self.settings = space, dict(settings)
        self._mean, self._std = 0.0, 1.0
        self._data: tuple[tuple[Arch, ...], Floats, int] | None = None

    def fit(self, evidence: Sequence[Evidence], scores: Floats, *, rng: np.random.Generator) -> Self:
        """Learn from N architectures and their scores, higher is better, whatever was fitted before.

        Raises:
            PredictorError: if there are not as many scores as architectures, fewer than two, or one is not finite.
            MissingExtraError: if the library behind it is not installed.
        """
        scores = require_scores(evidence, scores)
        archs = tuple(self.space.require(each.arch) for each in evidence)
        self._refit(archs, scores, int(rng.integers(2**31 - 1)))
        return self

    def predict(self, evidence: Sequence[Evidence]) -> Prediction:
        """Return predicted scores, and standard deviations where the method has them.

        Raises:
            PredictorError: if it was not fitted.
            ArchError: if an architecture is not in the space.
        """
        if self._data is None:
            raise PredictorError("a predictor must be fitted, or read from a file, before it predicts")
        if not evidence:
            return Prediction(np.zeros(0))
        found = self._guess([self.space.require(each.arch) for each in evidence])
        std = None if found.std is None else found.std * self._std
        return Prediction(found.mean * self._std + self._mean, std)

    def state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what a fitted predictor is: settings and seed for JSON, and its training data as arrays.

        Raises:
            PredictorError: if it was not fitted.
        """
        if self._data is None:
            raise PredictorError("a predictor must be fitted before it can be kept")
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
            archs = tuple(Arch(space.name, tuple(genes)) for genes in arrays["genes"].tolist())
            scores, seed = np.asarray(arrays["scores"], dtype=np.float64), int(values["seed"])
        except (KeyError, TypeError, ValueError) as error:
            raise PredictorError(f"this is no {cls.__name__} of {space.name!r}: {error}") from error
        if len(archs) != len(scores):
            raise PredictorError(f"this is no {cls.__name__}: {len(scores)} scores for {len(archs)} architectures")
        made._refit(tuple(map(space.require, archs)), scores, seed)
        return made

    def _refit(self, archs: tuple[Arch, ...], scores: Floats, seed: int) -> None:
        self._mean, self._std = float(scores.mean()), float(scores.std()) or 1.0
        self._learn(archs, (scores - self._mean) / self._std, seed)
        self._data = (archs, scores.copy(), seed)

    @abstractmethod
    def _learn(self, archs: Sequence[Arch], scores: Floats, seed: int) -> None:
        """Learn standardised scores."""

    @abstractmethod
    def _guess(self, archs: Sequence[Arch]) -> Prediction:
        """Return standardised scores."""


class EncodedPredictor(RefitPredictor):
    """Learns scores of vectors, which a fixed encoding makes of architectures.

    Args:
        space: Space of the architectures.
        encoder: Name of the encoding in the catalogue.
        encoding: Settings of the encoding.
        settings: Settings of the method itself.

    Raises:
        UnknownNameError: if there is no such encoding.
        EncodingError: if the encoding refuses its settings or the space.
    """

    def __init__(
        self, space: Space, *, encoder: str, encoding: Mapping[str, Any] | None, settings: Mapping[str, Any]
    ) -> None:
        super().__init__(space, {"encoder": encoder, "encoding": dict(encoding or {}), **settings})
        make = find("encoder", encoder)
        try:
            self._encoder: Encoder = make(space, **dict(encoding or {}))
        except TypeError as error:
            raise EncodingError(f"encoding {encoder!r} cannot be made: {error}") from error

    def _learn(self, archs: Sequence[Arch], scores: Floats, seed: int) -> None:
        self._learn_vectors(self._encoder.encode(archs).astype(np.float64), scores, seed)

    def _guess(self, archs: Sequence[Arch]) -> Prediction:
        return self._guess_vectors(self._encoder.encode(archs).astype(np.float64))

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
        return import_module(package)
    except ImportError as error:
        raise MissingExtraError(
            f"this predictor needs the package {package}, which cannot be imported ({error}): "
            f"run pip install {package} or pip install 'archwright[predictors]'"
        ) from error
