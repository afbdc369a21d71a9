"""NGBoost: boosted trees that predict a normal distribution."""

# B architectures, T rounds of boosting, F features, K nodes of a tree

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from archwright.core.errors import PredictorError
from archwright.core.trial import Evidence, Prediction
from archwright.predict.refit import library
from archwright.predict.standardised import ArraysPredictor, VectorPredictor
from archwright.spaces.base import Space

__all__ = ["BoostedNormals", "NgBoost"]

#: Architectures whose way through all trees is followed at once.
_BATCH = 256

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class NgBoost(VectorPredictor, ArraysPredictor):
    """Boosted trees for mean and deviation of a score, by natural gradients. Fitting needs the package `ngboost`.

    The uncertainty is the predicted deviation, the noise of a single score included. What was learned is kept as the
    nodes of the trees, so that a predictor that was read from a file needs no package.

    Args:
        space: Space of the architectures.
        encoder: Name of the encoding.
        encoding: Its settings.
        trees: Rounds of boosting T, of two trees each.
        depth: Most splits from the root to a leaf.
        lr: Shrinkage of each tree.
        share: Share of the training set that a round sees.
        features: Share of the features that a split chooses from.
        least: Fewest architectures of a leaf, as far as half the training set allows.

    Raises:
        PredictorError: if a setting is not above 0, or a share is above 1.

    Source: arXiv:1910.03225, algorithm 1. Differs: deeper trees of larger leaves, on half the data each, as
        arXiv:2104.01177 uses it for architectures.
    """

    def __init__(
        self,
        space: Space,
        *,
        encoder: str = "onehot",
        encoding: Mapping[str, Any] | None = None,
        trees: int = 300,
        depth: int = 6,
        lr: float = 0.08,
        share: float = 0.5,
        features: float = 0.8,
        least: int = 5,
    ) -> None:
        boosting = {
            "trees": trees,
            "depth": depth,
            "lr": lr,
            "share": share,
            "features": features,
            "least": least,
        }
        require_boosting(boosting)
        super().__init__(space, encoder=encoder, encoding=encoding, settings=boosting)
        self._boosting = boosting
        self._model: BoostedNormals | None = None

    def _learn(self, evidence: Sequence[Evidence], scores: Floats, seed: int) -> None:
        self._model = BoostedNormals.fitted(self._vectors(evidence), scores, self._boosting, seed)

    def _guess(self, evidence: Sequence[Evidence]) -> Prediction:
        assert self._model is not None
        return self._model.predict(self._vectors(evidence))

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        assert self._model is not None
        return self._model.arrays()

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._model = BoostedNormals.of(arrays)


def require_boosting(settings: Mapping[str, float]) -> None:
    """Accept settings of the boosting by name.

    Raises:
        PredictorError: if one is not above 0, or a share is above 1.
    """
    for name, value in settings.items():
        most = 1.0 if name in ("share", "features") else np.inf
        if not 0 < value <= most:
            limit = "above 0 and at most 1" if most == 1 else "above 0"
            raise PredictorError(f"{name} of the boosted trees must be {limit}, but is {value}")


@dataclass(frozen=True, eq=False)
class BoostedNormals:
    """Trees of which the sums are the mean and the log deviation of a normal distribution.

    Nodes of the 2 T trees follow each other; a leaf is its own child.

    Args:
        start: Mean and log deviation before the first tree, [2].
        roots: First node of each tree, [T, 2].
        children: Left and right child of each node, [K, 2].
        feature: Which feature a node looks at, [K].
        threshold: Of a feature; up to it the way goes left, [K].
        value: What a tree that ends here adds, [K].
        depth: Most steps from a root to a leaf.
    """

    start: Floats
    roots: Ints
    children: Ints
    feature: Ints
    threshold: Floats
    value: Floats
    depth: int

    @classmethod
    def fitted(cls, vectors: Floats, scores: Floats, settings: Mapping[str, Any], seed: int) -> Self:
        """Return what the package learns of vectors [B, F] and their scores [B].

        Raises:
            MissingExtraError: if the package is not installed.
        """
        boosting = library("ngboost")
        if np.ptp(scores) == 0:
            return cls._constant(float(scores[0]))
        from sklearn.tree import DecisionTreeRegressor

        # Without a seed of its own a tree would draw the order of features from numpy's global generator.
        tree = DecisionTreeRegressor(
            max_depth=settings["depth"],
            max_features=settings["features"],
            min_samples_leaf=max(1, min(settings["least"], int(len(scores) * settings["share"]) // 2)),
            random_state=seed,
        )
        model = boosting.NGBRegressor(
            Base=tree,
            n_estimators=settings["trees"],
            learning_rate=settings["lr"],
            minibatch_frac=settings["share"],
            verbose=False,
            random_state=seed,
        )
        return cls._read(model.fit(vectors, scores))

    @classmethod
    def _constant(cls, score: float) -> Self:
        """Return no trees: all scores are equal, and the package would divide by their deviation."""
        none = np.zeros(0, dtype=np.int64)
        start, nothing = np.array([score, -np.inf]), np.zeros(0)
        return cls(start, none.reshape(0, 2), none.reshape(0, 2), none, nothing, nothing, depth=0)

    @classmethod
    def _read(cls, model: Any) -> Self:
        """Return the trees of the package's model, each scaled by its step."""
        trees, steps = [], []
        for pair, scale in zip(model.base_models, model.scalings, strict=True):
            trees += [each.tree_ for each in pair]
            steps += [-model.learning_rate * scale] * len(pair)
        sizes = np.array([tree.node_count for tree in trees], dtype=np.int64)
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        own = [np.arange(size) for size in sizes]
        children = [
            np.stack([np.where(side < 0, self_, side) for side in (tree.children_left, tree.children_right)], axis=1)
            for tree, self_ in zip(trees, own, strict=True)
        ]
        return cls(
            start=np.asarray(model.init_params, dtype=np.float64),
            roots=roots.reshape(-1, 2),
            children=np.concatenate([each + root for each, root in zip(children, roots, strict=True)]),
            feature=np.maximum(np.concatenate([tree.feature for tree in trees]), 0).astype(np.int64),
            threshold=np.concatenate([tree.threshold for tree in trees]),
            value=np.concatenate([step * tree.value[:, 0, 0] for tree, step in zip(trees, steps, strict=True)]),
            depth=max(int(tree.max_depth) for tree in trees),
        )

    @classmethod
    def of(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return what `arrays` gave.

        Raises:
            KeyError: if something is missing.
            ValueError: if the arrays do not belong together.
        """
        model = cls(
            start=np.asarray(arrays["start"], dtype=np.float64),
            roots=np.asarray(arrays["roots"], dtype=np.int64),
            children=np.asarray(arrays["children"], dtype=np.int64),
            feature=np.asarray(arrays["feature"], dtype=np.int64),
            threshold=np.asarray(arrays["threshold"], dtype=np.float64),
            value=np.asarray(arrays["value"], dtype=np.float64),
            depth=int(arrays["depth"]),
        )
        n = len(model.value)
        inside = all(((each >= 0) & (each < n)).all() for each in (model.roots, model.children))
        shapes = (model.start.shape, model.roots.shape[1:], model.children.shape, model.feature.shape)
        if not inside or shapes != ((2,), (2,), (n, 2), (n,)) or model.threshold.shape != (n,):
            raise ValueError("the nodes of its trees do not belong together")
        return model

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything, by name."""
        names = ("start", "roots", "children", "feature", "threshold", "value")
        return {name: getattr(self, name) for name in names} | {"depth": np.array(self.depth)}

    def predict(self, vectors: Floats) -> Prediction:
        """Return means and deviations of vectors [B, F]."""
        # The package's trees compare single precision, and the same vector must go the same way here.
        x = vectors.astype(np.float32)
        parts = [self._sums(x[at : at + _BATCH]) for at in range(0, len(x), _BATCH)]
        mean, log_deviation = np.concatenate(parts).T
        return Prediction(mean, np.exp(log_deviation))

    def _sums(self, x: npt.NDArray[np.float32]) -> Floats:
        """Return mean and log deviation [B, 2]."""
        rows = np.arange(len(x))[:, None]
        node = np.broadcast_to(self.roots.ravel(), (len(x), self.roots.size))
        for _ in range(self.depth):
            right = x[rows, self.feature[node]] > self.threshold[node]
            node = self.children[node, right.astype(np.int64)]
        return np.asarray(self.start + self.value[node].reshape(len(x), len(self.roots), 2).sum(axis=1))
