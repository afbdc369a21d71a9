"""What the sessions before this one have trained, so that a resumed run goes on from there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from archwright.coordinate.record import RunFolder
from archwright.core.arch import Arch
from archwright.core.trial import Trial
from archwright.study.study import Study

__all__ = ["Earlier"]


@dataclass(frozen=True, slots=True)
class Earlier:
    """Architectures that were trained before.

    Args:
        epochs: How far each was trained.
        scores: Best validation score of each.
    """

    epochs: dict[Arch, int] = field(default_factory=dict)
    scores: dict[Arch, float] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: RunFolder, *, session: int) -> Self:
        """Return what sessions before number `session` have trained.

        Raises:
            StoreError: if the store is damaged.
        """
        found = cls()
        if session < 2 or not folder.study.exists():
            return found
        with Study.open(folder.study, name="filter") as store:
            names = set(store.names())
        for number in range(1, session):
            if (name := f"refine-{number}") in names:
                with Study.open(folder.study, name=name, create=False) as study:
                    found.add(study.history.done)
        return found

    def add(self, trials: Iterable[Trial]) -> None:
        """Take trials in; one that was cut counts with the epochs that it had validated."""
        for trial in trials:
            arch, result = trial.proposal.arch, trial.result
            if result.score is None and not result.curve:
                continue
            score = max(result.curve) if result.score is None else result.score
            done = len(result.curve) if result.score is None else trial.proposal.fidelity or len(result.curve)
            self.epochs[arch] = max(done, self.epochs.get(arch, 0))
            self.scores[arch] = max(score, self.scores.get(arch, score))

    def best(self, n: int) -> list[Arch]:
        """Return the `n` best ones, the best first."""
        return sorted(self.scores, key=lambda arch: (-self.scores[arch], str(arch)))[:n]
