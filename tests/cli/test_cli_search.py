"""`archwright search`: a function of the user's own."""

import json
from pathlib import Path

import pytest

OBJECTIVE = """
def score(arch):
    return -abs(sum(arch.genes) - 9)

def broken(arch):
    raise ValueError("no data")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.py").write_text(OBJECTIVE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_function_is_searched_and_the_same_command_goes_on(archwright, folder: Path) -> None:
    command = ("search", "nb201", "--evaluate", "mine:score", "--study", "s.db", "--json", "--budget")
    first = json.loads(archwright(*command, "12").stdout)
    assert (first["trials"], first["failed"]) == (12, 0)
    assert first["best"]["text"].startswith("|")
    again = json.loads(archwright(*command, "30").stdout)
    assert again["trials"] == 30
    assert again["best"]["score"] >= first["best"]["score"]


def test_failed_evaluations_are_told(archwright, folder: Path) -> None:
    done = archwright("search", "nb201", "--evaluate", "mine:broken", "--budget", "3")
    assert done.returncode == 0
    assert "3, 3 of them failed" in done.stdout
    assert "ValueError: no data" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nb201", "--evaluate", "mine"), "MODULE:FUNCTION"),
        (("nb201", "--evaluate", "mine:nothing"), "no attribute 'nothing'"),
        (("nb201", "--evaluate", "nowhere:score"), "nowhere"),
        (("nb20", "--evaluate", "mine:score"), "Did you mean 'nb201'"),
        (("nb201", "--evaluate", "mine:score", "--searcher", "evolutoin"), "Did you mean 'evolution'"),
        (("nb201", "--evaluate", "mine:score", "--budget", "abc"), "a duration"),
        (("nb201", "--evaluate", "mine:score", "--executor", "simulated"), "inline, pool, ray"),
        (("none.yaml", "--evaluate", "mine:score"), "none.yaml"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(archwright, folder: Path, arguments: tuple[str, ...], said: str) -> None:
    done = archwright("search", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
