"""The things that act. Whatever has these members takes part; nothing needs to be inherited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.history import History
from archwright.core.trial import Evidence, Prediction, Proposal, Result, Trial

__all__ = ["Encoder", "Evaluator", "Executor", "Predictor", "Searcher"]


@runtime_checkable
class Searcher(Protocol):
    """Chooses what to evaluate next: a pure function of the history and `rng`."""

    @property
    def batch(self) -> int:
        """How many proposals the loop asks for at once."""

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        """Return up to `n` proposals. None means: wait if something runs, else the search is finished."""


@runtime_checkable
class Evaluator(Protocol):
    """Gives a score: a proxy, a table, a surrogate, shared weights or real training."""

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Return the result of `proposal`; a bad architecture is a result with an error, never an exception.

        Args:
            proposal: What to evaluate.
            rng: Generator of this trial; the same one gives the same result.
            limit_s: Seconds after which the evaluation must have returned.
        """


@runtime_checkable
class Executor(Protocol):
    """Runs evaluations, and owns the clock."""

    def free(self) -> int:
        """Return how many proposals can be submitted now."""

    def submit(self, id: int, proposal: Proposal, *, seed: int, limit_s: float | None = None) -> None:
        """Start one evaluation; its generator is `numbered(seed, "trial", id)`."""

    def next(self, timeout_s: float | None = None) -> Trial | None:
        """Return the next finished trial; None if none finishes within `timeout_s`, or none is pending."""

    def pending(self) -> Sequence[Proposal]:
        """Return what is running, in order of submission."""

    def now(self) -> float:
        """Return seconds since the run began, by this executor's clock."""

    def advance(self, to_s: float) -> None:
        """Make the clock read at least `to_s` from now on: a resumed run goes on where it was."""

    def close(self) -> None:
        """Stop what is running and give everything back. Safe to call twice."""


@runtime_checkable
class Encoder(Protocol):
    """Turns architectures into vectors."""

    @property
    def dim(self) -> int:
        """Length D of one vector."""

    def fit(self, archs: Sequence[Arch], *, rng: np.random.Generator) -> Self:
        """Learn from `archs`, where the encoding learns at all."""

    def encode(self, archs: Sequence[Arch]) -> npt.NDArray[np.float32]:
        """Return vectors [B, D]."""


@runtime_checkable
class Predictor(Protocol):
    """Predicts scores from evidence."""

    @property
    def needs(self) -> frozenset[str]:
        """What of the evidence it looks at, of `curve` and `proxies`."""

    def fit(self, evidence: Sequence[Evidence], scores: npt.NDArray[np.float64], *, rng: np.random.Generator) -> Self:
        """Learn from B pairs."""

    def predict(self, evidence: Sequence[Evidence]) -> Prediction:
        """Return predictions for B pieces of evidence."""
