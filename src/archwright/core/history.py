"""Finished trials in completion order, and what is still running."""

from __future__ import annotations

from collections.abc import Callable, Iterable, KeysView, Sequence
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
        self._seen: dict[Arch, int] = {}
        self._at: dict[int | None, list[Trial]] = {}
        for trial in trials:
            self.add(trial)

    def __len__(self) -> int:
        return len(self.done)

    def add(self, trial: Trial) -> None:
        """Append a finished trial."""
        if trial.result.hidden:
            # Spelt out, because `replace` is several times slower and this runs once per trial.
            told = trial.result
            shown = Result(told.score, told.cost_s, told.curve, told.measures, error=told.error)
            trial = Trial(trial.id, trial.proposal, shown, trial.finished_s)
        self.done.append(trial)
        self._seen[trial.proposal.arch] = trial.id
        self._at.setdefault(trial.proposal.fidelity, []).append(trial)
        score = trial.result.score
        if score is None:
            return
        self._ok.append(trial)
        if self._best is None or self._best.result.score is None or score > self._best.result.score:
            self._best = trial

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
        keys: KeysView[Arch] = self._seen.keys()
        return keys | {proposal.arch for proposal in self.pending}

    def map(self, fn: Callable[[Trial], Result]) -> History:
        """Return a history whose results are `fn(trial)`; order and pending stay."""
        return History((replace(trial, result=fn(trial)) for trial in self.done), self.pending)
