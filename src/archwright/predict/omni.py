"""OMNI: boosted trees on an encoding, zero-cost proxies and the beginning of the learning curve together."""

# N architectures, B queries, F features

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import PredictorError
from archwright.core.trial import Evidence, Prediction
from archwright.predict.ngboost import BoostedNormals, require_boosting
from archwright.predict.standardised import ArraysPredictor, VectorPredictor
from archwright.spaces.base import Space

__all__ = ["Omni"]

Floats = npt.NDArray[np.float64]


class Omni(VectorPredictor, ArraysPredictor):
    """NGBoost on the encoding, on proxies, and on the sum of the last values of a learning curve.

    Evidence that lacks a proxy or a curve which it was told to read is refused, in fitting and in predicting. The curve
    should be training losses, with either sign; of each architecture as many epochs count as the shortest curve of the
    training set has, and later ones are left out. Needs the package `ngboost` for fitting, as `NgBoost` does.

    Args:
        space: Space of the architectures.
        encoder: Name of the encoding.
        encoding: Its settings.
        proxies: Names of the proxies that each piece of evidence has; may be none.
        curve: Whether each has a learning curve.
        last: Epochs E whose values are summed, at most all that count.
        trees: As of `NgBoost`, and so on.
        depth: Most splits from the root to a leaf.
        lr: Shrinkage of each tree.
        share: Share of the training set that a round sees.
        features: Share of the features that a split chooses from.
        least: Fewest architectures of a leaf.

    Raises:
        PredictorError: if a setting is not above 0, a share is above 1, or a proxy is named twice.

    Source: arXiv:2104.01177, section 4; arXiv:2006.04492 for the sum of training losses over the last E epochs.
        Differs: proxies are read as sign(x) log(1 + |x|), which trees see the same order in, and which fits into single
        precision, rather than standardised; no search for the settings of the trees.
    """

    def __init__(
        self,
        space: Space,
        *,
        encoder: str = "onehot",
        encoding: Mapping[str, Any] | None = None,
        proxies: Sequence[str] = ("jacov",),
        curve: bool = True,
        last: int = 1,
        trees: int = 300,
        depth: int = 6,
        lr: float = 0.08,
        share: float = 0.5,
        features: float = 0.8,
        least: int = 5,
    ) -> None:
        boosting = {"trees": trees, "depth": depth, "lr": lr, "share": share, "features": features, "least": least}
        require_boosting(boosting | {"last": last})
        if len(set(proxies)) < len(proxies):
            raise PredictorError(f"each proxy must be named once, but {', '.join(proxies)} were given")
        settings = {"proxies": list(proxies), "curve": curve, "last": last, **boosting}
        super().__init__(space, encoder=encoder, encoding=encoding, settings=settings)
        self.needs = frozenset([*(["proxies"] if proxies else []), *(["curve"] if curve else [])])
        self.proxies, self.curve, self.last = tuple(proxies), curve, last
        self._boosting = boosting
        self._epochs = 0
        self._model: BoostedNormals | None = None

    def _learn(self, evidence: Sequence[Evidence], scores: Floats, seed: int) -> None:
        self._epochs = min(len(each.curve) for each in evidence) if self.curve else 0
        self._model = BoostedNormals.fitted(self._features(evidence), scores, self._boosting, seed)

    def _guess(self, evidence: Sequence[Evidence]) -> Prediction:
        assert self._model is not None
        return self._model.predict(self._features(evidence))

    def _features(self, evidence: Sequence[Evidence]) -> Floats:
        """Return the encoding, the proxies and the sum of the curve's end, [N, F].

        Raises:
            PredictorError: if something is missing, or is no finite number.
        """
        parts = [self._vectors(evidence)]
        for name in self.proxies:
            missing = sum(name not in each.proxies for each in evidence)
            if missing:
                raise PredictorError(
                    f"omni needs the proxy {name!r} of each architecture, but {missing} of {len(evidence)} lack it: "
                    "give it, or leave it out of `proxies`"
                )
            values = _finite(np.array([each.proxies[name] for each in evidence], dtype=np.float64), f"proxy {name!r}")
            parts.append(np.sign(values) * np.log1p(np.abs(values)))
        if self.curve:
            parts.append(_finite(self._sums(evidence), "learning curve"))
        return np.column_stack(parts)

    def _sums(self, evidence: Sequence[Evidence]) -> Floats:
        """Return the sum of the last values that count, [N]."""
        wanted = max(self._epochs, 1)
        short = sum(len(each.curve) < wanted for each in evidence)
        if short:
            raise PredictorError(
                f"omni needs a learning curve of {wanted} epochs or more of each architecture, but {short} of "
                f"{len(evidence)} have none or a shorter one: give them, or set `curve` to false"
            )
        return np.array([sum(each.curve[max(0, wanted - self.last) : wanted]) for each in evidence], dtype=np.float64)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        assert self._model is not None
        return self._model.arrays() | {"epochs": np.array(self._epochs)}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._epochs, self._model = int(arrays["epochs"]), BoostedNormals.of(arrays)


def _finite(values: Floats, what: str) -> Floats:
    if not np.isfinite(values).all():
        raise PredictorError(
            f"omni needs finite numbers, but {int((~np.isfinite(values)).sum())} of {len(values)} values of the {what} "
            "are not: leave those architectures out"
        )
    return values
