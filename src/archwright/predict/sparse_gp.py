"""A Gaussian process that sees its observations through a few inducing points."""

# N architectures, B queries, M inducing points, D width of an encoding

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

__all__ = ["InducedGaussian", "SparseGaussianProcess"]

#: What is added to the diagonal of the inducing points' kernel, over its amplitude, so that it can be factorised.
_JITTER = 1e-6

Floats = npt.NDArray[np.float64]


class SparseGaussianProcess(VectorPredictor, ArraysPredictor):
    """A Gaussian process with a Gaussian kernel and inducing points. Fitting needs the package `gpytorch`.

    Inducing points, length scale, amplitude and noise maximise the collapsed variational bound. The uncertainty is that
    of the noiseless score. Costs N x M^2 a step, so that thousands of architectures are no matter. What was learned is
    kept as arrays, so that a predictor that was read from a file needs no package.

    Args:
        space: Space of the architectures.
        encoder: Name of the encoding.
        encoding: Its settings.
        inducing: Most inducing points M; they begin as a sample of the training set.
        steps: Steps of Adam.
        lr: Its learning rate.

    Raises:
        PredictorError: if a number is not above 0.

    Source: Titsias, AISTATS 2009, eqs. 9 and 10.
    """

    def __init__(
        self,
        space: Space,
        *,
        encoder: str = "onehot",
        encoding: Mapping[str, Any] | None = None,
        inducing: int = 100,
        steps: int = 100,
        lr: float = 0.1,
    ) -> None:
        if min(inducing, steps, lr) <= 0:
            raise PredictorError(f"inducing, steps and lr must be above 0, but are {inducing}, {steps} and {lr}")
        settings = {"inducing": inducing, "steps": steps, "lr": lr}
        super().__init__(space, encoder=encoder, encoding=encoding, settings=settings)
        self.inducing, self.steps, self.lr = inducing, steps, lr
        self._model: InducedGaussian | None = None

    def _learn(self, evidence: Sequence[Evidence], scores: Floats, seed: int) -> None:
        vectors = self._vectors(evidence)
        chosen = np.random.default_rng(seed).permutation(len(scores))[: self.inducing]
        points, scale, amplitude, noise = _maximised(vectors, scores, vectors[chosen], steps=self.steps, lr=self.lr)
        self._model = InducedGaussian.of(vectors, scores, points, scale=scale, amplitude=amplitude, noise=noise)

    def _guess(self, evidence: Sequence[Evidence]) -> Prediction:
        assert self._model is not None
        return self._model.predict(self._vectors(evidence))

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        assert self._model is not None
        return {name: np.asarray(value) for name, value in vars(self._model).items()}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        points, weights, prior, explained = (
            np.asarray(arrays[name], dtype=np.float64) for name in ("points", "weights", "prior", "explained")
        )
        m = len(weights)
        if points.shape != (m, self._encoder.dim) or prior.shape != (m, m) or explained.shape != (m, m):
            raise ValueError(f"its arrays do not belong to {m} inducing points of width {self._encoder.dim}")
        scale, amplitude = float(arrays["scale"]), float(arrays["amplitude"])
        self._model = InducedGaussian(points, weights, prior, explained, scale=scale, amplitude=amplitude)


@dataclass(frozen=True, eq=False)
class InducedGaussian:
    """What is left of a sparse Gaussian process after it has seen its observations.

    Args:
        points: Inducing points, [M, D].
        weights: What the kernel between query and points is multiplied with to predict, [M].
        prior: Maps that kernel to what the points explain of a query's own variance, [M, M].
        explained: Maps it to what of that is left after the observations, [M, M].
        scale: Length scale of the kernel.
        amplitude: Its variance.
    """

    points: Floats
    weights: Floats
    prior: Floats
    explained: Floats
    scale: float
    amplitude: float

    @classmethod
    def of(
        cls, vectors: Floats, scores: Floats, points: Floats, *, scale: float, amplitude: float, noise: float
    ) -> Self:
        """Return the process after scores [N] of vectors [N, D], with noise of that variance.

        Source: Titsias 2009, eq. 6 with the best q(u), eq. 10; by Cholesky factors as in Rasmussen and Williams, 2.1.
        """
        from scipy.linalg import cholesky, solve_triangular

        own = _kernel(points, points, scale, amplitude) + _JITTER * amplitude * np.eye(len(points))
        prior = solve_triangular(cholesky(own, lower=True), np.eye(len(points)), lower=True)
        seen = prior @ _kernel(points, vectors, scale, amplitude)
        inner = cholesky(np.eye(len(points)) + seen @ seen.T / noise, lower=True)
        explained = solve_triangular(inner, prior, lower=True)
        weights = explained.T @ solve_triangular(inner, seen @ scores, lower=True) / noise
        return cls(points, weights, prior, explained, scale=scale, amplitude=amplitude)

    def predict(self, vectors: Floats) -> Prediction:
        """Return means and deviations of vectors [B, D]."""
        across = _kernel(vectors, self.points, self.scale, self.amplitude)
        known = np.square(across @ self.prior.T).sum(axis=1) - np.square(across @ self.explained.T).sum(axis=1)
        return Prediction(across @ self.weights, np.sqrt(np.maximum(self.amplitude - known, 0)))


def _kernel(one: Floats, other: Floats, scale: float, amplitude: float) -> Floats:
    squares = np.square(one).sum(1)[:, None] + np.square(other).sum(1)[None] - 2 * one @ other.T
    return np.asarray(amplitude * np.exp(-0.5 * np.maximum(squares, 0) / scale**2))


def _maximised(
    vectors: Floats, scores: Floats, start: Floats, *, steps: int, lr: float
) -> tuple[Floats, float, float, float]:
    """Return inducing points, length scale, amplitude and noise of a high bound on the evidence.

    Raises:
        MissingExtraError: if the package is not installed.
    """
    gpytorch = library("gpytorch")
    import torch

    class Collapsed(gpytorch.models.ExactGP):  # type: ignore[misc, name-defined]
        """The process as the package wants it."""

        def __init__(self) -> None:
            super().__init__(x, y, likelihood)
            self.mean, self.kernel = gpytorch.means.ZeroMean(), kernel

        def forward(self, asked: Any) -> Any:
            return gpytorch.distributions.MultivariateNormal(self.mean(asked), self.kernel(asked))

    x, y = torch.from_numpy(vectors), torch.from_numpy(scores)
    likelihood = gpytorch.likelihoods.GaussianLikelihood().double()
    scaled = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel()).double()
    scaled.base_kernel.lengthscale = _typical_distance(vectors)
    scaled.outputscale, likelihood.noise = 1.0, 0.1
    kernel = gpytorch.kernels.InducingPointKernel(scaled, torch.from_numpy(start.copy()), likelihood)
    model = Collapsed()
    bound = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    adam = torch.optim.Adam(model.parameters(), lr=lr)
    model.train()
    for _ in range(steps):
        adam.zero_grad()
        loss = -bound(model(x), y)
        loss.backward()
        adam.step()
    points = kernel.inducing_points.detach().numpy().astype(np.float64)
    return points, scaled.base_kernel.lengthscale.item(), scaled.outputscale.item(), likelihood.noise.item()


def _typical_distance(vectors: Floats) -> float:
    """Return the root mean square distance of two of the vectors; 1 if all are equal."""
    return float(np.sqrt(2 * vectors.var(axis=0).sum())) or 1.0
