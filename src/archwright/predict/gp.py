"""A Gaussian process on a fixed encoding."""

# N architectures, D width of an encoding

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.core.trial import Prediction
from archwright.predict.posterior import Posterior, posterior
from archwright.predict.refit import EncodedPredictor
from archwright.spaces.base import Space

__all__ = ["GaussianProcess"]

#: Length scales that are compared, as multiples of the root mean square distance between architectures.
_SCALES = tuple(2.0**power for power in range(-3, 5))

Floats = npt.NDArray[np.float64]


class GaussianProcess(EncodedPredictor):
    """A Gaussian process with a Gaussian kernel; length scale, amplitude and noise of the largest evidence.

    The uncertainty is that of the noiseless score. Costs eight eigendecompositions, cubic in N: a minute at 3,000.

    Args:
        space: Space of the architectures.
        encoder: Name of the encoding.
        encoding: Its settings.

    Source: Rasmussen and Williams 2006, algorithm 2.1 and section 5.4. Differs: the length scale is one of eight, each
        twice the one before, so that fitting has no local optima and no failure to converge.
    """

    def __init__(self, space: Space, *, encoder: str = "onehot", encoding: Mapping[str, Any] | None = None) -> None:
        super().__init__(space, encoder=encoder, encoding=encoding, settings={})
        self._known: Floats | None = None
        self._scale = 1.0
        self._posterior: Posterior | None = None

    def _learn_vectors(self, vectors: Floats, scores: Floats, seed: int) -> None:
        squares = _squared_distances(vectors, vectors)
        typical = float(squares.mean()) or 1.0
        tried = [(scale**2 * typical, posterior(_gauss(squares, scale**2 * typical), scores)) for scale in _SCALES]
        self._known = vectors
        self._scale, self._posterior = max(tried, key=lambda each: each[1].log_evidence)

    def _guess_vectors(self, vectors: Floats) -> Prediction:
        assert self._known is not None
        assert self._posterior is not None
        across = _gauss(_squared_distances(vectors, self._known), self._scale)
        return Prediction(self._posterior.mean(across), self._posterior.std(across, np.ones(len(vectors))))


def _squared_distances(one: Floats, other: Floats) -> Floats:
    squares = np.square(one).sum(1)[:, None] + np.square(other).sum(1)[None] - 2 * one @ other.T
    return np.asarray(np.maximum(squares, 0))


def _gauss(squares: Floats, scale: float) -> Floats:
    return np.asarray(np.exp(-0.5 * squares / scale))
