"""A searcher that asks for nothing more when it is too late."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from archwright.core.history import History
from archwright.core.protocols import Searcher
from archwright.core.trial import Proposal

__all__ = ["Timely"]


@dataclass(frozen=True)
class Timely:
    """Passes proposals of `inner` on while `in_time` says so; what runs then goes on to its end.

    Args:
        inner: The searcher that is asked.
        in_time: Whether a proposal is still worth starting.
    """

    inner: Searcher
    in_time: Callable[[], bool]

    @property
    def batch(self) -> int:
        """How many proposals the loop asks for at once."""
        return self.inner.batch

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        """Return the proposals of `inner`, or none when it is too late."""
        return self.inner.propose(history, n, rng=rng) if self.in_time() else ()
