"""The refinement phase on a simulated clock: what is trained, for how long, and until when."""

from types import SimpleNamespace

import numpy as np
import pytest

from archwright.coordinate.cost import EpochCost, Timed
from archwright.coordinate.earlier import Earlier
from archwright.coordinate.filter import WholeFilter
from archwright.coordinate.options import SearchOptions
from archwright.coordinate.refine import LEAST_EPOCHS, Refinement
from archwright.core.trial import Proposal, Result
from archwright.run.simulated import SimulatedExecutor
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.study.study import Study

SPACE = TabularMlp((8, 16, 32, 64), layers=3)
CAP = 20


class Peaked:
    """Networks whose validation score is best after `peak` epochs; an epoch takes a second."""

    def __init__(self, peak: int, *, patience: int = 5) -> None:
        self.peak, self.patience = peak, patience
        self.done: dict[object, int] = {}

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        horizon = min(proposal.fidelity or CAP, self.peak + self.patience)
        cost_s = float(max(0, horizon - self.done.get(proposal.arch, 0)))
        self.done[proposal.arch] = horizon
        curve = tuple(1.0 - 0.01 * abs(self.peak - epoch) for epoch in range(1, horizon + 1))
        return Result(max(curve), cost_s, curve, {"epoch_s": 1.0})


def refined(
    evaluator: Peaked, *, left_s: float, workers: int = 1, preset: str = "default", earlier: Earlier | None = None
) -> tuple[Study, float]:
    executor = SimulatedExecutor(evaluator, workers=workers)
    study, options = Study(), SearchOptions(preset=preset)
    cost = EpochCost(SPACE, 20, rows=1000)
    cost.add([Timed(SPACE.at(index), 1.0) for index in (0, SPACE.size() // 2, SPACE.size() - 1)])
    session = SimpleNamespace(
        workers=workers,
        number=1,
        scored=0,
        trained=0,
        alive=0,
        record=SimpleNamespace(plans=[]),
        train_until_s=left_s,
        now=executor.now,
        left_s=lambda: left_s - executor.now(),
        turn=lambda phase, detail="": executor.now() >= left_s,
    )
    found = WholeFilter(SPACE, d=20, n_outputs=1, seed=0, study=study)
    refinement = Refinement(
        session,
        space=SPACE,
        filter=found,
        cost=cost,
        executor=executor,
        study=study,
        options=options,
        cap=CAP,
        earlier=earlier,
    )
    refinement.walk()
    return study, executor.now()


def test_networks_that_are_best_early_are_trained_for_less_later() -> None:
    study, _ = refined(Peaked(4), left_s=200.0)
    fidelities = [trial.proposal.fidelity for trial in study.trials]
    assert fidelities[0] == CAP
    assert set(fidelities[8:]) == {6}
    assert len(fidelities) > 200 / 10


def test_networks_that_are_best_at_the_end_are_trained_fully() -> None:
    study, _ = refined(Peaked(CAP), left_s=400.0)
    assert max(trial.proposal.fidelity or 0 for trial in study.trials[-4:]) == CAP


@pytest.mark.parametrize("peak", [3, 8, CAP])
@pytest.mark.parametrize("left_s", [7.0, 30.0, 95.0, 300.0])
@pytest.mark.parametrize("workers", [1, 3])
def test_the_time_is_used_to_its_end(peak: int, left_s: float, workers: int) -> None:
    study, now_s = refined(Peaked(peak), left_s=left_s, workers=workers)
    used_up = len(study.history.seen()) == SPACE.size()
    # Nothing is begun that could not make a few epochs, of a second each.
    assert used_up or now_s >= left_s - LEAST_EPOCHS


def test_the_papers_rungs_count_up_from_two_epochs() -> None:
    study, _ = refined(Peaked(CAP), left_s=100.0, preset="atlas")
    fidelities = [trial.proposal.fidelity for trial in study.trials]
    assert fidelities[0] == 2
    assert sorted(set(fidelities))[:3] == [2, 4, 8]


def test_a_resumed_session_chooses_what_was_not_trained_before() -> None:
    earlier = Earlier()
    earlier.add(refined(Peaked(19), left_s=400.0)[0].history.done)
    study, _ = refined(Peaked(19), left_s=400.0, earlier=earlier)
    fresh = {trial.proposal.arch for trial in study.history.done if trial.proposal.note != "last stretch"}
    assert fresh
    assert fresh.isdisjoint(earlier.epochs)


def test_a_short_resumed_session_trains_on_what_was_cut() -> None:
    begun = SPACE.at(7)
    earlier = Earlier({begun: 15, SPACE.at(8): CAP}, {begun: 0.9, SPACE.at(8): 0.8})
    evaluator = Peaked(20)
    evaluator.done[begun] = 15
    study, used_s = refined(evaluator, left_s=6.0, earlier=earlier)
    assert [(trial.proposal.arch, trial.proposal.fidelity) for trial in study.history.done] == [(begun, CAP)]
    assert used_s == 5.0
