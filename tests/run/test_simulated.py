import pytest

from archwright.core.budget import Budget
from archwright.core.errors import RunError
from archwright.core.trial import Proposal
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.random import RandomSearch
from archwright.spaces.tabular_mlp import frappe
from archwright.testing import Toy

SPACE = frappe()


def test_trials_finish_in_the_order_of_their_simulated_times() -> None:
    executor = SimulatedExecutor(Toy(), workers=3)
    for trial_id, index in enumerate((150_000, 0, 80_000)):
        executor.submit(trial_id, Proposal(SPACE.at(index), 4), seed=0)
    finished = [trial for _ in range(3) if (trial := executor.next())]
    assert [trial.id for trial in finished] == [1, 2, 0]
    assert [trial.finished_s for trial in finished] == [trial.result.cost_s for trial in finished]


def test_equal_times_finish_in_the_order_of_ids() -> None:
    executor = SimulatedExecutor(Toy(), workers=3)
    for trial_id in (2, 0, 1):
        executor.submit(trial_id, Proposal(SPACE.at(7), 4), seed=0)
    assert [trial.id for _ in range(3) if (trial := executor.next())] == [0, 1, 2]


def test_four_workers_are_nearly_four_times_as_fast() -> None:
    search = RandomSearch(SPACE)
    times = [
        run(search, SimulatedExecutor(Toy(), workers=workers), Budget(trials=200), seed=0).elapsed_s
        for workers in (1, 4)
    ]
    assert 3.5 < times[0] / times[1] <= 4.01


def test_waiting_moves_the_clock_no_further_than_asked() -> None:
    executor = SimulatedExecutor(Toy(), start_s=5.0)
    executor.submit(0, Proposal(SPACE.at(0), 4), seed=0)
    assert executor.next(timeout_s=0.25) is None
    assert executor.now() == 5.25
    trial = executor.next()
    assert trial is not None
    assert trial.finished_s == 6.0


def test_a_simulation_without_workers_is_refused() -> None:
    with pytest.raises(RunError, match="at least one worker"):
        SimulatedExecutor(Toy(), workers=0)
