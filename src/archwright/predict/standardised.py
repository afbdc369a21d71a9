"""What predictors share that learn standardised scores, and the ones of them that are kept as arrays."""

# N architectures, D width of an encoding

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.catalog import find
from archwright.core.errors import EncodingError, PredictorError
from archwright.core.protocols import Encoder
from archwright.core.trial import Evidence, Prediction
from archwright.predict.training_set import require_scores
from archwright.spaces.base import Space

__all__ = ["ArraysPredictor", "StandardisedPredictor", "VectorPredictor"]

Floats = npt.NDArray[np.float64]
Arrays = dict[str, npt.NDArray[Any]]


class StandardisedPredictor(ABC):
    """Learns scores with mean 0 and deviation 1 from a seed, and gives predictions back in the unit of the scores.

    Args:
        space: Space of the architectures.
        settings: Keyword arguments, which JSON can hold, that make an equal predictor.
    """

    needs: frozenset[str] = frozenset()

    def __init__(self, space: Space, settings: Mapping[str, Any]) -> None:
        self.space, self.settings = space, dict(settings)
        self._mean, self._std = 0.0, 1.0
        self._fitted = False

    def fit(self, evidence: Sequence[Evidence], scores: Floats, *, rng: np.random.Generator) -> Self:
        """Learn from N architectures and their scores, higher is better, whatever was fitted before.

        Raises:
            PredictorError: if there are not as many scores as architectures, fewer than two, one is not finite, or the
                evidence lacks something that the predictor needs.
            ArchError: if an architecture is not in the space.
            MissingExtraError: if the library behind it is not installed.
        """
        self._fit(evidence, require_scores(evidence, scores), int(rng.integers(2**31 - 1)))
        return self

    def predict(self, evidence: Sequence[Evidence]) -> Prediction:
        """Return predicted scores, and standard deviations where the method has them.

        Raises:
            PredictorError: if it was not fitted, or the evidence lacks something that the predictor needs.
            ArchError: if an architecture is not in the space.
        """
        if not self._fitted:
            raise PredictorError("a predictor must be fitted, or read from a file, before it predicts")
        if not evidence:
            return Prediction(np.zeros(0))
        for each in evidence:
            self.space.require(each.arch)
        found = self._guess(evidence)
        std = None if found.std is None else found.std * self._std
        return Prediction(found.mean * self._std + self._mean, std)

    def _fit(self, evidence: Sequence[Evidence], scores: Floats, seed: int) -> None:
        for each in evidence:
            self.space.require(each.arch)
        self._fitted = False
        self._mean, self._std = float(scores.mean()), float(scores.std()) or 1.0
        self._learn(evidence, (scores - self._mean) / self._std, seed)
        self._fitted = True

    def _require_fitted(self) -> None:
        if not self._fitted:
            raise PredictorError("a predictor must be fitted before it can be kept")

    @abstractmethod
    def _learn(self, evidence: Sequence[Evidence], scores: Floats, seed: int) -> None:
        """Learn standardised scores."""

    @abstractmethod
    def _guess(self, evidence: Sequence[Evidence]) -> Prediction:
        """Return standardised scores."""


class VectorPredictor(StandardisedPredictor):
    """Learns from vectors, which a fixed encoding makes of architectures.

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
        said = dict(encoding or {})
        super().__init__(space, {"encoder": encoder, "encoding": said, **settings})
        self._encoder = _fixed_encoder(space, encoder, said)

    def _encoded(self, archs: Sequence[Arch]) -> Floats:
        """Return vectors [N, D]."""
        return self._encoder.encode(archs).astype(np.float64)

    def _vectors(self, evidence: Sequence[Evidence]) -> Floats:
        """Return the vectors [N, D] of the architectures of `evidence`."""
        return self._encoded([each.arch for each in evidence])


class ArraysPredictor(StandardisedPredictor):
    """Is kept as the arrays that it learned, so that reading one costs no training and gives the very same numbers."""

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """Return what a fitted predictor is: values for JSON, and arrays.

        Raises:
            PredictorError: if it was not fitted.
        """
        self._require_fitted()
        return {"settings": self.settings, "mean": self._mean, "std": self._std}, self._arrays()

    @classmethod
    def from_state(cls, space: Space, values: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the predictor that `state` described.

        Raises:
            PredictorError: if values and arrays do not belong together.
        """
        try:
            made = cls(space, **values["settings"])
            made._mean, made._std = float(values["mean"]), float(values["std"])
            made._restore(arrays)
        except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
            # What torch says of weights that do not fit has several lines.
            reason = " ".join(str(error).split())
            raise PredictorError(f"this is no {cls.__name__} of {space.name!r}: {reason}") from error
        made._fitted = True
        return made

    @abstractmethod
    def _arrays(self) -> Arrays:
        """Return what was learned."""

    @abstractmethod
    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take over what `_arrays` gave; a mismatch raises KeyError, IndexError, ValueError or RuntimeError."""


def _fixed_encoder(space: Space, name: str, settings: Mapping[str, Any]) -> Encoder:
    make = find("encoder", name)
    try:
        made: Encoder = make(space, **settings)
    except TypeError as error:
        raise EncodingError(f"encoding {name!r} cannot be made: {error}") from error
    return made
