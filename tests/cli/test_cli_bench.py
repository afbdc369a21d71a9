"""`archwright bench` as a user runs it."""

import json
import signal
import subprocess
import sys
import time

import pytest

from archwright.cli.main import main

LINES = "arch,score,params\ntabular_mlp:0.1,0.5,10\ntabular_mlp:1.1,0.7,20\n"
SPACE = ("--space", "tabular_mlp", "--layers", 2, "--widths", "8,16")


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(LINES)
    return path


@pytest.fixture
def archwright(tmp_path, monkeypatch, capsys):
    """The command line in this process: starting one takes seconds where torch must be imported."""

    def run(*arguments):
        monkeypatch.setenv("ARCHWRIGHT_HOME", str(tmp_path / "home"))
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["archwright", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, ended.value.code, told.out, told.err)

    return run


def test_list_names_every_benchmark_and_what_is_here(archwright, results, tmp_path):
    archwright("bench", "import", "table", results, *SPACE)
    done = archwright("bench", "list")
    assert done.returncode == 0
    assert "NAS-Bench-101: 423,624 architectures, tasks: 1 image classification" in done.stdout
    assert "https://github.com/D-X-Y/NATS-Bench; import kind nats_bench" in done.stdout
    assert (
        f"results: 2 architectures, tasks: 1: score\n  here: {tmp_path / 'home' / 'bench' / 'results'}" in done.stdout
    )
    listed = json.loads(archwright("bench", "list", "--json").stdout)
    assert listed["home"] == str(tmp_path / "home" / "bench")
    assert [len(row["here"]) for row in listed["benchmarks"]] == [0] * 19 + [1]


def test_import_tells_what_it_read(archwright, results, tmp_path):
    options = ("--option", "unit=percent", "--option", "lower_is_better=true", "--json")
    done = archwright("bench", "import", "table", results, *SPACE, *options, "--out", tmp_path / "b")
    told = json.loads(done.stdout)
    assert (done.returncode, told["architectures"], told["measures"]) == (0, 2, ["params"])
    assert told["outcomes"][0]["unit"] == "percent"
    assert told["outcomes"][0]["higher_is_better"] is False
    people = archwright("bench", "verify", tmp_path / "b")
    assert people.stdout.startswith("results: 2 of 4 points of space tabular_mlp")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("import", "tabel", "RESULTS"), "no importer 'tabel'. Did you mean 'table'?"),
        (("import", "table", "RESULTS"), "needs the option 'space'"),
        (("import", "table", "RESULTS", "--space", "nb210"), "no space 'nb210'. Did you mean 'nb201'?"),
        (("import", "table", "RESULTS", "--space", "nb201"), "line 2: "),
        (
            ("import", "table", "RESULTS", *SPACE, "--score", "skore"),
            "no column 'skore' (score). Did you mean 'score'?",
        ),
        (("import", "table", "RESULTS", *SPACE, "--option", "colour=red"), "has no option 'colour'"),
        (("import", "table", "RESULTS", *SPACE, "--option", "colour"), "must read NAME=VALUE"),
        (("import", "table", "RESULTS", *SPACE, "--option", "unique=maybe"), "must be true or false"),
        (("import", "table", "RESULTS", "--space", "tabular_mlp", "--widths", "8,x"), "must be a number"),
        (("import", "table", "nowhere.csv", *SPACE), "it does not exist"),
        (("import", "nb_macro", "RESULTS"), "RESULTS"),
        (("verify", "nowhere"), "no benchmark 'nowhere'"),
        (("build", "--data", "nowhere.csv", "--out", "b", "--workers", 0), "nowhere.csv"),
        (
            ("build", "--data", "RESULTS", "--out", "b", "--workers", 0, "--space", "nb201"),
            "only spaces of tabular MLPs",
        ),
        (("build", "--data", "RESULTS", "--out", "b", "--workers", 0, "--target", "scor"), "Did you mean 'score'"),
        (("build", "--data", "RESULTS", "--out", "b", "--workers", 0, "--epochs", 0), "epochs must be 1 or more"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(archwright, results, tmp_path, arguments, message):
    given = [results if argument == "RESULTS" else argument for argument in arguments]
    done = archwright("bench", *given)
    assert done.returncode == 2
    assert message.replace("RESULTS", str(results)) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_truncated_benchmark_is_one_line_and_exit_2(archwright, results, tmp_path):
    archwright("bench", "import", "table", results, *SPACE, "--out", tmp_path / "b")
    path = tmp_path / "b" / "score.valid.npy"
    path.write_bytes(path.read_bytes()[:-1])
    done = archwright("bench", "verify", tmp_path / "b")
    assert done.returncode == 2
    assert "score.valid.npy must have" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_build_is_silent_when_piped_and_makes_a_benchmark(archwright, table, tmp_path):
    arguments = ("--data", table, "--target", "y", "--layers", 2, "--widths", "4,8", "--epochs", 2, "--workers", 0)
    done = archwright("bench", "build", *arguments, "--out", tmp_path / "b")
    assert (done.returncode, done.stderr) == (0, "")
    assert "small: 4 of 4 points" in done.stdout
    assert "auc, valid, test, seconds; 1 seed(s), 2 epoch(s) up to 2" in done.stdout
    again = archwright("bench", "build", *arguments, "--out", tmp_path / "b")
    assert again.returncode == 2
    assert "holds a benchmark already; replace it with --overwrite" in again.stderr


BUILD = ("--target", "y", "--layers", 2, "--widths", "4,8,16", "--epochs", 10)


def test_a_killed_build_is_continued_by_the_same_call(archwright, table, tmp_path):
    arguments = ("bench", "build", "--data", table, *BUILD, "--workers", 0, "--out", tmp_path / "b")
    with _started(*arguments) as process:
        _wait_for(process, tmp_path / "b", trained=2)
        process.kill()
    assert 2 <= _trained(tmp_path / "b") < 9
    assert not (tmp_path / "b").exists()
    done = archwright(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["architectures"] == 9
    assert not (tmp_path / "b.build").exists()


def test_ctrl_c_says_that_nothing_is_lost(archwright, table, tmp_path, monkeypatch):
    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("archwright.coordinate.build_bench.build_bench", interrupted)
    done = archwright("bench", "build", "--data", table, *BUILD, "--out", tmp_path / "b")
    assert done.returncode == 130
    assert done.stderr == "archwright: interrupted; what is trained is kept, and the same call goes on\n"


@pytest.mark.slow
def test_ctrl_c_ends_a_build_and_its_workers(table, tmp_path):
    arguments = ("bench", "build", "--data", table, *BUILD, "--workers", 1, "--out", tmp_path / "b")
    with _started(*arguments) as process:
        _wait_for(process, tmp_path / "b", trained=2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.strip() == "archwright: interrupted; what is trained is kept, and the same call goes on"


def _started(*arguments):
    command = [sys.executable, "-m", "archwright", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _wait_for(process, out, *, trained):
    until_s = time.monotonic() + 100
    while _trained(out) < trained and time.monotonic() < until_s and process.poll() is None:
        time.sleep(0.02)


def _trained(out) -> int:
    from archwright.core.errors import StoreError
    from archwright.study.study import Study

    try:
        with Study.open(out.with_name("b.build") / "study.db", name="trainings", create=False) as study:
            return len(study.trials)
    except StoreError:
        return 0
