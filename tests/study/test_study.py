import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.arch import Arch
from archwright.core.errors import RunError
from archwright.core.trial import Proposal, Result, Trial
from archwright.search.evolution import Evolution
from archwright.spaces.tabular_mlp import frappe
from archwright.study.events import Proposed
from archwright.study.study import Study

SPACE = frappe()


def filled(*results: Result) -> Study:
    study = Study()
    items = study.propose([Proposal(SPACE.at(k), 3, "n") for k in range(len(results))])
    for (id_, proposal), result in zip(items, results, strict=True):
        study.append(Trial(id_, proposal, result, 10.0 * (id_ + 1)))
    return study


def test_the_trace_has_one_step_per_improvement() -> None:
    study = filled(Result(0.5, 1.0), Result(None, 1.0), Result(0.4, 1.0), Result(0.5, 1.0), Result(0.7, 1.0))
    assert study.trace() == [(10.0, 0.5), (50.0, 0.7)]
    best = study.best()
    assert best is not None
    assert best.id == 4


def test_test_metrics_are_kept_and_never_shown_to_a_searcher() -> None:
    study = filled(Result(0.5, 1.0, hidden={"test": 0.4}))
    assert study.trials[0].result.hidden == {"test": 0.4}
    assert study.history.done[0].result.hidden == {}


def test_ask_and_tell_make_the_trials_of_a_search() -> None:
    study = Study()
    searcher = Evolution(SPACE, batch=2)
    for _ in range(3):
        for id_, proposal in study.ask(searcher, seed=0):
            study.tell(id_, Result(float(sum(proposal.arch.genes)), 0.5))
    assert [trial.id for trial in study.trials] == list(range(6))
    assert study.elapsed_s == 3.0
    assert study.n_asks == 3


def test_telling_twice_or_something_never_asked_is_refused() -> None:
    study = Study()
    ((id_, _),) = study.ask(Evolution(SPACE), seed=0)
    study.tell(id_, Result(1.0, 0.0))
    for wrong in (id_, 99):
        with pytest.raises(RunError, match="waits for a result"):
            study.tell(wrong, Result(1.0, 0.0))


def test_an_id_cannot_be_proposed_or_finished_twice() -> None:
    study = filled(Result(0.5, 1.0))
    with pytest.raises(RunError, match="proposed already"):
        study.append(Proposed(((0, Proposal(SPACE.at(0))),)))
    with pytest.raises(RunError, match="finished already"):
        study.append(study.trials[0])


def test_an_imported_trial_needs_no_proposal() -> None:
    study = Study()
    study.append(Trial(5, Proposal(SPACE.at(5)), Result(0.5, 1.0), 1.0))
    assert study.propose([Proposal(SPACE.at(6))]) == [(6, Proposal(SPACE.at(6)))]
    assert len(study.trials) == 1


def test_the_table_has_a_row_per_trial_and_a_column_per_measure() -> None:
    table = filled(
        Result(0.5, 1.0, measures={"params": 7.0}, hidden={"test": 0.4}), Result(None, 2.0, error="no")
    ).table()
    assert list(table["arch"]) == ["frappe:0.0.0.0", "frappe:0.0.0.1"]
    assert table["score"].isna().tolist() == [False, True]
    assert table["fidelity"].tolist() == [3, 3]
    assert table["measures.params"][0] == 7.0
    assert table["hidden.test"][0] == 0.4
    assert table["error"].tolist() == ["", "no"]


def test_the_table_of_an_empty_study_has_the_columns() -> None:
    assert {"id", "arch", "score", "finished_s"} <= set(Study().table().columns)


def test_arrays_are_copies_and_replaceable() -> None:
    study = Study()
    scores = np.arange(3.0)
    study.put_array("scores", scores)
    scores[0] = 9.0
    assert study.array("scores").tolist() == [0.0, 1.0, 2.0]
    study.put_array("scores", scores)
    assert study.array("scores").tolist() == [9.0, 1.0, 2.0]
    with pytest.raises(KeyError):
        study.array("nothing")


def test_marks_are_kept_in_order_by_kind() -> None:
    study = Study()
    study.mark("phase", 1.0, {"name": "filter"})
    study.mark("incumbent", 2.0)
    study.mark("phase", 3.0, {"name": "refine"})
    assert [mark.data["name"] for mark in study.marks("phase")] == ["filter", "refine"]
    assert len(study.marks()) == 3


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), max_size=25))
def test_the_front_is_what_nothing_beats(points: list[tuple[int, int, int]]) -> None:
    study = filled(*(Result(float(s), 1.0, measures={"params": float(p), "flops": float(f)}) for s, p, f in points))

    def beaten(point: tuple[int, int, int]) -> bool:
        s, p, f = point
        return any(a >= s and b <= p and c <= f and (a, b, c) != point for a, b, c in points)

    front = study.pareto("params", "flops")
    assert [trial.id for trial in sorted(front, key=lambda t: t.id)] == [
        k for k, point in enumerate(points) if not beaten(point)
    ]
    scores = [trial.result.score or 0.0 for trial in front]
    assert scores == sorted(scores, reverse=True)


def test_trials_without_the_measure_are_not_on_the_front() -> None:
    study = filled(Result(0.9, 1.0), Result(0.5, 1.0, measures={"params": 1.0}), Result(None, 1.0))
    assert [trial.id for trial in study.pareto("params")] == [1]
    assert study.pareto("latency_ms") == []


def test_a_study_in_memory_needs_no_name_and_closes() -> None:
    with Study.open(None, name="x") as study:
        assert study.names() == ("x",)
        assert math.isclose(study.elapsed_s, 0.0)
        assert Arch.parse("frappe:0.0.0.0") not in study.history.seen()
