"""Random search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from archwright.core.history import History
from archwright.core.trial import Proposal
from archwright.search.encodings import Draw, drawing
from archwright.search.settings import require_whole
from archwright.spaces.base import Space

__all__ = ["RandomSearch"]


@dataclass(frozen=True)
class RandomSearch:
    """Draws architectures independently, with replacement; as the space draws, all equally likely.

    Args:
        space: Where from.
        batch: Proposals per question.
        fidelity: Epochs of each proposal; None means the evaluator's full amount.
        draw: How one is drawn: the name of an encoding, as `path`, or a function; by default as the space does.

    Raises:
        SearchError: if a number is not whole or below one.
        UnknownNameError: if there is no such encoding.
        EncodingError: if one cannot draw in it.
    """

    space: Space
    batch: int = 1
    fidelity: int | None = None
    draw: str | Draw | None = None
    _draw: Draw = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        require_whole("random search", batch=self.batch, fidelity=self.fidelity)
        object.__setattr__(self, "_draw", drawing(self.space, self.draw))

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        """Return `n` proposals."""
        return [Proposal(self._draw(rng=rng), self.fidelity) for _ in range(n)]
