"""Predictors of decision trees on fixed encodings: boosted by XGBoost or LightGBM, or a random forest."""

# N architectures, T trees, D width of an encoding

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.core.trial import Prediction
from archwright.predict.refit import EncodedPredictor, library
from archwright.spaces.base import Space

__all__ = ["LightGbm", "RandomForest", "XgBoost"]

Floats = npt.NDArray[np.float64]


class XgBoost(EncodedPredictor):
    """Gradient-boosted trees of XGBoost; no uncertainty. Needs the package `xgboost`.

    Args:
        space: Space of the architectures.
        encoder: Name of the encoding.
        encoding: Its settings.
        trees: Rounds of boosting.
        depth: Most splits from the root to a leaf.
        lr: Shrinkage of each tree.

    Source: arXiv:1603.02754.
    """

    def __init__(
        self,
        space: Space,
        *,
        encoder: str = "onehot",
        encoding: Mapping[str, Any] | None = None,
        trees: int = 500,
        depth: int = 6,
        lr: float = 0.1,
    ) -> None:
        settings = {"trees": trees, "depth": depth, "lr": lr}
        super().__init__(space, encoder=encoder, encoding=encoding, settings=settings)
        self.trees, self.depth, self.lr = trees, depth, lr

    def _learn_vectors(self, vectors: Floats, scores: Floats, seed: int) -> None:
        self._model = library("xgboost").XGBRegressor(
            n_estimators=self.trees, max_depth=self.depth, learning_rate=self.lr, random_state=seed, n_jobs=1
        )
        self._model.fit(vectors, scores)

    def _guess_vectors(self, vectors: Floats) -> Prediction:
        return Prediction(np.asarray(self._model.predict(vectors), dtype=np.float64))


class LightGbm(EncodedPredictor):
    """Gradient-boosted trees of LightGBM; no uncertainty. Needs the package `lightgbm`.

    Args:
        space: Space of the architectures.
        encoder: Name of the encoding.
        encoding: Its settings.
        trees: Rounds of boosting.
        leaves: Most leaves of a tree.
        lr: Shrinkage of each tree.
        least: Fewest architectures of a leaf.

    Source: Ke et al., NeurIPS 2017. Differs: leaves of 5, not of 20, since training sets here are small.
    """

    def __init__(
        self,
        space: Space,
        *,
        encoder: str = "onehot",
        encoding: Mapping[str, Any] | None = None,
        trees: int = 500,
        leaves: int = 31,
        lr: float = 0.1,
        least: int = 5,
    ) -> None:
        settings = {"trees": trees, "leaves": leaves, "lr": lr, "least": least}
        super().__init__(space, encoder=encoder, encoding=encoding, settings=settings)
        self._train = {
            "objective": "regression",
            "num_leaves": leaves,
            "learning_rate": lr,
            "min_data_in_leaf": least,
            "min_data_in_bin": 1,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        self.trees = trees

    def _learn_vectors(self, vectors: Floats, scores: Floats, seed: int) -> None:
        lightgbm = library("lightgbm")
        data = lightgbm.Dataset(vectors, label=scores, params={"verbosity": -1})
        self._model = lightgbm.train(self._train | {"seed": seed}, data, num_boost_round=self.trees)

    def _guess_vectors(self, vectors: Floats) -> Prediction:
        return Prediction(np.asarray(self._model.predict(vectors, num_threads=1), dtype=np.float64))


class RandomForest(EncodedPredictor):
    """A random forest; the uncertainty is the standard deviation between its trees.

    Args:
        space: Space of the architectures.
        encoder: Name of the encoding.
        encoding: Its settings.
        trees: Trees T.
        features: Share of the features that a split chooses from.

    Source: Breiman 2001; arXiv:1211.0906, section 4, for the uncertainty.
    """

    def __init__(
        self,
        space: Space,
        *,
        encoder: str = "onehot",
        encoding: Mapping[str, Any] | None = None,
        trees: int = 300,
        features: float = 1.0,
    ) -> None:
        settings = {"trees": trees, "features": features}
        super().__init__(space, encoder=encoder, encoding=encoding, settings=settings)
        self.trees, self.features = trees, features

    def _learn_vectors(self, vectors: Floats, scores: Floats, seed: int) -> None:
        from sklearn.ensemble import RandomForestRegressor

        self._model = RandomForestRegressor(self.trees, max_features=self.features, random_state=seed, n_jobs=1)
        self._model.fit(vectors, scores)

    def _guess_vectors(self, vectors: Floats) -> Prediction:
        votes = np.stack([tree.predict(vectors) for tree in self._model.estimators_])
        return Prediction(votes.mean(axis=0), votes.std(axis=0))
