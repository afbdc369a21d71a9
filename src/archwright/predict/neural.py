"""A performance predictor of an encoder and a head, trained on scores or on their order."""

# N architectures, B of a batch, T columns of scores: one here, more where a subclass learns several

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.core.catalog import find
from archwright.core.errors import PredictorError
from archwright.core.trial import Evidence, Prediction
from archwright.encode.gates import Saliency
from archwright.encode.network import EncoderNetwork
from archwright.predict.losses import pairwise_hinge, squared_error
from archwright.predict.saliency import OperationSaliencies
from archwright.predict.training_set import require_scores
from archwright.spaces.base import Space

__all__ = ["NeuralPredictor", "Scorer", "Training", "perceptron"]

#: Architectures of one forward pass outside of training.
_BATCH = 1024

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Training:
    """How a neural predictor is trained.

    Args:
        epochs: Passes over the training set.
        batch: Most architectures of a step.
        lr: Learning rate of Adam.
        loss: `hinge`: pairwise, on the order of the scores; `mse`: squared error on standardised scores.
        margin: Of the hinge.
        dropout: Share of the head's hidden units that a step leaves out.

    Raises:
        PredictorError: if a number is not positive, the dropout not in [0, 1), or there is no such loss.

    Source: TA-GATES, appendix B.2.
    """

    epochs: int = 200
    batch: int = 512
    lr: float = 1e-3
    loss: Literal["hinge", "mse"] = "hinge"
    margin: float = 0.1
    dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "lr", "margin"):
            if not getattr(self, name) > 0:
                raise PredictorError(f"{name} of a predictor's training must be above 0, but is {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise PredictorError(f"dropout of a predictor's head must be in [0, 1), but is {self.dropout}")
        if self.loss not in ("hinge", "mse"):
            raise PredictorError(f"the loss must be hinge or mse, but {self.loss!r} was given")


class NeuralPredictor:
    """Encodes an architecture by a network, and turns the encoding into a score by a perceptron.

    With the hinge, predictions have no unit: only their order means something. With squared error they are scores.

    Args:
        space: Space of the architectures.
        encoder: Name of the encoder network in the catalogue.
        settings: Settings of the encoder; values that JSON can hold.
        head: Widths of the hidden layers of the head.
        training: How it is trained.
        saliency: Gives the encoder the saliencies of operations; by default `OperationSaliencies` of the space where
            `settings` break symmetries by `add` or `concat`, and none elsewhere.
        on_epoch: Called after each epoch with its number, from 1, and this predictor, which can already predict.

    Raises:
        UnknownNameError: if there is no such encoder.
        SpaceError: if saliencies are wanted and none given, and the space has no networks to measure them on.
        PredictorError: if the encoder refuses its settings.

    Source: TA-GATES, eq. A5; appendix B for the numbers.
    """

    needs: frozenset[str] = frozenset()

    def __init__(
        self,
        space: Space,
        *,
        encoder: str = "gates",
        settings: Mapping[str, Any] | None = None,
        head: Sequence[int] = (200,),
        training: Training | None = None,
        saliency: Saliency | None = None,
        on_epoch: Callable[[int, NeuralPredictor], None] | None = None,
    ) -> None:
        self.space, self.encoder, self.settings = space, encoder, dict(settings or {})
        self.head, self.training, self.on_epoch = tuple(head), training or Training(), on_epoch
        wanted = self.settings.get("symmetry") in ("add", "concat")
        self.saliency = OperationSaliencies(space) if saliency is None and wanted else saliency
        self._maker: Callable[..., EncoderNetwork] = find("encoder_network", encoder)
        self._net: Scorer | None = None
        self._mean, self._std = np.zeros(()), np.ones(())
        self._prepared: tuple[tuple[Arch, ...], Any] | None = None

    def fit(self, evidence: Sequence[Evidence], scores: Floats, *, rng: np.random.Generator) -> Self:
        """Train on N architectures and their scores, higher is better; from fresh weights, whatever was fitted before.

        Raises:
            PredictorError: if there are not as many scores as architectures, fewer than two, or one is not finite.
        """
        return self._learn(evidence, require_scores(evidence, scores), rng)

    def _learn(self, evidence: Sequence[Evidence], scores: Floats, rng: np.random.Generator) -> Self:
        """Train on scores [N] or [N, T]."""
        self._mean, self._std = np.zeros(scores.shape[1:]), np.ones(scores.shape[1:])
        if self.training.loss == "mse":
            std = scores.std(axis=0)
            self._mean, self._std = scores.mean(axis=0), np.where(std > 0, std, 1.0)
        # Layers draw their first weights from the global generator, which is given back as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**63 - 1)))
            self._net = self._fresh()
            self._train(self._net, [each.arch for each in evidence], scores, rng)
        return self

    def predict(self, evidence: Sequence[Evidence]) -> Prediction:
        """Return predicted scores; no uncertainty.

        Raises:
            PredictorError: if it was not fitted.
        """
        return Prediction(self._scores(evidence))

    def _scores(self, evidence: Sequence[Evidence]) -> Floats:
        """Return predicted scores [B] or [B, T]."""
        if self._net is None:
            raise PredictorError("a predictor must be fitted, or read from a file, before it predicts")
        archs = tuple(each.arch for each in evidence)
        if not archs:
            return np.zeros((0, *self._mean.shape))
        if self._prepared is None or self._prepared[0] != archs:
            self._prepared = (archs, self._net.encoder.prepare(archs))
        batch = self._prepared[1]
        self._net.eval()
        with torch.inference_mode():
            parts = [self._net(batch.take(slice(at, at + _BATCH))) for at in range(0, len(archs), _BATCH)]
        self._net.train()
        scores: Floats = torch.cat(parts).double().numpy() * self._std + self._mean
        return scores

    def state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what a fitted predictor is: values for JSON, and arrays.

        Raises:
            PredictorError: if it was not fitted, or has saliencies that its values cannot describe.
        """
        if self._net is None:
            raise PredictorError("a predictor must be fitted before it can be kept")
        if self.saliency is not None and not isinstance(self.saliency, OperationSaliencies):
            raise PredictorError("a predictor can be kept with saliencies of OperationSaliencies, but not with others")
        values = {
            "encoder": self.encoder,
            "settings": self.settings,
            "head": list(self.head),
            "training": asdict(self.training),
            "mean": self._mean.tolist(),
            "std": self._std.tolist(),
            "saliency": None if self.saliency is None else self.saliency.spec(),
        }
        return values, {name: tensor.cpu().numpy() for name, tensor in self._net.state_dict().items()}

    @classmethod
    def from_state(cls, space: Space, values: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the predictor that `state` described.

        Raises:
            PredictorError: if values and arrays do not belong together.
        """
        try:
            made = cls(space, **cls._arguments(values))
            if values["saliency"] is not None:
                made.saliency = OperationSaliencies.from_spec(space, values["saliency"])
            made._mean, made._std = np.asarray(values["mean"], float), np.asarray(values["std"], float)
            with torch.random.fork_rng(devices=[]):
                made._net = made._fresh()
            made._net.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in arrays.items()})
        except (KeyError, TypeError, RuntimeError) as error:
            # What torch says of wrong weights has several lines.
            reason = " ".join(str(error).split())
            raise PredictorError(f"this is no neural predictor of {space.name!r}: {reason}") from error
        return made

    @classmethod
    def _arguments(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the keyword arguments that make the predictor of a state."""
        settings = {key: values[key] for key in ("encoder", "settings", "head")}
        return {**settings, "training": Training(**values["training"])}

    def _fresh(self) -> Scorer:
        """Return a new network of an encoder and what turns encodings into scores."""
        encoder = self._new_encoder(self.settings)
        return Scorer(encoder, perceptron(encoder.dim, self.head, dropout=self.training.dropout))

    def _new_encoder(self, settings: Mapping[str, Any]) -> EncoderNetwork:
        try:
            given = {} if self.saliency is None else {"saliency": self.saliency}
            return self._maker(self.space, **settings, **given)
        except TypeError as error:
            raise PredictorError(f"encoder {self.encoder!r} cannot be made: {error}") from error

    def _train(self, net: Scorer, archs: Sequence[Arch], scores: Floats, rng: np.random.Generator) -> None:
        how, batch = self.training, net.encoder.prepare(archs)
        truth = torch.from_numpy((scores - self._mean) / self._std).float()
        adam = torch.optim.Adam(net.parameters(), lr=how.lr, fused=True)
        n_steps = -(-len(scores) // how.batch)
        net.train()
        for epoch in range(1, how.epochs + 1):
            # Equal batches: a rest of one or two would be a step of noise.
            for part in np.array_split(rng.permutation(len(scores)), n_steps):
                index = torch.from_numpy(part)
                loss = self._loss(net(batch.take(index)), truth[index])
                adam.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                adam.step()
            if self.on_epoch is not None:
                self.on_epoch(epoch, self)

    def _loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        if self.training.loss == "hinge":
            return pairwise_hinge(predicted, truth, margin=self.training.margin)
        return squared_error(predicted, truth)


class Scorer(nn.Module):
    """Encoder and head."""

    def __init__(self, encoder: EncoderNetwork, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, batch: Any) -> Tensor:
        """Return scores [B]."""
        scores: Tensor = self.head(self.encoder(batch)).squeeze(1)
        return scores


def perceptron(width: int, hidden: Sequence[int], *, dropout: float = 0.0) -> nn.Sequential:
    """Return what turns encodings [B, width] into [B, 1], with hidden layers of these widths, dropout after each."""
    layers: list[nn.Module] = []
    for wide in hidden:
        layers += [nn.Linear(width, wide), nn.ReLU(), *([nn.Dropout(dropout)] if dropout else [])]
        width = wide
    return nn.Sequential(*layers, nn.Linear(width, 1))
