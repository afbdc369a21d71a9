import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.arch import Arch
from archwright.core.budget import Budget, seconds
from archwright.core.errors import ArchError, BudgetError, NasError
from archwright.core.history import History
from archwright.core.trial import Proposal, Result, Trial

ARCHS = st.builds(
    Arch,
    space=st.text(st.characters(exclude_characters=":"), min_size=1, max_size=8),
    genes=st.lists(st.integers(0, 10**6), min_size=1, max_size=8).map(tuple),
)


@given(ARCHS)
def test_text_round_trip(arch: Arch) -> None:
    assert Arch.parse(str(arch)) == arch


@given(ARCHS)
def test_archs_travel_between_processes(arch: Arch) -> None:
    assert pickle.loads(pickle.dumps(arch)) == arch  # noqa: S301 - our own bytes


@pytest.mark.parametrize("text", ["", "nb201", ":1.2", "nb201:", "nb201:1..2", "nb201:-1", "nb201:1.x", "a:²"])
def test_what_is_no_architecture_is_refused(text: str) -> None:
    with pytest.raises(ArchError, match="must read"):
        Arch.parse(text)


@pytest.mark.parametrize("result", [Result(0.5, 1.0), Result(None, 1.0, (0.1,), {"a": 1.0}, {"b": 2.0}, "no")])
def test_results_travel_between_processes(result: Result) -> None:
    assert pickle.loads(pickle.dumps(result)) == result  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("1h30m", 5400), (" 5 min ", 300), (3, 3), ("1d", 86400)],
)
def test_durations_are_read(text: str | float, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["abc", "", "0", "-5s", "5 parsecs", "1m30", float("nan"), float("inf"), 0, -1.0])
def test_what_is_no_duration_is_refused(text: str | float) -> None:
    with pytest.raises(BudgetError):
        seconds(text)


def test_a_budget_must_limit_something_by_something() -> None:
    with pytest.raises(BudgetError, match="none was given"):
        Budget()
    with pytest.raises(BudgetError, match="trials must be above zero"):
        Budget(trials=0)


def trial(id: int, score: float | None, fidelity: int | None = None) -> Trial:
    return Trial(id, Proposal(Arch("s", (id,)), fidelity), Result(score, 0.0, hidden={"test": 1.0}), float(id))


def test_a_history_knows_the_best_and_what_failed() -> None:
    history = History([trial(0, 0.5), trial(1, None), trial(2, 0.9), trial(3, 0.9)])
    best = history.best()
    assert best is not None
    assert best.id == 2
    assert [t.id for t in history.ok()] == [0, 2, 3]
    assert len(history) == 4


def test_a_history_hides_test_metrics() -> None:
    assert all(t.result.hidden == {} for t in History([trial(0, 0.5)]).done)


def test_a_history_finds_trials_by_fidelity() -> None:
    history = History([trial(0, 0.5, 1), trial(1, 0.5, 3), trial(2, None, 3)])
    assert [t.id for t in history.at(3)] == [1, 2]
    assert history.at(9) == []


def test_seen_is_finished_or_running() -> None:
    history = History([trial(0, None)], pending=[Proposal(Arch("s", (7,)))])
    assert history.seen() == {Arch("s", (0,)), Arch("s", (7,))}


def test_map_changes_results_only() -> None:
    history = History([trial(0, 0.1), trial(1, 0.9)], pending=[Proposal(Arch("s", (7,)))])
    turned = history.map(lambda t: Result(-(t.result.score or 0.0), 0.0))
    best = turned.best()
    assert best is not None
    assert best.id == 0
    assert turned.pending == history.pending


def test_every_error_says_who_is_at_fault() -> None:
    kinds = [NasError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert len(kinds) > 8
    assert {kind.exit_code for kind in kinds} == {1, 2}
    # The class that the ecosystem catches comes along.
    assert all(len(kind.__mro__) > 4 for kind in kinds[1:])
