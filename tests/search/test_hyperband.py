import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result, Trial
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.halving import epochs
from archwright.search.hyperband import Hyperband, brackets
from archwright.search.random import RandomSearch
from archwright.spaces.tabular_mlp import TabularMlp, frappe
from archwright.testing import Toy

SPACE = frappe()


def test_brackets_are_those_of_the_papers_table() -> None:
    # arXiv:1603.06560, table 1: R = 81, eta = 3.
    table = [[tuple(rung)[::-1] for rung in rungs] for rungs in brackets(max_epochs=81)]
    assert table == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(34, 3), (11, 9), (3, 27), (1, 81)],
        [(15, 9), (5, 27), (1, 81)],
        [(8, 27), (2, 81)],
        [(5, 81)],
    ]


@given(top=st.integers(1, 300), least=st.integers(1, 20), eta=st.integers(2, 5))
def test_every_bracket_grows_to_a_full_training(top: int, least: int, eta: int) -> None:
    for rungs in brackets(max_epochs=max(top, least), min_epochs=least, eta=eta):
        assert rungs[-1].epochs == max(top, least)
        assert rungs[0].epochs >= least
        assert all(rung.alive >= 1 for rung in rungs)
        assert all(a.epochs < b.epochs and a.alive > b.alive for a, b in itertools.pairwise(rungs))


def test_a_round_is_its_brackets_one_after_the_other() -> None:
    plan = brackets(max_epochs=9)
    n = sum(rung.alive for rungs in plan for rung in rungs)
    study = run(Hyperband(SPACE, max_epochs=9), SimulatedExecutor(Toy()), Budget(trials=2 * n), seed=0)
    asked = [(trial.proposal.note, trial.proposal.fidelity) for trial in study.trials]
    notes = [
        (f"bracket {bracket} rung {k}", rung.epochs)
        for bracket, rungs in enumerate([*plan, *plan])
        for k, rung in enumerate(rungs)
        for _ in range(rung.alive)
    ]
    assert asked == notes


def test_survivors_are_the_best_of_the_rung_before() -> None:
    study = run(Hyperband(SPACE, max_epochs=9), SimulatedExecutor(Toy()), Budget(trials=13), seed=0)
    by_rung: dict[str, list[Trial]] = {}
    for trial in study.trials:
        by_rung.setdefault(trial.proposal.note, []).append(trial)
    first, second, last = (by_rung[f"bracket 0 rung {k}"] for k in range(3))
    for before, after in ((first, second), (second, last)):
        ranked = sorted(before, key=lambda trial: -(trial.result.score or 0.0))
        assert [trial.proposal.arch for trial in after] == [trial.proposal.arch for trial in ranked[: len(after)]]


def test_continued_trainings_cost_only_the_epochs_they_add() -> None:
    plan = brackets(max_epochs=9)[0]
    study = run(Hyperband(SPACE, max_epochs=9), SimulatedExecutor(Toy()), Budget(epochs=epochs(plan)), seed=0)
    assert Counter(trial.proposal.fidelity for trial in study.trials) == {rung.epochs: rung.alive for rung in plan}


def test_other_workers_begin_the_next_bracket() -> None:
    searcher = Hyperband(SPACE, max_epochs=3)
    running = [Proposal(SPACE.at(k), 1, "bracket 0 rung 0") for k in range(3)]
    assert {p.note for p in searcher.propose(History((), running), 9, rng=derive(0))} == {"bracket 1 rung 0"}


def test_a_bracket_whose_candidates_all_failed_is_over() -> None:
    trials = [Trial(k, Proposal(SPACE.at(k), 1, "bracket 0 rung 0"), Result(None, 0.0), 0.0) for k in range(3)]
    asked = Hyperband(SPACE, max_epochs=3).propose(History(trials), 9, rng=derive(0))
    assert {p.note for p in asked} == {"bracket 1 rung 0"}


def test_trials_without_its_notes_are_no_candidates() -> None:
    trials = [Trial(k, Proposal(SPACE.at(k), 1), Result(1.0, 0.0), 0.0) for k in range(30)]
    asked = Hyperband(SPACE, max_epochs=3).propose(History(trials), 9, rng=derive(0))
    assert [p.note for p in asked] == ["bracket 0 rung 0"] * 3


def test_candidates_of_a_bracket_differ() -> None:
    tiny = TabularMlp((1, 2, 3, 4), layers=2)
    for seed in range(20):
        asked = Hyperband(tiny, max_epochs=9).propose(History(), 9, rng=derive(seed))
        assert len({proposal.arch for proposal in asked}) == 9


def test_a_space_smaller_than_a_bracket_is_no_obstacle() -> None:
    tiny = TabularMlp((1, 2), layers=1)
    study = run(Hyperband(tiny, max_epochs=9), SimulatedExecutor(Toy()), Budget(trials=60), seed=0)
    assert len(study.trials) == 60


def test_with_one_fidelity_it_is_random_search() -> None:
    asked = Hyperband(SPACE).propose(History(), 5, rng=derive(3))
    assert list(asked) == list(RandomSearch(SPACE).propose(History(), 5, rng=derive(3)))


def test_candidates_come_from_whom_one_says() -> None:
    def always(history: History, rng: np.random.Generator) -> Arch:
        return SPACE.at(7)

    (asked,) = Hyperband(SPACE, max_epochs=9, draw=always).propose(History(), 1, rng=derive(0))
    assert asked == Proposal(SPACE.at(7), 1, "bracket 0 rung 0")


@pytest.mark.parametrize(
    "settings",
    [
        {"max_epochs": 0},
        {"max_epochs": 3, "min_epochs": 4},
        {"max_epochs": 9, "eta": 1},
        {"max_epochs": 4.5},
        {"batch": 0},
        {"draw": 3},
    ],
)
def test_wrong_settings_are_refused(settings: dict) -> None:
    with pytest.raises(SearchError, match="hyperband"):
        Hyperband(SPACE, **settings)
