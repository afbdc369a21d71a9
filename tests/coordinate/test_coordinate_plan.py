"""The plan fits the time, and prices what halving walks."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.coordinate.plan import counted, plan, rungs_seconds
from archwright.coordinate.refine import affordable_s, replan
from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.errors import BudgetError
from archwright.core.trial import Result
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.halving import Halving, Rung

EPOCH_S = st.floats(0.001, 50.0)


@given(
    budget_s=st.floats(0.1, 5000),
    epoch_s=EPOCH_S,
    workers=st.integers(1, 8),
    unit=st.integers(1, 4),
    ending=st.booleans(),
)
def test_a_plan_that_is_not_cut_fits_its_budget(budget_s, epoch_s, workers, unit, ending):
    made = plan(budget_s=budget_s, score_s=0, epoch_s=epoch_s, workers=workers, unit=unit, limit=512, ending=ending)
    assert made.cut or made.seconds <= budget_s * (1 + 1e-9)
    assert made.cut == (budget_s < epoch_s)


@given(budget_s=st.floats(1, 500), more=st.floats(1.0, 10.0), epoch_s=EPOCH_S)
def test_more_time_never_plans_fewer_candidates(budget_s, more, epoch_s):
    few = plan(budget_s=budget_s, score_s=0, epoch_s=epoch_s, limit=512)
    many = plan(budget_s=budget_s * more, score_s=0, epoch_s=epoch_s, limit=512)
    assert many.candidates >= few.candidates


class _Trainer:
    """Costs what the epochs cost; survivors continue."""

    def __init__(self, epoch_s):
        self.epoch_s, self.done = epoch_s, {}

    def evaluate(self, proposal, *, rng, limit_s=None):
        before = self.done.get(proposal.arch, 0)
        self.done[proposal.arch] = proposal.fidelity
        return Result(float(-proposal.arch.genes[0]), (proposal.fidelity - before) * self.epoch_s)


@given(
    candidates=st.integers(1, 60), workers=st.integers(1, 4), epoch_s=st.floats(0.1, 3.0), budget_s=st.floats(5, 900)
)
def test_planned_seconds_equal_used_seconds(candidates, workers, epoch_s, budget_s):
    made = plan(budget_s=budget_s, score_s=0, epoch_s=epoch_s, workers=workers, ratio=0, limit=candidates)
    archs = tuple(Arch("s", (i,)) for i in range(made.candidates))
    executor = SimulatedExecutor(_Trainer(epoch_s), workers=workers)
    run(Halving(archs, made.rungs), executor, Budget(trials=10_000), seed=0)
    used = executor.now()
    # One candidate that does not get its first epochs is planned for one worker, whatever there is.
    assert used == pytest.approx(made.seconds, rel=1e-6) or made.cut


def test_rungs_without_continuation_cost_more():
    rungs = (Rung(2, 8), Rung(4, 4), Rung(8, 2), Rung(16, 1))
    assert rungs_seconds(rungs, np.ones(8), workers=1) == 16 + 8 + 8 + 8
    assert rungs_seconds(rungs, np.ones(8), workers=2) == 8 + 4 + 4 + 8


def test_sixteen_candidates_fit_when_an_epoch_takes_the_affordable_time():
    limit_s = affordable_s(100.0, middle_s=1.0, unit=2, eta=2, cap=64, workers=2, ending=False)
    made = plan(budget_s=100.0, score_s=0, epoch_s=limit_s, workers=2)
    assert made.candidates == 16
    assert made.rungs[-1].epochs == 32


def test_fewer_candidates_are_planned_when_only_narrow_networks_would_fit():
    shape = {"unit": 2, "eta": 2, "cap": 64, "workers": 2, "ending": False}
    many = affordable_s(10.0, middle_s=0.1, **shape)
    few = affordable_s(10.0, middle_s=1.0, **shape)
    assert many < 1.0 <= few
    assert plan(budget_s=10.0, score_s=0, epoch_s=few, **shape).candidates == 4


def test_rather_some_epochs_of_the_middle_width_than_a_full_training_of_a_narrow_network():
    shape = {"unit": 2, "eta": 4, "cap": 20, "workers": 1, "ending": True}
    assert affordable_s(5.0, middle_s=1.0, **shape) == 1.0
    assert affordable_s(0.3, middle_s=1.0, **shape) == pytest.approx(0.1)
    made = plan(budget_s=5.0, score_s=0, epoch_s=1.0, **shape)
    assert made.rungs == (Rung(5, 1),)
    assert not made.cut


@given(left_s=st.floats(0.01, 300), alive=st.integers(1, 16), workers=st.integers(1, 3))
def test_a_new_plan_fits_what_is_left_or_is_one_epoch_of_as_many_as_there_are_workers(left_s, alive, workers):
    rungs = (Rung(4, alive), Rung(8, max(1, alive // 2)), Rung(16, max(1, alive // 4)))
    made = replan(rungs, [1.0] * alive, done=2, left_s=left_s, workers=workers)
    fits = rungs_seconds(made, np.ones(made[0].alive), workers=workers, done=2) <= left_s
    assert fits or made == (Rung(3, min(workers, alive)),)
    assert made[-1].epochs <= 16
    assert all(after.epochs > before.epochs for before, after in itertools.pairwise(made))


def test_an_impossible_time_is_refused():
    with pytest.raises(BudgetError, match="above zero"):
        plan(budget_s=0, score_s=0, epoch_s=1.0)


@given(trials=st.integers(1, 300), start=st.integers(1, 5), eta=st.integers(2, 4), cap=st.integers(1, 300))
def test_counted_rungs_need_no_more_trials_and_end_with_a_full_training(trials, start, eta, cap):
    rungs = counted(trials, start=start, eta=eta, cap=cap)
    assert sum(rung.alive for rung in rungs) <= trials
    assert rungs[-1].epochs == cap
    assert all(before.epochs < after.epochs for before, after in itertools.pairwise(rungs))
