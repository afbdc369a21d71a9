"""Encoders of the list of decisions: perceptron and LSTM."""

# B architectures, D decisions

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.core.errors import EncodingError, require_one_of
from archwright.encode.network import EncoderNetwork
from archwright.spaces.base import Space

__all__ = ["Lstm", "Mlp", "Tokens", "seminas"]

Reads = Literal["one_hot", "categorical"]
Pool = Literal["last", "mean"]


class Tokens:
    """Decisions as tokens int64 [B, D]: decisions with equal numbers of choices share their tokens.

    Architectures that are one network are written in their canonical form, so that they read alike.

    Args:
        space: Space of the architectures.

    Attributes:
        n: Number of different tokens.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        arities = sorted(set(space.arities))
        first = dict(zip(arities, np.cumsum([0, *arities[:-1]]).tolist(), strict=True))
        self._offsets = np.array([first[arity] for arity in space.arities], dtype=np.int64)
        self.n = sum(arities)

    def of(self, archs: Sequence[Arch], *, canonical: bool = True) -> Tensor:
        """Return the tokens of `archs`.

        Raises:
            ArchError: if one is not in the space.
        """
        chosen = [self._space.require(arch) for arch in archs]
        if canonical:
            chosen = [self._space.canonical(arch) for arch in chosen]
        genes = np.array([arch.genes for arch in chosen], dtype=np.int64).reshape(len(chosen), len(self._offsets))
        return torch.from_numpy(genes + self._offsets)


class _OfTokens(EncoderNetwork):
    """What reads tokens."""

    def __init__(self, space: Space, *, canonical: bool) -> None:
        super().__init__(space)
        self.tokens, self._canonical = Tokens(space), canonical

    def prepare(self, archs: Sequence[Arch]) -> Any:
        """Return the tokens of `archs`."""
        return _Taken(self.tokens.of(archs, canonical=self._canonical))


class _Taken:
    """A tensor of which parts can be taken."""

    def __init__(self, values: Tensor) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: Tensor | slice) -> _Taken:
        """Return the rows of `index`."""
        return _Taken(self.values[index])


class Mlp(_OfTokens):
    """A perceptron on the decisions.

    Args:
        space: Space of the architectures.
        widths: Width of each layer; the last one is the encoding's.
        reads: `one_hot` or `categorical`: the number of each choice as a number, as TA-GATES' baseline has it.
        canonical: Read the canonical form of each architecture.

    Raises:
        EncodingError: if `reads` is neither.

    Source: TA-GATES, appendix B.3: 512, 2048, 2048, 512 on NAS-Bench-101 and -201.
    """

    def __init__(
        self,
        space: Space,
        *,
        widths: Sequence[int] = (512, 2048, 2048, 512),
        reads: Reads = "one_hot",
        canonical: bool = False,
    ) -> None:
        require_one_of(get_args(Reads), EncodingError, reads=reads)
        super().__init__(space, canonical=canonical)
        self._reads, self.dim = reads, widths[-1]
        width = len(space.arities) * (self.tokens.n if reads == "one_hot" else 1)
        layers: list[nn.Module] = []
        for wide in widths:
            layers += [nn.Linear(width, wide), nn.ReLU()]
            width = wide
        self.layers = nn.Sequential(*layers)

    def forward(self, batch: Any) -> Tensor:
        """Return encodings [B, widths[-1]]."""
        tokens: Tensor = batch.values
        x = nn.functional.one_hot(tokens, self.tokens.n).flatten(1) if self._reads == "one_hot" else tokens
        encodings: Tensor = self.layers(x.float())
        return encodings


class Lstm(_OfTokens):
    """An LSTM that reads one decision after another.

    Args:
        space: Space of the architectures.
        embedding: Width of a token's embedding.
        hidden: Width of the state, and of the encoding.
        layers: LSTMs on top of each other.
        pool: `last`: the encoding is the last state. `mean`: the mean of all, scaled to length one, as in SemiNAS.
        canonical: Read the canonical form of each architecture.

    Raises:
        EncodingError: if `pool` is neither.

    Source: TA-GATES, appendix B.3 (100 and 100); SemiNAS, arXiv:2002.10389, and its code for `mean`.
    """

    def __init__(
        self,
        space: Space,
        *,
        embedding: int = 100,
        hidden: int = 100,
        layers: int = 1,
        pool: Pool = "last",
        canonical: bool = False,
    ) -> None:
        require_one_of(get_args(Pool), EncodingError, pool=pool)
        super().__init__(space, canonical=canonical)
        self.dim, self._pool = hidden, pool
        self.embedding = nn.Embedding(self.tokens.n, embedding)
        self.lstm = nn.LSTM(embedding, hidden, num_layers=layers, batch_first=True)

    def forward(self, batch: Any) -> Tensor:
        """Return encodings [B, hidden]."""
        states, (last, _) = self.lstm(self.embedding(batch.values))
        if self._pool == "last":
            final: Tensor = last[-1]
            return final
        return nn.functional.normalize(states.mean(dim=1), dim=-1)


def seminas(space: Space, *, embedding: int = 48, hidden: int = 96, layers: int = 1) -> Lstm:
    """Return the encoder of SemiNAS: an LSTM, the mean of its states, scaled to length one.

    Source: SemiNAS, arXiv:2002.10389, appendix on NAS-Bench-101 (one layer; embedding 48 and hidden 96 by the code for
    NAS-Bench-101 as TA-GATES compares with).
    """
    return Lstm(space, embedding=embedding, hidden=hidden, layers=layers, pool="mean")
