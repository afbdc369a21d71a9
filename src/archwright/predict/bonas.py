"""BONAS: Bayesian linear regression on what a graph convolutional network makes of architectures."""

# N architectures, K width of an encoding

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.core.errors import PredictorError
from archwright.core.trial import Evidence, Prediction
from archwright.encode.gcn import Gcn
from archwright.predict.bayesian_linear import BayesianLinear
from archwright.predict.standardised import ArraysPredictor
from archwright.spaces.base import Space

__all__ = ["Bonas"]

#: Architectures of one forward pass outside of training.
_BATCH = 1024

Floats = npt.NDArray[np.float64]


class Bonas(ArraysPredictor):
    """A graph convolutional network with a global node, of which Bayesian linear regression replaces the last layer.

    The network learns squared errors that count more for good architectures: exp(t) - 1 times, where t is the score,
    scaled to 0..1 over the training set. Prior and noise of the regression have the largest marginal likelihood. The
    uncertainty is that of the noiseless score. Costs an eigendecomposition, cubic in N.

    Args:
        space: Space of the architectures; operations on edges are read as the line graph.
        embedding: Width of an operation's embedding.
        widths: Width of each layer of the network.
        epochs: Passes over the training set.
        batch: Most architectures of a step.
        lr: Learning rate of Adam.

    Raises:
        PredictorError: if there is no layer, or a number is not above 0.

    Source: arXiv:1911.09336, sections 3.1 and 3.2; four layers of 64. Differs: no batch normalisation; t is scaled to
        the training set, so that scores of any unit can be learned; point estimates of prior and noise.
    """

    def __init__(
        self,
        space: Space,
        *,
        embedding: int = 48,
        widths: Sequence[int] = (64,) * 4,
        epochs: int = 200,
        batch: int = 128,
        lr: float = 1e-3,
    ) -> None:
        numbers = {"embedding": embedding, "epochs": epochs, "batch": batch, "lr": lr}
        if not widths or min(*widths, *numbers.values()) <= 0:
            raise PredictorError(f"widths and numbers must be above 0, but are {list(widths)} and {numbers}")
        super().__init__(space, {"widths": list(widths), **numbers})
        self.embedding, self.widths = embedding, tuple(widths)
        self.epochs, self.batch, self.lr = epochs, batch, lr
        self._network: Gcn | None = None
        self._scores = np.zeros(0)
        self._regression: BayesianLinear | None = None

    def _learn(self, evidence: Sequence[Evidence], scores: Floats, seed: int) -> None:
        archs = [each.arch for each in evidence]
        # Layers draw their first weights from the global generator, which is given back as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._network = self._trained(archs, scores, np.random.default_rng(seed))
        self._scores = scores.copy()
        self._regression = BayesianLinear.of(self._features(archs), scores)

    def _guess(self, evidence: Sequence[Evidence]) -> Prediction:
        assert self._regression is not None
        return self._regression.predict(self._features([each.arch for each in evidence]))

    def _trained(self, archs: Sequence[Arch], scores: Floats, rng: np.random.Generator) -> Gcn:
        network = self._fresh()
        last = nn.Linear(network.dim, 1)
        batch, truth = network.prepare(archs), torch.from_numpy(scores).float()
        weight = _importance(truth)
        adam = torch.optim.Adam([*network.parameters(), *last.parameters()], lr=self.lr, fused=True)
        for _ in range(self.epochs):
            for part in np.array_split(rng.permutation(len(scores)), -(-len(scores) // self.batch)):
                index = torch.from_numpy(part)
                error = (last(network(batch.take(index))).squeeze(1) - truth[index]).square()
                adam.zero_grad()
                (weight[index] * error).mean().backward()
                adam.step()
        return network.eval()

    def _fresh(self) -> Gcn:
        return Gcn(self.space, embedding=self.embedding, widths=self.widths)

    def _features(self, archs: Sequence[Arch]) -> Floats:
        """Return encodings [N, K]."""
        assert self._network is not None
        batch = self._network.prepare(archs)
        with torch.inference_mode():
            parts = [self._network(batch.take(slice(at, at + _BATCH))) for at in range(0, len(archs), _BATCH)]
        return torch.cat(parts).double().numpy()

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        assert self._network is not None
        assert self._regression is not None
        weights = {f"network.{name}": tensor.numpy() for name, tensor in self._network.state_dict().items()}
        return weights | {"features": self._regression.known[:, :-1], "scores": self._scores}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        weights = {name: torch.from_numpy(array.copy()) for name, array in arrays.items() if name[:8] == "network."}
        with torch.random.fork_rng(devices=[]):
            self._network = self._fresh().eval()
        self._network.load_state_dict({name.removeprefix("network."): tensor for name, tensor in weights.items()})
        features, self._scores = np.array(arrays["features"], float), np.array(arrays["scores"], float)
        if features.shape != (len(self._scores), self._network.dim):
            raise ValueError(f"its features do not belong to {len(self._scores)} scores")
        self._regression = BayesianLinear.of(features, self._scores)


def _importance(scores: Tensor) -> Tensor:
    """Return how much each error counts, [N], 1 on average; all alike where scores are."""
    lowest, highest = scores.min(), scores.max()
    if lowest == highest:
        return torch.ones_like(scores)
    weight = torch.expm1((scores - lowest) / (highest - lowest))
    return weight / weight.mean()
