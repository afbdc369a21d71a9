"""Successive halving: many candidates for few epochs, the better ones for more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from archwright.core.arch import Arch
from archwright.core.errors import SpaceError
from archwright.core.history import History
from archwright.core.trial import Proposal

__all__ = ["Halving", "Rung", "Rungs", "bracket", "epochs", "halving"]


class Rung(NamedTuple):
    """`alive` candidates are trained up to `epochs` in total."""

    epochs: int
    alive: int


#: The one schedule value, priced by the planner and walked by the searcher.
Rungs = tuple[Rung, ...]


def halving(*, candidates: int, start: int, eta: int, cap: int, keep: int = 1) -> Rungs:
    """Return the rungs of one run of successive halving.

    Args:
        candidates: Number at the start.
        start: Epochs of the first rung.
        eta: From rung to rung, epochs grow by this factor and candidates shrink by it, rounded down.
        cap: Epochs that no rung exceeds; the rung that reaches it is the last.
        keep: Candidates that are never dropped, so that as many workers have something to do in every rung. There
            are as many rungs as with one.

    Raises:
        SpaceError: if a number is below one, or `eta` below two.

    Example:
        >>> [tuple(rung) for rung in halving(candidates=53, start=1, eta=3, cap=27)]
        [(1, 53), (3, 17), (9, 5), (27, 1)]
    """
    _check(candidates=candidates, start=start, eta=eta, cap=cap, keep=keep)
    rungs, law = [Rung(min(start, cap), candidates)], candidates
    while law > 1 and rungs[-1].epochs < cap:
        law //= eta
        rungs.append(Rung(min(rungs[-1].epochs * eta, cap), min(candidates, max(keep, law))))
    return tuple(rungs)


def bracket(*, candidates: int, unit: int, eta: int, cap: int, keep: int = 1) -> Rungs:
    """Return the rungs of one run of successive halving that ends with a full training.

    Where `halving` counts up from its first rung, this counts down from `cap`: with fewer than `keep * eta` candidates
    all train fully at once, with fewer than `keep * eta` squared they first train for `cap / eta` epochs, and so on.

    Args:
        candidates: Number at the start.
        unit: Fewest epochs of a rung.
        eta: From rung to rung, epochs grow by this factor and candidates shrink by it, rounded down.
        cap: Epochs of the last rung.
        keep: Candidates of the last rung, at least.

    Raises:
        SpaceError: if a number is below one, or `eta` below two.

    Source: one bracket of Hyperband, arXiv:1603.06560, algorithm 1.

    Example:
        >>> [tuple(rung) for rung in bracket(candidates=9, unit=2, eta=4, cap=20)]
        [(5, 9), (20, 2)]
    """
    _check(candidates=candidates, unit=unit, eta=eta, cap=cap, keep=keep)
    steps = 0
    while keep * eta ** (steps + 1) <= candidates and cap // eta ** (steps + 1) >= unit:
        steps += 1
    return tuple(Rung(cap // eta ** (steps - step), candidates // eta**step) for step in range(steps + 1))


def epochs(rungs: Sequence[tuple[int, int]]) -> int:
    """Return the epochs that `rungs` cost in total when survivors continue where they were."""
    total = before = 0
    for upto, alive in rungs:
        total += alive * (upto - before)
        before = upto
    return total


@dataclass(frozen=True)
class Halving:
    """Walks the rungs that the planner priced. A rung begins when the one before is finished altogether.

    Failed candidates are never promoted, so a rung may have fewer than planned. Ties keep the order of `candidates`.

    Args:
        candidates: Distinct architectures, the most promising first.
        rungs: Epochs in total and candidates alive, of each rung.
        batch: Proposals per question.
        note: Remark on every proposal; by default the rung.

    Raises:
        SpaceError: if candidates repeat, or rungs do not grow in epochs and shrink in candidates.

    Source: Jamieson and Talwalkar, arXiv:1502.07943; as ATLAS's refinement, arXiv:2403.10318, section 3.
    Differs: survivors continue from their weights, where ATLAS's released code trains them anew on each rung.
    """

    candidates: tuple[Arch, ...]
    rungs: Rungs
    batch: int = 1
    note: str = ""

    def __post_init__(self) -> None:
        if len(set(self.candidates)) != len(self.candidates):
            raise SpaceError("candidates of halving must differ from each other, but some repeat")
        for before, after in zip(self.rungs, self.rungs[1:], strict=False):
            if after[0] <= before[0] or after[1] > before[1]:
                raise SpaceError(f"rungs must grow in epochs and not in candidates, but {self.rungs} were given")

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        """Return up to `n` proposals of the current rung; none while it waits for its last results."""
        todo: Sequence[Arch] = self.candidates
        for rung, (upto, alive) in enumerate(self.rungs):
            todo = todo[:alive]
            done = {trial.proposal.arch: trial.result.score for trial in history.at(upto)}
            running = {proposal.arch for proposal in history.pending if proposal.fidelity == upto}
            fresh = [arch for arch in todo if arch not in done and arch not in running]
            if fresh:
                return [Proposal(arch, upto, self.note or f"rung {rung}") for arch in fresh[:n]]
            if not running.isdisjoint(todo):
                return []
            todo = _ranked(todo, done)
        return []


def _check(*, eta: int, **others: int) -> None:
    for name, value in {"eta - 1": eta - 1, **others}.items():
        if value < 1:
            raise SpaceError(f"halving needs {name} of one or more, but it is {value}")


def _ranked(archs: Sequence[Arch], scores: dict[Arch, float | None]) -> list[Arch]:
    """Return the architectures that have a score, best first; equals stay in order."""
    scored = [(score, arch) for arch in archs if (score := scores[arch]) is not None]
    return [arch for _, arch in sorted(scored, key=lambda pair: -pair[0])]
