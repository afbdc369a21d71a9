"""Evaluations, experiments and builds on a Ray cluster: lost workers, and lost nodes.

All in one file, since a cluster and its processes take longer to start than anything that is done on them.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray_evaluators import Dies, Marked
from typer.testing import CliRunner

from archwright.bench.table import Bench, Outcome, Provenance, write_bench
from archwright.cli.bench import app
from archwright.coordinate.build_bench import BuildOptions, build_bench
from archwright.coordinate.contest import run_experiment
from archwright.coordinate.contestant import Contestant
from archwright.coordinate.experiment import Experiment, ExperimentFolder, open_cases
from archwright.core.budget import Budget
from archwright.core.errors import MissingExtraError, RunError
from archwright.core.rng import derive, numbered
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
    """A cluster on this machine: its head, with one processor."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    # Connected as long as this one lives; the others find the connection, and the processes that are there.
    connected = RayExecutor(Toy(), address=made.address)
    yield made
    connected.close()
    assert not ray.is_initialized()
    made.shutdown()


class SecondNode:
    """A node with two processors, all of whose work is slow and leaves a mark while it is done."""

    def __init__(self, cluster: Any, marks: Path) -> None:
        self._cluster, self._marks = cluster, marks
        self._node = cluster.add_node(num_cpus=2)
        cluster.wait_for_nodes()
        (self._id,) = (each["NodeID"] for each in ray.nodes() if each["Alive"] and each["Resources"].get("CPU") == 2)
        self.is_killed = False
        #: How often each piece of work was given to the cluster, by its number.
        self.given_out: Counter[int] = Counter()

    def is_at_work(self) -> bool:
        return any(self._marks.glob(f"{self._id}.*"))

    def kill(self) -> None:
        if not self.is_killed:
            self._cluster.remove_node(self._node, allow_graceful=False)
            self.is_killed = True

    def kill_at_work(self, *_: object) -> bool:
        """Kill it as soon as it is at work; False, so that a loop goes on."""
        if not self.is_killed and self.is_at_work():
            self.kill()
        return False

    def was_at_work_when_killed(self) -> bool:
        return self.is_killed and set(self.given_out.values()) == {1, 2}


@pytest.fixture
def node(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecondNode]:
    marks = tmp_path / "marks"
    marks.mkdir()
    second = SecondNode(cluster, marks)
    begin, give_out = RayExecutor.__init__, RayExecutor._give_out

    def slowed(executor: RayExecutor, evaluator: Any, **options: Any) -> None:
        begin(executor, Marked(evaluator, str(marks)), **options)

    def counted(executor: RayExecutor, task: Any) -> None:
        second.given_out[task.id] += 1
        give_out(executor, task)

    monkeypatch.setattr(RayExecutor, "__init__", slowed)
    # What waits for a process to start would move to the other node without being lost.
    with RayExecutor(Toy(), address=cluster.address) as executor:
        while not second.is_at_work():
            if executor.free():
                executor.submit(0, Proposal(SPACE.at(0)), seed=0)
            executor.next(timeout_s=0.1)
        while executor.next() is not None:
            pass
    monkeypatch.setattr(RayExecutor, "_give_out", counted)
    yield second
    second.kill()


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


def made(folder: Path) -> Path:
    """A benchmark of random values."""
    values = derive(0, "values").random((SPACE.size(), 1, 1))
    return write_bench(
        folder,
        name="small",
        space=SPACE,
        archs=list(SPACE.enumerate()),
        outcomes=[Outcome("data", "accuracy", "percent", (9,), values)],
        measures={},
        provenance=Provenance("made by a test", "Apache-2.0"),
    )


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
    node: SecondNode, executor_of: Any, tmp_path: Path
) -> None:
    executor = executor_of(Toy())
    assert executor.free() == 3
    with Study.open(tmp_path / "study.db") as study:
        run(RandomSearch(SPACE), executor, Budget(trials=12), seed=7, study=study, stop=node.kill_at_work)
    assert node.was_at_work_when_killed()
    ids = sorted(trial.id for trial in study.trials)
    assert ids == list(range(12)), "a trial was lost, or counted twice"
    for trial in study.trials:
        assert trial.result == Toy().evaluate(trial.proposal, rng=numbered(7, "trial", trial.id))
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


def test_a_node_that_is_killed_in_the_middle_of_an_experiment_loses_no_run(
    cluster: Any, node: SecondNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = made(tmp_path / "bench")
    searchers = (Contestant.parse("evolution"),)
    wanted = Experiment(open_cases(bench, ["data"]), searchers, 9, budget=Budget(trials=20))
    (cell,) = wanted.cells()
    # A chunk for each run.
    monkeypatch.setattr("archwright.coordinate.contest._CHUNK_S", 0.0)
    monkeypatch.chdir(tmp_path)
    run_experiment(Path("cluster"), wanted, jobs=None, executor="ray", address=cluster.address, watch=node.kill_at_work)
    run_experiment(tmp_path / "here", wanted, jobs=1)
    there, here = (ExperimentFolder(tmp_path / name).read(cell) for name in ("cluster", "here"))
    assert node.was_at_work_when_killed()
    assert len(node.given_out) == len(there.seeds) == 9
    for column in ("seed", "trial", "arch", "score", "finished_s"):
        assert getattr(there, column).tolist() == getattr(here, column).tolist()
    # What the node was writing when it died stays behind until the next call.
    assert not list((tmp_path / "cluster" / "parts").glob("*.parquet"))


def test_a_node_that_is_killed_in_the_middle_of_a_build_loses_no_training(
    cluster: Any, node: SecondNode, tmp_path: Path
) -> None:
    x = derive(0, "table").normal(size=(200, 3))
    rows = [f"{a:.4f},{b:.4f},{'yes' if a + b**2 + 0.3 * c > 1 else 'no'}" for a, b, c in x]
    (tmp_path / "hill.csv").write_text("\n".join(["a,b,y", *rows]) + "\n")
    space = TabularMlp((4, 8), layers=2)
    for out, watch, options in [
        ("cluster", node.kill_at_work, BuildOptions(epochs=3, seeds=2, executor="ray", address=cluster.address)),
        ("here", None, BuildOptions(epochs=3, seeds=2, workers=0)),
    ]:
        built = build_bench(tmp_path / out, str(tmp_path / "hill.csv"), "y", space, options=options, watch=watch)
        assert (built.trainings, built.failed) == (8, 0)
    there, here = (Bench.open(tmp_path / name).outcome("hill") for name in ("cluster", "here"))
    assert node.was_at_work_when_killed()
    assert sorted(node.given_out) == list(range(8)), "a training was lost, or done anew"
    for split in ("valid", "test"):
        assert np.array_equal(there.array(split), here.array(split))


def test_the_command_line_reaches_a_cluster(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHWRIGHT_HOME", str(tmp_path))
    made(tmp_path / "bench" / "small")
    words = ["run", "--bench", "small:data", "--trials", "5", "--seeds", "2", "--out", str(tmp_path / "e")]
    done = CliRunner().invoke(app, [*words, "--executor", "ray", "--address", cluster.address])
    assert done.exit_code == 0, done.output
    assert "2 cells x 2 seeds" in done.stdout


def test_numbers_out_of_range_are_refused() -> None:
    for options in ({"workers": 0}, {"cpus": 0.0}, {"gpus": -1.0}):
        with pytest.raises(RunError, match="Ray needs workers >= 1"):
            RayExecutor(Toy(), **options)


def test_a_missing_ray_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"archwright\[ray\]"):
        RayExecutor(Toy())
