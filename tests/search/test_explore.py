"""Filtering by a cheap score: what is kept, what noise replaces, which moves a proxy prefers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright import recipes
from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result, Trial
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.explore import ProxyMoves, explore, with_noise
from archwright.search.in_order import InOrder, WarmStart
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.testing import Toy

SPACE = TabularMlp((1, 2, 3, 4, 5, 6), layers=4)


def score(arch: Arch) -> float:
    return float(sum(arch.genes))


@pytest.mark.parametrize("by", ["evolution", "random"])
def test_what_is_explored_is_distinct_and_ranked(by: str) -> None:
    found = explore(SPACE, score, 200, rng=derive(1, by), by=by)
    values = [score(arch) for arch in found]
    assert values == sorted(values, reverse=True)
    assert len(set(found)) == len(found) <= 200


def test_a_random_sample_has_as_many_as_asked_for_and_a_whole_space_all() -> None:
    assert len(explore(SPACE, score, 200, rng=derive(2), by="random")) == 200
    assert set(explore(SPACE, score, 5000, rng=derive(2), by="random")) == set(SPACE.enumerate())


def test_evolution_finds_better_ones_than_as_many_draws() -> None:
    def best(by: str, seed: int) -> float:
        return score(explore(SPACE, score, 150, rng=derive(seed, "explore"), by=by)[0])

    assert sum(best("evolution", k) - best("random", k) for k in range(10)) > 0


def test_each_architecture_is_scored_once() -> None:
    asked = []
    explore(SPACE, lambda arch: asked.append(arch) or 1.0, 300, rng=derive(3))
    assert len(asked) == len(set(asked))


def test_what_has_no_score_is_left_out() -> None:
    found = explore(SPACE, lambda arch: math.nan if arch.genes[0] else score(arch), 300, rng=derive(4))
    assert found
    assert all(arch.genes[0] == 0 for arch in found)


def test_exploring_checks_what_it_is_told() -> None:
    with pytest.raises(SearchError, match="needs a whole n of 1 or more"):
        explore(SPACE, score, 0, rng=derive(0))
    with pytest.raises(SearchError, match="'evolution' or at 'random', but 'luck'"):
        explore(SPACE, score, 5, rng=derive(0), by="luck")  # type: ignore[arg-type]


@given(st.integers(0, 40), st.floats(0, 1), st.integers(0, 99))
def test_noise_keeps_the_best_and_replaces_the_share_of_the_rest(n: int, share: float, seed: int) -> None:
    top = [SPACE.at(7 * k) for k in range(n)]
    noisy = with_noise(top, SPACE, share, rng=derive(seed))
    kept = n - round(share * n)
    assert noisy[:kept] == top[:kept]
    assert len(set(noisy)) == len(noisy) == n


def test_noise_in_a_small_space_takes_what_there_is() -> None:
    small = TabularMlp((1, 2), layers=2)
    top = list(small.enumerate())
    assert set(with_noise(top, small, 0.5, rng=derive(0))) == set(top)
    with pytest.raises(SearchError, match=r"must be in 0\.\.1, but 1\.5"):
        with_noise(top, small, 1.5, rng=derive(0))


def test_a_move_is_the_best_of_mutations_of_one_parent() -> None:
    parent = Arch(SPACE.name, (2, 2, 2, 2))
    moves = ProxyMoves(SPACE, score, moves=200)
    child = moves(parent, rng=derive(5))
    assert sum(a != b for a, b in zip(child.genes, parent.genes, strict=True)) == 1
    assert score(child) == 2 * 3 + 5
    lone = ProxyMoves(SPACE, lambda arch: math.nan, moves=3)(parent, rng=derive(6))
    assert SPACE.check(lone) is None


def test_a_warm_start_fills_the_population_of_evolution() -> None:
    first = tuple(SPACE.at(100 + k) for k in range(4))
    searcher = recipes.warmup(SPACE, score, explored=300, founders=10)
    assert isinstance(searcher, WarmStart)
    study = run(WarmStart(first, searcher.inner), SimulatedExecutor(Toy()), Budget(trials=30), seed=0)
    assert [trial.proposal.arch for trial in study.trials[:4]] == list(first)
    assert len(study.trials) == 30


def test_in_order_leaves_out_what_is_known_and_says_what_repeats() -> None:
    archs = tuple(SPACE.at(k) for k in (5, 3, 9))
    known = History([Trial(0, Proposal(archs[0]), Result(1.0, 0.0), 0.0)], [Proposal(archs[1])])
    assert [p.arch for p in InOrder(archs).propose(known, 5, rng=derive(0))] == [archs[2]]
    with pytest.raises(SearchError, match="must differ"):
        InOrder((archs[0], archs[0]))


def test_strategies_of_atlas_train_what_they_say() -> None:
    best = explore(SPACE, score, 900, rng=derive(0, "filter"))
    assert recipes.training_free(SPACE, score).archs == (best[0],)
    assert recipes.filter_and_train(SPACE, score, kept=7).archs == tuple(best[:7])
    noisy = recipes.filter_and_train(SPACE, score, kept=10, noise=0.3)
    assert noisy.archs[:7] == tuple(best[:7])
    assert noisy.archs[7:] != tuple(best[7:10])
    halving = recipes.atlas(SPACE, score, 16, kept=8)
    assert (halving.candidates, halving.rungs) == (tuple(best[:8]), ((2, 8), (4, 4), (8, 2), (16, 1)))
    assert recipes.atlas(SPACE, score, 20, kept=2).rungs == ((2, 2), (4, 1), (20, 1))
    assert recipes.atlas(SPACE, score, 20, kept=1).rungs == ((2, 1), (20, 1))


def test_strategies_are_the_same_twice_and_differ_by_seed() -> None:
    assert recipes.atlas(SPACE, score, 8, seed=3) == recipes.atlas(SPACE, score, 8, seed=3)
    assert recipes.atlas(SPACE, score, 8, seed=3) != recipes.atlas(SPACE, score, 8, seed=4)


def test_a_good_proxy_makes_each_strategy_better_than_evolution_alone() -> None:
    """The toy's score is the proxy's own, so few trainings must do."""

    def best(searcher, seed: int) -> float:
        trial = run(searcher, SimulatedExecutor(Exact()), Budget(trials=12), seed=seed).best()
        return -math.inf if trial is None or trial.result.score is None else trial.result.score

    class Exact:
        def evaluate(self, proposal: Proposal, *, rng, limit_s: float | None = None) -> Result:
            return Result(score(proposal.arch), 1.0)

    seeds = range(8)
    alone = sum(best(recipes.regularized_evolution(SPACE), k) for k in seeds)
    for make in (
        lambda k: recipes.training_free(SPACE, score, seed=k),
        lambda k: recipes.warmup(SPACE, score, explored=300, seed=k),
        lambda k: recipes.move_proposal(SPACE, score),
        lambda k: recipes.filter_and_train(SPACE, score, kept=5, seed=k),
    ):
        assert sum(best(make(k), k) for k in seeds) > alone
