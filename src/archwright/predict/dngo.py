"""DNGO: Bayesian linear regression on what a trained network computes last."""

# N architectures, D width of an encoding, K width of the last hidden layer

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import PredictorError
from archwright.core.trial import Prediction
from archwright.predict.bayesian_linear import BayesianLinear
from archwright.predict.refit import EncodedPredictor
from archwright.spaces.base import Space

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Dngo"]

Floats = npt.NDArray[np.float64]


class Dngo(EncodedPredictor):
    """A perceptron trained on squared error, of which Bayesian linear regression replaces the last layer.

    Prior and noise of the regression have the largest marginal likelihood. The uncertainty is that of the noiseless
    score. Costs an eigendecomposition, cubic in N.

    Args:
        space: Space of the architectures.
        encoder: Name of the encoding.
        encoding: Its settings.
        widths: Of the hidden layers; the last one has the features of the regression.
        epochs: Passes over the training set, in batches of 64.
        lr: Learning rate of Adam.

    Raises:
        PredictorError: if there is no layer, or a number is not positive.

    Source: arXiv:1502.05700, section 3. Differs: Adam for momentum; point estimates instead of slice sampling.
    """

    def __init__(
        self,
        space: Space,
        *,
        encoder: str = "onehot",
        encoding: Mapping[str, Any] | None = None,
        widths: Sequence[int] = (50, 50, 50),
        epochs: int = 200,
        lr: float = 0.01,
    ) -> None:
        if not widths or min(*widths, epochs, lr) <= 0:
            raise PredictorError(f"widths, epochs and lr must be above 0, but are {list(widths)}, {epochs} and {lr}")
        settings = {"widths": list(widths), "epochs": epochs, "lr": lr}
        super().__init__(space, encoder=encoder, encoding=encoding, settings=settings)
        self.widths, self.epochs, self.lr = tuple(widths), epochs, lr
        self._body: nn.Sequential | None = None
        self._regression: BayesianLinear | None = None

    def _learn_vectors(self, vectors: Floats, scores: Floats, seed: int) -> None:
        import torch

        # Layers draw their first weights from the global generator, which is given back as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._body = self._trained(vectors, scores, np.random.default_rng(seed))
        self._regression = BayesianLinear.of(self._features(vectors), scores)

    def _guess_vectors(self, vectors: Floats) -> Prediction:
        assert self._regression is not None
        return self._regression.predict(self._features(vectors))

    def _trained(self, vectors: Floats, scores: Floats, rng: np.random.Generator) -> nn.Sequential:
        import torch
        from torch import nn

        layers: list[nn.Module] = []
        for inside, outside in zip((vectors.shape[1], *self.widths), self.widths, strict=False):
            layers += [nn.Linear(inside, outside), nn.Tanh()]
        body = nn.Sequential(*layers)
        net = nn.Sequential(body, nn.Linear(self.widths[-1], 1))
        x, y = torch.from_numpy(vectors).float(), torch.from_numpy(scores).float()
        adam = torch.optim.Adam(net.parameters(), lr=self.lr, fused=True)
        for _ in range(self.epochs):
            for part in np.array_split(rng.permutation(len(scores)), -(-len(scores) // 64)):
                index = torch.from_numpy(part)
                loss = (net(x[index]).squeeze(1) - y[index]).square().mean()
                adam.zero_grad()
                loss.backward()
                adam.step()
        return body

    def _features(self, vectors: Floats) -> Floats:
        """Return what the last hidden layer gives, [N, K]."""
        import torch

        assert self._body is not None
        with torch.inference_mode():
            features: Floats = self._body(torch.from_numpy(vectors).float()).double().numpy()
        return features
