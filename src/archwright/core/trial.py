"""A record is three small values: what was asked, what came back, when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch

__all__ = ["Evidence", "Prediction", "Proposal", "Result", "Trial"]

_NOTHING: Mapping[str, float] = MappingProxyType({})


def _nothing() -> Mapping[str, float]:
    return _NOTHING


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a searcher asks for.

    Args:
        arch: The architecture to evaluate.
        fidelity: Epochs in total, those of earlier proposals included; None means the evaluator's full amount.
        note: The searcher's own remark (rung, restart, parent). Travels in the record, never in the id.
    """

    arch: Arch
    fidelity: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Result:
    """What an evaluator gives back.

    Args:
        score: Validation performance, higher is better; None means that the evaluation failed.
        cost_s: Seconds that the evaluation took, on one worker.
        curve: Score after each epoch, oldest first.
        measures: Further quantities by name (`params`, `flops`, `epochs`...), visible to searchers.
        hidden: Test metrics. Kept in the store, never shown to a searcher.
        error: Why the evaluation failed; empty when it did not.
    """

    score: float | None
    cost_s: float
    curve: tuple[float, ...] = ()
    measures: Mapping[str, float] = field(default_factory=_nothing)
    hidden: Mapping[str, float] = field(default_factory=_nothing)
    error: str = ""

    def told(self) -> Result:
        """Return what a searcher may know of it: everything but `hidden`."""
        if not self.hidden:
            return self
        # Kept, since a benchmark gives the same result to many runs. It is no field: equality and pickles ignore it.
        told: Result | None = self.__dict__.get("_told")
        if told is None:
            told = Result(self.score, self.cost_s, self.curve, self.measures, error=self.error)
            object.__setattr__(self, "_told", told)
        return told

    def __reduce__(self) -> tuple[object, ...]:
        # A mapping proxy cannot be pickled; a plain dict travels instead.
        fields = (self.score, self.cost_s, self.curve, dict(self.measures), dict(self.hidden), self.error)
        return (Result, fields)


@dataclass(frozen=True, slots=True)
class Trial:
    """One finished evaluation; `finished_s` is in seconds of the executor's clock since the run began."""

    id: int
    proposal: Proposal
    result: Result
    finished_s: float


@dataclass(frozen=True)
class Evidence:
    """What a performance predictor may look at for one architecture."""

    arch: Arch
    curve: tuple[float, ...] = ()
    proxies: Mapping[str, float] = field(default_factory=_nothing)


@dataclass(frozen=True)
class Prediction:
    """Predicted scores of B architectures: `mean` [B] and, where the method has one, `std` [B]."""

    mean: npt.NDArray[np.float64]
    std: npt.NDArray[np.float64] | None = None
