import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from archwright.core.budget import Budget
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result, Trial
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.nsga2 import Nsga2, crowding, domination_ranks
from archwright.search.random import RandomSearch
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.study.pareto import front

SPACE = TabularMlp(tuple(range(1, 11)), layers=4)

COSTS = st.integers(1, 12).flatmap(lambda n: arrays(float, (n, 2), elements=st.integers(0, 4).map(float)))


def beats(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((a <= b).all() and (a < b).any())


@given(costs=COSTS)
def test_ranks_are_those_of_peeling_fronts_one_by_one(costs: np.ndarray) -> None:
    left, expected = dict(enumerate(costs)), {}
    while left:
        now = [k for k, cost in left.items() if not any(beats(other, cost) for other in left.values())]
        rank = max(expected.values(), default=-1) + 1
        expected |= dict.fromkeys(now, rank)
        left = {k: cost for k, cost in left.items() if k not in now}
    assert domination_ranks(costs).tolist() == [expected[k] for k in range(len(costs))]


def test_crowding_is_the_room_between_neighbours() -> None:
    costs = np.array([[0.0, 10.0], [1.0, 6.0], [4.0, 0.0], [2.0, 5.0]])
    assert crowding(costs).tolist() == [np.inf, 2 / 4 + 5 / 10, np.inf, 3 / 4 + 6 / 10]


def test_equal_costs_leave_no_room_and_no_error() -> None:
    assert crowding(np.ones((3, 2))).tolist() == [np.inf, 0.0, np.inf]


class Traded:
    """Score rises and falls with the first two decisions; `params` rises with the sum."""

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        a, b, c, d = proposal.arch.genes
        return Result(float(a + b - (c - d) ** 2), 1.0, measures={"params": float(a + b + c + d)})


def volume(trials: list[Trial]) -> float:
    """Hypervolume under the front, to score -81 and 40 params."""
    total, params = 0.0, 40.0
    for trial in front(trials, ("params",)):
        total += (params - trial.result.measures["params"]) * ((trial.result.score or 0.0) + 81.0)
        params = trial.result.measures["params"]
    return total


def test_its_front_is_wider_than_that_of_random_search() -> None:
    volumes = []
    for searcher in (Nsga2(SPACE, ("params",)), RandomSearch(SPACE)):
        studies = [run(searcher, SimulatedExecutor(Traded()), Budget(trials=300), seed=seed) for seed in range(3)]
        volumes.append(sum(volume(study.history.ok()) for study in studies))
    assert volumes[0] > volumes[1]
    assert volumes[0] > 0.97 * 3 * volume_of_truth()


def volume_of_truth() -> float:
    """Hypervolume under the true front: there the last two decisions are zero, and score equals params."""
    points = [(float(s), float(s)) for s in range(19)]
    trials = [
        Trial(k, Proposal(SPACE.at(k)), Result(score, 1.0, measures={"params": params}), 0.0)
        for k, (score, params) in enumerate(points)
    ]
    return volume(trials)


def history(*points: tuple[int, float | None, float | None]) -> History:
    return History(
        Trial(k, Proposal(SPACE.at(at)), Result(score, 1.0, measures={} if size is None else {"params": size}), 0.0)
        for k, (at, score, size) in enumerate(points)
    )


def test_parents_are_the_first_front_and_then_the_roomiest() -> None:
    searcher = Nsga2(SPACE, ("params",), population=2)
    past = history((0, 1.0, 5.0), (1, 2.0, 6.0), (2, 5.0, 9.0), (3, 0.5, 9.0))
    parents = searcher._replay.at(past).parents
    assert {SPACE.index(trial.proposal.arch) for trial in parents} == {0, 2}


def test_trials_without_a_score_or_a_measure_take_no_part() -> None:
    searcher = Nsga2(SPACE, ("params",), population=2)
    generation = searcher._replay.at(history((0, None, 5.0), (1, 2.0, None), (2, 5.0, 9.0)))
    assert [SPACE.index(trial.proposal.arch) for trial in generation.children] == [2]
    assert not generation.parents


def test_it_asks_for_nothing_again_while_there_are_others() -> None:
    study = run(Nsga2(SPACE, population=5), SimulatedExecutor(Traded()), Budget(trials=80), seed=0)
    archs = [trial.proposal.arch for trial in study.trials]
    assert len(set(archs)) >= 79


def test_the_first_generation_is_random() -> None:
    first = Nsga2(SPACE, population=6, batch=6).propose(History(), 6, rng=derive(0))
    assert list(first) == list(RandomSearch(SPACE).propose(History(), 6, rng=derive(0)))


@pytest.mark.parametrize(
    "settings", [{"population": 1}, {"batch": 0}, {"crossover": 2.0}, {"smaller": "params"}, {"smaller": ("a", "a")}]
)
def test_wrong_settings_are_refused(settings: dict) -> None:
    with pytest.raises(SearchError, match="nsga2 needs"):
        Nsga2(SPACE, **settings)
