"""Evolution: regularised (ageing), or with the best alive."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Literal

import numpy as np

from archwright.core.arch import Arch
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.trial import Proposal, Trial
from archwright.search.encodings import Draw, Mutate, drawing, mutating
from archwright.search.replay import Replay
from archwright.search.settings import require_whole
from archwright.spaces.base import Space

__all__ = ["Evolution", "Mutate"]


#: Only asked of trials that have a score; a third of the time of a lambda.
_score = attrgetter("result.score")


@dataclass
class _Best:
    """The fittest so far, best first; of equals the older one lives."""

    scores: list[float] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)


@dataclass(frozen=True)
class Evolution:
    """The best of a random few of those alive has one mutated child at a time.

    Args:
        space: Where architectures come from.
        population: Number alive. ATLAS and NATS-Bench use 10.
        sample: Number drawn, of which the best becomes a parent. ATLAS and NATS-Bench use 3.
        batch: Proposals per question; more than one means that brothers do not know each other's scores.
        fidelity: Epochs of each proposal; None means the evaluator's full amount.
        dies: `oldest`: the latest trials that have a score live, however good the ones before were. `worst`: the
            best trials of all live (non-ageing).
        replacement: Whether the same one can be drawn more than once for one choice of a parent.
        mutate: Makes a child of a parent: the name of an encoding, as `path`, in which it is the smallest change, or a
            function; by default the space's mutation.
        draw: How the first ones are drawn: the name of an encoding, or a function; by default as the space does.

    Raises:
        SearchError: if a number is not whole or below one, or `dies` is neither of the two.
        UnknownNameError: if there is no such encoding.
        EncodingError: if one cannot draw or change in it.

    Source: arXiv:1802.01548, algorithm 1; sizes arXiv:2403.10318 (ATLAS), section 4.1.2.
    Differs: failed trials never enter the population; a mutation changes exactly one decision to another value
    (the paper also mutates to the same value, and has two kinds of mutation, for its own space). The paper's
    non-ageing variant removes the worst of a drawn few, this the worst of all.
    """

    space: Space
    population: int = 10
    sample: int = 3
    batch: int = 1
    fidelity: int | None = None
    dies: Literal["oldest", "worst"] = "oldest"
    replacement: bool = True
    mutate: str | Mutate | None = None
    draw: str | Draw | None = None
    _mutate: Mutate = field(init=False, repr=False, compare=False)
    _draw: Draw = field(init=False, repr=False, compare=False)
    _best: Replay[_Best] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        require_whole("evolution", population=self.population, sample=self.sample, batch=self.batch)
        require_whole("evolution", fidelity=self.fidelity)
        if self.dies not in ("oldest", "worst"):
            raise SearchError(f"of a population the 'oldest' or the 'worst' dies, but {self.dies!r} was given")
        object.__setattr__(self, "_mutate", mutating(self.space, self.mutate))
        object.__setattr__(self, "_draw", drawing(self.space, self.draw))
        object.__setattr__(self, "_best", Replay(_Best, self._enter))

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        """Return `n` proposals: random ones until the population is full, then children."""
        alive = history.ok()[-self.population :] if self.dies == "oldest" else self._best.at(history).trials
        founders = self.population - len(alive) - len(history.pending) if alive else n
        proposals = []
        for k in range(n):
            arch = self._draw(rng=rng) if k < founders else self._child(alive, rng)
            proposals.append(Proposal(arch, self.fidelity))
        return proposals

    def _child(self, alive: Sequence[Trial], rng: np.random.Generator) -> Arch:
        n = len(alive)
        if self.replacement:
            drawn = [alive[int(uniform * n)] for uniform in rng.random(self.sample).tolist()]
        else:
            drawn = [alive[k] for k in rng.choice(n, size=min(self.sample, n), replace=False, shuffle=False)]
        return self._mutate(max(drawn, key=_score).proposal.arch, rng=rng)

    def _enter(self, best: _Best, trial: Trial) -> None:
        score = trial.result.score
        if score is None:
            return
        # Ascending in the negated score, so that equals are found after those that were there before.
        place = bisect.bisect_right(best.scores, -score)
        best.scores.insert(place, -score)
        best.trials.insert(place, trial)
        del best.scores[self.population :], best.trials[self.population :]
