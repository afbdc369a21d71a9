"""The filtering phase: which architectures are worth training, before any is trained."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Protocol

import numpy as np
import numpy.typing as npt

from archwright.coordinate.cost import EpochCost
from archwright.coordinate.plan import RATIO
from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result
from archwright.proxies.evaluator import ExpressFlowEvaluator
from archwright.proxies.whole_space import WholeSpace
from archwright.run.clock import Clock
from archwright.run.inline import InlineExecutor
from archwright.run.loop import run
from archwright.search.evolution import Evolution
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.study.study import Study

__all__ = ["Filter", "SampledFilter", "WholeFilter", "equal_widths"]

#: Population and sample of regularised evolution. Source: ATLAS, sec. 4.1.2.
POPULATION, SAMPLE = 10, 3
#: Seconds of one score, with asking and recording, until it has been measured.
SCORE_S = 5e-4
#: Architectures whose cost is predicted at once: 100 MB at most for six layers.
CHUNK = 1 << 19


class Filter(Protocol):
    """Ranks architectures that can be afforded."""

    @property
    def scored(self) -> int:
        """Architectures scored so far."""

    @property
    def score_s(self) -> float:
        """t1, seconds that a further candidate costs here: `ratio` scores, or nothing where all are scored."""

    def top(self, n: int, *, limit_s: float, cost: EpochCost, exclude: Collection[Arch]) -> list[Arch]:
        """Return up to `n` architectures that the proxy prefers.

        Args:
            n: How many at most.
            limit_s: Seconds that one epoch may take.
            cost: Predicts those seconds.
            exclude: Architectures that were chosen before.
        """

    def score(self, arch: Arch) -> float:
        """Return the proxy's score of one architecture, higher is better."""


class WholeFilter:
    """Scores every architecture of the space by ExpressFlow and draws from the best ones that can be afforded.

    Candidates are drawn from the best 1/`ratio`, not taken from the very top: the highest scores all belong to the same
    shape, wide at both ends, and the proxy knows no better among them. Validation after a full training, mean of six
    networks of 60 to 80 thousand weights, very top / drawn from the best 1/30 / from all: adult AUC .9198 / .9206 /
    .9204, California housing R2 .8379 / .8398 / .8397.

    The scores are kept in the study as one array, `scores`, in the order of the space's index.

    Differs: ATLAS trains the top K of the M it has scored. The share is the same, M/K = 30, but M is the whole space.
    """

    def __init__(
        self, space: TabularMlp, *, d: int, n_outputs: int, seed: int, study: Study, ratio: float = RATIO
    ) -> None:
        self._space, self._seed, self._ratio = space, seed, ratio
        self._scores = WholeSpace(space, d, n_outputs=n_outputs, seed=seed).scores()
        study.put_array("scores", self._scores)

    @property
    def scored(self) -> int:
        """Architectures scored: all."""
        return len(self._scores)

    @property
    def score_s(self) -> float:
        """Nothing: all are scored."""
        return 0.0

    def top(self, n: int, *, limit_s: float, cost: EpochCost, exclude: Collection[Arch]) -> list[Arch]:
        """Return up to `n` of the best affordable architectures, in random order; see `Filter`."""
        affordable = np.concatenate(
            [cost.seconds_of(self._genes(start)) <= limit_s for start in range(0, self.scored, CHUNK)]
        )
        for arch in exclude:
            affordable[self._space.index(arch)] = False
        allowed = np.flatnonzero(affordable)
        share = min(len(allowed), max(n, math.ceil(len(allowed) / self._ratio)))
        # lexsort: the last key leads; the index decides among equals.
        best = allowed[np.lexsort((allowed, -self._scores[allowed]))[:share]]
        drawn = derive(self._seed, "shortlist", len(exclude)).permutation(best)[:n]
        return [self._space.at(int(index)) for index in drawn]

    def score(self, arch: Arch) -> float:
        """Return the score of one architecture."""
        return float(self._scores[self._space.index(arch)])

    def _genes(self, start: int) -> npt.NDArray[np.int64]:
        numbers = np.arange(start, min(start + CHUNK, self.scored))
        return np.stack(np.unravel_index(numbers, self._space.arities), axis=1)


class SampledFilter:
    """Explores by regularised evolution on ExpressFlow, as the paper does; every score is a trial of the study.

    Source: ATLAS, sec. 3.2 and Algorithm 1. Differs: synchronous and seeded; an architecture that was scored
    before is not computed again; those whose epoch takes too long are rejected (as TabNAS rejects).
    """

    def __init__(
        self, space: TabularMlp, *, d: int, n_outputs: int, seed: int, study: Study, ratio: int, clock: Clock
    ) -> None:
        self._space, self._seed, self._study, self._ratio, self._clock = space, seed, study, ratio, clock
        self._evaluator = ExpressFlowEvaluator(space, d, n_outputs=n_outputs, seed=seed)
        self._spent_s = SCORE_S * len(study.history)
        self._known: dict[Arch, float] = {
            trial.proposal.arch: trial.result.score for trial in study.history.ok() if trial.result.score is not None
        }

    @property
    def scored(self) -> int:
        """Architectures scored so far, each counted once."""
        return len(self._known)

    @property
    def score_s(self) -> float:
        """Seconds per candidate as measured so far, `SCORE_S` for each score before."""
        asked = len(self._study.history)
        return self._ratio * (self._spent_s / asked if asked else SCORE_S)

    def top(self, n: int, *, limit_s: float, cost: EpochCost, exclude: Collection[Arch]) -> list[Arch]:
        """Score `ratio` x `n` further proposals and return up to `n` of all, best first; see `Filter`."""
        evaluator = _Affordable(self._evaluator, cost, limit_s, self._known)
        searcher = Evolution(self._space, population=POPULATION, sample=SAMPLE)
        budget = Budget(trials=len(self._study.history) + self._ratio * n)
        began_s = self._clock.now()
        run(searcher, InlineExecutor(evaluator, clock=self._clock), budget, seed=self._seed, study=self._study)
        self._spent_s += self._clock.now() - began_s
        archs = [arch for arch in self._known if arch not in exclude]
        if not archs:
            return []
        fits = cost.seconds(archs) <= limit_s
        ranked = sorted((arch for arch, fit in zip(archs, fits, strict=True) if fit), key=self.score, reverse=True)
        return ranked[:n]

    def score(self, arch: Arch) -> float:
        """Return the score of one architecture that was explored."""
        if arch not in self._known:
            self._known[arch] = self._evaluator.whole.score(arch)
        return self._known[arch]


class _Affordable:
    """Rejects architectures whose epoch takes too long, and remembers the scores of the others."""

    def __init__(self, inner: ExpressFlowEvaluator, cost: EpochCost, limit_s: float, known: dict[Arch, float]) -> None:
        self._inner, self._cost, self._limit_s, self._known = inner, cost, limit_s, known

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Return the score, or a result with an error for an architecture that cannot be afforded."""
        arch = proposal.arch
        epoch_s = float(self._cost.seconds([arch])[0])
        if epoch_s > self._limit_s:
            return Result(None, 0.0, error=f"rejected: an epoch takes {epoch_s:.2f} s, {self._limit_s:.2f} s allowed")
        if arch in self._known:
            return Result(self._known[arch], 0.0)
        result = self._inner.evaluate(proposal, rng=rng, limit_s=limit_s)
        if result.score is not None and math.isfinite(result.score):
            self._known[arch] = result.score
        return result


def equal_widths(space: TabularMlp, gene: int) -> Arch:
    """Return the architecture whose layers all have the width number `gene`; 0 is the cheapest of the space."""
    return Arch(space.name, (gene,) * len(space.arities))
