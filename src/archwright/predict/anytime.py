"""Anytime prediction: the scores of an architecture after several budgets of training, from one predictor."""

# N architectures, B of a batch, T budgets, d width of an encoding

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from archwright.core.catalog import suggestion
from archwright.core.errors import PredictorError, UnknownNameError
from archwright.core.trial import Evidence, Prediction
from archwright.encode.network import EncoderNetwork
from archwright.predict.neural import NeuralPredictor, Scorer, Training, perceptron
from archwright.predict.training_set import require_columns
from archwright.spaces.base import Space

__all__ = ["ANYTIME", "Anytime", "Heads", "anytime", "anytime_training"]

#: What the score of each budget is read from.
Heads = Literal["steps", "last", "one"]

#: Rows of TA-GATES' comparison: encoder and heads of each.
ANYTIME: Mapping[str, tuple[str, Heads]] = {
    "ta_gates": ("ta_gates", "steps"),
    "multi_ta_gates": ("ta_gates", "last"),
    "multi_gates": ("gates", "last"),
    "single_gates": ("gates", "one"),
    "multi_lstm": ("lstm", "last"),
    "single_lstm": ("lstm", "one"),
}

Floats = npt.NDArray[np.float64]


class Anytime(NeuralPredictor):
    """Predicts the scores after T budgets of training, one head for each; a budget is a column of the labels.

    `fit` takes labels [N, T], the smallest budget first and the final score last, `predict_all` gives [B, T]. `predict`
    gives the final score, so that this is a predictor like others; labels [N] are one budget.

    The time steps of TA-GATES stand for a network's training, so the encoding after an early one predicts an early
    score. The loss is the sum over the budgets; with the hinge, predictions have no unit.

    Args:
        space: Space of the architectures.
        encoder: Name of the encoder network in the catalogue.
        settings: Settings of the encoder. With heads on `steps` it has as many `steps` as there are budgets, unless it
            is told otherwise here.
        heads: `steps`: on the encoding after a time step of each budget, of an encoder that has them (`ta_gates`).
            `last`: all on the last encoding. `one`: one head only, which learns one budget and predicts it for all.
        head: Widths of the hidden layers of each head.
        at: Time step of each budget, from 1; by default they are spread evenly and the final score has the last.
        taught: Column of the labels that `one` learns.
        budgets: Number T of budgets that labels must have; by default as many as they have.
        training: How it is trained; by default `anytime_training`.
        on_epoch: Called after each epoch with its number, from 1, and this predictor, which can already predict.

    Raises:
        UnknownNameError: if there is no such encoder.
        PredictorError: if `heads` is none of the three.

    Source: TA-GATES (NeurIPS 2022), section 3.3, eq. A7 and A8. Differs: with squared error the labels of each budget
    are standardised, so that budgets count alike, and predictions are scaled back.

    Example:
        >>> from archwright.core.catalog import find
        >>> from archwright.core.rng import derive
        >>> space = find("space", "nb201")()
        >>> archs = [Evidence(space.at(n)) for n in (0, 5000, 15000)]
        >>> labels = np.array([[0.1, 0.1], [0.7, 0.8], [0.6, 0.9]])
        >>> small = {"embedding": 8, "widths": [8, 8]}
        >>> made = Anytime(space, settings=small, training=Training(epochs=2, loss="mse"))
        >>> made.fit(archs, labels, rng=derive(0)).predict_all(archs).shape
        (3, 2)
    """

    def __init__(
        self,
        space: Space,
        *,
        encoder: str = "ta_gates",
        settings: Mapping[str, Any] | None = None,
        heads: Heads = "steps",
        head: Sequence[int] = (200,),
        at: Sequence[int] | None = None,
        taught: int = -1,
        budgets: int | None = None,
        training: Training | None = None,
        on_epoch: Callable[[int, NeuralPredictor], None] | None = None,
    ) -> None:
        if heads not in ("steps", "last", "one"):
            raise PredictorError(f"heads of an anytime predictor must be 'steps', 'last' or 'one', but are {heads!r}")
        how = training or anytime_training(space)
        super().__init__(space, encoder=encoder, settings=settings, head=head, training=how, on_epoch=on_epoch)
        self.heads: Heads = heads
        self.at = None if at is None else tuple(at)
        self.taught, self.budgets = taught, budgets
        self._n = budgets or 1

    def fit(self, evidence: Sequence[Evidence], scores: Floats, *, rng: np.random.Generator) -> Self:
        """Train on N architectures and their labels [N, T], or [N]; from fresh weights, whatever was fitted before.

        Raises:
            PredictorError: if there are not as many labels as architectures, fewer than two, one is not finite, or they
                do not have the budgets, or the encoder not the time steps, that are asked for.
        """
        columns = require_columns(evidence, scores)
        n = columns.shape[1]
        if self.budgets not in (None, n):
            raise PredictorError(f"labels must have {self.budgets} columns, one for each budget, but have {n}")
        if not -n <= self.taught < n:
            raise PredictorError(f"the budget that is taught must be one of {n} columns, but is {self.taught}")
        self._n = n
        return self._learn(evidence, columns[:, [self.taught]] if self.heads == "one" else columns, rng)

    def predict(self, evidence: Sequence[Evidence]) -> Prediction:
        """Return predicted final scores; no uncertainty.

        Raises:
            PredictorError: if it was not fitted.
        """
        return Prediction(self._scores(evidence)[:, -1])

    def predict_all(self, evidence: Sequence[Evidence]) -> Floats:
        """Return predicted scores [B, T], after each budget.

        Raises:
            PredictorError: if it was not fitted.
        """
        scores = self._scores(evidence)
        return np.repeat(scores, self._n, axis=1) if self.heads == "one" else scores

    def state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what a fitted predictor is: values for JSON, and arrays.

        Raises:
            PredictorError: if it was not fitted.
        """
        values, arrays = super().state()
        at = None if self.at is None else list(self.at)
        own = {"heads": self.heads, "at": at, "taught": self.taught, "budgets": self._n}
        return values | own, arrays

    @classmethod
    def _arguments(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        own = {key: values[key] for key in ("heads", "at", "taught", "budgets")}
        return super()._arguments(values) | own

    def _fresh(self) -> Scorer:
        n, dropout = 1 if self.heads == "one" else self._n, self.training.dropout
        if self.heads != "steps":
            return _Heads(self._new_encoder(self.settings), self.head, n, None, dropout=dropout)
        if not hasattr(self._maker, "anytime"):
            raise PredictorError(f"heads on time steps need an encoder that has them, and {self.encoder!r} has none")
        settings = {"steps": max(self.at or (n,))} | self.settings
        at = self._steps(int(settings["steps"]), n)
        return _Heads(self._new_encoder(settings), self.head, n, at, dropout=dropout)

    def _steps(self, steps: int, n: int) -> tuple[int, ...]:
        """Return the time step, 1 to `steps`, of each of `n` budgets."""
        # Two budgets of four steps have the second and the fourth.
        at = self.at or tuple(-(-steps * k // n) for k in range(1, n + 1))
        if len(at) != n or sorted(set(at)) != list(at) or not 1 <= at[0] <= at[-1] <= steps:
            raise PredictorError(
                f"the time steps of {n} budgets must be {n} rising numbers of 1..{steps}, but are {list(at)}"
            )
        return at

    def _loss(self, predicted: Tensor, truth: Tensor) -> Tensor:
        pairs = zip(predicted.unbind(1), truth.unbind(1), strict=True)
        return torch.stack([super(Anytime, self)._loss(*pair) for pair in pairs]).sum()


class _Heads(Scorer):
    """Encoder and a head for each of `n` budgets, on the encoding after its time step, or on the last."""

    def __init__(
        self, encoder: EncoderNetwork, hidden: Sequence[int], n: int, at: Sequence[int] | None, *, dropout: float
    ) -> None:
        super().__init__(encoder, nn.ModuleList(perceptron(encoder.dim, hidden, dropout=dropout) for _ in range(n)))
        self.n, self.at = n, at

    def forward(self, batch: Any) -> Tensor:
        """Return scores [B, T]."""
        if self.at is None:
            encodings = [self.encoder(batch)] * self.n
        else:
            after: list[Tensor] = self.encoder.anytime(batch)  # type: ignore[operator]
            encodings = [after[step - 1] for step in self.at]
        heads = self.head.children()
        return torch.cat([head(encoding) for head, encoding in zip(heads, encodings, strict=True)], dim=1)


def anytime_training(space: Space) -> Training:
    """Return how TA-GATES trains anytime predictors: squared error, more epochs on NAS-Bench-201, slower elsewhere.

    Source: TA-GATES, appendix B.2: 500 epochs on NAS-Bench-201 and 200 elsewhere; learning rate 1e-4 on NAS-Bench-101
    and NAS-Bench-301, else 1e-3. The released code trains by squared error on NAS-Bench-101, by the hinge on -201.
    """
    is_slow = space.name in ("nb101", "darts")
    return Training(epochs=500 if space.name == "nb201" else 200, lr=1e-4 if is_slow else 1e-3, loss="mse")


def anytime(
    name: str,
    space: Space,
    *,
    settings: Mapping[str, Any] | None = None,
    head: Sequence[int] = (200,),
    taught: int = -1,
    training: Training | None = None,
    on_epoch: Callable[[int, NeuralPredictor], None] | None = None,
) -> Anytime:
    """Return an anytime predictor by its name in TA-GATES' comparison.

    Args:
        name: One of `ANYTIME`. `ta_gates` has a head on each time step; `multi_*` one for each budget on the last
            encoding; `single_*` learns one budget only.
        space: Space of the architectures.
        settings: Settings of the encoder.
        head: Widths of the hidden layers of each head.
        taught: Column of the labels that `single_*` learns; the paper has one predictor for each.
        training: How it is trained; by default `anytime_training`.
        on_epoch: Called after each epoch with its number, from 1, and the predictor.

    Raises:
        UnknownNameError: if there is no such name; the message offers the nearest one.

    Source: TA-GATES, table 3. `multi_ta_gates` and `single_lstm` are not in it.
    """
    if name not in ANYTIME:
        raise UnknownNameError(f"no anytime predictor {name!r}. {suggestion(name, ANYTIME)}")
    encoder, heads = ANYTIME[name]
    return Anytime(
        space,
        encoder=encoder,
        settings=settings,
        heads=heads,
        head=head,
        taught=taught,
        training=training,
        on_epoch=on_epoch,
    )
