"""Gaussian processes by their marginal likelihood: the noise and the amplitude of a given kernel."""

# N observations, B queries

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Posterior", "posterior"]

#: Natural logarithms of the noise's variance over the kernel's amplitude: where it is searched.
_LOG_RATIOS = (math.log(1e-6), math.log(1e3))

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Posterior:
    """A Gaussian process after N observations of standardised scores.

    Args:
        basis: Eigenvectors of the kernel matrix, [N, N].
        shrunk: Eigenvalues with the noise ratio added, [N].
        weights: What the kernel's rows are multiplied with to predict, [N].
        amplitude: Variance that the kernel is multiplied with.
        ratio: Variance of the noise over `amplitude`.
        log_evidence: Log marginal likelihood of the observations.
    """

    basis: Floats
    shrunk: Floats
    weights: Floats
    amplitude: float
    ratio: float
    log_evidence: float

    def mean(self, across: Floats) -> Floats:
        """Return means [B] from the kernel between queries and observations [B, N]."""
        return across @ self.weights

    def std(self, across: Floats, own: Floats) -> Floats:
        """Return standard deviations [B], without the noise, from that kernel and each query's own value [B]."""
        explained = np.square(across @ self.basis) @ (1 / self.shrunk)
        return np.sqrt(self.amplitude * np.maximum(own - explained, 0))


def posterior(kernel: Floats, scores: Floats) -> Posterior:
    """Return the process of `kernel` [N, N] whose noise and amplitude make `scores` [N] likeliest.

    One eigendecomposition, cubic in N, serves every noise; the best amplitude has a closed form.

    Source: Rasmussen and Williams 2006, eq. 2.30, and 5.8.
    """
    from scipy.optimize import minimize_scalar

    values, basis = np.linalg.eigh(kernel)
    values = np.maximum(values, 0)
    squares = np.square(basis.T @ scores)

    def loss(log_ratio: float) -> float:
        """Return twice the negative log evidence per observation, constants left out, at the best amplitude."""
        shrunk = values + math.exp(log_ratio)
        return float(np.log(shrunk).mean() + math.log(np.mean(squares / shrunk) + 1e-300))

    # A coarse look first: there may be two optima, all signal and all noise.
    grid = np.linspace(*_LOG_RATIOS, 40)
    best = int(np.argmin([loss(each) for each in grid]))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    log_ratio = float(minimize_scalar(loss, bounds=bounds, method="bounded").x)
    ratio, shrunk = math.exp(log_ratio), values + math.exp(log_ratio)
    return Posterior(
        basis=basis,
        shrunk=shrunk,
        weights=basis @ ((basis.T @ scores) / shrunk),
        amplitude=float(np.mean(squares / shrunk)),
        ratio=ratio,
        log_evidence=-0.5 * len(scores) * (loss(log_ratio) + 1 + math.log(2 * math.pi)),
    )
