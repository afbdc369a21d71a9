"""Bayesian linear regression on features, such as those that a trained network computes last."""

# N observations, B queries, K features

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from archwright.core.trial import Prediction
from archwright.predict.posterior import Posterior, posterior

__all__ = ["BayesianLinear"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BayesianLinear:
    """A linear function of features with a Gaussian prior; prior and noise have the largest marginal likelihood.

    Args:
        known: Features of the observations and a constant, [N, K + 1].
        posterior: The same thing as a Gaussian process with a linear kernel.

    Source: arXiv:1502.05700, section 3.1. Differs: point estimates of prior and noise instead of slice sampling.
    """

    known: Floats
    posterior: Posterior

    @classmethod
    def of(cls, features: Floats, scores: Floats) -> Self:
        """Return the regression of standardised scores [N] on features [N, K]. Cubic in N."""
        known = _with_constant(features)
        return cls(known, posterior(known @ known.T, scores))

    def predict(self, features: Floats) -> Prediction:
        """Return means [B] of features [B, K], and deviations of the noiseless score."""
        asked = _with_constant(features)
        across = asked @ self.known.T
        return Prediction(self.posterior.mean(across), self.posterior.std(across, np.square(asked).sum(axis=1)))


def _with_constant(features: Floats) -> Floats:
    return np.concatenate([features, np.ones((len(features), 1))], axis=1)
