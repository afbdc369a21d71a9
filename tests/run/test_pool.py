import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pool_evaluators import Environment, Exits, Sleeps, Suicide, Unloadable, is_alive

from archwright.core.budget import Budget
from archwright.core.errors import RunError, WorkerError
from archwright.core.trial import Proposal, Trial
from archwright.run.loop import run
from archwright.run.pool import PoolExecutor
from archwright.search.halving import Halving, Rung
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.testing import Toy

SPACE = TabularMlp((1, 2, 3), layers=2)


@pytest.fixture
def pool() -> Iterator[PoolExecutor]:
    with PoolExecutor(1) as pool:
        yield pool


def wait_until(true: Callable[[], bool], limit_s: float = 10.0) -> bool:
    until_s = time.monotonic() + limit_s
    while not true() and time.monotonic() < until_s:
        time.sleep(0.01)
    return true()


def one(pool: PoolExecutor, index: int = 0, **options: float) -> Trial:
    pool.submit(0, Proposal(SPACE.at(index)), seed=0, **options)
    trial = pool.next(timeout_s=20)
    assert trial is not None
    return trial


def test_a_worker_that_kills_itself_fails_its_trial_and_the_run_goes_on() -> None:
    with PoolExecutor(2) as pool:
        pool.use(Suicide())
        searcher = Halving(tuple(SPACE.enumerate()), (Rung(1, SPACE.size()),))
        study = run(searcher, pool, Budget(trials=100), seed=0)
    assert len(study.trials) == SPACE.size()
    for trial in study.trials:
        died = trial.proposal.arch.genes[0] == 0
        assert trial.result.error == ("worker killed by signal 9" if died else "")
        assert (trial.result.score is None) == died


def test_a_worker_killed_from_outside_fails_its_trial(pool: PoolExecutor) -> None:
    pool.use(Sleeps())
    assert wait_until(lambda: pool.ready() == 1)
    pool.submit(0, Proposal(SPACE.at(1)), seed=0)
    before = pool.pids()
    os.kill(before[0], signal.SIGKILL)
    trial = pool.next(timeout_s=20)
    assert trial is not None
    assert trial.result.error == "worker killed by signal 9"
    assert pool.pids() != before
    pool.use(Toy())
    assert one(pool).result.score is not None


def test_an_idle_worker_that_dies_is_replaced(pool: PoolExecutor) -> None:
    assert wait_until(lambda: pool.ready() == 1)
    before = pool.pids()
    os.kill(before[0], signal.SIGKILL)
    assert wait_until(lambda: pool.ready() == 1 and pool.pids() != before)
    pool.use(Toy())
    assert one(pool).result.score is not None


def test_the_last_words_of_a_worker_are_in_the_error_even_if_a_child_lives_on(pool: PoolExecutor) -> None:
    pool.use(Exits())
    assert one(pool).result.error == "worker exited with code 3: out of paper"


def test_a_task_whose_worker_dies_while_starting_is_given_to_the_next(pool: PoolExecutor) -> None:
    pool.use(Toy())
    pool.submit(0, Proposal(SPACE.at(1)), seed=0)
    os.kill(pool.pids()[0], signal.SIGKILL)
    trial = pool.next(timeout_s=20)
    assert trial is not None
    assert trial.result.error == ""


def test_workers_that_cannot_start_end_the_run_with_their_words() -> None:
    with PoolExecutor(1, preload=("no_such_module_at_all",)) as pool:
        pool.use(Toy())
        pool.submit(0, Proposal(SPACE.at(1)), seed=0)
        with pytest.raises(WorkerError, match="No module named 'no_such_module_at_all'") as caught:
            pool.next(timeout_s=20)
    assert caught.value.exit_code == 1


def test_next_gives_up_after_its_time(pool: PoolExecutor) -> None:
    pool.use(Sleeps())
    pool.submit(0, Proposal(SPACE.at(1)), seed=0)
    started_s = time.monotonic()
    assert pool.next(timeout_s=0.2) is None
    assert 0.15 < time.monotonic() - started_s < 2.0
    assert len(pool.pending()) == 1


def test_cancel_asks_running_evaluations_to_stop(pool: PoolExecutor) -> None:
    pool.use(Sleeps())
    pool.submit(0, Proposal(SPACE.at(1)), seed=0)
    pool.cancel()
    trial = pool.next(timeout_s=20)
    assert trial is not None
    assert trial.result.score == 1.0


def test_a_cancel_does_not_reach_the_next_evaluation(pool: PoolExecutor) -> None:
    pool.use(Sleeps(seconds=0.05))
    pool.submit(0, Proposal(SPACE.at(1)), seed=0)
    pool.cancel()
    assert pool.next(timeout_s=20) is not None
    assert one(pool).result.score == 0.0


def test_the_time_limit_counts_from_submitting(pool: PoolExecutor) -> None:
    pool.use(Sleeps(seconds=0.01))
    trial = one(pool, limit_s=5.0)
    assert 0.0 < trial.result.measures["limit_s"] < 5.0
    assert one(pool).result.measures["limit_s"] == -1.0


def test_preloaded_workers_report_ready() -> None:
    with PoolExecutor(2, preload=("json",)) as pool:
        assert wait_until(lambda: pool.ready() == 2)


def test_workers_have_one_thread_their_own_process_group_less_right_of_way_and_the_given_environment() -> None:
    with PoolExecutor(1, env={"ARCHWRIGHT_TEST": "5"}) as pool:
        pool.use(Environment())
        measures = one(pool).result.measures
    assert measures["OMP_NUM_THREADS"] == 1
    assert measures["ARCHWRIGHT_TEST"] == 5
    assert measures["group"] == measures["pid"] != os.getpgrp()
    assert measures["niceness"] > os.nice(0)


def test_close_kills_a_busy_worker_at_once(pool: PoolExecutor) -> None:
    pool.use(Sleeps())
    assert wait_until(lambda: pool.ready() == 1)
    pool.submit(0, Proposal(SPACE.at(1)), seed=0)
    (pid,) = pool.pids()
    started_s = time.monotonic()
    pool.close()
    assert time.monotonic() - started_s < 1.0
    assert not is_alive(pid)


def test_an_evaluator_that_cannot_be_pickled_is_refused(pool: PoolExecutor) -> None:
    class Local(Toy):
        pass

    with pytest.raises(RunError, match="picklable"):
        pool.use(Local())


def test_an_evaluator_that_a_worker_cannot_load_ends_the_run(pool: PoolExecutor) -> None:
    pool.use(Unloadable())
    pool.submit(0, Proposal(SPACE.at(1)), seed=0)
    with pytest.raises(RunError, match="cannot load the evaluator: ValueError: not in this process"):
        pool.next(timeout_s=20)


def test_submitting_without_an_evaluator_or_a_free_worker_is_refused(pool: PoolExecutor) -> None:
    with pytest.raises(RunError, match="needs an evaluator"):
        pool.submit(0, Proposal(SPACE.at(1)), seed=0)
    pool.use(Sleeps())
    pool.submit(0, Proposal(SPACE.at(1)), seed=0)
    with pytest.raises(RunError, match="free worker"):
        pool.submit(1, Proposal(SPACE.at(1)), seed=0)


def test_a_pool_without_workers_is_refused() -> None:
    with pytest.raises(RunError, match="at least one worker"):
        PoolExecutor(0)


SCRIPT = """
import sys
from archwright.core.budget import Budget
from archwright.run.loop import run
from archwright.run.pool import PoolExecutor
from archwright.search.random import RandomSearch
from archwright.spaces.tabular_mlp import frappe
from archwright.testing.toy import Toy

with PoolExecutor(2) as pool:
    pool.use(Toy())
    sys.stdout.write(str(len(run(RandomSearch(frappe()), pool, Budget(trials=5), seed=0).trials)))
"""


def test_a_script_without_a_main_guard_works(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    # A module of the current folder must not shadow the standard library's in workers.
    (tmp_path / "queue.py").write_text("raise SystemExit('shadowed')")
    finished = subprocess.run(
        [sys.executable, "-P", str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (finished.stdout, finished.stderr) == ("5", "")


ORPHANS = """
import sys, time
from archwright.run.pool import PoolExecutor
pool = PoolExecutor(2)
while pool.ready() < 2:
    time.sleep(0.01)
sys.stdout.write(' '.join(map(str, pool.pids())) + chr(10))
sys.stdout.flush()
time.sleep(60)
"""


def test_workers_end_when_the_driver_is_killed() -> None:
    driver = subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE, text=True)
    with driver:
        assert driver.stdout is not None
        workers = [int(word) for word in driver.stdout.readline().split()]
        assert len(workers) == 2
        assert all(is_alive(pid) for pid in workers)
        driver.kill()
    assert wait_until(lambda: not any(is_alive(pid) for pid in workers))
