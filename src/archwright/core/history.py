"""Finished trials in completion order, and what is still running."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from archwright.core.arch import Arch
from archwright.core.trial import Proposal, Result, Trial

__all__ = ["History"]


class History:
    """What a searcher may know. `add` is O(1); test metrics are removed on the way in.

    Args:
        trials: Finished trials, oldest first.
        pending: Proposals that are running now.
    """

    def __init__(self, trials: Iterable[Trial] = (), pending: Sequence[Proposal] = ()) -> None:
        self.done: list[Trial] = []
        self.pending: tuple[Proposal, ...] = tuple(pending)
        self._ok: list[Trial] = []
        self._best: Trial | None = None
        self._best_score = 0.0
        self._at: defaultdict[int | None, list[Trial]] = defaultdict(list)
        for trial in trials:
            self.add(trial)

    def __len__(self) -> int:
        return len(self.done)

    def add(self, trial: Trial) -> None:
        """Append a finished trial."""
        proposal, result = trial.proposal, trial.result
        if result.hidden:
            trial = Trial(trial.id, proposal, result.told(), trial.finished_s)
        self.done.append(trial)
        self._at[proposal.fidelity].append(trial)
        score = result.score
        if score is None:
            return
        self._ok.append(trial)
        if self._best is None or score > self._best_score:
            self._best, self._best_score = trial, score

    def ok(self) -> list[Trial]:
        """Return the trials that have a score, oldest first. Do not change the list."""
        return self._ok

    def best(self) -> Trial | None:
        """Return the trial with the highest score, the first of equals; None before any has one."""
        return self._best

    def at(self, fidelity: int | None) -> list[Trial]:
        """Return the trials proposed at `fidelity`, failed ones included, oldest first."""
        return self._at.get(fidelity, [])

    def fidelities(self) -> tuple[int | None, ...]:
        """Return the fidelities at which trials have finished, the first one used first."""
        return tuple(self._at)

    def seen(self) -> set[Arch]:
        """Return the architectures that are finished or running."""
        return {trial.proposal.arch for trial in self.done} | {proposal.arch for proposal in self.pending}

    def map(self, fn: Callable[[Trial], Result]) -> History:
        """Return a history whose results are `fn(trial)`; order and pending stay."""
        return History((replace(trial, result=fn(trial)) for trial in self.done), self.pending)
