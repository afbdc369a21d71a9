"""Many searches at once are the searches of `run`, drawn from another stream."""

import numpy as np
import pytest
import small_bench
from hypothesis import given, settings
from hypothesis import strategies as st

import archwright.bench.lockstep as lockstep
from archwright.bench.lockstep import LockstepRuns, LockstepTable
from archwright.core.budget import Budget
from archwright.core.errors import BenchError
from archwright.core.trial import Result
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.evolution import Evolution
from archwright.search.random import RandomSearch
from archwright.spaces.tabular_mlp import TabularMlp

SPACE = TabularMlp((8, 16, 32, 64), layers=4)
#: No two are equal.
SCORES = np.random.default_rng(5).permutation(256) * 1.001 + 40.0 * np.array([sum(a.genes) for a in SPACE.enumerate()])


class _Listed:
    """The same scores for the loop."""

    def evaluate(self, proposal, *, rng, limit_s=None):
        return Result(float(SCORES[SPACE.index(proposal.arch)]), 1.0)


def _looped(searcher, *, trials, runs):
    """Final best score of each of many runs of the loop."""
    studies = (run(searcher, SimulatedExecutor(_Listed()), Budget(trials=trials), seed=seed) for seed in range(runs))
    return np.array([study.best().result.score for study in studies])


def _apart(a, b):
    """Largest distance of two empirical distributions, in units that reach 1.95 by chance once in a thousand times."""
    points = np.union1d(a, b)
    shares = [np.searchsorted(np.sort(each), points, side="right") / len(each) for each in (a, b)]
    return np.abs(shares[0] - shares[1]).max() * np.sqrt(len(a) * len(b) / (len(a) + len(b)))


@pytest.mark.parametrize("trials", [12, 40])
def test_evolution_ends_as_the_loop_ends(trials: int) -> None:
    table = LockstepTable(SCORES, SPACE.arities)
    ours = table.evolution(runs=2000, trials=trials, rng=np.random.default_rng(0), population=6, sample=3)
    slow = _looped(Evolution(SPACE, population=6, sample=3), trials=trials, runs=150)
    assert _apart(ours.scores.max(axis=1), slow) < 1.95


def test_random_search_ends_as_the_loop_ends() -> None:
    ours = LockstepTable(SCORES, SPACE.arities).random(runs=2000, trials=20, rng=np.random.default_rng(0))
    assert _apart(ours.scores.max(axis=1), _looped(RandomSearch(SPACE), trials=20, runs=150)) < 1.95


def test_evolution_is_told_apart_from_another_setting() -> None:
    """The distance above would notice a population of another size."""
    table = LockstepTable(SCORES, SPACE.arities)
    rng = np.random.default_rng(0)
    ours, other = (table.evolution(runs=2000, trials=40, rng=rng, population=size, sample=3) for size in (6, 20))
    assert _apart(ours.scores.max(axis=1), other.scores.max(axis=1)) > 1.95


def test_a_child_is_a_neighbour_of_one_that_is_alive_and_the_best_of_all_drawn_is_its_parent() -> None:
    table = LockstepTable(SCORES, SPACE.arities)
    runs = table.evolution(runs=20, trials=30, rng=np.random.default_rng(1), population=5, sample=400)
    for places, scores in zip(runs.places, runs.scores, strict=True):
        for q in range(5, 30):
            # With so many drawn, the best one alive is among them.
            parent = places[q - 5 + int(scores[q - 5 : q].argmax())]
            near = {SPACE.index(arch) for arch in SPACE.neighbours(SPACE.at(int(parent)))}
            assert int(places[q]) in near


def test_every_change_of_an_architecture_is_one_of_its_neighbours() -> None:
    space = TabularMlp((8, 16, 32), layers=3)
    table = LockstepTable(np.zeros(27), space.arities)
    for point in range(27):
        every = table._children(np.full(6, point), np.arange(6)).tolist()
        assert sorted(every) == sorted(space.index(arch) for arch in space.neighbours(space.at(point)))


def test_large_spaces_are_searched_without_a_list_of_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = LockstepTable(SCORES, SPACE.arities)
    monkeypatch.setattr(lockstep, "_LISTED", 0)
    computed = LockstepTable(SCORES, SPACE.arities)
    a, b = (table.evolution(runs=9, trials=50, rng=np.random.default_rng(3)) for table in (listed, computed))
    assert (a.places == b.places).all()


def test_groups_of_runs_differ_from_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lockstep, "_TOGETHER", 4)
    runs = LockstepTable(SCORES, SPACE.arities).evolution(runs=10, trials=15, rng=np.random.default_rng(3))
    assert runs.places.shape == (10, 15)
    assert len(np.unique(runs.places, axis=0)) == 10


@given(st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=5))
@settings(max_examples=50)
def test_incumbents_are_the_first_of_the_best_so_far(rows: list[list[int]]) -> None:
    scores = np.array(rows, dtype=float)
    places = np.arange(scores.size).reshape(scores.shape)
    found = LockstepRuns(places, scores).incumbents()
    for r, row in enumerate(rows):
        assert found[r].tolist() == [r * 4 + row[: t + 1].index(max(row[: t + 1])) for t in range(4)]


def test_fewer_trials_than_founders_are_random(tmp_path) -> None:
    runs = LockstepTable(SCORES, SPACE.arities).evolution(runs=3, trials=4, rng=np.random.default_rng(0))
    assert runs.scores.shape == (3, 4)


def test_a_benchmark_gives_its_scores_in_the_order_of_the_grid(tmp_path) -> None:
    archs = list(small_bench.SPACE.enumerate())[::-1]
    bench = small_bench.opened(tmp_path / "b", archs=archs)
    table = LockstepTable.of(bench, "data", epoch=4)
    assert table.scores.tolist() == bench.values("data", slice(None), 4).tolist()[::-1]


def test_lower_is_better_is_negated(tmp_path) -> None:
    outcome = small_bench.outcome(27, higher_is_better=False)
    bench = small_bench.opened(tmp_path / "b", outcomes=[outcome])
    assert LockstepTable.of(bench, "data").scores[3] == -bench.values("data", [3])[0]


def test_a_table_with_gaps_is_refused(tmp_path) -> None:
    archs = list(small_bench.SPACE.enumerate())[:20]
    bench = small_bench.opened(tmp_path / "b", archs=archs)
    with pytest.raises(BenchError, match="27 points, but got 20"):
        LockstepTable.of(bench, "data")


def test_a_sample_of_none_is_refused() -> None:
    with pytest.raises(BenchError, match="one or more"):
        LockstepTable(SCORES, SPACE.arities).evolution(runs=1, trials=1, rng=np.random.default_rng(0), sample=0)
