"""Random search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archwright.core.history import History
from archwright.core.trial import Proposal
from archwright.search.settings import require_whole
from archwright.spaces.base import Space

__all__ = ["RandomSearch"]


@dataclass(frozen=True)
class RandomSearch:
    """Draws architectures independently, with replacement, all equally likely.

    Args:
        space: Where from.
        batch: Proposals per question.
        fidelity: Epochs of each proposal; None means the evaluator's full amount.

    Raises:
        SearchError: if a number is not whole or below one.
    """

    space: Space
    batch: int = 1
    fidelity: int | None = None

    def __post_init__(self) -> None:
        require_whole("random search", batch=self.batch, fidelity=self.fidelity)

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        """Return `n` proposals."""
        return [Proposal(self.space.random(rng=rng), self.fidelity) for _ in range(n)]
