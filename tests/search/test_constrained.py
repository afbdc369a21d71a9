from collections import Counter

import pytest

from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.protocols import Searcher
from archwright.core.rng import derive
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.bohb import Bohb
from archwright.search.constrained import Constrained, Limits
from archwright.search.evolution import Evolution
from archwright.search.halving import Halving, halving
from archwright.search.hyperband import Hyperband
from archwright.search.local import LocalSearch
from archwright.search.nsga2 import Nsga2
from archwright.search.random import RandomSearch
from archwright.search.reinforce import Reinforce
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.testing import Toy

SPACE = TabularMlp((1, 2, 3, 4), layers=3)


def measure(arch: Arch) -> dict[str, float]:
    a, b, c = (SPACE.widths_of(arch)[k] for k in range(3))
    return {"params": float(a * b + b * c), "latency_ms": float(a + b + c)}


LIMITS = Limits(measure, {"params": 10, "latency_ms": 8})

SEARCHERS = {
    "random": RandomSearch(SPACE, batch=4),
    "evolution": Evolution(SPACE, population=5),
    "local": LocalSearch(SPACE),
    "reinforce": Reinforce(SPACE),
    "hyperband": Hyperband(SPACE, max_epochs=4, eta=2),
    "bohb": Bohb(SPACE),
    "nsga2": Nsga2(SPACE, ("params",), population=5),
}


@pytest.mark.parametrize("name", SEARCHERS)
def test_nothing_beyond_the_limits_is_evaluated(name: str) -> None:
    searcher = Constrained(SEARCHERS[name], LIMITS)
    study = run(searcher, SimulatedExecutor(Toy(), workers=2), Budget(trials=30), seed=0)
    assert len(study.trials) >= 20
    assert all(LIMITS(trial.proposal.arch) for trial in study.trials)


def test_local_search_still_finds_everything_within_the_limits() -> None:
    study = run(Constrained(LocalSearch(SPACE), LIMITS), SimulatedExecutor(Toy()), Budget(trials=100), seed=0)
    allowed = [arch for arch in SPACE.enumerate() if LIMITS(arch)]
    assert sorted(trial.proposal.arch for trial in study.trials) == allowed
    assert 20 < len(allowed) < 50


def test_candidates_of_halving_beyond_the_limits_drop_out() -> None:
    candidates = tuple(SPACE.at(k) for k in range(0, 64, 5))
    searcher = Constrained(Halving(candidates, halving(candidates=13, start=1, eta=2, cap=4)), LIMITS)
    study = run(searcher, SimulatedExecutor(Toy()), Budget(trials=100), seed=0)
    allowed = [arch for arch in candidates if LIMITS(arch)]
    counts = Counter(trial.proposal.fidelity for trial in study.trials)
    assert counts == {1: len(allowed), 2: min(6, len(allowed)), 4: 3}


def test_limits_that_all_keep_change_nothing() -> None:
    loose = Limits(measure, {"params": 1e9})
    inner: Searcher = Evolution(SPACE, batch=3)
    plain, wrapped = (
        run(searcher, SimulatedExecutor(Toy()), Budget(trials=40), seed=1).trials
        for searcher in (inner, Constrained(inner, loose))
    )
    assert plain == wrapped


def test_a_limit_itself_is_still_allowed() -> None:
    exact = Limits(lambda arch: {"params": 3.0}, {"params": 3.0})
    assert exact(SPACE.at(0))


def test_an_architecture_is_measured_once() -> None:
    asked: list[Arch] = []

    def counted(arch: Arch) -> dict[str, float]:
        asked.append(arch)
        return measure(arch)

    limits = Limits(counted, {"params": 10})
    run(Constrained(RandomSearch(SPACE), limits), SimulatedExecutor(Toy()), Budget(trials=60), seed=0)
    assert len(asked) == len(set(asked))


def test_where_nothing_keeps_the_limits_the_least_that_was_seen_is_named() -> None:
    searcher = Constrained(RandomSearch(SPACE), Limits(measure, {"params": 1}), tries=500)
    with pytest.raises(SearchError, match=r"none of 64 .* params <= 1; the least seen was params 2: raise the limits"):
        searcher.propose(History(), 1, rng=derive(0))


def test_a_limit_on_what_is_not_measured_is_refused() -> None:
    with pytest.raises(SearchError, match=r"a limit on 'flops', but the measures of .* are: latency_ms, params"):
        Limits(measure, {"flops": 5})(SPACE.at(0))


@pytest.mark.parametrize("at_most", [{}, {"params": float("nan")}])
def test_no_limit_at_all_is_refused(at_most: dict) -> None:
    with pytest.raises(SearchError, match="limits must be numbers"):
        Limits(measure, at_most)


def test_no_tries_are_refused() -> None:
    with pytest.raises(SearchError, match="whole tries of 1 or more, but 0 was given"):
        Constrained(RandomSearch(SPACE), LIMITS, tries=0)
