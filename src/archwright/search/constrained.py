"""Limits on size and speed: what breaks one is rejected before it is evaluated."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from archwright.core.arch import Arch
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.protocols import Searcher
from archwright.core.trial import Proposal, Result, Trial
from archwright.search.settings import require_whole

__all__ = ["Constrained", "Limits"]


@dataclass(frozen=True)
class Limits:
    """Upper limits on what an architecture costs. Calling it says whether an architecture keeps them all.

    Args:
        measure: Gives what an architecture costs, by name: `params`, `flops`, `latency_ms`... It must be quick and
            always give the same; it is asked once per architecture.
        at_most: The limit of each measure; a measure that has none is free.

    Raises:
        SearchError: if there is no limit, or one is no number. When called: if `measure` does not give a measure
            that has a limit.

    Example:
        >>> limits = Limits(lambda arch: {"params": sum(arch.genes)}, {"params": 3})
        >>> limits(Arch("tabular", (1, 2))), limits(Arch("tabular", (2, 2)))
        (True, False)
    """

    measure: Callable[[Arch], Mapping[str, float]]
    at_most: Mapping[str, float]
    _known: dict[Arch, Mapping[str, float]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.at_most or any(math.isnan(limit) for limit in self.at_most.values()):
            raise SearchError(f"limits must be numbers by the name of a measure, but {dict(self.at_most)} was given")

    def __call__(self, arch: Arch) -> bool:
        """Return whether `arch` keeps all limits."""
        costs = self.costs(arch)
        return all(costs[name] <= limit for name, limit in self.at_most.items())

    def costs(self, arch: Arch) -> Mapping[str, float]:
        """Return what `arch` costs, by the name of the measure.

        Raises:
            SearchError: if a measure that has a limit is missing.
        """
        costs = self._known.get(arch)
        if costs is None:
            costs = self.measure(arch)
            if missing := sorted(self.at_most.keys() - costs.keys()):
                given = ", ".join(sorted(costs)) or "none"
                raise SearchError(f"there is a limit on {missing[0]!r}, but the measures of {arch} are: {given}")
            self._known[arch] = costs
        return costs

    def __str__(self) -> str:
        return ", ".join(f"{name} <= {limit:g}" for name, limit in self.at_most.items())


@dataclass(frozen=True)
class Constrained:
    """Any searcher under limits: what it proposes beyond them is rejected, and it is asked again.

    Nothing that breaks a limit is evaluated, recorded or learned from. A searcher that insists on what was rejected
    (local search on a neighbour) is told that it failed.

    Args:
        inner: Chooses proposals.
        limits: What they must keep; `Limits`.
        tries: Questions to `inner` in a row without one proposal that keeps the limits, until it is an error.

    Raises:
        SearchError: if `tries` is below one. From `propose`: if nothing was found that keeps the limits.

    Source: the rejection of TabNAS, arXiv:2204.07615, section 3; its correction of the gradient is
    `Reinforce(..., valid=limits)`.
    """

    inner: Searcher
    limits: Limits
    tries: int = 1000

    def __post_init__(self) -> None:
        require_whole("a constrained search", tries=self.tries)

    @property
    def batch(self) -> int:
        """How many proposals the loop asks for at once: as many as of the inner searcher."""
        return self.inner.batch

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        """Return up to `n` proposals that keep the limits; none if the inner searcher has none.

        Raises:
            SearchError: if `tries` questions brought only proposals that break a limit.
        """
        told, rejected = history, dict[Proposal, None]()
        for _ in range(self.tries):
            asked = self.inner.propose(told, n, rng=rng)
            kept = [proposal for proposal in asked if self.limits(proposal.arch)]
            if kept or not asked:
                return kept
            if rejected.keys() >= set(asked):
                told = _with_failures(history, tuple(rejected))
            rejected |= dict.fromkeys(asked)
        raise SearchError(self._nothing(list(rejected)))

    def _nothing(self, rejected: Sequence[Proposal]) -> str:
        least = {
            name: min(self.limits.costs(proposal.arch)[name] for proposal in rejected) for name in self.limits.at_most
        }
        seen = ", ".join(f"{name} {value:g}" for name, value in least.items())
        return (
            f"none of {len(rejected)} architectures drawn keeps the limits {self.limits}; the least seen was {seen}: "
            "raise the limits"
        )


def _with_failures(history: History, rejected: Sequence[Proposal]) -> History:
    """Return `history` with a failed trial for each rejected proposal."""
    first = max((trial.id for trial in history.done), default=-1) + 1
    at_s = history.done[-1].finished_s if history.done else 0.0
    result = Result(None, 0.0, error="breaks a limit")
    failures = [Trial(first + k, proposal, result, at_s) for k, proposal in enumerate(rejected)]
    return History([*history.done, *failures], history.pending)
