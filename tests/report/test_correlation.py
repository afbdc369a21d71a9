"""Correlations are scipy's, and their intervals those of a bootstrap that recomputes everything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata, spearmanr

from archwright.core.ranks import mid_ranks
from archwright.core.rng import derive
from archwright.report.correlation import agreement, kendall, resamples, spearman

#: Few different numbers, so that ties are the rule.
NUMBERS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=40)


def pair(n: int, noise: float, *, seed: int = 0, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = derive(seed, "pair", n)
    x = rng.normal(size=n)
    y = x + noise * rng.normal(size=n)
    return (np.round(2 * x), y) if ties else (x, y)


def drawn_again(x: np.ndarray, y: np.ndarray, n_resamples: int, statistic) -> np.ndarray:
    """The slow twin: the statistic of each resample, computed anew."""
    places = [np.repeat(np.arange(len(x)), row) for row in resamples(len(x), n_resamples, seed=0)]
    return np.array([statistic(x[place], y[place])[0] for place in places])


@given(NUMBERS)
def test_ranks_are_those_of_scipy(numbers: list[tuple[int, int]]) -> None:
    values = np.array([float(a) for a, _ in numbers])
    assert mid_ranks(values).tolist() == rankdata(values).tolist()


@given(NUMBERS)
def test_spearman_and_kendall_are_those_of_scipy_whatever_the_ties(numbers: list[tuple[int, int]]) -> None:
    a, b = (np.array(column, dtype=float) for column in zip(*numbers, strict=True))
    if len(set(a.tolist())) < 2 or len(set(b.tolist())) < 2:
        assert np.isnan(spearman(a, b))
        assert np.isnan(kendall(a, b))
        return
    assert spearman(a, b) == pytest.approx(spearmanr(a, b)[0], abs=1e-12)
    assert kendall(a, b) == pytest.approx(kendalltau(a, b)[0], abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("n", [31, 32, 33, 64, 777, 3000])
def test_kendall_of_many_is_that_of_scipy(n: int, ties: bool) -> None:
    x, y = pair(n, 1.0, ties=ties)
    assert kendall(x, y) == pytest.approx(kendalltau(x, y)[0], abs=1e-12)
    assert kendall(x, np.round(y)) == pytest.approx(kendalltau(x, np.round(y))[0], abs=1e-12)


@given(st.integers(2, 300), st.integers(0, 5))
@settings(max_examples=30)
def test_only_the_order_counts(n: int, seed: int) -> None:
    x, y = pair(n, 1.0, seed=seed)
    for measure in (spearman, kendall):
        assert measure(np.exp(x), y) == measure(x, y)
        assert measure(-x, y) == pytest.approx(-measure(x, y), abs=1e-12)
        assert measure(y, x) == pytest.approx(measure(x, y), abs=1e-12)


def test_infinite_scores_are_the_last_and_the_first() -> None:
    y = np.array([1.0, 2.0, 3.0, 4.0])
    assert spearman(np.array([-np.inf, 0.0, 1.0, np.inf]), y) == 1.0


@pytest.mark.parametrize(("n", "noise", "ties"), [(40, 1.0, False), (150, 0.4, True), (150, 3.0, False)])
def test_the_interval_of_spearman_is_that_of_recomputed_resamples(n: int, noise: float, ties: bool) -> None:
    x, y = pair(n, noise, ties=ties)
    found = agreement(x[None], y, n_resamples=200).rho
    exact = np.quantile(drawn_again(x, y, 200, spearmanr), [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx(tuple(exact), abs=1e-12)


@pytest.mark.parametrize(("n", "noise", "ties"), [(100, 0.3, False), (200, 1.0, True), (200, 3.0, False)])
def test_the_interval_of_kendall_is_near_that_of_recomputed_resamples(n: int, noise: float, ties: bool) -> None:
    x, y = pair(n, noise, ties=ties)
    found = agreement(x[None], y, n_resamples=400).tau
    exact = np.quantile(drawn_again(x, y, 400, kendalltau), [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx(tuple(exact), abs=0.015)


def test_intervals_hold_the_truth_about_as_often_as_they_promise() -> None:
    # Of independent numbers both correlations are zero.
    held = {"rho": 0, "tau": 0}
    for trial in range(120):
        rng = derive(trial, "independent")
        found = agreement(rng.normal(size=(1, 60)), rng.normal(size=60), n_resamples=200)
        held["rho"] += found.rho.low <= 0 <= found.rho.high
        held["tau"] += found.tau.low <= 0 <= found.tau.high
    # 95 % of 120 are 114; four standard deviations of that count are 9.5.
    assert all(104 <= n < 120 for n in held.values()), held


def test_seeds_that_agree_count_as_one() -> None:
    x, y = pair(80, 1.0)
    one, five = agreement(x[None], y), agreement(np.tile(x, (5, 1)), y)
    assert (five.rho, five.tau) == (one.rho, one.tau)
    assert five.rho_std == 0.0
    assert one.rho_std is None
    assert one.joint == pytest.approx(one.rho.value)


def test_several_seeds_have_a_mean_a_spread_and_a_better_joint_ranking() -> None:
    rng = derive(3, "seeds")
    y = rng.normal(size=300)
    scores = y + 2 * rng.normal(size=(4, 300))
    found = agreement(scores, y)
    each = [spearman(row, y) for row in scores]
    assert found.rho.value == pytest.approx(np.mean(each))
    assert found.rho_std == pytest.approx(np.std(each, ddof=1))
    assert found.taus.tolist() == [kendall(row, y) for row in scores]
    assert found.joint > max(each)
    assert found.rho.low < found.rho.value < found.rho.high


def test_architectures_without_a_number_are_left_out() -> None:
    x, y = pair(50, 1.0)
    scores, outcome = np.tile(x, (2, 1)), y.copy()
    scores[1, 3] = outcome[7] = np.nan
    kept = np.delete(np.arange(50), [3, 7])
    found = agreement(scores, outcome)
    assert found.n == 48
    assert found.rho.value == spearman(x[kept], y[kept])


@pytest.mark.parametrize(
    ("scores", "outcome"),
    [
        (np.ones((2, 9)), np.arange(9.0)),
        (np.arange(9.0)[None], np.ones(9)),
        (np.full((1, 9), np.nan), np.arange(9.0)),
        (np.zeros((1, 0)), np.zeros(0)),
        (np.array([[1.0]]), np.array([2.0])),
    ],
)
def test_where_nothing_can_be_said_nothing_is_said(scores: np.ndarray, outcome: np.ndarray) -> None:
    found = agreement(scores, outcome, n_resamples=20)
    assert np.isnan([found.rho.value, found.rho.low, found.rho.high, found.tau.value, found.tau.low]).all()


def test_a_perfect_order_has_an_interval_without_width() -> None:
    y = np.arange(30.0)
    found = agreement(y[None], y)
    assert (found.rho.low, found.rho.high) == (1.0, 1.0)
    assert (found.tau.low, found.tau.high) == (1.0, 1.0)


def test_resamples_draw_as_many_as_there_are() -> None:
    counts = resamples(17, 50, seed=1)
    assert counts.shape == (50, 17)
    assert (counts.sum(axis=1) == 17).all()
    assert (counts == resamples(17, 50, seed=1)).all()
    assert (counts != resamples(17, 50, seed=2)).any()
