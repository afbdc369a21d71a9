"""`archwright bench proxies`, as a user calls it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from archwright.cli.bench import app
from archwright.core.errors import NasError
from proxy_doubles import SPACE, written

#: The options of the verb. A new one is added here on purpose, never by accident.
OPTIONS = (
    "--axis --balanced --batch --bench --data --dataset --from --help --init --json --lower-is-better --no-png --out "
    "--png --proxies --report-outcome --sample --seeds --size --target --weights --workers"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of benchmarks, found by name: `small` with three outcomes, and `other`."""
    home = tmp_path_factory.mktemp("home")
    for name in ("small", "other"):
        written(home / "bench" / name)
    lines = [f"{arch},{sum(arch.genes)},{arch.genes[0]}" for arch in SPACE.enumerate()]
    (home / "scores.csv").write_text("\n".join(["arch,total,first", *lines]) + "\n")
    return home


@pytest.fixture
def bench(home: Path, monkeypatch: pytest.MonkeyPatch):
    """The command `archwright bench proxies` as a function that gives what was printed; errors are raised."""
    monkeypatch.setenv("ARCHWRIGHT_HOME", str(home))

    def call(*words: object) -> str:
        done = CliRunner().invoke(app, ["proxies", *map(str, words)])
        if done.exception is not None:
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return call


def test_the_command_line_is_frozen() -> None:
    import typer.main

    command = typer.main.get_command(app).commands["proxies"]
    names = {name for each in command.params for name in (*each.opts, *each.secondary_opts) if name.startswith("--")}
    assert names | {"--help"} == set(OPTIONS.split())


def test_tabular_networks_share_weights_unless_they_shall_have_their_own(bench, tmp_path: Path) -> None:
    found = {}
    for weights in ("auto", "own"):
        words = ("--bench", "small:data", "--proxies", "params,snip,expressflow", "--batch", 8, "--workers", 1)
        bench(*words, "--weights", weights, "--seeds", 1, "--sample", 20, "--no-png", "--out", tmp_path / weights)
        record = json.loads((tmp_path / weights / "study.json").read_text())
        (scores,) = (tmp_path / weights / "scores").glob("*.parquet")
        found[record["inputs"]["weights"]] = pd.read_parquet(scores).pivot(index="row", columns="proxy", values="value")
    assert list(found) == ["shared", "own"]
    shared, own = found.values()
    assert len(shared) == 20
    assert (shared["params"] == own["params"]).all()
    assert not np.isclose(shared["snip"], own["snip"]).any()
    assert shared["expressflow"].corr(own["expressflow"], method="spearman") > 0.9
    page = (tmp_path / "auto" / "report" / "report.html").read_text()
    assert "corners of one draw of weights" in page


def test_scores_of_a_table_are_compared_at_once(bench, home: Path, tmp_path: Path) -> None:
    words = ("--bench", "small:data,loss", "--from", home / "scores.csv", "--no-png", "--out", tmp_path / "s")
    said = json.loads(bench(*words, "--json"))
    assert said["proxies"] == ["total", "first"]
    rows = said["correlations"]
    assert [(row["case"], row["target"]) for row in rows[::2]] == [
        ("small.data", "data: validation accuracy (percent)"),
        ("small.data", "data: test accuracy (percent)"),
        ("small.loss", "loss: validation log loss (nats)"),
    ]
    assert [row["proxy"] for row in rows] == ["total", "first"] * 3
    assert rows[0]["spearman"] > 0.9
    assert rows[0]["spearman_low"] < rows[0]["spearman"] < rows[0]["spearman_high"]
    assert said["mean_ranks"] == {"total": 1.0, "first": 2.0}
    assert all(Path(file).exists() for file in said["files"])
    shown = bench(*words)
    assert "Mean rank over 2 benchmark outcomes" in shown
    assert "small.data, against data: test accuracy" in shown


def test_a_study_is_shown_again_by_its_folder_alone(bench, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "s"
    words = ("--bench", "small:data", "--from", home / "scores.csv", "--lower-is-better", "first", "--out", out)
    first = json.loads(bench(*words, "--no-png", "--json"))
    assert {row["proxy"]: row["direction"] for row in first["correlations"]} == {"total": "higher", "first": "lower"}
    again = json.loads(bench("--out", out, "--no-png", "--json"))
    assert again["correlations"] == first["correlations"]


def test_columns_can_be_chosen(bench, home: Path, tmp_path: Path) -> None:
    words = ("--bench", "small:data", "--from", home / "scores.csv", "--no-png", "--json")
    assert json.loads(bench(*words, "--proxies", "first", "--out", tmp_path / "s"))["proxies"] == ["first"]


def test_networks_are_scored_and_a_sample_beyond_the_benchmark_takes_all(bench, tmp_path: Path) -> None:
    words = ("--bench", "small:data", "--proxies", "expressflow", "--batch", 4, "--workers", 1, "--no-png")
    said = json.loads(bench(*words, "--sample", 100, "--seeds", 1, "--out", tmp_path / "s", "--json"))
    assert {row["n"] for row in said["correlations"]} == {64}
    assert all(row["seconds"] > 0 for row in said["correlations"])
    assert "a sample of 100 was asked for, and all 64 there are were taken" in said["notes"][0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--bench", "smal:data"), "Did you mean 'small'"),
        (("--bench", "small:dat"), "Did you mean 'data'"),
        (("--bench", "small"), "has several outcomes, so one must be named"),
        (("--bench", "small,other", "--dataset", "nothing"), "no outcome 'nothing'"),
        (("--bench", "small:data", "--proxies", "expresflow"), "Did you mean 'expressflow'"),
        (("--bench", "small:data", "--proxies", ","), "a study needs an outcome and a proxy"),
        (("--bench", "small:data", "--size", "channels"), "a size must read NAME=NUMBER"),
        (("--bench", "small:data", "--init", "kaimin"), "Did you mean 'kaiming'"),
        (("--bench", "small:data", "--axis", "log"), "the axis must be rank or value"),
        (("--bench", "small:data", "--data", "a", "--data", "b"), "one source must serve all outcomes"),
        (("--bench", "small:data", "--data", "dat=a"), "Did you mean 'data'"),
        (("--bench", "small:data", "--proxies", "expressflow", "--data", "adult.csv"), "needs? .*target"),
        (("--bench", "small:data", "--from", "nowhere.csv"), "nowhere.csv must be a CSV or Parquet file"),
        (("--bench", "small:data", "--from", "SCORES", "--proxies", "totle"), "Did you mean 'total'"),
        (("--bench", "small:data", "--from", "SCORES", "--lower-is-better", "totle"), "Did you mean 'total'"),
        (("--bench", "small:data", "--bench", "other:data", "--from", "SCORES"), "belongs to one benchmark"),
        ((), "holds no study"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(bench, home: Path, tmp_path: Path, words, said) -> None:
    given = [home / "scores.csv" if word == "SCORES" else word for word in words]
    with pytest.raises(NasError, match=said) as refused:
        bench(*given, "--no-png", "--out", tmp_path / "s")
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("words", [("--seeds", 0), ("--sample", 0), ("--batch", 0), ("--workers", 0)])
def test_counts_begin_with_one(home: Path, tmp_path: Path, words) -> None:
    done = CliRunner().invoke(app, ["proxies", "--out", str(tmp_path), *map(str, words)])
    assert done.exit_code == 2
    assert f"Invalid value for '{words[0]}'" in done.output


def test_help_has_an_example(archwright) -> None:
    done = archwright("bench", "proxies", "--help", COLUMNS="100")
    assert done.returncode == 0
    assert "archwright bench proxies " in done.stdout.partition("Example:")[2]
