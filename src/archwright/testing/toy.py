"""Evaluators for tests: one that behaves, and two that do not. All can travel to another process."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from archwright.core.trial import Proposal, Result

__all__ = ["Broken", "NotANumber", "Toy"]


@dataclass(frozen=True)
class Toy:
    """A noisy hill: larger genes are better, and more epochs bring the score nearer to its end.

    Args:
        fails: Share of evaluations that fail.
        full: Epochs where a proposal names none.
        epoch_s: Simulated seconds of an epoch; an epoch takes longer for larger genes.
    """

    fails: float = 0.0
    full: int = 4
    epoch_s: float = 0.25

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Return a result that depends on nothing but the arguments."""
        epochs = proposal.fidelity or self.full
        height = float(sum(proposal.arch.genes))
        cost_s = self.epoch_s * epochs * (1.0 + height / 10.0)
        if rng.random() < self.fails:
            return Result(None, cost_s, error="failed, as asked")
        end = height + 0.5 * float(rng.standard_normal())
        curve = tuple(end - 2.0 * math.exp(-epoch / 3.0) for epoch in range(1, epochs + 1))
        measures = {"params": height * 10.0, "epochs": float(epochs)}
        return Result(curve[-1], cost_s, curve, measures, hidden={"test": end - 0.1})


@dataclass(frozen=True)
class Broken:
    """Raises in every evaluation."""

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Raise.

        Raises:
            ZeroDivisionError: always.
        """
        raise ZeroDivisionError(f"no score for {proposal.arch}")


@dataclass(frozen=True)
class NotANumber:
    """Gives a score that is no number."""

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Return a result with score NaN."""
        return Result(math.nan, 0.0)
