"""Hyperband: brackets of successive halving, from many short trainings to few long ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from archwright.core.arch import Arch
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.trial import Proposal, Trial
from archwright.search.halving import Rung, Rungs
from archwright.search.replay import Replay
from archwright.search.settings import require_whole
from archwright.spaces.base import Space

__all__ = ["Draw", "Hyperband", "brackets"]

#: Gives one more candidate of a bracket.
Draw = Callable[[History, np.random.Generator], Arch]

#: Draws of a candidate that its bracket does not have, until one that it has is taken.
_TRIES = 20


def brackets(*, max_epochs: int, min_epochs: int = 1, eta: int = 3) -> tuple[Rungs, ...]:
    """Return the rungs of the brackets of one round, the one with most candidates first.

    Args:
        max_epochs: Epochs of the last rung of each bracket.
        min_epochs: Fewest epochs of a rung.
        eta: From rung to rung, epochs grow by this factor and candidates shrink by it. Both are rounded down.

    Raises:
        SearchError: if a number is not whole or below one, `eta` below two, or `min_epochs` above `max_epochs`.

    Source: Li et al., arXiv:1603.06560, algorithm 1.

    Example:
        >>> [[tuple(rung) for rung in rungs] for rungs in brackets(max_epochs=9)]
        [[(1, 9), (3, 3), (9, 1)], [(3, 5), (9, 1)], [(9, 3)]]
    """
    require_whole("hyperband", max_epochs=max_epochs, min_epochs=min_epochs)
    require_whole("hyperband", eta=eta, least=2)
    if min_epochs > max_epochs:
        raise SearchError(f"hyperband needs min_epochs <= max_epochs, but {min_epochs} and {max_epochs} were given")
    top = 0
    while max_epochs // eta ** (top + 1) >= min_epochs:
        top += 1
    rounds = []
    for steps in range(top, -1, -1):
        # Rounded up: (top + 1) / (steps + 1) * eta^steps.
        candidates = -(-(top + 1) * eta**steps // (steps + 1))
        rounds.append(tuple(Rung(max_epochs // eta ** (steps - k), candidates // eta**k) for k in range(steps + 1)))
    return tuple(rounds)


@dataclass
class _Done:
    """What a rung has finished."""

    trials: int = 0
    #: The best score of each architecture, None where it has failed; those that finished first come first.
    scores: dict[Arch, float | None] = field(default_factory=dict)
    _ranked: list[Arch] | None = None

    def take(self, arch: Arch, score: float | None) -> None:
        """Note one finished trial."""
        known = self.scores.setdefault(arch, score)
        if known is None or (score is not None and score > known):
            self.scores[arch] = score
        self.trials += 1
        self._ranked = None

    def ranked(self) -> list[Arch]:
        """Return the architectures that have a score, best first; of equals the one that finished first."""
        if self._ranked is None:
            best = {arch: -score for arch, score in self.scores.items() if score is not None}
            self._ranked = sorted(best, key=best.__getitem__)
        return self._ranked


@dataclass(slots=True)
class _Begun:
    """The architectures of a rung that are finished or running; one set of both would be made at every question."""

    done: _Done
    running: set[Arch]

    def __contains__(self, arch: Arch) -> bool:
        return arch in self.running or arch in self.done.scores


_NOTHING = _Done()


@dataclass
class _Progress:
    """What is finished, by the note of its rung, and the first bracket that may have something left to do."""

    rungs: defaultdict[str, _Done] = field(default_factory=lambda: defaultdict(_Done))
    bracket: int = 0


@dataclass(frozen=True)
class Hyperband:
    """Walks the brackets one after the other, round after round; survivors continue their training.

    A rung begins when the one before is finished altogether; until then, other workers begin the next bracket.
    Failed candidates are never promoted. Each proposal's note says its bracket and rung, and is what the search
    resumes from: trials without one are ignored. Never ends by itself.

    Args:
        space: Where candidates come from.
        max_epochs: Epochs of the last rung of each bracket. None, for a benchmark with one fidelity only, leaves
            a search at the evaluator's full amount: random search.
        min_epochs: Fewest epochs of a rung.
        eta: From rung to rung, epochs grow by this factor and candidates shrink by it.
        batch: Proposals per question.
        draw: Gives candidates; by default all of the space are equally likely.

    Raises:
        SearchError: as `brackets`, or if `batch` is no whole number of one or more, or `draw` no function.

    Source: Li et al., arXiv:1603.06560, algorithm 1.
    Differs: survivors continue where the paper trains them anew. A bracket's candidates differ from each other, as
    far as twenty draws each find new ones.
    """

    space: Space
    max_epochs: int | None = None
    min_epochs: int = 1
    eta: int = 3
    batch: int = 1
    draw: Draw | None = None
    _round: tuple[Rungs, ...] = field(init=False, repr=False, compare=False)
    _progress: Replay[_Progress] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        require_whole("hyperband", batch=self.batch)
        if self.draw is not None and not callable(self.draw):
            raise SearchError(f"hyperband needs a function as draw, but {self.draw!r} was given")
        top = self.min_epochs if self.max_epochs is None else self.max_epochs
        object.__setattr__(self, "_round", brackets(max_epochs=top, min_epochs=self.min_epochs, eta=self.eta))
        object.__setattr__(self, "_progress", Replay(_Progress, _take))

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        """Return up to `n` proposals of the first rung that has something to start."""
        if self.max_epochs is None or n < 1:
            return [Proposal(self._one(history, rng)) for _ in range(n)]
        progress = self._progress.at(history)
        bracket = progress.bracket
        while True:
            proposals = self._bracket(bracket, progress, history, n, rng)
            if proposals:
                return proposals
            if bracket == progress.bracket and not any(_is_of(proposal, bracket) for proposal in history.pending):
                # Nothing to start and nothing to wait for: it is over, for any longer history as well.
                progress.bracket += 1
            bracket += 1

    def _bracket(
        self, bracket: int, progress: _Progress, history: History, n: int, rng: np.random.Generator
    ) -> list[Proposal]:
        """Return what can be started of one bracket."""
        before = _NOTHING
        for rung, (upto, alive) in enumerate(self._round[bracket % len(self._round)]):
            note = _note(bracket, rung)
            done = progress.rungs.get(note, _NOTHING)
            running = [proposal.arch for proposal in history.pending if proposal.note == note]
            # A full rung is passed by its count alone, without a look at who was promoted.
            room = min(n, alive - done.trials - len(running))
            if room > 0:
                begun = _Begun(done, set(running))
                if rung == 0:
                    fresh = self._candidates(history, room, begun, rng)
                else:
                    fresh = [arch for arch in before.ranked()[:alive] if arch not in begun][:n]
                if fresh:
                    return [Proposal(arch, upto, note) for arch in fresh]
            if running:
                return []
            before = done
        return []

    def _candidates(self, history: History, n: int, begun: _Begun, rng: np.random.Generator) -> list[Arch]:
        found: list[Arch] = []
        while len(found) < n:
            arch = self._one(history, rng)
            for _ in range(_TRIES):
                if arch not in begun:
                    break
                arch = self._one(history, rng)
            begun.running.add(arch)
            found.append(arch)
        return found

    def _one(self, history: History, rng: np.random.Generator) -> Arch:
        return self.space.random(rng=rng) if self.draw is None else self.draw(history, rng)


def _take(progress: _Progress, trial: Trial) -> None:
    proposal = trial.proposal
    if proposal.note:
        progress.rungs[proposal.note].take(proposal.arch, trial.result.score)


def _note(bracket: int, rung: int) -> str:
    return f"bracket {bracket} rung {rung}"


def _is_of(proposal: Proposal, bracket: int) -> bool:
    return proposal.note.startswith(f"bracket {bracket} ")
