import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.budget import Budget
from archwright.core.errors import SpaceError
from archwright.core.history import History
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result, Trial
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.halving import Halving, Rung, bracket, epochs, halving
from archwright.spaces.tabular_mlp import frappe
from archwright.testing import Toy

SPACE = frappe()
SIZES = st.integers(1, 60)


@given(candidates=SIZES, start=SIZES, eta=st.integers(2, 5), cap=SIZES, keep=st.integers(1, 5))
def test_rungs_grow_in_epochs_and_shrink_in_candidates(
    candidates: int, start: int, eta: int, cap: int, keep: int
) -> None:
    rungs = halving(candidates=candidates, start=start, eta=eta, cap=cap, keep=keep)
    assert rungs[0] == (min(start, cap), candidates)
    assert all(a.epochs < b.epochs <= cap and a.alive >= b.alive for a, b in itertools.pairwise(rungs))
    assert rungs[-1].epochs == cap or rungs[-1].alive <= keep


@given(candidates=st.integers(1, 30), start=st.integers(1, 4), eta=st.integers(2, 4), cap=st.integers(1, 20))
def test_epochs_planned_are_epochs_used(candidates: int, start: int, eta: int, cap: int) -> None:
    rungs = halving(candidates=candidates, start=start, eta=eta, cap=cap)
    archs = tuple(SPACE.at(k) for k in range(candidates))
    study = run(Halving(archs, rungs), SimulatedExecutor(Toy()), Budget(trials=10**6), seed=0)
    used = {trial.proposal.arch: trial.proposal.fidelity or 0 for trial in study.trials}
    assert sum(used.values()) == epochs(rungs)
    assert Counter(trial.proposal.fidelity for trial in study.trials) == {rung.epochs: rung.alive for rung in rungs}


def test_the_price_counts_only_new_epochs_of_survivors() -> None:
    assert epochs(((1, 53), (3, 17), (9, 5), (27, 1))) == 53 + 2 * 17 + 6 * 5 + 18 * 1


def trial(id: int, arch: int, upto: int, score: float | None) -> Trial:
    return Trial(id, Proposal(SPACE.at(arch), upto), Result(score, 0.0), 0.0)


def proposals(searcher: Halving, *trials: Trial, pending: tuple[Proposal, ...] = ()) -> list[tuple[int, int | None]]:
    asked = searcher.propose(History(trials, pending), 10, rng=derive(0))
    return [(SPACE.index(proposal.arch), proposal.fidelity) for proposal in asked]


FOUR = Halving(tuple(SPACE.at(k) for k in range(4)), halving(candidates=4, start=1, eta=2, cap=4))


def test_ties_keep_the_order_of_candidates() -> None:
    assert proposals(FOUR, *(trial(k, 3 - k, 1, 0.5) for k in range(4))) == [(0, 2), (1, 2)]


def test_failed_candidates_are_never_promoted() -> None:
    assert proposals(FOUR, *(trial(k, k, 1, 0.5 if k == 2 else None) for k in range(4))) == [(2, 2)]


def test_it_ends_when_all_have_failed() -> None:
    assert proposals(FOUR, *(trial(k, k, 1, None) for k in range(4))) == []


def test_a_promotion_waits_for_the_whole_rung() -> None:
    finished = [trial(k, k, 1, 0.5) for k in range(3)]
    assert proposals(FOUR, *finished, pending=(Proposal(SPACE.at(3), 1),)) == []
    assert proposals(FOUR, *finished) == [(3, 1)]


def test_strangers_in_the_history_do_not_hold_it_up() -> None:
    finished = [trial(k, k, 1, float(k)) for k in range(4)]
    assert proposals(FOUR, *finished, pending=(Proposal(SPACE.at(99), 1),)) == [(3, 2), (2, 2)]


def test_it_starts_no_more_than_the_first_rung_holds() -> None:
    searcher = Halving(tuple(SPACE.at(k) for k in range(9)), (Rung(2, 4), Rung(4, 1)))
    assert proposals(searcher) == [(0, 2), (1, 2), (2, 2), (3, 2)]


def test_repeated_candidates_are_refused() -> None:
    with pytest.raises(SpaceError, match="repeat"):
        Halving((SPACE.at(1), SPACE.at(1)), (Rung(1, 2),))


@pytest.mark.parametrize("rungs", [(Rung(2, 4), Rung(2, 1)), (Rung(2, 4), Rung(4, 5))])
def test_rungs_in_disorder_are_refused(rungs: tuple[Rung, ...]) -> None:
    with pytest.raises(SpaceError, match="rungs must grow"):
        Halving((SPACE.at(1),), rungs)


def test_a_shrinking_factor_of_one_is_refused() -> None:
    with pytest.raises(SpaceError, match="eta"):
        halving(candidates=4, start=1, eta=1, cap=4)


@given(
    candidates=st.integers(1, 300),
    unit=st.integers(1, 5),
    eta=st.integers(2, 5),
    cap=st.integers(1, 100),
    keep=st.integers(1, 4),
)
def test_a_bracket_starts_with_all_ends_with_a_full_training_and_never_goes_below_its_unit(
    candidates, unit, eta, cap, keep
):
    rungs = bracket(candidates=candidates, unit=unit, eta=eta, cap=cap, keep=keep)
    assert rungs[0].alive == candidates
    assert rungs[-1].epochs == cap
    assert all(rung.epochs >= min(unit, cap) for rung in rungs)
    assert all(
        after.epochs > before.epochs and after.alive <= before.alive for before, after in itertools.pairwise(rungs)
    )
    assert all(rung.alive >= min(keep, candidates) for rung in rungs)
