"""Local search: walk uphill from neighbour to neighbour, start again at the top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from archwright.core.arch import Arch
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.trial import Proposal, Trial
from archwright.search.encodings import Draw, Neighbours, drawing, looking
from archwright.search.replay import Replay
from archwright.search.settings import require_whole
from archwright.spaces.base import Space

__all__ = ["LocalSearch"]

#: Draws of a starting point that was not evaluated before, until the search looks through the space in order.
_TRIES = 200

#: Points of the grid that are looked through for the last architectures that were not evaluated.
_SCAN = 1_000_000

_START = "start"


@dataclass
class _Walk:
    """Where the search is: at `current`, or between two walks where that is None."""

    scores: dict[Arch, float | None] = field(default_factory=dict)
    current: Arch | None = None
    #: The best neighbour of `current` so far, the first of equals, if it is better than that.
    better: Arch | None = None
    #: Neighbours of `current` without a result, in the space's order.
    missing: dict[Arch, Arch] = field(default_factory=dict)
    #: Finished starting points of the walk that is about to begin.
    starts: list[Arch] = field(default_factory=list)


@dataclass(frozen=True)
class LocalSearch:
    """Evaluates all neighbours, moves to the best of them, and starts anew where none is better.

    Never asks for an architecture twice. A neighbour that is known already costs nothing and takes part in the
    comparison. Neighbours are evaluated in random order. With several workers it waits for the last results of a
    neighbourhood. Ends when there is nothing left to evaluate.

    Args:
        space: Where architectures come from, and what a neighbour is.
        move: `best` evaluates the whole neighbourhood before it moves; `first` moves to the first better one.
        starts: Random architectures before each walk, which begins at the best of them.
        canonical: Whether architectures with one `space.canonical` count as one.
        batch: Proposals per question.
        fidelity: Epochs of each proposal; None means the evaluator's full amount.
        neighbours: What a neighbour is: the name of an encoding, as `path`, in which it is the smallest change, or a
            function; by default what the space says.
        draw: How starting points are drawn: the name of an encoding, or a function; by default as the space does.

    Raises:
        SearchError: if a number is not whole or below one, or `move` is neither of the two.
        UnknownNameError: if there is no such encoding.
        EncodingError: if one cannot draw or move in it.

    Source: White, Nolen and Savani, arXiv:2005.02960, algorithm 1; the tutorial's slide on local search. `first`
    is what their code calls `query_full_nbhd=False`, `starts` its `num_init`.
    Differs: the code compares only neighbours that it evaluates now, this also those it knows from before.
    """

    space: Space
    move: Literal["best", "first"] = "best"
    starts: int = 1
    canonical: bool = False
    batch: int = 1
    fidelity: int | None = None
    neighbours: str | Neighbours | None = None
    draw: str | Draw | None = None
    _neighbours: Neighbours = field(init=False, repr=False, compare=False)
    _draw: Draw = field(init=False, repr=False, compare=False)
    _replay: Replay[_Walk] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        require_whole("local search", starts=self.starts, batch=self.batch, fidelity=self.fidelity)
        if self.move not in ("best", "first"):
            raise SearchError(f"local search moves to the 'best' or the 'first' better, but {self.move!r} was given")
        object.__setattr__(self, "_neighbours", looking(self.space, self.neighbours))
        object.__setattr__(self, "_draw", drawing(self.space, self.draw))
        object.__setattr__(self, "_replay", Replay(_Walk, self._take))

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        """Return up to `n` neighbours of where the walk is, or starting points; none while it waits for results."""
        walk = self._replay.at(history)
        running = {self._key(proposal.arch) for proposal in history.pending}
        if walk.current is not None:
            fresh = [arch for key, arch in walk.missing.items() if key not in running]
            # Stable with one proposal at a time: the order is drawn anew, from those that are left.
            chosen = [fresh[k] for k in rng.permutation(len(fresh))[:n]]
            return [Proposal(arch, self.fidelity) for arch in chosen]
        waiting = sum(1 for proposal in history.pending if proposal.note == _START)
        wanted = min(n, self.starts - len(walk.starts) - waiting)
        found: list[Arch] = []
        while len(found) < wanted and (arch := self._unknown(walk, running, rng)) is not None:
            running.add(self._key(arch))
            found.append(arch)
        return [Proposal(arch, self.fidelity, _START) for arch in found]

    def _key(self, arch: Arch) -> Arch:
        return self.space.canonical(arch) if self.canonical else arch

    def _take(self, walk: _Walk, trial: Trial) -> None:
        """Note one result, and walk as far as results are known."""
        proposal = trial.proposal
        if proposal.fidelity != self.fidelity:
            return
        key = self._key(proposal.arch)
        walk.scores[key] = trial.result.score
        if walk.current is not None:
            if walk.missing.pop(key, None) is not None:
                self._compare(walk, proposal.arch)
                self._climb(walk)
        elif proposal.note == _START:
            walk.starts.append(proposal.arch)
            if len(walk.starts) >= self.starts:
                known = [arch for arch in walk.starts if walk.scores[self._key(arch)] is not None]
                walk.starts.clear()
                if known:
                    self._stand(walk, max(known, key=lambda arch: walk.scores[self._key(arch)] or 0.0))
                    self._climb(walk)

    def _stand(self, walk: _Walk, arch: Arch) -> None:
        """Make `arch` the current one."""
        walk.current, walk.better, walk.missing = arch, None, {}
        for near in self._neighbours(arch):
            if (key := self._key(near)) in walk.scores:
                self._compare(walk, near)
            else:
                walk.missing[key] = near

    def _compare(self, walk: _Walk, near: Arch) -> None:
        """Take note of a neighbour's score."""
        assert walk.current is not None
        score, bound = walk.scores[self._key(near)], walk.scores[self._key(walk.better or walk.current)]
        if score is not None and bound is not None and score > bound:
            walk.better = near

    def _climb(self, walk: _Walk) -> None:
        """Move as far as results are known; scores only rise, so it ends."""
        while walk.better is not None and (self.move == "first" or not walk.missing):
            self._stand(walk, walk.better)
        if not walk.missing:
            walk.current = None

    def _unknown(self, walk: _Walk, running: set[Arch], rng: np.random.Generator) -> Arch | None:
        """Return a random architecture that is neither evaluated nor running; None if there is none."""
        for _ in range(_TRIES):
            arch = self._draw(rng=rng)
            if (key := self._key(arch)) not in walk.scores and key not in running:
                return arch
        if self.space.size() > _SCAN:
            return None
        left = [arch for arch in self.space.enumerate() if self._key(arch) not in walk.scores.keys() | running]
        return left[int(rng.integers(len(left)))] if left else None
