"""BOHAMIANN: a Bayesian neural network, by samples of its weights that a stochastic gradient sampler draws."""

# N architectures, B queries, C chains, S samples, D width of an encoding, P weights

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import PredictorError
from archwright.core.trial import Evidence, Prediction
from archwright.predict.standardised import ArraysPredictor, VectorPredictor
from archwright.spaces.base import Space

if TYPE_CHECKING:
    from torch import Generator, Tensor

__all__ = ["Bohamiann"]

#: Variance of the noise where its weight is zero; scores have variance 1. The prior is log-normal around it.
_NOISE = 0.1

#: Queries that all samples are asked about at once.
_BATCH = 256

Floats = npt.NDArray[np.float64]


class Bohamiann(VectorPredictor, ArraysPredictor):
    """A perceptron with a posterior over its weights, sampled by stochastic gradient Hamiltonian Monte Carlo.

    Several chains are run as one batch, each from a draw of the prior and on mini-batches of its own. Weights have
    standard normal priors, and layers divide by the root of their fan-in; the noise is sampled as well. The uncertainty
    is the deviation between samples, which is that of the noiseless score.

    Args:
        space: Space of the architectures.
        encoder: Name of the encoding.
        encoding: Its settings.
        widths: Of the hidden layers, with tanh.
        chains: Chains C.
        burn_in: Steps of each chain that are thrown away, during which the sampler adapts.
        samples: Samples S that are kept, of all chains together.
        every: Steps between two samples of a chain.
        batch: Architectures of a step.
        lr: Size of a step.
        friction: Share of the momentum that a step loses.

    Raises:
        PredictorError: if there is no layer, or a number is not above 0.

    Source: Springenberg et al., NeurIPS 2016, section 3.2, eqs. 9 and 10. Differs: chains instead of one long one;
        the scale of the weights is a prior's, not a decay.
    """

    def __init__(
        self,
        space: Space,
        *,
        encoder: str = "onehot",
        encoding: Mapping[str, Any] | None = None,
        widths: Sequence[int] = (50, 50, 50),
        chains: int = 8,
        burn_in: int = 2000,
        samples: int = 200,
        every: int = 20,
        batch: int = 32,
        lr: float = 0.02,
        friction: float = 0.05,
    ) -> None:
        numbers = {
            "chains": chains,
            "burn_in": burn_in,
            "samples": samples,
            "every": every,
            "batch": batch,
            "lr": lr,
            "friction": friction,
        }
        if not widths or min(*widths, *numbers.values()) <= 0:
            raise PredictorError(
                f"widths and numbers of a Bayesian network must be above 0, but are {list(widths)} and {numbers}"
            )
        super().__init__(space, encoder=encoder, encoding=encoding, settings={"widths": list(widths), **numbers})
        self.widths = tuple(widths)
        self.chains, self.burn_in, self.samples, self.every = chains, burn_in, samples, every
        self.batch, self.lr, self.friction = batch, lr, friction
        self._center, self._scale = np.zeros(self._encoder.dim), np.ones(self._encoder.dim)
        self._drawn = np.zeros((0, self._n_weights()), dtype=np.float32)

    def _learn(self, evidence: Sequence[Evidence], scores: Floats, seed: int) -> None:
        import torch

        vectors = self._vectors(evidence)
        self._center, deviation = vectors.mean(axis=0), vectors.std(axis=0)
        self._scale = np.where(deviation > 0, deviation, 1.0)
        rng = torch.Generator().manual_seed(seed)
        x, y = self._inputs(vectors), torch.from_numpy(scores).float()
        self._drawn = torch.cat(list(self._walk(x, y, rng)))[-self.samples :].numpy()
        if not np.isfinite(self._drawn).all():
            raise PredictorError(f"the chains must stay finite, but did not with lr {self.lr}: give a smaller lr")

    def _guess(self, evidence: Sequence[Evidence]) -> Prediction:
        import torch

        x, weights = self._inputs(self._vectors(evidence)), torch.from_numpy(self._drawn)
        with torch.inference_mode():
            parts = [self._outputs(weights, part.expand(len(weights), -1, -1))[0] for part in torch.split(x, _BATCH)]
        outputs = torch.cat(parts, dim=1).double().numpy()
        return Prediction(outputs.mean(axis=0), outputs.std(axis=0))

    def _walk(self, x: Tensor, y: Tensor, rng: Generator) -> Iterator[Tensor]:
        """Yield the weights [C, P] of all chains, `every` steps after `every` steps, once the burn-in is over."""
        import torch

        sampler = _Sampler(
            torch.randn(self.chains, self._n_weights(), generator=rng), lr=self.lr, friction=self.friction
        )
        n_kept = -(-self.samples // self.chains)
        for step in range(1, self.burn_in + n_kept * self.every + 1):
            index = torch.randint(len(y), (self.chains, min(self.batch, len(y))), generator=rng)
            sampler.step(self._slope(sampler.weights, x[index], y[index], len(y)), rng, adapt=step <= self.burn_in)
            if step > self.burn_in and (step - self.burn_in) % self.every == 0:
                yield sampler.weights.clone()

    def _slope(self, weights: Tensor, x: Tensor, y: Tensor, n: int) -> Tensor:
        """Return the gradient [C, P] of the negative log posterior, estimated on batches [C, batch]."""
        import torch

        asked = weights.detach().requires_grad_()
        outputs, log_noise = self._outputs(asked, x)
        misfit = 0.5 * ((y - outputs).square() * torch.exp(-log_noise) + log_noise)
        energy = n * misfit.mean(dim=1).sum() + 0.5 * asked.square().sum()
        (slope,) = torch.autograd.grad(energy, asked)
        return slope

    def _outputs(self, weights: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores [C, B] by weights [C, P] of inputs [C, B, D], and the log variance of the noise [C, 1]."""
        import torch

        shapes = self._shapes()
        parts = torch.split(weights, [*(size for a, b in shapes for size in (a * b, b)), 1], dim=1)
        for layer, (a, b) in enumerate(shapes):
            matrix, bias = parts[2 * layer].view(-1, a, b), parts[2 * layer + 1]
            x = torch.baddbmm(bias[:, None], x, matrix, alpha=a**-0.5)
            if layer < len(shapes) - 1:
                x = torch.tanh(x)
        return x.squeeze(2), parts[-1] + float(np.log(_NOISE))

    def _shapes(self) -> list[tuple[int, int]]:
        widths = (self._encoder.dim, *self.widths, 1)
        return list(pairwise(widths))

    def _n_weights(self) -> int:
        """Return the number of weights P, that of the noise included."""
        return sum(a * b + b for a, b in self._shapes()) + 1

    def _inputs(self, vectors: Floats) -> Tensor:
        import torch

        return torch.from_numpy((vectors - self._center) / self._scale).float()

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {"weights": self._drawn, "center": self._center, "scale": self._scale}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._drawn = np.array(arrays["weights"], dtype=np.float32)
        self._center, self._scale = np.array(arrays["center"], float), np.array(arrays["scale"], float)
        if self._drawn.shape[1:] != (self._n_weights(),) or self._center.shape != (self._encoder.dim,):
            raise ValueError(f"its samples do not have {self._n_weights()} weights")


class _Sampler:
    """Stochastic gradient Hamiltonian Monte Carlo that finds the scale of each weight by itself.

    Args:
        weights: Where the chains begin, [C, P].
        lr: Size of a step, epsilon.
        friction: Share of the momentum that a step loses, alpha.

    Source: Springenberg et al. 2016, eqs. 7 to 10, with the estimated noise of the gradient as given there.
    """

    def __init__(self, weights: Tensor, *, lr: float, friction: float) -> None:
        import torch

        self.weights, self.lr, self.friction = weights, lr, friction
        self._momentum = torch.zeros_like(weights)
        #: Averages of the gradient and of its square, and over how many steps they are taken.
        self._mean, self._square, self._window = (torch.ones_like(weights) for _ in range(3))

    def step(self, slope: Tensor, rng: Generator, *, adapt: bool) -> None:
        """Move all chains against `slope` [C, P], the gradient of the negative log posterior, with noise."""
        import torch

        if adapt:
            # One more than the window, so that a gradient never forgets all that came before it.
            rate = 1 / (self._window + 1)
            self._window += 1 - self._window * self._mean.square() / self._square
            self._mean.lerp_(slope, rate)
            self._square.lerp_(slope.square(), rate)
        inverse = self._square.clamp(min=1e-16).rsqrt()
        variance = (2 * self.friction * self.lr**2 * inverse - self.lr**4).clamp(min=0)
        noise = torch.randn(slope.shape, generator=rng) * variance.sqrt()
        self._momentum.mul_(1 - self.friction).sub_(self.lr**2 * inverse * slope).add_(noise)
        self.weights = self.weights + self._momentum
