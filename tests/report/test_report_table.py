"""Leaderboard, trace and space descriptions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_runs import RUNGS, SPACE, full_run

from archwright.coordinate.record import RunFolder, RunRecord
from archwright.core.arch import Arch
from archwright.report.space import describe_space
from archwright.report.table import leaderboard
from archwright.report.trace import trace
from archwright.report.view import RunView, tensor_shapes
from archwright.study.study import Study


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return full_run(tmp_path_factory.mktemp("finished"))


def test_the_leaderboard_ranks_by_score(finished: RunFolder) -> None:
    rows = leaderboard(finished)
    scores = [row.score for row in rows]
    assert [row.rank for row in rows] == list(range(1, len(rows) + 1))
    assert scores == sorted(scores, reverse=True)
    assert len({row.arch for row in rows}) == len(rows)


def test_the_first_row_is_the_incumbent(finished: RunFolder) -> None:
    best, first = finished.load().best, leaderboard(finished)[0]
    assert best is not None
    assert (first.arch, list(first.widths), first.score) == (best["arch"], best["widths"], best["score"])


def test_costs_of_all_rungs_and_sessions_are_added(finished: RunFolder) -> None:
    spent: dict[str, float] = {}
    for name in ("refine-1", "refine-2"):
        with Study.open(finished.study, name=name, create=False) as study:
            for trial in study.history.done:
                spent[str(trial.proposal.arch)] = spent.get(str(trial.proposal.arch), 0.0) + trial.result.cost_s
    for row in leaderboard(finished):
        assert row.cost_s == pytest.approx(spent[row.arch])


def test_expressflow_comes_from_the_whole_space_array(finished: RunFolder) -> None:
    with Study.open(finished.study, name="filter", create=False) as study:
        scores = study.array("scores")
    for row in leaderboard(finished):
        assert row.expressflow == scores[SPACE.index(Arch.parse(row.arch))]


def test_expressflow_comes_from_trials_where_the_space_was_sampled(tmp_path: Path) -> None:
    folder = full_run(tmp_path, whole=False, resumed=False)
    with Study.open(folder.study, name="filter", create=False) as study:
        scores = {str(trial.proposal.arch): trial.result.score for trial in study.history.ok()}
    view = RunView.load(folder)
    assert len(view.scores) == 300
    assert all(candidate.expressflow == scores[candidate.arch] for candidate in view.candidates)


def test_steps_follow_the_rungs(finished: RunFolder) -> None:
    steps = [step for candidate in RunView.load(finished).candidates for step in candidate.steps if step.session == 1]
    for number, (epochs, alive) in enumerate(RUNGS, start=1):
        at = [step for step in steps if step.rung == number]
        assert len(at) == alive
        assert {step.epochs for step in at} == {epochs}


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-5, 5)), max_size=20))
def test_the_trace_never_falls(points: list[tuple[float, float]]) -> None:
    record = RunRecord(incumbents=[{"at_s": at, "score": score, "what": "network"} for at, score in points])
    line = trace(record)
    assert len(line.score) == len(line.at_s) == len(line.what) == len(points)
    assert (np.diff(line.score) >= 0).all()
    assert (np.diff(line.at_s) >= 0).all()


def test_shapes_of_a_damaged_model_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    assert tensor_shapes(path) == {}
    path.write_bytes(b"\xff" * 64)
    assert tensor_shapes(path) == {}


def test_a_space_is_described() -> None:
    facts = describe_space(SPACE)
    assert (facts["size"], facts["layers"], len(facts["widths"])) == (160_000, 4, 20)
    assert SPACE.widths_of(Arch.parse(facts["example"])) == tuple(facts["example_widths"])
