"""ExpressFlow as an evaluator, for a searcher that asks for one architecture at a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from archwright.core.errors import ArchError
from archwright.core.trial import Proposal, Result
from archwright.proxies.whole_space import WholeSpace

if TYPE_CHECKING:
    from archwright.spaces.tabular_mlp import TabularMlp

__all__ = ["ExpressFlowEvaluator"]


class ExpressFlowEvaluator:
    """Scores one architecture per call from weights shared by all; picklable.

    The score is ExpressFlow's own value, not its logarithm: positive, and of any magnitude. It depends on
    `seed` alone, not on the trial, so that equal architectures have equal scores. Fidelity is ignored.
    A call costs at most about 0.3 ms at 4 x 512.

    Args:
        space: Width space, of any size.
        d: Inputs of the first dense layer (fields x embedding width).
        n_outputs: Outputs of the head.
        seed: Seed of the weights and probes.
        probes: Gaussian directions of the trajectory length.
        reference: The released code's normalised weights.

    Source: ATLAS, section 3.2 (the filtering phase's training-free evaluation).
    """

    def __init__(
        self,
        space: TabularMlp,
        d: int,
        *,
        n_outputs: int = 1,
        seed: int,
        probes: int = 4,
        reference: bool = False,
    ) -> None:
        self.whole = WholeSpace(space, d, n_outputs=n_outputs, seed=seed, probes=probes, reference=reference)

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Return the score of `proposal.arch`; an architecture of another space gives a result with an error."""
        start = time.perf_counter()
        try:
            score = self.whole.score(proposal.arch)
        except ArchError as error:
            return Result(None, time.perf_counter() - start, error=str(error))
        return Result(score, time.perf_counter() - start)
