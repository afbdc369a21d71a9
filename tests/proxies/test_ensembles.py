"""Ensembles of proxies against their definitions, pair by pair."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.errors import ProxyError
from archwright.core.rng import derive
from archwright.proxies.ensemble import directed, mean_rank, rank_sum, vote

VALUES = st.one_of(st.just(math.nan), st.integers(-3, 3).map(float))
TABLES = st.integers(1, 7).flatmap(lambda n: st.lists(st.lists(VALUES, min_size=n, max_size=n), min_size=1, max_size=4))


def named(table: list[list[float]]) -> dict[str, list[float]]:
    return {f"mine{k}": row for k, row in enumerate(table)}


def better(a: float, b: float) -> bool:
    return not math.isnan(a) and (math.isnan(b) or a > b)


def equal(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


@given(TABLES)
def test_ranks_count_who_is_better(table: list[list[float]]) -> None:
    wanted = [
        sum(sum(better(o, row[i]) for o in row) + (sum(equal(o, row[i]) for o in row) + 1) / 2 for row in table)
        for i in range(len(table[0]))
    ]
    assert rank_sum(named(table)).tolist() == wanted
    assert mean_rank(named(table)).tolist() == pytest.approx([total / len(table) for total in wanted])


@given(TABLES)
def test_votes_are_counted_pair_by_pair(table: list[list[float]]) -> None:
    n = len(table[0])
    wanted = []
    for i in range(n):
        wins = 0.0
        for j in set(range(n)) - {i}:
            ballots = sum(better(row[i], row[j]) - better(row[j], row[i]) for row in table)
            wins += 1.0 if ballots > 0 else 0.5 if ballots == 0 else 0.0
        wanted.append(wins / max(1, n - 1))
    assert vote(named(table)).tolist() == pytest.approx(wanted)


def test_more_architectures_than_a_block_have_the_same_votes() -> None:
    values = derive(0, "votes").normal(size=(3, 600))
    ballots = np.sign(values[:, :, None] - values[:, None, :]).sum(axis=0)
    wins = (ballots > 0).sum(axis=1) / 599  # of three ballots without ties one side has the most
    assert vote(named(values.tolist())) == pytest.approx(wins)


def test_one_proxy_alone_orders_as_it_does() -> None:
    values = derive(1, "votes").normal(size=50)
    order = np.argsort(values)
    assert np.argsort(vote({"nwot": values})).tolist() == order.tolist()
    assert np.argsort(-rank_sum({"nwot": values})).tolist() == order.tolist()
    assert np.argsort(-rank_sum({"ntk_cond": -values})).tolist() == order.tolist()  # lower is better


def test_directions_are_the_proxies_own_unless_others_are_given() -> None:
    assert directed({"ntk_cond": [2.0], "nwot": [2.0], "mine": [2.0]}).tolist() == [[-2.0], [2.0], [2.0]]
    assert directed({"ntk_cond": [2.0]}, {"ntk_cond": 1}).tolist() == [[2.0]]


@pytest.mark.parametrize("scores", [{}, {"a": [1.0], "b": [1.0, 2.0]}, {"a": [[1.0]]}])
def test_scores_that_do_not_match_are_refused(scores: dict) -> None:
    with pytest.raises(ProxyError, match="of the same length"):
        rank_sum(scores)
