"""Studies of predictors: no training is done twice, nothing is lost, and training sets are what the protocol says."""

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

import archwright.coordinate.predictors.work as work_module
from archwright.bench.table import Bench
from archwright.coordinate.contest import Progress
from archwright.coordinate.experiment import open_cases
from archwright.coordinate.predictors.entrant import Entrant
from archwright.coordinate.predictors.judging import fit_watched, judge, tops
from archwright.coordinate.predictors.running import all_cells, run_predictors
from archwright.coordinate.predictors.study import PredictorFolder, PredictorStudy, Rules
from archwright.coordinate.predictors.task import task_of
from archwright.coordinate.predictors.work import rows_of
from archwright.core.arch import Arch
from archwright.core.errors import BenchError, PredictorError, RunError
from archwright.core.rng import derive
from archwright.core.trial import Evidence
from archwright.predict import saliency_store
from archwright.predict.neural import NeuralPredictor, Training
from archwright.predict.ranks import kendall
from archwright.predict.saliency import OperationSaliencies
from archwright.proxies.cells import CellSaliencies
from predictor_doubles import SPACE, N, Oracle, quality, written


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("bench") / "small")


#: Labels of entrants whose predictor the fixture `calls` replaces; the name must be in the catalogue.
def entrants(*labels: str) -> tuple[Entrant, ...]:
    return tuple(Entrant(label, "gp") for label in labels)


def wanted(bench: Path, *labels: str, outcomes: str = "data", report: str | None = None, **changed) -> PredictorStudy:
    given = {"sizes": ("10", "20"), "seeds": 4} | changed
    rules = given.pop("rules", Rules(sets=2))
    return PredictorStudy(
        open_cases(bench, outcomes.split(","), report=report),
        entrants(*(labels or ("good", "poor"))),
        rules=rules,
        **given,
    )


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file with a line per fit, and studies that fit oracles."""
    log = tmp_path / "calls"
    log.touch()
    monkeypatch.setattr(work_module, "make", lambda entrant, space, **_: Oracle(entrant.label, log))
    return log


def test_every_predictor_is_fitted_once_for_each_size_set_and_seed(calls, bench, tmp_path) -> None:
    study = run_predictors(tmp_path / "s", wanted(bench))
    cells = all_cells(study)
    assert len(cells) == len(calls.read_text().splitlines()) == 2 * 2 * 4
    assert {(cell.set, cell.seed) for cell in cells} == {(0, 0), (1, 0), (0, 1), (1, 1)}
    found = [PredictorFolder(tmp_path / "s").read(cell) for cell in cells]
    assert all(each is not None and each.values["kendall"] > 0 and each.error == "" for each in found)
    taus = {label: np.mean([f.values["kendall"] for f, c in zip(found, cells, strict=True) if c.entrant.label == label])
            for label in ("good", "poor")}  # fmt: skip
    assert taus["good"] > taus["poor"]


def test_a_study_takes_more_of_everything_and_repeats_nothing(calls, bench, tmp_path) -> None:
    first = run_predictors(tmp_path / "s", wanted(bench))
    before = {cell: PredictorFolder(tmp_path / "s").read(cell) for cell in all_cells(first)}
    n = len(calls.read_text().splitlines())
    more = wanted(bench, "poor", "other", outcomes="loss", sizes=("30%",), seeds=5)
    study = run_predictors(tmp_path / "s", more)
    assert [entrant.label for entrant in study.entrants] == ["good", "poor", "other"]
    assert (study.sizes, study.seeds, len(study.cases)) == (("10", "20", "30%"), 5, 2)
    assert len(calls.read_text().splitlines()) == 2 * 3 * 3 * 5
    folder = PredictorFolder(tmp_path / "s")
    assert all(folder.read(cell) == found for cell, found in before.items())
    assert before.keys() < set(all_cells(study))
    run_predictors(tmp_path / "s", study)
    assert len(calls.read_text().splitlines()) == 2 * 3 * 3 * 5 > n


def test_what_a_predictor_refuses_is_kept_with_its_reason_and_not_tried_again(calls, bench, tmp_path) -> None:
    study = run_predictors(tmp_path / "s", wanted(bench, "bad", sizes=("5", "20")))
    found = {cell: PredictorFolder(tmp_path / "s").read(cell) for cell in all_cells(study)}
    assert {each.error for cell, each in found.items() if cell.size == 5} == {"too few to learn from"}
    assert {each.error for cell, each in found.items() if cell.size == 20} == {""}
    n = len(calls.read_text().splitlines())
    run_predictors(tmp_path / "s", study)
    assert len(calls.read_text().splitlines()) == n


def test_a_watcher_is_told_how_far_it_is(calls, bench, tmp_path) -> None:
    told: list[Progress] = []
    run_predictors(tmp_path / "s", wanted(bench), watch=told.append)
    assert [(each.done, each.wanted) for each in told] == [(done, 16) for done in range(17)]
    told.clear()
    run_predictors(tmp_path / "s", wanted(bench, seeds=6), watch=told.append)
    assert (told[0].done, told[0].wanted) == (16, 24)


@pytest.mark.parametrize("pool", ["random", "first"])
def test_training_sets_are_parts_of_the_pool_and_the_test_is_the_rest(bench, pool) -> None:
    (case,) = open_cases(bench, ["data"])
    task = task_of(case, Rules(pool=pool))
    assert len(task.pool) == N // 2
    assert sorted([*task.pool, *task.test]) == list(range(N))
    assert (task.pool.tolist() == list(range(N // 2))) == (pool == "first")
    small, large, other = (set(task.training(n, k).tolist()) for n, k in ((10, 0), (20, 0), (20, 1)))
    assert small < large < set(task.pool.tolist())
    assert large != other
    assert set(task.training(N // 2, 0)) == set(task.training(N // 2, 1)) == set(task.pool.tolist())
    few = task_of(case, Rules(pool=pool, pool_size=12, test=20))
    assert (len(few.pool), len(few.test)) == (12, 20)
    assert not set(few.pool) & set(few.test)


def test_only_what_is_known_is_learned_and_judged(bench) -> None:
    (case,) = open_cases(bench, ["half"])
    task = task_of(case, Rules())
    assert sorted([*task.pool, *task.test]) == list(range(30))
    with pytest.raises(RunError, match="has 30 that are known, and the pool takes 29"):
        task_of(case, Rules(pool_size=29))


def test_predictors_may_look_at_proxies_that_the_benchmark_knows(bench) -> None:
    task = task_of(*open_cases(bench, ["data"]), Rules())
    seven, nine = task.evidence(np.array([7, 9]))
    assert (dict(seven.proxies), dict(nine.proxies)) == ({}, {"params": 9.0})
    assert nine.curve == ()


def test_an_error_is_turned_around_and_an_outcome_may_be_judged_by_another(bench) -> None:
    (loss,), (early,) = open_cases(bench, ["loss"]), open_cases(bench, ["short"], report="loss")
    true = quality(Bench.open(bench).archs(range(N)))
    assert kendall(task_of(loss, Rules()).labels[:, 0], true) > 0.9
    task = task_of(early, Rules())
    assert (task.signals[0].outcome, task.truths[0].outcome) == ("short", "loss")
    assert np.allclose(task.truth[:, 0], task_of(loss, Rules()).truth[:, 0])
    assert task.labels[:, 0].min() > 0 > task.truth[:, 0].min()


@pytest.mark.parametrize(
    ("signals", "labels", "epochs"),
    [
        (("final",), "", [("data", "valid", None)]),
        (("final",), "test", [("data", "test", None)]),
        (("12",), "", [("data", "valid", 12)]),
        (("half", "final"), "", [("data", "valid", 12), ("data", "valid", None)]),
        (("5", "short", "final"), "valid", [("data", "valid", 4), ("short", "valid", None), ("data", "valid", None)]),
    ],
)
def test_words_say_what_is_learned(bench, signals, labels, epochs) -> None:
    (case,) = open_cases(bench, ["data"])
    task = task_of(case, Rules(signals=signals, labels=labels))
    assert [(each.outcome, each.split, each.epoch) for each in task.signals] == epochs
    assert task.labels.shape == (N, len(signals))
    expected = [Bench.open(bench).values(o, slice(None), e, s) for o, s, e in epochs]
    assert np.array_equal(task.labels, np.stack(expected, axis=1))


@pytest.mark.parametrize(
    ("outcome", "changed", "said"),
    [
        ("data", {"signals": ("finl",)}, "no outcome 'finl'"),
        ("data", {"signals": ("99",)}, "epochs 4..36, but epoch 99"),
        ("short", {"signals": ("half", "final")}, "name an outcome in place of half"),
        ("loss", {"labels": "test"}, "has no 'test' values"),
    ],
)
def test_what_a_benchmark_lacks_is_refused(bench, outcome, changed, said) -> None:
    with pytest.raises(BenchError, match=said):
        task_of(*open_cases(bench, [outcome]), Rules(**changed))


@pytest.mark.parametrize(
    "changed",
    [{"labels": "train"}, {"pool": "last"}, {"sets": 0}, {"test": 1}, {"pool_size": 1}, {"signals": ()},
     {"signals": ("half", "half")}],
)  # fmt: skip
def test_rules_that_mean_nothing_are_refused(changed) -> None:
    with pytest.raises(RunError):
        Rules(**changed)


@pytest.mark.parametrize("sizes", [("1",), ("41",), ("0.1%",), ("120%",), ("x",), ("-3",), ("1e2",), ()])
def test_training_sets_must_fit(calls, bench, tmp_path, sizes) -> None:
    with pytest.raises(RunError, match=r"a training set|a study needs"):
        run_predictors(tmp_path / "s", wanted(bench, sizes=sizes))
    assert not (tmp_path / "s").exists()


def test_sizes_may_be_shares_of_the_pool(bench) -> None:
    assert wanted(bench, sizes=("10", "25%", "100%")).sizes_of(7812) == (10, 1953, 7812)
    assert wanted(bench, sizes=("1%", "5%", "10%")).sizes_of(7812) == (78, 390, 781)


def test_another_study_needs_another_folder(calls, bench, tmp_path) -> None:
    study = run_predictors(tmp_path / "s", wanted(bench))
    with pytest.raises(RunError, match="sets 2 and 3; choose another folder"):
        study.joined(replace(study, rules=Rules(sets=3)))
    with pytest.raises(RunError, match="'good' has other settings"):
        study.joined(replace(study, entrants=(Entrant("good", "gp", {"encoder": "path"}),)))
    with pytest.raises(RunError, match="is not the one of this study"):
        study.joined(replace(study, cases=(replace(study.cases[0], checksum="other"),)))
    moved = replace(study, cases=(replace(study.cases[0], folder="/elsewhere"),))
    assert study.joined(moved).cases[0].folder == "/elsewhere"
    with pytest.raises(RunError, match="each predictor must be named once"):
        wanted(bench, "good", "good")
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "letter.txt").write_text("dear")
    with pytest.raises(RunError, match="holds something else"):
        run_predictors(tmp_path / "t", wanted(bench))


def test_a_study_is_what_its_folder_says(calls, bench, tmp_path) -> None:
    rules = Rules(("half", "final"), "valid", "first", 30, 40, None, "code", 5)
    study = replace(wanted(bench, rules=rules), entrants=(Entrant("a", "gp", {"encoding": {"k": [1, 2]}}),))
    folder = PredictorFolder(tmp_path / "s")
    folder.write(study)
    assert folder.load() == study
    for text in ("{", json.dumps({"format": 99}), json.dumps({"format": 1}), json.dumps([])):
        folder.record.write_text(text)
        with pytest.raises(RunError, match=r"study\.json"):
            folder.load()


def test_a_damaged_result_is_named(calls, bench, tmp_path) -> None:
    study = run_predictors(tmp_path / "s", wanted(bench))
    folder = PredictorFolder(tmp_path / "s")
    path = folder.file(all_cells(study)[0])
    path.write_text("{")
    with pytest.raises(RunError, match="remove it, and that training is done again"):
        run_predictors(tmp_path / "s", study)
    path.unlink()
    run_predictors(tmp_path / "s", study)
    assert len(calls.read_text().splitlines()) == 17


def test_the_metrics_are_those_of_the_ranks(bench) -> None:
    rng = derive(0, "judge")
    truth = rng.normal(size=50)
    close, far = truth + 0.1 * rng.normal(size=50), rng.normal(size=50)
    found = judge([close, far], truth, has_unit=True)
    assert found["kendall"] == pytest.approx((kendall(close, truth) + kendall(far, truth)) / 2)
    assert {"spearman", "pearson", "mse", "r2", "precision@1", "precision@20", "n@5"} <= found.keys()
    assert "precision@50" not in found
    assert not {"mse", "r2"} & judge([close], truth, has_unit=False).keys()
    assert judge([truth], truth, has_unit=True)["precision@10"] == 1.0
    assert np.isnan(judge([np.full(50, np.nan)], truth, has_unit=True)["kendall"])
    assert tops(7813) == [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000]
    assert tops(2) == [1]


def test_a_neural_predictor_is_judged_after_each_of_its_last_epochs() -> None:
    archs = [SPACE.at(place) for place in range(0, 1500, 50)]
    evidence, scores = [Evidence(arch) for arch in archs], quality(archs)[:, None]

    def fresh(epochs: int) -> NeuralPredictor:
        small = {"embedding": 4, "widths": [4, 4, 4]}
        return NeuralPredictor(SPACE, encoder="gates", settings=small, training=Training(epochs=epochs))

    fitted = fit_watched(fresh(7), evidence, scores, evidence, rng=derive(1))
    assert [each.shape for each in fitted.predictions] == [(30, 1)] * 5
    assert fitted.fit_s > 0 < fitted.query_s
    for epochs, predicted in zip((3, 7), (fitted.predictions[0], fitted.predictions[-1]), strict=True):
        alone = fresh(epochs).fit(evidence, scores[:, 0], rng=derive(1)).predict(evidence).mean
        assert np.array_equal(predicted[:, 0], alone), "looking on changes nothing"
    assert len(fit_watched(fresh(3), evidence, scores, evidence, rng=derive(1)).predictions) == 3


def test_several_signals_are_learned_at_once_or_one_by_one(bench, tmp_path) -> None:
    small = {"embedding": 4, "widths": [4, 4, 4], "head": [4], "training": {"epochs": 6}}
    who = (
        Entrant("ta", "ta_gates", {**small, "convert": 4, "symmetry": "none"}),
        Entrant("single", "single_gates", small),
        Entrant("trees", "random_forest", {"trees": 3}),
    )
    rules = Rules(signals=("short", "final"), sets=1)
    study = PredictorStudy(open_cases(bench, ["data"]), who, ("20",), 1, rules)
    run_predictors(tmp_path / "s", study)
    for cell in all_cells(study):
        values = PredictorFolder(tmp_path / "s").read(cell).values
        assert {"kendall@short", "kendall@final", "precision@5@short"} <= values.keys()
        assert values["mse@final"] > 0, "trained by squared error"
        assert values["fit_s"] > 0


def test_a_search_takes_the_candidate_predicted_best(calls, bench, tmp_path) -> None:
    rules = Rules(sets=None, candidates=30)
    study = run_predictors(tmp_path / "s", wanted(bench, "good", "poor", rules=rules, sizes=("10", "40"), seeds=6))
    folder = PredictorFolder(tmp_path / "s")
    true = 70 + 2 * quality(Bench.open(bench).archs(range(N)))
    for cell in all_cells(study):
        values = folder.read(cell).values
        assert cell.seed == 0
        assert values["found"] <= values["candidates"] + 0.03
        assert min(np.abs(true - values["found"])) < 0.03, "the test, not the label"
        assert values["queried"] >= values["found"] - 0.03
    by_run = {(cell.set, cell.size, cell.entrant.label): folder.read(cell).values for cell in all_cells(study)}
    assert by_run[0, 10, "good"]["candidates"] == by_run[0, 40, "poor"]["candidates"], "all meet the same candidates"
    assert len({by_run[run, 10, "good"]["candidates"] for run in range(6)}) > 1, "each search has its own"
    means = {label: np.mean([by_run[run, 40, label]["found"] for run in range(6)]) for label in ("good", "poor")}
    assert means["good"] >= means["poor"]
    with pytest.raises(RunError, match="2 to 50 architectures"):
        run_predictors(tmp_path / "t", wanted(bench, rules=rules, sizes=("51",)))


def test_a_prediction_that_is_no_number_is_never_chosen(calls, bench, tmp_path) -> None:
    rules = Rules(sets=None, candidates=30)
    study = run_predictors(tmp_path / "s", wanted(bench, "wild", rules=rules, sizes=("10",), seeds=2))
    for cell in all_cells(study):
        _, candidates = rows_of(study, cell)
        (test,) = Bench.open(bench).values("data", candidates[[3]], split="test")
        assert PredictorFolder(tmp_path / "s").read(cell).values["found"] == test


def test_saliencies_are_measured_once_for_all_trainings_that_read_them(bench, tmp_path, monkeypatch) -> None:
    measured: list[Arch] = []
    monkeypatch.setattr(CellSaliencies, "measure", lambda self, arch: measured.append(arch) or saliencies(arch))
    monkeypatch.setattr(OperationSaliencies, "constants", lambda self: np.ones((3, 5)))
    small = {"embedding": 4, "widths": [4, 4, 4], "convert": 4, "head": [4], "training": {"epochs": 1}, "steps": 2}
    who = tuple(Entrant(name, "ta_gates", {**small, "symmetry": name}) for name in ("add", "concat", "none"))
    rules = Rules(sets=2, test=7)
    study = PredictorStudy(open_cases(bench, ["data"]), who, ("10", "20"), 2, rules)
    told: list[Progress] = []
    run_predictors(tmp_path / "s", study, watch=told.append)
    task = task_of(study.cases[0], rules)
    needed = {*task.test.tolist(), *task.training(20, 0).tolist(), *task.training(20, 1).tolist()}
    assert sorted(measured) == sorted(task.bench.archs(sorted(needed)))
    assert [each.cell for each in told][:3] == ["", "saliencies of operations", "add, 20"]
    assert len(list((tmp_path / "s" / "cache").glob("*.safetensors"))) == 1
    # What this process knows is forgotten, so that the next one has to read it.
    saliency_store._KNOWN.clear()
    run_predictors(tmp_path / "s", replace(study, seeds=3))
    assert len(measured) == len(needed)


def saliencies(arch: Arch) -> np.ndarray:
    """Saliencies [C, M, Z] of some architecture, invented."""
    return np.array(arch.genes, dtype=np.float64)[None, :, None] + np.arange(5)


#: Keeps some processes busy until it is killed.
_PROGRAM = """
import sys
from pathlib import Path
from archwright.coordinate.experiment import open_cases
from archwright.coordinate.predictors.entrant import Entrant
from archwright.coordinate.predictors.running import run_predictors
from archwright.coordinate.predictors.study import PredictorStudy, Rules
if __name__ == "__main__":
    who = (Entrant("gp", "gp"), Entrant("trees", "random_forest", {"trees": 200}))
    study = PredictorStudy(open_cases(sys.argv[1], ["data"]), who, ("10", "20", "30"), 200, Rules())
    run_predictors(Path(sys.argv[2]), study, jobs=int(sys.argv[3]))
"""


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_killed_study_goes_on_and_comes_to_the_same(bench, tmp_path, jobs) -> None:
    folder = PredictorFolder(tmp_path / "s")
    command = [sys.executable, "-c", _PROGRAM, str(bench), str(folder.path), str(jobs)]
    running = subprocess.Popen(command, start_new_session=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    limit_s = time.monotonic() + 120
    while len(list(folder.results.glob("*/*/*.json"))) < 5 and time.monotonic() < limit_s:
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    study = folder.load()
    cells = all_cells(study)
    there = {cell: found for cell in cells if (found := folder.read(cell)) is not None}
    assert 5 <= len(there) < len(cells)
    stamps = {path: path.stat().st_mtime_ns for path in folder.results.glob("*/*/*.json")}
    few = replace(study, seeds=1)
    folder.write(few)
    run_predictors(folder.path, few)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    anew = run_predictors(tmp_path / "anew", few)
    for cell in all_cells(anew):
        ours, theirs = folder.read(cell).values, PredictorFolder(tmp_path / "anew").read(cell).values
        assert {name: value for name, value in ours.items() if not name.endswith("_s")} == {
            name: value for name, value in theirs.items() if not name.endswith("_s")
        }


def test_nothing_is_written_where_a_predictor_cannot_be_made(bench, tmp_path) -> None:
    who = (Entrant("gp", "gp"), Entrant("deep", "gates", {"depth": 3}))
    study = replace(wanted(bench), entrants=who)
    with pytest.raises(PredictorError, match="no setting 'depth'"):
        run_predictors(tmp_path / "s", study)
    assert not (tmp_path / "s").exists()
