"""NAO: an autoencoder of architectures whose code also tells the score; SemiNAS with architectures without scores."""

# N architectures, B of a batch, L decisions, K width of the code, V tokens

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
from archwright.encode.sequence import seminas
from archwright.predict.neural import perceptron
from archwright.predict.standardised import ArraysPredictor
from archwright.spaces.base import Space

__all__ = ["Nao"]

#: Architectures of one forward pass outside of training.
_BATCH = 1024
#: Largest norm of a gradient.
_MOST_GRADIENT = 5.0

Floats = npt.NDArray[np.float64]


class Nao(ArraysPredictor):
    """An LSTM encodes the decisions; a perceptron turns the code into a score, and a second LSTM into the decisions.

    With `unlabelled`, the trained network gives scores to that many architectures, drawn at random from the space, and
    is then trained further on them and the given ones together, which are repeated to be about as many. No uncertainty.

    Args:
        space: Space of the architectures.
        embedding: Width of a token's embedding.
        hidden: Width K of the code, and of the states of both LSTMs.
        head: Widths of the perceptron's hidden layers.
        unlabelled: Architectures without scores that are drawn for SemiNAS' second training; 0 for NAO.
        trade_off: Weight of the squared error of the score; the rest is that of the reconstruction.
        epochs: Passes over the training set, and again over the larger one.
        batch: Most architectures of a step.
        lr: Learning rate of Adam.
        decay: Weight decay.

    Raises:
        PredictorError: if a number is not above 0, or `trade_off` is not in 0..1.

    Source: arXiv:1808.07233, section 3, and arXiv:2002.10389, algorithm 1; numbers from the latter's released code.
        Differs: no dropout; the score is standardised and the head ends in no sigmoid; architectures that are one
        network are read in their canonical form, instead of shown in each of their forms.
    """

    def __init__(
        self,
        space: Space,
        *,
        embedding: int = 48,
        hidden: int = 96,
        head: Sequence[int] = (200,),
        unlabelled: int = 0,
        trade_off: float = 0.8,
        epochs: int = 200,
        batch: int = 100,
        lr: float = 1e-3,
        decay: float = 1e-4,
    ) -> None:
        numbers = {"embedding": embedding, "hidden": hidden, "epochs": epochs, "batch": batch, "lr": lr}
        if min(*numbers.values(), *head, 1) <= 0 or min(unlabelled, decay) < 0:
            raise PredictorError(
                f"numbers of NAO must be above 0, unlabelled and decay 0 or more, but are {numbers}, {list(head)}, "
                f"{unlabelled} and {decay}"
            )
        if not 0 < trade_off <= 1:
            raise PredictorError(f"trade_off must be above 0 and at most 1, but is {trade_off}")
        more = {"head": list(head), "unlabelled": unlabelled, "trade_off": trade_off, "decay": decay}
        super().__init__(space, numbers | more)
        self.embedding, self.hidden, self.head, self.unlabelled = embedding, hidden, tuple(head), unlabelled
        self.trade_off, self.epochs, self.batch, self.lr, self.decay = trade_off, epochs, batch, lr, decay
        self._network: _Autoencoder | None = None

    def _learn(self, evidence: Sequence[Evidence], scores: Floats, seed: int) -> None:
        archs, rng = [each.arch for each in evidence], np.random.default_rng(seed)
        # Layers draw their first weights from the global generator, which is given back as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._network = self._fresh()
        self._network.train()
        adam = torch.optim.Adam(self._network.parameters(), lr=self.lr, weight_decay=self.decay, fused=True)
        self._train(archs, scores, adam, rng)
        if self.unlabelled:
            drawn = [self.space.random(rng=rng) for _ in range(self.unlabelled)]
            times = max(1, self.unlabelled // len(archs))
            self._train(
                [*archs * times, *drawn], np.concatenate([np.tile(scores, times), self._asked(drawn)]), adam, rng
            )
        self._network.eval()

    def _guess(self, evidence: Sequence[Evidence]) -> Prediction:
        return Prediction(self._asked([each.arch for each in evidence]))

    def _train(
        self, archs: Sequence[Arch], scores: Floats, adam: torch.optim.Optimizer, rng: np.random.Generator
    ) -> None:
        assert self._network is not None
        tokens, truth = self._network.tokens(archs), torch.from_numpy(scores).float()
        for _ in range(self.epochs):
            for part in np.array_split(rng.permutation(len(scores)), -(-len(scores) // self.batch)):
                index = torch.from_numpy(part)
                score, logits = self._network(tokens[index])
                reconstruction = nn.functional.cross_entropy(logits.flatten(0, 1), tokens[index].flatten())
                error = (score - truth[index]).square().mean()
                adam.zero_grad()
                (self.trade_off * error + (1 - self.trade_off) * reconstruction).backward()
                nn.utils.clip_grad_norm_(self._network.parameters(), _MOST_GRADIENT)
                adam.step()

    def _asked(self, archs: Sequence[Arch]) -> Floats:
        assert self._network is not None
        with torch.inference_mode():
            tokens = self._network.tokens(archs)
            parts = [self._network.score(self._network.encode(part)[1]) for part in torch.split(tokens, _BATCH)]
        return torch.cat(parts).double().numpy()

    def _fresh(self) -> _Autoencoder:
        return _Autoencoder(self.space, embedding=self.embedding, hidden=self.hidden, head=self.head)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        assert self._network is not None
        return {name: tensor.numpy() for name, tensor in self._network.state_dict().items()}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        with torch.random.fork_rng(devices=[]):
            self._network = self._fresh().eval()
        self._network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in arrays.items()})


class _Autoencoder(nn.Module):
    """Encoder, head and decoder."""

    def __init__(self, space: Space, *, embedding: int, hidden: int, head: Sequence[int]) -> None:
        super().__init__()
        self.encoder = seminas(space, embedding=embedding, hidden=hidden)
        self.head = perceptron(hidden, head)
        n = self.encoder.tokens.n
        #: One more token, which begins each architecture.
        self.previous = nn.Embedding(n + 1, embedding)
        self.decoder = nn.LSTM(embedding, hidden, batch_first=True)
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.mixed = nn.Linear(2 * hidden, hidden)
        self.choice = nn.Linear(hidden, n)

    def tokens(self, archs: Sequence[Arch]) -> Tensor:
        """Return the decisions of the canonical forms, int64 [N, L]."""
        return self.encoder.tokens.of(archs)

    def encode(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return the states [B, L, K] and the code [B, K] of tokens [B, L]."""
        states, _ = self.encoder.lstm(self.encoder.embedding(tokens))
        return states, nn.functional.normalize(states.mean(dim=1), dim=-1)

    def score(self, code: Tensor) -> Tensor:
        """Return scores [B] of codes [B, K]."""
        scores: Tensor = self.head(code).squeeze(1)
        return scores

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores [B], and logits [B, L, V] of each decision after the true ones before it."""
        states, code = self.encode(tokens)
        begun = nn.functional.pad(tokens[:, :-1], (1, 0), value=self.choice.out_features)
        told, _ = self.decoder(self.previous(begun), (code[None], code[None]))
        attended = torch.softmax(self.query(told) @ states.transpose(1, 2), dim=-1) @ states
        return self.score(code), self.choice(torch.tanh(self.mixed(torch.cat([told, attended], dim=-1))))
