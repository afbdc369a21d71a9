"""`archwright bench run` and `bench report`, as a user calls them."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from archwright.bench.table import Outcome, Provenance, write_bench
from archwright.cli.bench import app
from archwright.core.errors import NasError
from archwright.core.rng import derive
from archwright.spaces.tabular_mlp import TabularMlp

SPACE = TabularMlp((8, 16, 32), layers=3)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder of benchmarks, found by name: `small` has three outcomes, one of them with curves and seconds."""
    home = tmp_path_factory.mktemp("home")
    rng = derive(0, "values")
    epochs = (1, 3, 9)
    values = [80 + 10 * rng.random((27, 1, 1)) for _ in range(2)]
    curves = values[0] - 5 / np.sqrt(epochs)
    outcomes = [
        Outcome("e12", "accuracy", "percent", (12,), values[0]),
        Outcome("e200", "accuracy", "percent", (200,), None, values[1]),
        Outcome(
            "curves",
            "accuracy",
            "percent",
            epochs,
            curves,
            seconds=np.broadcast_to(np.array(epochs) * 10.0, curves.shape),
        ),
    ]
    write_bench(
        home / "bench" / "small",
        name="small",
        space=SPACE,
        archs=list(SPACE.enumerate()),
        outcomes=outcomes,
        measures={},
        provenance=Provenance("made by a test", "Apache-2.0"),
    )
    return home


@pytest.fixture
def bench(home: Path, monkeypatch: pytest.MonkeyPatch):
    """The command `archwright bench` as a function that gives what was printed; errors are raised."""
    monkeypatch.setenv("ARCHWRIGHT_HOME", str(home))

    def call(*words: object) -> str:
        done = CliRunner().invoke(app, [str(word) for word in words])
        if done.exception is not None:
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return call


def test_a_comparison_from_its_runs_to_its_report(bench, tmp_path: Path) -> None:
    out = tmp_path / "e"
    words = (
        "run",
        "--bench",
        "small:e12:e200",
        "--bench",
        "small:curves",
        "--searchers",
        "random,evolution:population=4",
    )
    said = json.loads(bench(*words, "--trials", 9, "--seeds", 3, "--out", out, "--jobs", 1, "--json"))
    assert (said["runs"], said["cases"]) == (12, ["small.e12", "small.curves"])
    report = json.loads(bench("report", out, "--no-png", "--json"))
    assert len(report["final"]) == 4
    assert report["final"][0]["metric"] == "test accuracy (percent)"
    assert set(report["mean_ranks"]) == {"random", "evolution:population=4"}
    assert all(Path(file).exists() for file in report["files"])
    table = bench("report", out, "--no-png")
    assert "Mean rank over 2 benchmark outcomes" in table
    assert "evolution:population=4" in table


def test_an_experiment_is_continued_by_its_folder_alone(bench, tmp_path: Path) -> None:
    out = tmp_path / "e"
    bench("run", "--bench", "small:e12", "--trials", 5, "--seeds", 2, "--out", out, "--jobs", 1)
    file = out / "trials" / "small.e12.random.parquet"
    whole = file.read_bytes()
    file.unlink()
    assert "2 cells x 2 seeds" in bench("run", "--out", out, "--jobs", 1)
    assert file.read_bytes() == whole


def test_dataset_and_report_outcome_hold_for_benchmarks_that_name_none(bench, tmp_path: Path) -> None:
    words = ("run", "--bench", "small", "--dataset", "e12", "--report-outcome", "e200", "--trials", 3, "--seeds", 1)
    bench(*words, "--out", tmp_path / "e", "--jobs", 1)
    (case,) = json.loads((tmp_path / "e" / "experiment.json").read_text())["cases"]
    assert (case["outcome"], case["report"], case["split"]) == ("e12", "e200", "test")


def test_every_limit_reaches_the_runs(bench, tmp_path: Path) -> None:
    for words, budget in [
        (["--seconds", "2m"], {"seconds": 120.0, "trials": None, "epochs": None}),
        (["--epochs", "50"], {"seconds": None, "trials": None, "epochs": 50.0}),
        (["--trainings", "3"], None),
        ([], {"seconds": None, "trials": 300, "epochs": None}),
    ]:
        out = tmp_path / "-".join(["e", *words])
        bench(
            "run", "--bench", "small:curves", "--searchers", "random", "--seeds", 1, *words, "--out", out, "--jobs", 1
        )
        assert json.loads((out / "experiment.json").read_text())["budget"] == budget


def test_nothing_is_drawn_where_nobody_is_looking(bench, tmp_path: Path) -> None:
    said = bench("run", "--bench", "small:e12", "--trials", 3, "--seeds", 2, "--out", tmp_path / "e", "--jobs", 1)
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--bench", "smal:e12"], "Did you mean 'small'"),
        (["--bench", "small:e13"], "Did you mean 'e12'"),
        (["--bench", "small"], "must be named"),
        (["--bench", "small:e12:e300"], "no outcome 'e300'"),
        (["--bench", "small:e12:e200:x"], "must read NAME"),
        (["--bench", "small:e12,e12"], "given twice"),
        (["--bench", "small:e12", "--searchers", "evolutoin"], "Did you mean 'evolution'"),
        (["--bench", "small:e12", "--searchers", "hyperband:eta=1"], "cannot be made|eta"),
        (["--bench", "small:e12", "--searchers", "evolution:fidelity=13"], "epochs 12..12"),
        (["--bench", "small:curves", "--searchers", "random:fidelity=10"], "epochs 1..9"),
        (["--bench", "small:e12", "--seconds", "5"], "no training times"),
        (["--bench", "small:e12", "--seconds", "soon"], "must be a duration"),
        (["--bench", "small:e12", "--trials", "0"], "above zero"),
        (["--bench", "small:e12", "--trials", "3", "--trainings", "3"], "either"),
        (["--bench", "small:e12", "--executor", "raay"], "Did you mean 'ray'"),
        (["--bench", "small:e12", "--executor", "simulated"], "an experiment runs on pool, ray"),
        (["--bench", "small:e12", "--address", "head:6379"], "the executor is 'pool'"),
        ([], "holds no experiment"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(bench, tmp_path: Path, words: list[str], said: str) -> None:
    with pytest.raises(NasError, match=said) as caught:
        bench("run", *words, "--seeds", 1, "--out", tmp_path / "e", "--jobs", 1)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "e" / "trials").exists()


def test_bad_input_leaves_with_code_2(archwright, home: Path, tmp_path: Path) -> None:
    done = archwright("bench", "run", "--bench", "smal:e12", "--out", tmp_path / "e", ARCHWRIGHT_HOME=str(home))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Did you mean 'small'" in done.stderr
    done = archwright("bench", "report", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
