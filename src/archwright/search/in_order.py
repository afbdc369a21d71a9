"""What was chosen beforehand, one after another; and a search that begins with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from archwright.core.arch import Arch
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.protocols import Searcher
from archwright.core.trial import Proposal, Trial
from archwright.search.replay import Replay
from archwright.search.settings import require_whole

__all__ = ["InOrder", "WarmStart"]


@dataclass(frozen=True)
class InOrder:
    """Proposes given architectures in their order, each once, and ends. What the history knows is left out.

    Args:
        archs: Distinct architectures, the most promising first.
        fidelity: Epochs of each proposal; None means the evaluator's full amount.
        batch: Proposals per question.

    Raises:
        SearchError: if architectures repeat, or a number is not whole or below one.
    """

    archs: tuple[Arch, ...]
    fidelity: int | None = None
    batch: int = 1
    _left: Replay[dict[Arch, None]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        require_whole("a list of architectures", fidelity=self.fidelity, batch=self.batch)
        if len(set(self.archs)) != len(self.archs):
            raise SearchError("architectures in order must differ from each other, but some repeat")
        object.__setattr__(self, "_left", Replay(lambda: dict.fromkeys(self.archs), _leave))

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        """Return the next up to `n`; none when all are done or running."""
        running = {proposal.arch for proposal in history.pending}
        fresh = [arch for arch in self._left.at(history) if arch not in running]
        return [Proposal(arch, self.fidelity) for arch in fresh[:n]]


@dataclass(frozen=True)
class WarmStart:
    """Any searcher that is first given the results of some architectures, as if it had proposed them.

    Args:
        first: Distinct architectures to begin with. Evolution takes as many into its population as that has places.
        inner: Goes on from there.
        fidelity: Epochs of the first ones; None means the evaluator's full amount.

    Raises:
        SearchError: if the first ones repeat, or `fidelity` is not whole or below one.

    Source: the warmup of Abdelfattah et al., arXiv:2101.08134, section 5, if `first` are a proxy's best.
    """

    first: tuple[Arch, ...]
    inner: Searcher
    fidelity: int | None = None
    _start: InOrder = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_start", InOrder(self.first, self.fidelity))

    @property
    def batch(self) -> int:
        """How many proposals the loop asks for at once: as many as of the inner searcher."""
        return self.inner.batch

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        """Return the next of the first ones; when all of them are done or running, what the inner searcher proposes."""
        return self._start.propose(history, n, rng=rng) or self.inner.propose(history, n, rng=rng)


def _leave(left: dict[Arch, None], trial: Trial) -> None:
    left.pop(trial.proposal.arch, None)
