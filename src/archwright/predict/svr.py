"""A support vector machine on a fixed encoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.core.trial import Prediction
from archwright.predict.refit import EncodedPredictor
from archwright.spaces.base import Space

__all__ = ["Svr"]

Floats = npt.NDArray[np.float64]


class Svr(EncodedPredictor):
    """Support vector regression with a Gaussian kernel, its width from the variance of the encodings.

    Args:
        space: Space of the architectures.
        encoder: Name of the encoding.
        encoding: Its settings.
        cost: Weight C of errors against flatness.
        nu: Lower bound of the share of support vectors, upper bound of that of errors.

    Source: Schoelkopf et al. 2000 (nu-SVR); arXiv:1705.10823 for its use on architectures.
    """

    def __init__(
        self,
        space: Space,
        *,
        encoder: str = "onehot",
        encoding: Mapping[str, Any] | None = None,
        cost: float = 10.0,
        nu: float = 0.5,
    ) -> None:
        super().__init__(space, encoder=encoder, encoding=encoding, settings={"cost": cost, "nu": nu})
        self.cost, self.nu = cost, nu

    def _learn_vectors(self, vectors: Floats, scores: Floats, seed: int) -> None:
        from sklearn.svm import NuSVR

        model = NuSVR(C=self.cost, nu=self.nu, gamma="scale")
        # It seeds libsvm, which then uses it for nothing here, from numpy's global generator if nothing is set.
        model.random_state = seed
        self._model = model.fit(vectors, scores)

    def _guess_vectors(self, vectors: Floats) -> Prediction:
        return Prediction(np.asarray(self._model.predict(vectors), dtype=np.float64))
