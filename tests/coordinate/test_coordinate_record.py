"""The run's record survives, and damage is said in one line."""

import json

import pytest

from archwright.coordinate.folder import new_folder
from archwright.coordinate.options import SearchOptions, TaskOptions
from archwright.coordinate.record import Phase, RunFolder, RunRecord
from archwright.core.errors import DataError, RunError, SpaceError


def test_a_record_round_trips(tmp_path):
    record = RunRecord(status="finished", task={"kind": "binary"}, phases=[Phase(1, "read", 1.0, 0.5, 0.1)])
    RunFolder(tmp_path).save(record)
    assert RunFolder(tmp_path).load() == record


@pytest.mark.parametrize("options", [TaskOptions(ignore=("a", "b")), SearchOptions(widths=(8, 16), workers=0)])
def test_options_round_trip(options):
    assert type(options).from_json(json.loads(json.dumps(options.to_json()))) == options


def test_used_seconds_are_those_of_all_sessions():
    record = RunRecord(sessions=[{"used_s": 1.5}, {"used_s": None}, {"used_s": 2.0}])
    assert record.used_s == 3.5


def test_a_killed_session_ends_at_the_last_moment_it_wrote_of():
    record = RunRecord(
        sessions=[{"used_s": 10.0, "status": "finished"}, {"used_s": None, "status": "running"}],
        incumbents=[{"at_s": 4.0}, {"at_s": 13.5}],
        plans=[{"at_s": 12.0}],
    )
    record.close_killed()
    assert record.used_s == 13.5
    assert record.sessions[1]["status"] == "killed"
    before = record.to_json()
    record.close_killed()
    assert record.to_json() == before


@pytest.mark.parametrize(("text", "words"), [("{", "damaged"), ("[]", "something else"), ('{"format": 99}', "newer")])
def test_a_damaged_record_is_one_clear_line(tmp_path, text, words):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError, match=words):
        RunFolder(tmp_path).load()


def test_a_folder_without_a_run_says_so(tmp_path):
    with pytest.raises(RunError, match=r"run\.json"):
        RunFolder(tmp_path).load()
    with pytest.raises(RunError, match="no folder"):
        RunFolder(tmp_path / "none").load()


def test_a_run_is_not_overwritten_unasked(tmp_path):
    folder = new_folder(tmp_path / "run", "a.csv")
    folder.save(RunRecord())
    (folder.path / "model.safetensors").write_text("old")
    with pytest.raises(RunError, match="resume"):
        new_folder(tmp_path / "run", "a.csv")
    assert (folder.path / "model.safetensors").read_text() == "old"
    new_folder(tmp_path / "run", "a.csv", overwrite=True)
    assert list(folder.path.iterdir()) == []


def test_somebody_elses_folder_is_never_cleared(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(RunError, match="other files"):
        new_folder(tmp_path, "a.csv", overwrite=True)
    assert (tmp_path / "thesis.tex").exists()


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(RunError, match="is a file"):
        new_folder(tmp_path / "x", "a.csv")


def test_bad_options_are_refused():
    with pytest.raises(DataError, match="test fraction"):
        TaskOptions(test_fraction=1.0)
    with pytest.raises(SpaceError, match="explore"):
        SearchOptions(explore="everything")
    with pytest.raises(SpaceError, match="preset"):
        SearchOptions(preset="best")


@pytest.mark.parametrize("limit", ["max_trials", "max_epochs"])
def test_a_limit_below_one_is_refused(limit):
    with pytest.raises(SpaceError, match=f"{limit.replace('_', ' ')} must be >= 1, but 0 was given"):
        SearchOptions(**{limit: 0})
