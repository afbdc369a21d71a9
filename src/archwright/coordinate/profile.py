"""The profiling phase: what an epoch takes here and now, and a first network as a by-product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from archwright.coordinate.cost import EpochCost, Timed
from archwright.coordinate.session import Session
from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.errors import RunError
from archwright.core.history import History
from archwright.core.protocols import Evaluator
from archwright.core.trial import Proposal
from archwright.run.loop import run
from archwright.spaces.tabular_mlp import TabularMlp

__all__ = ["profile"]

#: Below these seconds only the smallest network is timed: the rest of the time is worth more in training.
SHORT_S = 3.0
#: How the trainer refuses a device: every later training would fail in the same way.
_NO_DEVICE = "the device "


def profile(
    session: Session, evaluator: Evaluator, *, space: TabularMlp, cost: EpochCost, seed: int, starter: bool = True
) -> None:
    """Time the smallest, a middle and the largest network for a few steps, and tell `cost`.

    The smallest comes first and, as the starter, is offered as the first trained incumbent.

    Args:
        session: Clock and executor.
        evaluator: Times a network (`archwright.train.profile`).
        space: The search space.
        cost: Learns the timings.
        seed: Seed of the networks' weights.
        starter: Whether there is one.

    Raises:
        RunError: if nothing can be trained on the device that the user named.
    """
    left_s = session.left_s()
    if left_s <= 0:
        return
    last = space.arities[0] - 1
    genes = [0] if left_s < SHORT_S else list(dict.fromkeys([0, last // 2, last]))
    archs = [Arch(space.name, (gene,) * len(space.arities)) for gene in genes]
    study = run(
        _Once(tuple(archs), note="starter" if starter else ""),
        session.executor(evaluator),
        Budget(seconds=session.train_until_s),
        seed=seed,
        stop=lambda: session.turn("profile", "timing the first steps"),
    )
    refused = [trial.result.error for trial in study.history.done if _NO_DEVICE in trial.result.error]
    if refused:
        raise RunError(refused[0][refused[0].index(_NO_DEVICE) :])
    cost.add(
        [
            Timed(trial.proposal.arch, trial.result.measures["epoch_s"])
            for trial in study.history.done
            if trial.result.measures.get("epoch_s", 0.0) > 0
        ]
    )


@dataclass(frozen=True)
class _Once:
    """Proposes each architecture once, the first one with the note."""

    archs: tuple[Arch, ...]
    note: str = ""
    batch: int = 1

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        seen = history.seen()
        fresh = [arch for arch in self.archs if arch not in seen]
        return [Proposal(arch, note=self.note if arch == self.archs[0] else "") for arch in fresh[:n]]
