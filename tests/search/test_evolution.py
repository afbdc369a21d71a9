import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.budget import Budget
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result, Trial
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.evolution import Evolution
from archwright.search.random import RandomSearch
from archwright.spaces.tabular_mlp import TabularMlp, frappe
from archwright.testing import Toy

SPACE = TabularMlp((1, 2, 3, 4, 5), layers=3)


def history(scores: list[float | None]) -> History:
    return History(Trial(k, Proposal(SPACE.at(k)), Result(score, 0.0), 0.0) for k, score in enumerate(scores))


def test_a_child_is_one_step_from_the_best_when_all_are_drawn_often() -> None:
    searcher = Evolution(SPACE, population=3, sample=60)
    (child,) = searcher.propose(history([0.1, 0.9, 0.2]), 1, rng=derive(0))
    assert child.arch in set(SPACE.neighbours(SPACE.at(1)))


def test_the_old_die_however_good() -> None:
    searcher = Evolution(SPACE, population=2, sample=60)
    (child,) = searcher.propose(history([99.0, 0.1, 0.2]), 1, rng=derive(0))
    assert child.arch in set(SPACE.neighbours(SPACE.at(2)))


def test_failed_trials_never_enter_the_population() -> None:
    searcher = Evolution(SPACE, population=2, sample=60)
    (child,) = searcher.propose(history([0.1, 0.2, None, None]), 1, rng=derive(0))
    assert child.arch in set(SPACE.neighbours(SPACE.at(1)))


def test_founders_are_random_until_the_population_is_full() -> None:
    first = Evolution(SPACE, population=5, batch=5).propose(History(), 5, rng=derive(0))
    assert list(first) == list(RandomSearch(SPACE).propose(History(), 5, rng=derive(0)))


def test_it_beats_random_search() -> None:
    space = frappe()
    best = []
    for searcher in (Evolution(space), RandomSearch(space)):
        studies = [run(searcher, SimulatedExecutor(Toy()), Budget(trials=150), seed=seed) for seed in range(5)]
        best.append(sum(trial.result.score or 0.0 for study in studies if (trial := study.best())))
    assert best[0] > best[1]


@pytest.mark.parametrize(("population", "sample"), [(0, 1), (1, 0), (2.5, 1), (1, True)])
def test_an_empty_population_or_sample_is_refused(population: int, sample: int) -> None:
    with pytest.raises(SearchError, match=r"needs a whole (population|sample) of 1 or more"):
        Evolution(SPACE, population=population, sample=sample)


def test_without_ageing_the_good_live_on() -> None:
    searcher = Evolution(SPACE, population=2, sample=60, dies="worst")
    (child,) = searcher.propose(history([99.0, 0.1, 0.2]), 1, rng=derive(0))
    assert child.arch in set(SPACE.neighbours(SPACE.at(0)))


def test_of_equals_the_older_one_lives() -> None:
    searcher = Evolution(SPACE, population=1, sample=1, dies="worst")
    (child,) = searcher.propose(history([0.5, 0.5, 0.1]), 1, rng=derive(0))
    assert child.arch in set(SPACE.neighbours(SPACE.at(0)))


@given(scores=st.lists(st.none() | st.integers(0, 5).map(float), max_size=30), population=st.integers(1, 6))
def test_those_alive_without_ageing_are_the_best_of_all(scores: list[float | None], population: int) -> None:
    searcher = Evolution(SPACE, population=population, dies="worst")
    past = history(scores)
    alive = searcher._best.at(past).trials
    assert alive == sorted(past.ok(), key=lambda trial: -(trial.result.score or 0.0))[:population]


def test_without_replacement_a_full_sample_always_has_the_best() -> None:
    searcher = Evolution(SPACE, population=3, sample=3, replacement=False)
    near = set(SPACE.neighbours(SPACE.at(1)))
    children = searcher.propose(history([0.1, 0.9, 0.2]), 40, rng=derive(0))
    assert all(child.arch in near for child in children)
    others = Evolution(SPACE, population=3, sample=3).propose(history([0.1, 0.9, 0.2]), 40, rng=derive(0))
    assert not all(child.arch in near for child in others)


def test_another_way_to_die_is_refused() -> None:
    with pytest.raises(SearchError, match="'oldest' or the 'worst'"):
        Evolution(SPACE, dies="youngest")  # type: ignore[arg-type]
