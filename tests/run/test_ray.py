"""Evaluations on a Ray cluster: the laws of an executor, lost workers, and a lost node."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray_evaluators import Dies, Noted

from archwright.core.budget import Budget
from archwright.core.errors import MissingExtraError, RunError
from archwright.core.rng import numbered
from archwright.core.trial import Proposal
from archwright.run.loop import run
from archwright.run.ray import RayExecutor
from archwright.search.random import RandomSearch
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.study.study import Study
from archwright.testing import Toy

ray = pytest.importorskip("ray", reason="needs Ray: the extra `ray`")
# Ray leaves files and sockets to the garbage collector when it is shut down, and says so.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SPACE = TabularMlp((8, 16, 32, 64), layers=3)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of two nodes on this machine: the head with one processor, another one with two."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture
def executor_of(cluster: Any) -> Iterator[Any]:
    """Makes executors on the cluster and closes them."""
    made: list[RayExecutor] = []

    def make(evaluator: Any, **options: Any) -> RayExecutor:
        made.append(RayExecutor(evaluator, address=cluster.address, **options))
        return made[-1]

    yield make
    for executor in made:
        executor.close()


def test_a_killed_worker_costs_one_more_attempt_with_the_same_numbers(executor_of: Any, tmp_path: Path) -> None:
    executor = executor_of(Dies(str(tmp_path / "was-here")))
    executor.submit(3, Proposal(SPACE.at(1)), seed=5)
    trial = executor.next()
    assert trial.result.score == float(numbered(5, "trial", 3).random())
    assert (tmp_path / "was-here").exists()


def test_a_trial_that_is_lost_twice_has_failed(executor_of: Any) -> None:
    executor = executor_of(Dies())
    executor.submit(0, Proposal(SPACE.at(1)), seed=0)
    trial = executor.next()
    assert trial.result.score is None
    assert trial.result.error.startswith("lost 2 times with its worker or node")
    assert "\n" not in trial.result.error


def test_a_node_that_is_killed_in_the_middle_of_a_run_loses_no_trial(
    cluster: Any, executor_of: Any, tmp_path: Path
) -> None:
    node = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    notes = tmp_path / "begun"
    notes.mkdir()
    executor = executor_of(Noted(str(notes)))
    assert executor.free() == 3
    killed = False

    def kill_once() -> bool:
        nonlocal killed
        if not killed and len(study.trials) >= 5:
            cluster.remove_node(node, allow_graceful=False)
            killed = True
        return False

    with Study.open(tmp_path / "study.db") as study:
        run(RandomSearch(SPACE), executor, Budget(trials=16), seed=7, study=study, stop=kill_once)
    assert killed
    ids = sorted(trial.id for trial in study.trials)
    assert ids == list(range(16)), "a trial was lost, or counted twice"
    for trial in study.trials:
        assert trial.result.error == ""
        truth = sum(trial.proposal.arch.genes) + float(numbered(7, "trial", trial.id).random())
        assert trial.result.score == truth
    with Study.open(tmp_path / "study.db") as again:
        assert again.trials == study.trials


def test_what_is_cut_is_resumed_by_another_executor(executor_of: Any, tmp_path: Path) -> None:
    with Study.open(tmp_path / "study.db") as study:
        run(RandomSearch(SPACE), executor_of(Toy(), workers=2), Budget(trials=6), seed=1, study=study)
    from archwright.run.inline import InlineExecutor

    with Study.open(tmp_path / "study.db") as study:
        run(RandomSearch(SPACE), InlineExecutor(Toy()), Budget(trials=10), seed=1, study=study)
        assert sorted(trial.id for trial in study.trials) == list(range(10))
        for trial in study.trials:
            assert trial.result == Toy().evaluate(trial.proposal, rng=numbered(1, "trial", trial.id))


def test_numbers_out_of_range_are_refused() -> None:
    for options in ({"workers": 0}, {"cpus": 0.0}, {"gpus": -1.0}):
        with pytest.raises(RunError, match="Ray needs workers >= 1"):
            RayExecutor(Toy(), **options)


def test_a_missing_ray_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"archwright\[ray\]"):
        RayExecutor(Toy())
