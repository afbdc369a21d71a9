"""Our own benchmarks: every training is there once, whatever interrupts the build."""

import json

import numpy as np
import pytest

from archwright.bench.evaluator import TableEvaluator
from archwright.bench.table import Bench
from archwright.coordinate.build_bench import BuildOptions, build_bench
from archwright.coordinate.options import TaskOptions
from archwright.core.catalog import find
from archwright.core.errors import BenchError, DataError, NasError
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.study.study import Study
from archwright.train.curves import CurveEvaluator

SPACE = TabularMlp((4, 8), layers=2)
OPTIONS = BuildOptions(epochs=3, seeds=2, workers=0)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = derive(0, "table")
    x = rng.normal(size=(300, 3))
    y = x[:, 0] + x[:, 1] ** 2 + 0.3 * rng.normal(size=300)
    path = tmp_path_factory.mktemp("table") / "hill.csv"
    lines = [
        f"{a:.4f},{b:.4f},{'red' if c > 0 else 'blue'},{'yes' if t > 1 else 'no'},{t:.4f}"
        for (a, b, c), t in zip(x, y, strict=True)
    ]
    path.write_text("\n".join(["a,b,colour,y,real", *lines]) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def built(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "hill"
    result = build_bench(out, table, "y", SPACE, task=TaskOptions(ignore=("real",)), options=OPTIONS)
    assert (result.folder, result.trainings, result.failed) == (out, 8, 0)
    return Bench.open(out)


def test_every_architecture_has_a_curve_per_seed(built):
    found = built.outcome("hill")
    assert (found.metric, found.epochs, found.higher_is_better) == ("auc", (1, 2, 3), True)
    for split in ("valid", "test", "seconds"):
        assert found.array(split).shape == (4, 2, 3)
        assert np.isfinite(found.array(split)).all()
    assert ((found.valid > 0) & (found.valid <= 1)).all()
    assert (np.diff(found.seconds, axis=2) > 0).all()
    assert (found.valid[:, 0] != found.valid[:, 1]).any()
    assert built.space == SPACE


def test_networks_learn(built):
    assert built.values("hill", slice(None)).mean() > built.values("hill", slice(None), 1).mean()
    assert built.values("hill", slice(None), split="test").mean() > 0.6


def test_measures_are_those_of_the_networks(built):
    # Two numbers and a colour, embedded with 10 each; see `nets.mlp`.
    small, large = built.rows([SPACE.arch((4, 4)), SPACE.arch((8, 8))])
    assert built.measures["flops"][small] == 2 * (30 * 4 + 4 * 4 + 4)
    difference = (30 * 8 + 8 * 8 + 8) - (30 * 4 + 4 * 4 + 4) + 3 * (4 + 4)
    assert built.measures["params"][large] - built.measures["params"][small] == difference


def test_a_built_benchmark_is_an_evaluator(built):
    result = TableEvaluator(built).evaluate(Proposal(SPACE.arch((4, 8)), 2), rng=derive(0, "x"))
    assert result.error == ""
    assert len(result.curve) == 2
    assert result.cost_s > 0


def test_provenance_holds_every_setting(built, table):
    note = json.loads(built.provenance.note.removeprefix("Settings: "))
    assert note["options"]["epochs"] == 3
    assert note["task"]["metric"] == "auc"
    assert note["split"]["ignore"] == ["real"]
    assert "hill.csv sha256:" in built.provenance.source


def test_workers_change_nothing_but_the_times(built, table, tmp_path):
    options = BuildOptions(epochs=3, seeds=2, workers=2)
    result = build_bench(
        tmp_path / "b", table, "y", SPACE, task=TaskOptions(ignore=("real",)), options=options, name="hill"
    )
    again = Bench.open(result.folder)
    for split in ("valid", "test"):
        assert np.array_equal(again.outcome("hill").array(split), built.outcome("hill").array(split))


def test_an_interrupted_build_goes_on_where_it_was(built, table, tmp_path):
    calls = []

    def interrupt(progress):
        calls.append(progress)
        if progress.done == 5:
            raise KeyboardInterrupt

    arguments = (tmp_path / "b", table, "y", SPACE)
    settings = {"task": TaskOptions(ignore=("real",)), "options": OPTIONS, "name": "hill"}
    with pytest.raises(KeyboardInterrupt):
        build_bench(*arguments, **settings, watch=interrupt)
    assert not (tmp_path / "b").exists()
    with Study.open(tmp_path / "b.build" / "study.db", name="trainings") as study:
        assert len(study.trials) == 5
    seen = []
    build_bench(*arguments, **settings, watch=seen.append)
    assert (seen[0].done, seen[-1].done, seen[-1].here, seen[-1].total) == (5, 8, 3, 8)
    assert np.array_equal(Bench.open(tmp_path / "b").outcome("hill").valid, built.outcome("hill").valid)
    assert [each.name for each in tmp_path.iterdir()] == ["b"]


def test_other_settings_do_not_continue_a_build(table, tmp_path):
    def interrupt(progress):
        raise KeyboardInterrupt

    arguments = (tmp_path / "b", table, "y", SPACE)
    with pytest.raises(KeyboardInterrupt):
        build_bench(*arguments, options=OPTIONS, watch=interrupt)
    with pytest.raises(BenchError, match=r"unfinished build with another options.*or begin anew with --overwrite"):
        build_bench(*arguments, options=BuildOptions(epochs=4, workers=0))
    with pytest.raises(BenchError, match="another target"):
        build_bench(tmp_path / "b", table, "real", SPACE, options=OPTIONS)
    options = BuildOptions(epochs=1, sample=1, workers=0)
    assert build_bench(*arguments, options=options, overwrite=True).trainings == 1


def test_a_sample_is_drawn_once_and_reproducibly(table, tmp_path):
    space = TabularMlp((4, 8, 16), layers=3)
    folders = []
    for place in ("one", "two"):
        options = BuildOptions(epochs=1, sample=3, rows=100, workers=0)
        folders.append(build_bench(tmp_path / place, table, "y", space, options=options).folder)
    first, second = (Bench.open(folder) for folder in folders)
    assert len(first) == 3
    assert first.archs(range(3)) == second.archs(range(3)) == sorted(first.archs(range(3)))
    assert first.space_of_rows().count() == 3
    assert json.loads(first.provenance.note.removeprefix("Settings: "))["task"]["train_rows"] == 64


def test_a_metric_that_is_better_when_lower_keeps_its_direction_and_unit(table, tmp_path):
    task = TaskOptions(ignore=("y",), metric="rmse")
    bench = Bench.open(build_bench(tmp_path / "b", table, "real", SPACE, task=task, options=OPTIONS).folder)
    found = bench.outcome("hill")
    assert (found.metric, found.higher_is_better) == ("rmse", False)
    assert ((found.valid > 0) & (found.test > 0)).all()
    result = TableEvaluator(bench).evaluate(Proposal(SPACE.arch((4, 8))), rng=derive(0, "x"))
    assert result.score < 0
    assert result.score == -bench.values("hill", bench.rows([SPACE.arch((4, 8))]))[0]


def test_without_test_rows_there_is_no_test(table, tmp_path):
    task, options = TaskOptions(test_fraction=0.0), BuildOptions(epochs=1, sample=1, workers=0)
    bench = Bench.open(build_bench(tmp_path / "b", table, "y", SPACE, task=task, options=options).folder)
    assert bench.outcome("hill").test is None


def test_a_training_that_failed_is_tried_once_more(table, tmp_path, monkeypatch):
    asked = []
    good = CurveEvaluator.evaluate

    def fails(self, proposal, *, rng, limit_s=None):
        asked.append(proposal)
        widths = SPACE.widths_of(proposal.arch)
        if widths == (8, 8) or (widths == (4, 8) and asked.count(proposal) == 1):
            return Result(None, 0.1, error="not today")
        return good(self, proposal, rng=rng, limit_s=limit_s)

    monkeypatch.setattr(CurveEvaluator, "evaluate", fails)
    options = BuildOptions(epochs=1, workers=0)
    result = build_bench(tmp_path / "b", table, "y", SPACE, options=options)
    assert (result.failed, len(asked)) == (1, 4 + 2)
    bench = Bench.open(result.folder)
    missing = np.isnan(bench.values("hill", slice(None)))
    assert bench.archs(np.flatnonzero(missing)) == [SPACE.arch((8, 8))]
    assert bench.provenance.note.startswith("1 trainings failed and are missing. ")


class TestRefused:
    def test_a_space_that_is_no_mlp(self, table, tmp_path):
        with pytest.raises(BenchError, match="only spaces of tabular MLPs can be trained here, but 'nb201'"):
            build_bench(tmp_path / "b", table, "y", find("space", "nb201")())

    def test_a_benchmark_that_is_there(self, built, table):
        with pytest.raises(BenchError, match="holds a benchmark already"):
            build_bench(built.folder, table, "y", SPACE)

    def test_a_folder_of_something_else(self, table, tmp_path):
        (tmp_path / "thesis.tex").write_text("")
        with pytest.raises(BenchError, match="must be a new or empty folder"):
            build_bench(tmp_path, table, "y", SPACE)

    def test_a_column_that_is_not_there(self, table, tmp_path):
        with pytest.raises(DataError, match="no column 'z'"):
            build_bench(tmp_path / "b", table, "z", SPACE, options=OPTIONS)

    @pytest.mark.parametrize("wrong", [{"epochs": 0}, {"seeds": 0}, {"sample": -1}, {"workers": -1}, {"preset": "x"}])
    def test_numbers_out_of_range(self, wrong):
        with pytest.raises(BenchError, match="must be"):
            BuildOptions(**wrong)

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"executor": "raay"}, "Did you mean 'ray'"),
            ({"executor": "inline"}, "a build runs on pool, ray"),
            ({"address": "head:6379"}, "the executor is 'pool'"),
            ({"executor": "ray", "workers": 0}, "workers must be 1 or more"),
        ],
    )
    def test_an_executor_that_builds_do_not_run_on(self, wrong, said):
        with pytest.raises(NasError, match=said):
            BuildOptions(**wrong)
