"""The store gives back exactly what was put in, on SQLite and on a real PostgreSQL."""

import itertools
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres import server

from archwright.core.budget import Budget
from archwright.core.errors import MissingExtraError, StoreError
from archwright.core.trial import Proposal, Result, Trial
from archwright.run.inline import InlineExecutor
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.evolution import Evolution
from archwright.spaces.tabular_mlp import frappe
from archwright.study.study import Study
from archwright.testing import Toy

SPACE = frappe()
FLOATS = st.floats(allow_nan=False)
EXAMPLES = itertools.count()
NAMED = st.dictionaries(st.text(max_size=5), FLOATS, max_size=3)
RESULTS = st.builds(
    Result,
    score=st.none() | FLOATS,
    cost_s=st.floats(0, 1e9),
    curve=st.lists(FLOATS, max_size=4).map(tuple),
    measures=NAMED,
    hidden=NAMED,
    error=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=10),
)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of its own: a new file, or the session's server with a new study in it."""
    return str(tmp_path / "study.db") if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def test_a_study_comes_back_as_it_was(target: str, name: str) -> None:
    with Study.open(target, name=name) as study:
        run(Evolution(SPACE, batch=3), SimulatedExecutor(Toy(fails=0.3)), Budget(trials=40), seed=0, study=study)
        study.mark("incumbent", 1.5, {"arch": "frappe:0.0.0.0", "score": 0.1})
    with Study.open(target, name=name, create=False) as again:
        assert again.trials == study.trials
        assert again.history.done == study.history.done
        assert again.waiting() == study.waiting()
        assert again.n_asks == study.n_asks
        assert again.marks() == study.marks()
        assert again.elapsed_s == study.elapsed_s


def test_a_stored_run_that_is_cut_and_continued_equals_one_that_was_not(target: str, name: str) -> None:
    whole = run(Evolution(SPACE), SimulatedExecutor(Toy(fails=0.2)), Budget(trials=30), seed=0).trials
    for trials in (4, 5, 17, 30):
        with Study.open(target, name=name) as study:
            run(Evolution(SPACE), SimulatedExecutor(Toy(fails=0.2)), Budget(trials=trials), seed=0, study=study)
    assert study.trials == whole


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(results=st.lists(RESULTS, max_size=12))
def test_every_float_and_text_comes_back_exactly(target: str, results: list[Result]) -> None:
    name = f"example {next(EXAMPLES)}"
    with Study.open(target, name=name) as study:
        for k, result in enumerate(results):
            study.append(Trial(k, Proposal(SPACE.at(k), None, "note"), result, result.cost_s))
    with Study.open(target, name=name) as again:
        assert again.trials == study.trials


def test_arrays_come_back_and_can_be_replaced(target: str, name: str) -> None:
    scores = np.random.default_rng(0).standard_normal((200, 3)).astype(np.float32)
    with Study.open(target, name=name) as study:
        study.put_array("scores", np.zeros(2))
        study.put_array("scores", scores)
    with Study.open(target, name=name) as again:
        assert again.array("scores").dtype == np.float32
        assert (again.array("scores") == scores).all()
        with pytest.raises(KeyError):
            again.array("none")


def test_several_studies_share_a_store(target: str, name: str) -> None:
    with Study.open(target, name=f"{name}-a") as a, Study.open(target, name=f"{name}-b") as b:
        run(Evolution(SPACE), SimulatedExecutor(Toy()), Budget(trials=3), seed=0, study=a)
        run(Evolution(SPACE), SimulatedExecutor(Toy()), Budget(trials=4), seed=1, study=b)
        assert {f"{name}-a", f"{name}-b"} <= set(b.names())
    with Study.open(target, name=f"{name}-a", create=False) as again:
        assert again.trials == a.trials


def test_a_study_that_is_not_there_is_not_made_unasked(target: str, name: str) -> None:
    Study.open(target, name=f"{name}-there").close()
    with pytest.raises(StoreError, match=r"has no study 'nowhere'; it has: .*there"):
        Study.open(target, name="nowhere", create=False)


def test_two_drivers_of_one_study_are_told_apart(target: str, name: str) -> None:
    with Study.open(target, name=name) as first, Study.open(target, name=name) as second:
        first.propose([Proposal(SPACE.at(0))])
        first.flush()
        # On a busy machine the proposal itself is written at once.
        with pytest.raises(StoreError, match="cannot be used"):  # noqa: PT012
            second.propose([Proposal(SPACE.at(1))])
            second.flush()
        second._store._buffer.clear()  # type: ignore[union-attr]


def test_a_dear_trial_is_in_the_store_at_once_and_cheap_ones_are_gathered(tmp_path: Path) -> None:
    path = tmp_path / "study.db"

    def rows() -> int:
        with sqlite3.connect(path) as connection:
            count = connection.execute("select count(*) from trials").fetchone()[0]
        connection.close()
        return int(count)

    with Study.open(path) as study:
        study.flush()
        for cost_s in (0.0, 0.0, 5.0, 0.0):
            ((id_, _),) = study.propose([Proposal(SPACE.at(0))])
            study.tell(id_, Result(0.5, cost_s))
            if cost_s:
                assert rows() == 3
        assert rows() >= 3
    assert rows() == 4


KILLED = """
import os, sys
from archwright.core.trial import Proposal, Result
from archwright.spaces.tabular_mlp import frappe
from archwright.study.study import Study
study = Study.open(sys.argv[1])
for k in range(50):
    ((id_, _),) = study.propose([Proposal(frappe().at(k))])
    study.tell(id_, Result(k / 7, 1.0))
os.kill(os.getpid(), 9)
"""


def test_a_killed_driver_loses_no_dear_trial(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, timeout=60)
    with Study.open(path, create=False) as study:
        assert [trial.result.score for trial in study.trials] == [k / 7 for k in range(50)]


def filled(path: Path) -> Path:
    with Study.open(path) as study:
        run(Evolution(SPACE), InlineExecutor(Toy()), Budget(trials=300), seed=0, study=study)
        study.put_array("scores", np.zeros(20_000))
    return path


def _missing(path: Path) -> None:
    path.unlink()


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _overwritten(path: Path) -> None:
    path.write_bytes(b"no database, this is " * 500)


def _scribbled(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 : len(content) // 2] = os.urandom(len(content) // 2 - 4096)
    path.write_bytes(bytes(content))


def _newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("update schema_version set version = 99")
    connection.close()


def _foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("create table recipes (name text)")
    connection.close()


def _orphaned(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("delete from proposals where id = 7")
    connection.close()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_missing, "there is no study store"),
        (_emptied, "the file is empty"),
        (_truncated, "malformed"),
        (_overwritten, "not a database"),
        (_scribbled, "malformed|cannot be|damaged"),
        (_newer, "schema version 99"),
        (_foreign, "is not a study store"),
        (_orphaned, "is damaged"),
    ],
)
def test_a_damaged_store_gives_one_clear_line(tmp_path: Path, damage: Callable[[Path], None], says: str) -> None:
    path = filled(tmp_path / "study.db")
    damage(path)
    with pytest.raises(StoreError, match=says) as caught:
        Study.open(path, create=False)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_locked_store_gives_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archwright.study.store._LOCK_S", 0.1)
    path = filled(tmp_path / "study.db")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin exclusive")
    with Study.open(path) as study:
        study.propose([Proposal(SPACE.at(0))])
        with pytest.raises(StoreError, match="locked") as caught:
            study.flush()
        assert caught.value.exit_code == 1
        other.execute("rollback")
        other.close()
        study.flush()
    with Study.open(path) as again:
        assert len(again.waiting()) == 1


def test_a_folder_that_is_not_there_gives_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened: unable to open database file"):
        Study.open(tmp_path / "nowhere" / "study.db")


def test_a_server_that_is_not_there_gives_one_clear_line() -> None:
    with pytest.raises(StoreError, match="cannot be opened") as caught:
        Study.open("postgresql://someone:secret@127.0.0.1:1/nothing")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["nosuchdatabase://host/db", "://"])
def test_what_is_no_database_is_refused(url: str) -> None:
    with pytest.raises(StoreError):
        Study.open(url)


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"archwright\[postgres\]"):
        Study.open("postgresql://127.0.0.1:1/nothing")


def test_a_closed_study_stays_readable(tmp_path: Path) -> None:
    study = Study.open(filled(tmp_path / "study.db"))
    study.close()
    study.close()
    assert len(study.trials) == 300
