"""`archwright predictors`, as a user calls it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from archwright.cli.predictors import app
from archwright.core.errors import NasError
from predictor_doubles import written

#: The options of each verb. A new one is added here on purpose, never by accident.
OPTIONS = {
    "compare": "--anytime --bench --dataset --epoch --help --json --labels --no-png --out --png --pool --pool-size "
    "--predictors --preset --report-outcome --seeds --sets --settings --test --train --workers",
    "search": "--bench --candidates --dataset --epoch --help --json --labels --out --predictor --preset "
    "--report-outcome --seeds --settings --train --workers",
}
QUICK = ("--seeds", 2, "--sets", 2, "--workers", 1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of benchmarks, found by name: `small`."""
    home = tmp_path_factory.mktemp("home")
    written(home / "bench" / "small")
    (home / "settings.yaml").write_text(
        "few: {predictor: random_forest, trees: 3}\nmore:\n  predictor: random_forest\n"
    )
    return home


@pytest.fixture
def predictors(home: Path, monkeypatch: pytest.MonkeyPatch):
    """The command `archwright predictors` as a function that gives what was printed; errors are raised."""
    monkeypatch.setenv("ARCHWRIGHT_HOME", str(home))

    def call(*words: object) -> str:
        done = CliRunner().invoke(app, list(map(str, words)))
        if done.exception is not None:
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return call


@pytest.mark.parametrize("verb", sorted(OPTIONS))
def test_the_command_line_is_frozen(verb: str) -> None:
    import typer.main

    command = typer.main.get_command(app).commands[verb]
    names = {name for each in command.params for name in (*each.opts, *each.secondary_opts) if name.startswith("--")}
    assert names | {"--help"} == set(OPTIONS[verb].split())


def test_predictors_are_compared_and_the_study_continued_by_its_folder(predictors, tmp_path: Path) -> None:
    words = ("compare", "--bench", "small:data", "--out", tmp_path / "s", "--no-png", *QUICK)
    said = json.loads(predictors(*words, "--predictors", "gp,random_forest:trees=5", "--train", "10,50%", "--json"))
    assert said["predictors"] == ["gp", "random_forest:trees=5"]
    taus = [row for row in said["summary"] if row["metric"] == "kendall"]
    assert [(row["predictor"], row["train"], row["n"]) for row in taus] == [
        ("gp", 10, 2),
        ("gp", 20, 2),
        ("random_forest:trees=5", 10, 2),
        ("random_forest:trees=5", 20, 2),
    ]
    assert all(row["mean"] > 0 for row in taus)
    assert [(row["first"], row["other"], row["train"]) for row in said["paired"]] == [
        ("gp", "random_forest:trees=5", 10),
        ("gp", "random_forest:trees=5", 20),
    ]
    assert all(Path(file).exists() for file in said["files"])
    again = predictors("compare", "--out", tmp_path / "s", "--no-png", "--workers", 1)
    assert f"{taus[0]['mean']:.4f} ± {taus[0]['std']:.4f}" in again
    assert "gp minus the others" in again


def test_settings_come_from_a_file(predictors, home: Path, tmp_path: Path) -> None:
    words = ("compare", "--bench", "small:data", "--settings", home / "settings.yaml", "--train", "10", *QUICK)
    said = json.loads(predictors(*words, "--no-png", "--json", "--out", tmp_path / "s"))
    assert said["predictors"] == ["few", "more"]
    chosen = predictors(*words, "--predictors", "few", "--no-png", "--json", "--out", tmp_path / "t")
    assert json.loads(chosen)["predictors"] == ["few"]


def test_an_anytime_study_has_a_table_for_each_signal(predictors, tmp_path: Path) -> None:
    words = ("compare", "--bench", "small", "--dataset", "data", "--anytime", "half,final", "--predictors", "gp")
    shown = predictors(*words, "--train", "20", *QUICK, "--no-png", "--out", tmp_path / "s")
    assert "small: data, half: Kendall's tau" in shown
    assert "small: data, final: Kendall's tau" in shown


def test_a_search_prints_what_it_found_beside_random_search(predictors, tmp_path: Path) -> None:
    words = ("search", "--bench", "small:data", "--predictor", "gp", "--train", "20", "--candidates", 30, "--seeds", 3)
    said = json.loads(predictors(*words, "--workers", 1, "--out", tmp_path / "s", "--json"))
    kinds = {row["kind"]: row for row in said["found"]}
    assert kinds.keys() == {"found", "queried", "random", "candidates", "space"}
    assert kinds["found"]["n"] == 3
    assert kinds["found"]["mean"] <= kinds["space"]["mean"]
    shown = predictors("search", "--out", tmp_path / "s")
    assert "random search, 21 queries" in shown
    assert "best of the benchmark" in shown
    with pytest.raises(NasError, match="holds a study of `archwright predictors search`"):
        predictors("compare", "--out", tmp_path / "s")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--bench", "smal:data"), "Did you mean 'small'"),
        (("--bench", "small:dat"), "Did you mean 'data'"),
        (("--bench", "small"), "has several outcomes, so one must be named"),
        (("--bench", "small:data", "--predictors", "gats"), "Did you mean 'gates'"),
        (("--bench", "small:data", "--predictors", "gates:widht=3"), "Did you mean 'widths'"),
        (("--bench", "small:data", "--predictors", "multi_gates"), "name them, as --anytime half,final"),
        (("--bench", "small:data", "--train", "99"), "a training set must have 2 to 40 architectures"),
        (("--bench", "small:data", "--train", "many"), "has a size such as 78 or 1%"),
        (("--bench", "small:data", "--train", ","), "needs an outcome, a predictor, a size"),
        (("--bench", "small:data", "--labels", "train"), "labels must be valid or test"),
        (("--bench", "small:loss", "--labels", "test"), "has no 'test' values"),
        (("--bench", "small:data", "--epoch", "99"), "epoch 99 was asked for"),
        (("--bench", "small:data", "--epoch", "4", "--anytime", "half,final"), "either --epoch or --anytime"),
        (("--bench", "small:data", "--anytime", "half"), "must name two or more"),
        (("--bench", "small:short", "--anytime", "half,final"), "name an outcome in place of half"),
        (("--bench", "small:data", "--pool", "last"), "must be random or first"),
        (("--bench", "small:data", "--pool-size", "79"), "a pool and a test need two architectures each"),
        (("--bench", "small:data", "--predictors", "gates", "--preset", "cod"), "must be one of paper, code"),
        (("--bench", "small:data", "--settings", "nowhere.yaml"), "nowhere.yaml must be a YAML file"),
        ((), "holds no study"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(predictors, tmp_path: Path, words, said) -> None:
    given = words if "--predictors" in words or "--settings" in words else (*words, "--predictors", "gp")
    given = given if "--train" in given else (*given, "--train", "10")
    with pytest.raises(NasError, match=said) as refused:
        predictors("compare", *given, *QUICK, "--no-png", "--out", tmp_path / "s")
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("verb", sorted(OPTIONS))
def test_help_has_an_example(archwright, verb: str) -> None:
    done = archwright("predictors", verb, "--help", COLUMNS="100")
    assert done.returncode == 0
    assert f"archwright predictors {verb} " in done.stdout.partition("Example:")[2]
