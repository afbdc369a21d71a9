"""Regularised (ageing) evolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archwright.core.arch import Arch
from archwright.core.errors import SpaceError
from archwright.core.history import History
from archwright.core.trial import Proposal, Trial
from archwright.spaces.base import Space

__all__ = ["Evolution"]


@dataclass(frozen=True)
class Evolution:
    """The youngest architectures live; the best of a random few of them has one mutated child at a time.

    Args:
        space: Where architectures come from.
        population: Number alive: the latest trials that have a score. ATLAS uses 10.
        sample: Number drawn, with replacement, of which the best becomes a parent. ATLAS uses 3.
        batch: Proposals per question; more than one means that brothers do not know each other's scores.
        fidelity: Epochs of each proposal; None means the evaluator's full amount.

    Raises:
        SpaceError: if `population` or `sample` is below one.

    Source: arXiv:1802.01548, algorithm 1; sizes arXiv:2403.10318 (ATLAS), section 4.
    Differs: failed trials never enter the population; a mutation changes exactly one decision to another value
    (the paper also mutates to the same value, and has two kinds of mutation, for its own space).
    """

    space: Space
    population: int = 10
    sample: int = 3
    batch: int = 1
    fidelity: int | None = None

    def __post_init__(self) -> None:
        if self.population < 1 or self.sample < 1:
            raise SpaceError(
                f"evolution needs a population and a sample of one or more, but {self.population} and {self.sample} "
                "were given"
            )

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        """Return `n` proposals: random ones until the population is full, then children."""
        alive = history.ok()[-self.population :]
        founders = self.population - len(alive) - len(history.pending)
        return [
            Proposal(self._child(alive, rng) if k >= founders and alive else self.space.random(rng=rng), self.fidelity)
            for k in range(n)
        ]

    def _child(self, alive: Sequence[Trial], rng: np.random.Generator) -> Arch:
        drawn = [alive[int(rng.random() * len(alive))] for _ in range(self.sample)]
        # The sentinel is never used: `alive` holds only trials with a score.
        parent = max(drawn, key=lambda trial: -np.inf if trial.result.score is None else trial.result.score)
        return self.space.mutate(parent.proposal.arch, rng=rng)
