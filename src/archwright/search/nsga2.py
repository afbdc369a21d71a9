"""NSGA-II: evolution towards the Pareto front of score and costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.trial import Proposal, Trial
from archwright.search.replay import Replay
from archwright.search.settings import require_whole
from archwright.spaces.base import Space

__all__ = ["Nsga2", "crowding", "domination_ranks"]

FloatArray = npt.NDArray[np.float64]

#: Attempts at a valid child that was not evaluated yet.
_TRIES = 20

# N points, M objectives, all of them costs: less is better.


def domination_ranks(costs: FloatArray) -> npt.NDArray[np.int64]:
    """Return for each point [N] the number of its front: 0 where no other of costs [N, M] beats it.

    Front k is what is beaten by nothing once fronts 0 .. k - 1 are taken away. A point is beaten by one that is at
    least as good in all objectives and better in one; equal points share a front. Costs N x N x M.
    """
    no_worse = (costs[:, None, :] <= costs[None, :, :]).all(axis=2)
    beats = no_worse & ~no_worse.T
    ranks = np.zeros(len(costs), dtype=np.int64)
    left = np.ones(len(costs), dtype=bool)
    front = 0
    while left.any():
        now = left & ~(beats & left[:, None]).any(axis=0)
        ranks[now] = front
        left &= ~now
        front += 1
    return ranks


def crowding(costs: FloatArray) -> FloatArray:
    """Return the crowding distance [N] of each point of one front with costs [N, M]; infinite at both ends.

    The sum over objectives of the gap between the two neighbours in that objective, as a share of the whole range.
    """
    n, m = costs.shape
    distance = np.zeros(n)
    for k in range(m):
        order = np.argsort(costs[:, k], kind="stable")
        ranked = costs[order, k]
        distance[order[[0, -1]]] = np.inf
        if ranked[-1] > ranked[0]:
            distance[order[1:-1]] += (ranked[2:] - ranked[:-2]) / (ranked[-1] - ranked[0])
    return distance


@dataclass
class _Generation:
    """Parents with their fitness (front, then crowding), and the children so far."""

    parents: list[Trial] = field(default_factory=list)
    fitness: list[tuple[float, float]] = field(default_factory=list)
    children: list[Trial] = field(default_factory=list)
    seen: set[Arch] = field(default_factory=set)


@dataclass(frozen=True)
class Nsga2:
    """Evolves a population along the Pareto front: high score, low measures.

    Each time `population` trials have finished, the best of them and of their parents become the new parents: lower
    fronts first, and of the last front that fits those with the most room around them. `Study.pareto(*smaller)`
    gives the result. Trials without a score or one of the measures take no part.

    Args:
        space: Where architectures come from.
        smaller: Measures in results where less is better (`params`, `flops`, `latency`). None given means that
            only the score counts.
        population: Parents, and children of a generation.
        crossover: Probability that a child has two parents, and takes each decision from one of them.
        batch: Proposals per question.
        fidelity: Epochs of each proposal; None means the evaluator's full amount.

    Raises:
        SearchError: if `population` is below two, another number out of its range, or a measure twice.

    Source: Deb et al., IEEE Trans. Evolutionary Computation 6 (2002).
    Differs: decisions are choices, so crossover is uniform (0.9 as there) and each decision mutates to another value
    with probability one over their number; a child that was evaluated before is made anew, up to twenty times.
    """

    space: Space
    smaller: tuple[str, ...] = ()
    population: int = 20
    crossover: float = 0.9
    batch: int = 1
    fidelity: int | None = None
    _replay: Replay[_Generation] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        require_whole("nsga2", population=self.population, least=2)
        require_whole("nsga2", batch=self.batch, fidelity=self.fidelity)
        if not 0 <= self.crossover <= 1:
            raise SearchError(f"nsga2 needs 0 <= crossover <= 1, but {self.crossover} was given")
        if tuple(self.smaller) != self.smaller or len(set(self.smaller)) != len(self.smaller):
            raise SearchError(f"nsga2 needs a tuple of different measures, but {self.smaller!r} was given")
        object.__setattr__(self, "_replay", Replay(_Generation, self._take))

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        """Return `n` proposals: random ones for the first generation, then children."""
        generation = self._replay.at(history)
        founders = 0
        if not generation.parents:
            founders = self.population - len(generation.children) - len(history.pending)
        pool = generation.parents or generation.children
        seen = generation.seen | {proposal.arch for proposal in history.pending}
        found: list[Arch] = []
        for k in range(n):
            arch = self._child(generation, pool, seen, rng) if pool and k >= founders else self.space.random(rng=rng)
            seen.add(arch)
            found.append(arch)
        return [Proposal(arch, self.fidelity) for arch in found]

    def _costs(self, trials: Sequence[Trial]) -> FloatArray:
        rows = []
        for trial in trials:
            assert trial.result.score is not None
            rows.append([-trial.result.score, *(trial.result.measures[name] for name in self.smaller)])
        return np.array(rows)

    def _take(self, generation: _Generation, trial: Trial) -> None:
        generation.seen.add(trial.proposal.arch)
        if trial.result.score is None or not trial.result.measures.keys() >= {*self.smaller}:
            return
        generation.children.append(trial)
        if len(generation.children) < self.population:
            return
        everyone = generation.parents + generation.children
        fitness = _fitness(self._costs(everyone))
        best = sorted(range(len(everyone)), key=fitness.__getitem__)[: self.population]
        generation.parents = [everyone[k] for k in best]
        generation.fitness = [fitness[k] for k in best]
        generation.children = []

    def _child(self, generation: _Generation, pool: Sequence[Trial], seen: set[Arch], rng: np.random.Generator) -> Arch:
        """Return a valid child, if possible one that was not evaluated."""
        known: Arch | None = None
        for _ in range(_TRIES):
            one, other = (self._parent(generation, pool, rng) for _ in range(2))
            arch = self._crossed(one, other, rng)
            if self.space.check(arch) is not None:
                continue
            if arch not in seen:
                return arch
            known = arch
        return self.space.mutate(known or self._parent(generation, pool, rng), rng=rng)

    def _parent(self, generation: _Generation, pool: Sequence[Trial], rng: np.random.Generator) -> Arch:
        """Return the fitter of two; of the children of an unfinished first generation any."""
        a, b = (int(k) for k in rng.integers(len(pool), size=2))
        if generation.fitness and generation.fitness[b] < generation.fitness[a]:
            a = b
        return pool[a].proposal.arch

    def _crossed(self, one: Arch, other: Arch, rng: np.random.Generator) -> Arch:
        arities = np.array(self.space.arities)
        genes = np.array(one.genes)
        if rng.random() < self.crossover:
            genes = np.where(rng.random(len(genes)) < 0.5, genes, other.genes)
        mutates = (rng.random(len(genes)) * len(genes) < 1.0) & (arities > 1)
        steps = 1 + np.floor(rng.random(len(genes)) * np.maximum(arities - 1, 1)).astype(np.int64)
        return Arch(one.space, tuple(np.where(mutates, (genes + steps) % arities, genes).tolist()))


def _fitness(costs: FloatArray) -> list[tuple[float, float]]:
    """Return what orders points [N], the fittest first: the front, then the room, most first."""
    ranks = domination_ranks(costs)
    room = np.zeros(len(costs))
    for front in range(int(ranks.max()) + 1):
        members = ranks == front
        room[members] = crowding(costs[members])
    return [(float(rank), -float(gap)) for rank, gap in zip(ranks, room, strict=True)]
