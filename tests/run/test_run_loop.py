import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest

from archwright.core.budget import Budget
from archwright.core.errors import RunError
from archwright.core.trial import Proposal, Result
from archwright.run.inline import InlineExecutor
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.evolution import Evolution
from archwright.search.halving import Halving, epochs, halving
from archwright.search.random import RandomSearch
from archwright.spaces.tabular_mlp import frappe
from archwright.study.study import Study
from archwright.testing import Toy

SPACE = frappe()
SEARCH = RandomSearch(SPACE)


@dataclass(frozen=True)
class Limits:
    """Gives the limit it got as its score."""

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        return Result(-1.0 if limit_s is None else limit_s, 0.0)


def test_the_budget_of_trials_is_kept_exactly_with_many_workers() -> None:
    study = run(RandomSearch(SPACE, batch=7), SimulatedExecutor(Toy(), workers=4), Budget(trials=10), seed=0)
    assert len(study.trials) == 10
    assert len(study.waiting()) == 4


def test_what_was_proposed_beyond_the_budget_is_evaluated_first_when_continued() -> None:
    study = run(RandomSearch(SPACE, batch=7), SimulatedExecutor(Toy()), Budget(trials=3), seed=0)
    left = [trial_id for trial_id, _ in study.waiting()]
    run(RandomSearch(SPACE, batch=7), SimulatedExecutor(Toy()), Budget(trials=7), seed=0, study=study)
    assert [trial.id for trial in study.trials[3:]] == left


def test_no_trial_finishes_after_the_budget_of_seconds() -> None:
    executor = SimulatedExecutor(Toy(), workers=3)
    study = run(SEARCH, executor, Budget(seconds=60.0), seed=0)
    assert 50.0 < study.elapsed_s <= 60.0
    assert executor.now() == 60.0
    assert len(executor.pending()) == 3


def test_a_run_of_seconds_that_is_continued_equals_one_that_was_not_cut() -> None:
    whole = run(Evolution(SPACE), SimulatedExecutor(Toy()), Budget(seconds=200.0), seed=0)
    for cut_s in (20.0, 90.0, 150.0):
        study = run(Evolution(SPACE), SimulatedExecutor(Toy()), Budget(seconds=cut_s), seed=0)
        run(Evolution(SPACE), SimulatedExecutor(Toy()), Budget(seconds=200.0), seed=0, study=study)
        assert study.trials == whole.trials


def test_evaluators_get_the_seconds_that_are_left() -> None:
    study = run(SEARCH, InlineExecutor(Limits()), Budget(seconds=1000.0, trials=3), seed=0)
    limits = [trial.result.score or 0.0 for trial in study.trials]
    assert 990.0 < limits[-1] < limits[0] <= 1000.0
    study = run(SEARCH, InlineExecutor(Limits()), Budget(trials=1), seed=0)
    assert study.trials[0].result.score == -1.0


def test_the_budget_of_epochs_counts_continued_epochs_once() -> None:
    rungs = halving(candidates=8, start=1, eta=2, cap=8)
    searcher = Halving(tuple(SPACE.at(k) for k in range(8)), rungs)
    for limit, trials in ((epochs(rungs), 15), (epochs(rungs) - 1, 14), (8, 8), (9, 9)):
        study = run(searcher, SimulatedExecutor(Toy(), workers=2), Budget(epochs=limit), seed=0)
        assert len(study.trials) == trials


def test_the_budget_of_epochs_counts_what_full_evaluations_measure() -> None:
    assert len(run(SEARCH, SimulatedExecutor(Toy(full=4)), Budget(epochs=11), seed=0).trials) == 3


def test_the_loop_ends_when_the_searcher_has_nothing_more() -> None:
    searcher = Halving((SPACE.at(0),), halving(candidates=1, start=1, eta=2, cap=1))
    assert len(run(searcher, SimulatedExecutor(Toy()), Budget(trials=100), seed=0).trials) == 1


def test_stop_ends_the_loop_and_leaves_what_runs() -> None:
    executor = SimulatedExecutor(Toy(), workers=2)
    turns = itertools.count()
    study = run(SEARCH, executor, Budget(trials=1000), seed=0, stop=lambda: next(turns) >= 5, poll_s=math.inf)
    assert len(study.trials) == 5
    assert len(executor.pending()) == 1


def test_stop_is_asked_while_nothing_finishes() -> None:
    executor = SimulatedExecutor(Toy(epoch_s=1000.0))
    turns = itertools.count()
    study = run(SEARCH, executor, Budget(trials=1), seed=0, stop=lambda: next(turns) >= 5)
    assert not study.trials
    assert executor.now() == pytest.approx(0.5)


def test_an_executor_that_still_runs_something_is_refused() -> None:
    executor = SimulatedExecutor(Toy())
    executor.submit(0, Proposal(SPACE.at(0)), seed=0)
    with pytest.raises(RunError, match="idle"):
        run(SEARCH, executor, Budget(trials=1), seed=0)


def test_another_seed_is_another_run() -> None:
    first, second = (run(SEARCH, SimulatedExecutor(Toy()), Budget(trials=5), seed=seed) for seed in (0, 1))
    assert first.trials != second.trials


def test_a_continued_run_goes_on_in_time() -> None:
    study = Study()
    run(SEARCH, SimulatedExecutor(Toy()), Budget(trials=5), seed=0, study=study)
    before_s = study.elapsed_s
    run(SEARCH, InlineExecutor(Toy()), Budget(trials=6), seed=0, study=study)
    assert study.trials[-1].finished_s >= before_s
