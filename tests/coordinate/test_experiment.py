"""Experiments: every contestant, every case, every seed; killed anywhere, nothing is lost and nothing done twice."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import archwright.coordinate.simulate as simulate_module
from archwright.bench.evaluator import TableEvaluator
from archwright.bench.table import Bench, Outcome, Provenance, write_bench
from archwright.coordinate.contest import run_experiment
from archwright.coordinate.contestant import Contestant
from archwright.coordinate.experiment import Cell, Experiment, ExperimentFolder, open_cases
from archwright.coordinate.simulate import Recorder, simulate
from archwright.coordinate.trial_file import Trials, read_trials, write_trials
from archwright.core.budget import Budget
from archwright.core.errors import BenchError, BudgetError, RunError, SpaceError, UnknownNameError
from archwright.core.history import History
from archwright.core.rng import derive
from archwright.recipes import build
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.spaces.tabular_mlp import TabularMlp

SPACE = TabularMlp((8, 16, 32, 64), layers=3)
EPOCHS = (1, 3, 9)


def made(folder: Path, *, seconds: bool = True, **changed) -> Path:
    """A benchmark of 64 architectures with three fidelities; wider is better and slower."""
    genes = np.array([arch.genes for arch in SPACE.enumerate()])
    height = genes.sum(axis=1)[:, None, None] + derive(1, "height").random((64, 1, 1))
    valid = 80.0 + height - 5.0 / np.sqrt(EPOCHS)
    cost = (1.0 + height) * np.array(EPOCHS)
    outcomes = [
        Outcome("data", "accuracy", "percent", EPOCHS, valid, valid - 1.0, seconds=cost if seconds else None),
        Outcome("other", "loss", "nats", (9,), valid[:, :, -1:], higher_is_better=False),
    ]
    return write_bench(
        folder,
        name=folder.name,
        space=SPACE,
        archs=list(SPACE.enumerate()),
        outcomes=changed.get("outcomes", outcomes),
        measures={},
        provenance=Provenance("made by a test", "Apache-2.0"),
    )


def wanted(bench: Path, searchers="random,evolution", *, seeds=3, outcome="data", **settings) -> Experiment:
    settings = {"budget": Budget(trials=12)} | settings
    contestants = tuple(map(Contestant.parse, searchers.split(",")))
    return Experiment(open_cases(bench, [outcome]), contestants, seeds, **settings)


def content(path: Path) -> dict[str, list[list[object]]]:
    """All trials of an experiment, to be compared."""
    folder = ExperimentFolder(path)
    found = {cell.name: folder.read(cell) for cell in folder.load().cells()}
    return {
        name: [list(t.seeds), t.trial.tolist(), t.arch.tolist(), t.score.tolist(), t.finished_s.tolist()]
        for name, t in found.items()
    }


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Path:
    return made(tmp_path_factory.mktemp("benches") / "small")


def test_a_run_of_an_experiment_is_a_run_of_the_loop(bench: Path, tmp_path: Path) -> None:
    run_experiment(tmp_path / "e", wanted(bench, "evolution:population=4"))
    cell = next(ExperimentFolder(tmp_path / "e").load().cells())
    trials = ExperimentFolder(tmp_path / "e").read(cell)
    opened = Bench.open(bench)
    for seed in range(3):
        searcher = Contestant.parse("evolution:population=4").make(SPACE, epochs=(1, 9))
        study = run(searcher, SimulatedExecutor(TableEvaluator(opened, "data")), Budget(trials=12), seed=seed)
        rows = trials.rows_of(seed)
        assert trials.arch[rows].tolist() == [str(trial.proposal.arch) for trial in study.trials]
        assert trials.score[rows].tolist() == [trial.result.score for trial in study.trials]
        assert trials.finished_s[rows].tolist() == [trial.finished_s for trial in study.trials]
        test = opened.values("data", opened.rows([trial.proposal.arch for trial in study.trials]), split="test")
        assert trials.value[rows].tolist() == test.tolist()


def test_finished_runs_are_not_done_again(bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_experiment(tmp_path, wanted(bench))
    before = content(tmp_path)

    def refuse(*args: object, **settings: object) -> None:
        raise AssertionError("a finished run was done again")

    monkeypatch.setattr(simulate_module, "simulate", refuse)
    run_experiment(tmp_path, wanted(bench))
    assert content(tmp_path) == before


def test_seeds_searchers_and_cases_can_be_added(bench: Path, tmp_path: Path) -> None:
    run_experiment(tmp_path / "a", wanted(bench, "random", seeds=2))
    told = []
    run_experiment(tmp_path / "a", wanted(bench, "random,local", seeds=4), watch=told.append)
    run_experiment(tmp_path / "b", wanted(bench, "random,local", seeds=4))
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert told[0].done == 2
    assert (told[-1].done, told[-1].wanted) == (8, 8)
    both = run_experiment(tmp_path / "a", wanted(bench, "random", seeds=1, outcome="other"))
    assert len(list(both.cells())) == 4


def test_processes_give_the_runs_of_one(bench: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    run_experiment(one, wanted(bench, "hyperband,evolution", seeds=4))
    run_experiment(two, wanted(bench, "hyperband,evolution", seeds=4), jobs=2)
    assert content(one) == content(two)
    assert not list((two / "parts").iterdir())


def test_an_experiment_that_is_killed_goes_on_where_it_was(bench: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import test_experiment as t; from archwright.coordinate import contest;"
        "contest.run_experiment(Path(sys.argv[2]), t.wanted(Path(sys.argv[1]), 'random,hyperband', seeds=40))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    killed = subprocess.Popen([sys.executable, "-c", code, str(bench), str(tmp_path / "e")], env=environment)
    parts = tmp_path / "e" / "parts"
    until = time.monotonic() + 30
    while not any(parts.glob("small*.parquet")) and killed.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    told = []
    run_experiment(tmp_path / "e", wanted(bench, "random,hyperband", seeds=40), watch=told.append)
    assert told[0].done > 0
    run_experiment(tmp_path / "whole", wanted(bench, "random,hyperband", seeds=40))
    assert content(tmp_path / "e") == content(tmp_path / "whole")


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("name", ["hyperband", "evolution"])
def test_a_run_that_is_cut_anywhere_is_the_uninterrupted_one(
    bench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, workers: int
) -> None:
    monkeypatch.setattr(simulate_module, "_CHECKPOINT_S", -1.0)
    experiment = wanted(bench, name, workers=workers, budget=Budget(trials=25))
    cell = next(experiment.cells())
    whole = simulate(experiment, cell, seed=1, answers=tmp_path / "whole.npz")

    class CutError(Exception):
        pass

    for cut in (1, 7, 20):
        path = tmp_path / f"{cut}.npz"
        with monkeypatch.context() as patched:
            asked = iter(range(cut))

            def ask(self, history, n, *, rng, asked=asked, real=Recorder.propose):
                if next(asked, None) is None:
                    raise CutError
                return real(self, history, n, rng=rng)

            patched.setattr(Recorder, "propose", ask)
            with pytest.raises(CutError):
                simulate(experiment, cell, seed=1, answers=path)
        assert path.exists()
        again = simulate(experiment, cell, seed=1, answers=path)
        assert [(t.proposal, t.finished_s) for t in again.trials] == [(t.proposal, t.finished_s) for t in whole.trials]


def test_what_is_recorded_is_not_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate_module, "_CHECKPOINT_S", -1.0)
    first = Recorder(build("random", SPACE), SPACE.name, tmp_path / "a.npz")
    given = [list(first.propose(History(), 2, rng=derive(0, "propose", k))) for k in range(3)]
    again = Recorder(build("random", SPACE), SPACE.name, tmp_path / "a.npz")
    assert [list(again.propose(History(), 2, rng=derive(9, "another", k))) for k in range(3)] == given


def test_a_damaged_checkpoint_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(BenchError, match=r"a\.npz is damaged"):
        Recorder(build("random", SPACE), SPACE.name, tmp_path / "a.npz")


def test_the_time_of_full_trainings_limits_each_case(bench: Path) -> None:
    experiment = wanted(bench, budget=None, trainings=10.0)
    (case,) = experiment.cases
    opened = Bench.open(bench)
    seconds = opened.values("data", slice(None), split="seconds")
    assert case.training_s == pytest.approx(seconds.mean())
    assert experiment.budget_of(case) == Budget(seconds=10 * case.training_s)
    assert replace(experiment, workers=4).budget_of(case) == Budget(seconds=10 * case.training_s / 4)


def test_trainings_without_recorded_seconds_are_counted_in_epochs(bench: Path, tmp_path: Path) -> None:
    experiment = wanted(bench, "random", outcome="other", budget=None, trainings=7.0)
    run_experiment(tmp_path, experiment)
    trials = ExperimentFolder(tmp_path).read(next(experiment.cells()))
    assert [len(trials.arch[trials.rows_of(seed)]) for seed in range(3)] == [7, 7, 7]


def test_continued_trainings_cost_only_what_they_add(bench: Path, tmp_path: Path) -> None:
    anew, on = (wanted(bench, "hyperband", budget=Budget(trials=40), continued=flag) for flag in (False, True))
    cell = next(anew.cells())
    study_anew, study_on = (simulate(e, cell, seed=0, answers=tmp_path / "x.npz") for e in (anew, on))
    assert [t.proposal for t in study_on.trials] == [t.proposal for t in study_anew.trials]
    assert study_on.elapsed_s < study_anew.elapsed_s


def test_scores_of_a_loss_are_negated_and_its_best_is_the_smallest(bench: Path, tmp_path: Path) -> None:
    experiment = wanted(bench, "random", outcome="other")
    (case,) = experiment.cases
    values = Bench.open(bench).values("other", slice(None))
    assert (case.best, case.higher_is_better, case.split) == (values.min(), False, "valid")
    run_experiment(tmp_path, experiment)
    trials = ExperimentFolder(tmp_path).read(next(experiment.cells()))
    assert trials.score.tolist() == (-trials.value).tolist()


def test_another_budget_another_report_and_another_benchmark_are_refused(bench: Path, tmp_path: Path) -> None:
    folder = tmp_path / "e"
    run_experiment(folder, wanted(bench, "random", seeds=1))
    before = content(folder)
    with pytest.raises(RunError, match="12 trials on 1 simulated worker, but 13 trials"):
        run_experiment(folder, wanted(bench, "random", budget=Budget(trials=13)))
    with pytest.raises(RunError, match="3 simulated workers"):
        run_experiment(folder, wanted(bench, "random", workers=3))
    with pytest.raises(RunError, match="reports another outcome"):
        run_experiment(folder, replace(wanted(bench), cases=open_cases(bench, ["data"], report="other")))
    changed = made(tmp_path / "small", seconds=False)
    with pytest.raises(RunError, match="is another benchmark now"):
        run_experiment(folder, wanted(changed, "random"))
    assert content(folder) == before


def test_a_folder_with_other_things_is_refused_and_left_alone(bench: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="new or empty folder"):
        run_experiment(tmp_path, wanted(bench))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_damaged_file_of_trials_is_said_and_nothing_else_is_lost(bench: Path, tmp_path: Path) -> None:
    experiment = wanted(bench)
    run_experiment(tmp_path, experiment)
    before = content(tmp_path)
    first, second = experiment.cells()
    file = ExperimentFolder(tmp_path).trials(first)
    whole = file.read_bytes()
    for damage in (whole[: len(whole) // 2], b"", whole[:-20] + b"x" * 20):
        file.write_bytes(damage)
        with pytest.raises(RunError, match="is damaged"):
            run_experiment(tmp_path, experiment)
    assert file.read_bytes() == damage
    assert len(ExperimentFolder(tmp_path).read(second).seeds) == 3
    file.unlink()
    run_experiment(tmp_path, experiment)
    assert content(tmp_path) == before


@pytest.mark.parametrize("damage", ["{", "{}", '{"format": 1}', '{"format": 99}', "[]", '{"format": 1, "cases": 3}'])
def test_a_damaged_record_is_said(bench: Path, tmp_path: Path, damage: str) -> None:
    (tmp_path / "experiment.json").write_text(damage)
    with pytest.raises(RunError, match=r"experiment\.json"):
        run_experiment(tmp_path, wanted(bench))


def test_two_processes_do_not_work_on_one_experiment(bench: Path, tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    seen = []

    def watch(progress: object) -> None:
        with pytest.raises(RunError, match="another process"):
            run_experiment(tmp_path, wanted(bench))
        seen.append(progress)

    run_experiment(tmp_path, wanted(bench), watch=watch)
    assert seen


def test_a_benchmark_may_move(bench: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(bench, tmp_path / "here" / "small")
    run_experiment(tmp_path / "e", wanted(tmp_path / "here" / "small", "random", seeds=1))
    shutil.move(tmp_path / "here", tmp_path / "there")
    moved = wanted(tmp_path / "there" / "small", "random", seeds=2)
    assert run_experiment(tmp_path / "e", moved).cases[0].folder == str(tmp_path / "there" / "small")


def test_an_experiment_is_what_its_record_says(bench: Path) -> None:
    experiment = wanted(
        bench, "evolution:dies=worst:population=5,nsga2:smaller=params+flops", budget=None, trainings=2.5
    )
    assert Experiment.from_json(json.loads(json.dumps(experiment.to_json()))) == experiment


def test_names_of_files_differ_and_hold_no_colon(bench: Path) -> None:
    names = [cell.name for cell in wanted(bench, "evolution,evolution:population=3,random").cells()]
    assert len(set(names)) == 3
    assert not any(":" in name or "/" in name for name in names)


def test_limits_that_mean_nothing_are_refused(bench: Path) -> None:
    with pytest.raises(BudgetError, match="either"):
        wanted(bench, trainings=3.0)
    with pytest.raises(BudgetError, match="above zero"):
        wanted(bench, budget=None, trainings=-1.0)
    with pytest.raises(BenchError, match="no training times"):
        wanted(bench, outcome="other", budget=Budget(seconds=10.0))
    with pytest.raises(RunError, match="one seed and one worker"):
        wanted(bench, seeds=0)


def test_an_outcome_must_be_named_where_there_are_several(bench: Path) -> None:
    with pytest.raises(BenchError, match="it has data, other"):
        open_cases(bench, [])
    assert [case.outcome for case in open_cases(bench, ["all"])] == ["data", "other"]
    with pytest.raises(BenchError, match="Did you mean 'data'"):
        open_cases(bench, ["dat"])


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("randm", UnknownNameError, "Did you mean 'random'"),
        ("evolution:popultion=3", SpaceError, "Did you mean 'population'"),
        ("evolution:population", SpaceError, "NAME:KEY=VALUE"),
        ("evolution:population=3:population=4", SpaceError, "repeats"),
        ("reinforce_teg:lr=1", SpaceError, "It has none"),
        ("../evil", SpaceError, "must read NAME"),
        ("", SpaceError, "must read NAME"),
    ],
)
def test_a_searcher_that_cannot_be_understood_is_refused(text: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Contestant.parse(text)


@pytest.mark.parametrize("text", ["halving", "constrained", "evolution:population=many", "evolution:population=0"])
def test_a_searcher_that_cannot_be_made_is_refused_before_anything_is_written(
    bench: Path, tmp_path: Path, text: str
) -> None:
    with pytest.raises(SpaceError):
        run_experiment(tmp_path / "e", wanted(bench, text))
    assert not (tmp_path / "e").exists()


def test_searchers_get_the_fidelities_of_the_benchmark() -> None:
    made_for = {name: Contestant.parse(name).make(SPACE, epochs=(4, 108)) for name in ("hyperband", "bohb")}
    assert {(each.min_epochs, each.max_epochs) for each in made_for.values()} == {(4, 108)}
    assert Contestant.parse("hyperband:min_epochs=12").make(SPACE, epochs=(4, 108)).min_epochs == 12
    assert Contestant.parse("hyperband").make(SPACE, epochs=(12, 12)).max_epochs is None
    assert Contestant.parse("hyperband_lce").make(SPACE, epochs=(1, 200)).min_epochs == 12


def test_a_file_of_trials_holds_runs_without_trials_and_failures(tmp_path: Path) -> None:
    part = Trials(
        (0, 2),
        np.array([2, 2], np.int32),
        np.array([0, 1], np.int32),
        np.array(["a:1", "a:1"], object),
        np.array([9, 9], np.int32),
        np.array([np.nan, 1.5]),
        np.array([1.0, 1.0]),
        np.array([1.0, 2.0]),
        np.array([np.nan, 3.0]),
    )
    write_trials(tmp_path / "t.parquet", part)
    back = read_trials(tmp_path / "t.parquet")
    assert back.seeds == (0, 2)
    assert [len(back.arch[back.rows_of(seed)]) for seed in (0, 1, 2)] == [0, 0, 2]
    assert np.isnan(back.score[0])
    joined = Trials.joined([back, Trials.none(), part])
    assert joined.seeds == (0, 2)
    assert joined.arch.tolist() == ["a:1", "a:1"]
    write_trials(tmp_path / "none.parquet", Trials.none())
    assert read_trials(tmp_path / "none.parquet").seeds == ()


def test_runs_too_short_for_a_trial_are_finished_runs(bench: Path, tmp_path: Path) -> None:
    experiment = wanted(bench, "random", budget=Budget(seconds=1e-6))
    run_experiment(tmp_path, experiment)
    assert ExperimentFolder(tmp_path).read(next(experiment.cells())).seeds == (0, 1, 2)


def test_other_programs_can_read_the_trials(bench: Path, tmp_path: Path) -> None:
    import pandas as pd

    experiment = wanted(bench, "random")
    run_experiment(tmp_path, experiment)
    (cell,) = experiment.cells()
    frame = pd.read_parquet(ExperimentFolder(tmp_path).trials(Cell(cell.case, cell.contestant)))
    assert frame.groupby("seed", observed=True)["score"].count().tolist() == [12, 12, 12]
