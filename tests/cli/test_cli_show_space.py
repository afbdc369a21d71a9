"""`archwright show space` as a user types it."""

import json
import sys

import pytest

from archwright.cli import main as command_line

YAML = """
name: mine
space:
  chain:
    stem: {choice: [conv3x3, conv7x7]}
    body: {repeat: {times: {ints: [1, 3]}, part: {choice: [conv3x3, conv5x5, pool]}}}
"""


@pytest.fixture
def show(monkeypatch, capsys):
    """`archwright show space ...` in this process: (exit code, standard output, standard error)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["archwright", "show", "space", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return run


@pytest.fixture
def space_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(YAML)
    return path


def refused(result, *words):
    code, out, err = result
    assert code == 2, err
    assert not out
    assert err.startswith("archwright: ")
    assert err.count("\n") == 1
    assert all(word in err for word in words), err


def test_all_spaces_are_listed_with_their_size(show):
    code, out, _ = show()
    assert code == 0
    line = next(line for line in out.splitlines() if line.startswith("nb201 "))
    assert "15,625" in line
    listed = json.loads(show("--json")[1])["spaces"]
    assert {"name": "nb_macro", "size": 6561}.items() <= next(x for x in listed if x["name"] == "nb_macro").items()


def test_a_space_of_a_file_is_described(show, space_file):
    code, out, _ = show(space_file)
    assert code == 0
    assert "162 points" in out
    facts = json.loads(show(space_file, "--json")[1])
    assert facts["architectures"]["number"] == 2 * (3 + 9 + 27)
    assert facts["depth"] == {
        "min": 2,
        "mean": pytest.approx((3 * 2 + 9 * 3 + 27 * 4) / 39),
        "max": 4,
        "over": "all 78",
    }
    assert facts["neighbours"] > 0


def test_a_wanted_architecture_is_shown_and_drawn(show, space_file, tmp_path):
    value = {"stem": "conv7x7", "body": ["pool", "conv5x5"]}
    code, out, _ = show(space_file, "--arch", json.dumps(value), "--draw", tmp_path / "mine.svg", "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["value"] == value
    assert facts["drawing"] == str(tmp_path / "mine.svg")
    drawn = (tmp_path / "mine.svg").read_text()
    assert all(f">{name}<" in drawn for name in ("input", "conv7x7", "pool", "conv5x5", "output"))
    assert json.loads(show(space_file, "--arch", facts["example"], "--json")[1])["value"] == value


def test_a_native_text_is_an_architecture(show, tmp_path):
    text = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|none~1|none~2|"
    code, out, _ = show("nb201", "--arch", text, "--draw", tmp_path / "cell.svg")
    assert code == 0
    assert text in out
    assert (tmp_path / "cell.svg").exists()


def test_what_is_wrong_is_one_line(show, space_file, tmp_path):
    refused(show("nb210"), "Did you mean 'nb201'")
    refused(show("nb201", "--arch", "|zero~0|"), "nb201")
    refused(show("nb201", "--draw", tmp_path / "cell.gif"), ".svg")
    refused(show(tmp_path / "none.yaml"), "none.yaml", "cannot be read")
    refused(show("--draw", tmp_path / "cell.svg"), "need a space")
    space_file.write_text(YAML.replace("choice", "choise", 1))
    refused(show(space_file), "mine.yaml, line 5", "'choise'", "Did you mean 'choice'")


def test_options_of_a_space_are_refused_for_a_run(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["archwright", "show", "my-run", "--draw", "cell.svg"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 2
    assert "go with a space" in capsys.readouterr().err


def test_showing_a_space_loads_nothing_heavy(archwright, tmp_path):
    done = archwright("show", "space", "nb201", "--draw", tmp_path / "cell.svg", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "numpy" in loaded
    assert loaded.isdisjoint({"torch", "pandas", "scipy", "matplotlib", "sqlalchemy", "yaml"})
