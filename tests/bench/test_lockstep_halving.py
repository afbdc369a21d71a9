"""Hyperband of many seeds at once is the Hyperband of `run`."""

import itertools

import numpy as np
import pytest
import small_bench
from hypothesis import given
from hypothesis import strategies as st

from archwright.bench.evaluator import TableEvaluator
from archwright.bench.lockstep_halving import LockstepCurves
from archwright.core.budget import Budget
from archwright.core.errors import BenchError
from archwright.core.trial import Result
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.halving import Rung
from archwright.search.hyperband import Hyperband, brackets
from archwright.spaces.tabular_mlp import TabularMlp

SPACE = TabularMlp((8, 16, 32, 64), layers=4)
ROUND = brackets(max_epochs=9)
EPOCHS = (1, 3, 9)
#: Some are equal, so that the order of equals matters.
SCORES = {epoch: np.random.default_rng(epoch).integers(60, size=256).astype(float) for epoch in EPOCHS}
SECONDS = {epoch: epoch * np.random.default_rng(9).integers(1, 9, size=256).astype(float) for epoch in EPOCHS}
CURVES = LockstepCurves(SCORES, SECONDS)


class _Listed:
    """The same numbers for the loop."""

    def evaluate(self, proposal, *, rng, limit_s=None):
        place = SPACE.index(proposal.arch)
        return Result(float(SCORES[proposal.fidelity][place]), float(SECONDS[proposal.fidelity][place]))


@pytest.mark.parametrize("seed", range(8))
def test_with_the_same_candidates_every_trial_is_that_of_the_loop(seed: int) -> None:
    runs = CURVES.hyperband(ROUND, runs=3, trials=70, rng=np.random.default_rng(seed))
    first = [note for rungs in ROUND for k, rung in enumerate(rungs) for note in [k == 0] * rung.alive]
    begun = np.array(list(itertools.islice(itertools.cycle(first), 70)))
    for r in range(3):
        candidates = iter(runs.places[r][begun].tolist())
        searcher = Hyperband(SPACE, max_epochs=9, draw=lambda history, rng, left=candidates: SPACE.at(next(left)))
        study = run(searcher, SimulatedExecutor(_Listed()), Budget(trials=70), seed=0)
        assert [SPACE.index(trial.proposal.arch) for trial in study.trials] == runs.places[r].tolist()
        assert [trial.proposal.fidelity for trial in study.trials] == runs.epochs.tolist()
        assert [trial.result.score for trial in study.trials] == runs.scores[r].tolist()
        assert [trial.finished_s for trial in study.trials] == runs.seconds[r].tolist()


@given(n=st.integers(1, 30), seed=st.integers(0, 1000))
def test_candidates_of_a_bracket_differ(n: int, seed: int) -> None:
    drawn = CURVES._candidates(20, n, np.random.default_rng(seed))
    assert all(len(set(row)) == n for row in drawn.tolist())


def test_candidates_are_equally_likely() -> None:
    drawn = LockstepCurves({1: np.zeros(10)}, {1: np.ones(10)})._candidates(4000, 5, np.random.default_rng(0))
    counts = np.array([np.bincount(column, minlength=10) for column in drawn.T])
    # 400 each; the deviation of one count is 19.
    assert abs(counts - 400).max() < 5 * 19


def test_a_grid_smaller_than_a_bracket_is_no_obstacle() -> None:
    tiny = LockstepCurves({1: [1.0, 2.0], 3: [1.0, 2.0]}, {1: [1.0, 1.0], 3: [3.0, 3.0]})
    runs = tiny.hyperband([[Rung(1, 5), Rung(3, 1)]], runs=4, trials=12, rng=np.random.default_rng(0))
    assert runs.epochs.tolist() == ([1] * 5 + [3]) * 2
    assert (runs.places[:, 5] == np.where(runs.places[:, :5].max(axis=1) == 1, 1, 0)).all()


@pytest.mark.parametrize("has_seconds", [True, False])
def test_a_benchmark_gives_scores_and_seconds_as_its_evaluator_does(tmp_path, has_seconds: bool) -> None:
    changed = {} if has_seconds else {"seconds": None}
    outcome = small_bench.outcome(27, higher_is_better=False, **changed)
    archs = list(small_bench.SPACE.enumerate())
    bench = small_bench.opened(tmp_path / "b", archs=archs[::-1], outcomes=[outcome])
    curves = LockstepCurves.of(bench, "data", epochs=[2, 16], epoch_s=7.0)
    evaluator = TableEvaluator(bench, epoch_s=7.0)
    runs = curves.hyperband([[(2, 6), (16, 2)]], runs=2, trials=8, rng=np.random.default_rng(0))
    for r in range(2):
        draw = iter(runs.places[r][:6].tolist())
        searcher = Hyperband(
            small_bench.SPACE, max_epochs=16, draw=lambda history, rng, left=draw: small_bench.SPACE.at(next(left))
        )
        object.__setattr__(searcher, "_round", ((Rung(2, 6), Rung(16, 2)),))
        study = run(searcher, SimulatedExecutor(evaluator), Budget(trials=8), seed=0)
        assert [trial.result.score for trial in study.trials] == runs.scores[r].tolist()
        assert [trial.finished_s for trial in study.trials] == runs.seconds[r].tolist()


def test_what_is_missing_is_refused(tmp_path) -> None:
    with pytest.raises(BenchError, match="after 27 epochs, but there are those after 1, 3, 9"):
        CURVES.hyperband(brackets(max_epochs=27), runs=1, trials=1, rng=np.random.default_rng(0))
    with pytest.raises(BenchError, match="same epochs"):
        LockstepCurves(SCORES, {})
    with pytest.raises(BenchError, match="finite"):
        LockstepCurves({1: [1.0, np.nan]}, {1: [1.0, 1.0]})
    bench = small_bench.opened(tmp_path / "b", archs=list(small_bench.SPACE.enumerate())[:20])
    with pytest.raises(BenchError, match="finite"):
        LockstepCurves.of(bench, "data", epochs=[4])
