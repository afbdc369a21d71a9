"""Every verb as a newcomer meets it."""

import json
import time

import pytest

VERBS = ("fit", "resume", "predict", "export", "report", "show", "search", "rank")

#: The options of each verb. A new one is added here on purpose, never by accident.
OPTIONS = {
    "fit": "--balanced --budget --device --encoding --eta --explore --export --group --help --ignore --json --kind "
    "--layers "
    "--max-epochs --max-trials --members --metric --out --overwrite --positive --preset --seed --space --split-column "
    "--target --test --test-fraction --unit --valid-fraction --weight --widths --workers",
    "resume": "--budget --data --export --help --json --workers",
    "predict": "--help --json --out",
    "export": "--data --format --help --json --out",
    "rank": "--balanced --batch --data --help --init --json --out --proxies --repeats --resize --resume --sample "
    "--seed --size --space --split --target --top --weights --workers",
    "report": "--help --json",
    "search": "--address --budget --evaluate --executor --help --json --searcher --seed --study --workers",
    "show": "--arch --draw --help --json --top",
}


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(archwright, verb):
    done = archwright(verb, "--help", COLUMNS="100")
    assert done.returncode == 0
    assert f"archwright {verb} " in done.stdout.partition("Example:")[2]


@pytest.mark.parametrize("verb", VERBS)
def test_the_command_line_is_frozen(verb):
    import typer.main

    from archwright.cli.main import app

    command = typer.main.get_command(app).commands[verb]
    names = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
    assert names | {"--help"} == set(OPTIONS[verb].split())


def test_help_loads_no_torch_and_is_quick(archwright):
    began = time.monotonic()
    done = archwright("--help")
    assert done.returncode == 0
    # 0.2 s when nothing else runs; torch alone would take two seconds.
    assert time.monotonic() - began < 1.5


def test_a_finished_run_holds_its_files(finished_run):
    made = {path.name for path in finished_run.iterdir()}
    assert {"study.db", "run.json", "model.safetensors", "report.html"} <= made
    assert not {"arrays", "offers"} & made


def test_the_budget_was_kept(finished_run):
    session = json.loads((finished_run / "run.json").read_text())["sessions"][0]
    assert session["used_s"] <= session["budget_s"]
    assert session["status"] == "finished"


def test_show_prints_the_leaderboard(archwright, finished_run):
    done = archwright("show", finished_run, "--json")
    rows = json.loads(done.stdout)["leaderboard"]
    assert rows
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    text = archwright("show", finished_run, COLUMNS="120").stdout
    assert "-".join(map(str, rows[0]["widths"])) in text


def test_predict_writes_one_row_per_row(archwright, finished_run, table, tmp_path):
    done = archwright("predict", finished_run, table, "--out", tmp_path / "predicted.csv")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "predicted.csv").read_text().splitlines()
    assert lines[0] == "prediction,probability_no,probability_yes"
    assert len(lines) == 401
    right = sum(
        a.split(",")[0] == b.split(",")[-1] for a, b in zip(lines[1:], table.read_text().splitlines()[1:], strict=False)
    )
    assert right > 300


def test_resume_goes_on_and_never_gets_worse(archwright, finished_run, tmp_path):
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(finished_run, folder)
    before = json.loads((folder / "run.json").read_text())
    done = archwright("resume", folder, "--budget", "6s", "--json")
    assert done.returncode == 0, done.stderr
    after = json.loads((folder / "run.json").read_text())
    assert len(after["sessions"]) == 2
    assert after["sessions"][1]["used_s"] <= 6.0
    assert after["incumbents"][-1]["score"] >= before["incumbents"][-1]["score"]
    assert after["incumbents"][: len(before["incumbents"])] == before["incumbents"]


def test_output_is_silent_but_for_the_result_when_piped(archwright, table, tmp_path):
    done = archwright("fit", table, "--target", "y", "--budget", "5s", "--out", tmp_path / "run", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["status"] == "finished"
    assert all(line.startswith("note: ") for line in done.stderr.splitlines())


def test_onnx_is_exported_and_checked(archwright, finished_run, tmp_path):
    done = archwright("export", finished_run, "--format", "onnx", "--out", tmp_path / "m.onnx", "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["max_difference"] < 1e-4
    assert (tmp_path / "m.onnx").stat().st_size > 1000


def test_show_space_describes_it(archwright):
    described = json.loads(archwright("show", "space", "frappe", "--json").stdout)
    assert described["size"] == 160_000


def test_an_unknown_space_has_a_suggestion(archwright):
    done = archwright("show", "space", "frape")
    assert done.returncode == 2
    assert "Did you mean 'frappe'" in done.stderr
