"""A cheap score explores a space: the filtering before anything is trained, and moves that it prefers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from archwright.core.arch import Arch
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.trial import Proposal, Result, Trial
from archwright.search.evolution import Evolution
from archwright.search.settings import require_whole
from archwright.spaces.base import Space

__all__ = ["ProxyMoves", "Score", "explore", "with_noise"]

#: A cheap score of an architecture, higher is better; NaN where it has none. It must always give the same.
Score = Callable[[Arch], float]

#: Draws in a row that may be known already until a random sample is as large as it gets.
_KNOWN = 1000


def explore(
    space: Space,
    score: Score,
    n: int,
    *,
    rng: np.random.Generator,
    by: Literal["evolution", "random"] = "evolution",
    population: int = 10,
    sample: int = 3,
) -> list[Arch]:
    """Return the distinct architectures that `n` scores reach, the best first, without those that have no score.

    Scores each architecture once. A random sample has no repeats, so it reaches `n` where the space has as many.

    Args:
        space: Where architectures come from.
        score: Cheap score.
        n: How many proposals of evolution, or draws, are scored.
        rng: Generator.
        by: Regularised evolution on the score, or a random sample.
        population: Number alive, of evolution.
        sample: Number drawn for a parent, of evolution.

    Raises:
        SearchError: if `n` is not whole or below one, or `by` is neither of the two.

    Source: the filtering of ATLAS, arXiv:2403.10318, section 3.2 and algorithm 1 (evolution with 10 and 3); the warmup
    of Abdelfattah et al., arXiv:2101.08134, section 5 (random).
    """
    require_whole("exploring", n=n)
    if by not in ("evolution", "random"):
        raise SearchError(f"exploring is done by 'evolution' or at 'random', but {by!r} was given")
    known: dict[Arch, float] = {}
    if by == "random":
        known = {arch: score(arch) for arch in _sample(space, n, rng)}
    else:
        history, searcher = History(), Evolution(space, population=population, sample=sample)
        for k in range(n):
            (proposal,) = searcher.propose(history, 1, rng=rng)
            if proposal.arch not in known:
                known[proposal.arch] = score(proposal.arch)
            history.add(_scored(k, proposal, known[proposal.arch]))
    ranked = [arch for arch, value in known.items() if not math.isnan(value)]
    return sorted(ranked, key=known.__getitem__, reverse=True)


def with_noise(top: Sequence[Arch], space: Space, share: float, *, rng: np.random.Generator) -> list[Arch]:
    """Return as many architectures as `top`, of which the share of the least promising is replaced by random ones.

    Args:
        top: Distinct architectures, the best first.
        space: Where the random ones come from; all differ, as long as the space has enough.
        share: The random noise degree, 0 (`top` itself) to 1 (all random).
        rng: Generator.

    Raises:
        SearchError: if the share is not in 0..1.

    Source: ATLAS, arXiv:2403.10318, appendix E.2.1.
    """
    if not 0 <= share <= 1:
        raise SearchError(f"the share of random architectures must be in 0..1, but {share!r} was given")
    kept = list(top[: len(top) - round(share * len(top))])
    taken = set(kept)
    others = (arch for arch in _sample(space, len(top) + len(kept), rng) if arch not in taken)
    return kept + [arch for arch, _ in zip(others, range(len(top) - len(kept)), strict=False)]


@dataclass(frozen=True)
class ProxyMoves:
    """A mutation that is the best of several by a cheap score, for `Evolution(..., mutate=...)`.

    With it evolution is the move proposal of zero-cost NAS: the proxy chooses among children of one parent, and only
    the chosen one is trained.

    Args:
        space: Where mutations come from.
        score: Cheap score; a mutation that has none is the last choice, and of equals the first is taken.
        moves: Mutations tried for each one.

    Raises:
        SearchError: if `moves` is not whole or below one.

    Source: Abdelfattah et al., arXiv:2101.08134, section 5.
    """

    space: Space
    score: Score
    moves: int = 10

    def __post_init__(self) -> None:
        require_whole("a choice of moves", moves=self.moves)

    def __call__(self, arch: Arch, *, rng: np.random.Generator) -> Arch:
        """Return the best of `moves` mutations of `arch`."""
        return max((self.space.mutate(arch, rng=rng) for _ in range(self.moves)), key=self._value)

    def _value(self, arch: Arch) -> float:
        value = self.score(arch)
        return -math.inf if math.isnan(value) else value


def _scored(id: int, proposal: Proposal, value: float) -> Trial:
    result = Result(None, 0.0, error="no score") if math.isnan(value) else Result(value, 0.0)
    return Trial(id, proposal, result, 0.0)


def _sample(space: Space, n: int, rng: np.random.Generator) -> list[Arch]:
    """Return up to `n` distinct random architectures; fewer where a thousand draws in a row bring nothing new."""
    if space.size() <= n:
        archs = list(space.enumerate())
        return [archs[k] for k in rng.permutation(len(archs))]
    drawn: dict[Arch, None] = {}
    known = 0
    while len(drawn) < n and known < _KNOWN:
        before = len(drawn)
        drawn[space.random(rng=rng)] = None
        known = 0 if len(drawn) > before else known + 1
    return list(drawn)
