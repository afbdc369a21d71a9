"""The laws of an executor."""

from __future__ import annotations

from archwright.core.budget import Budget
from archwright.core.protocols import Evaluator, Executor
from archwright.core.rng import numbered
from archwright.core.trial import Proposal, Trial
from archwright.run.loop import run
from archwright.search.random import RandomSearch
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.testing.toy import Broken, NotANumber, Toy

__all__ = ["ExecutorContract"]

_SPACE = TabularMlp((8, 16, 32), layers=3)


class ExecutorContract:
    """Inherit, set `name` to the catalogue's name, and give `make`."""

    name = ""

    def make(self, evaluator: Evaluator) -> Executor:
        """Return a fresh, idle executor of `evaluator`."""
        raise NotImplementedError

    def one(self, evaluator: Evaluator) -> Trial:
        """Return the trial of one proposal."""
        executor = self.make(evaluator)
        try:
            executor.submit(7, Proposal(_SPACE.at(5), 2, "a note"), seed=3)
            trial = executor.next()
        finally:
            executor.close()
        assert trial is not None
        return trial

    def test_it_begins_idle(self) -> None:
        executor = self.make(Toy())
        assert executor.free() >= 1
        assert not executor.pending()
        assert executor.next(timeout_s=0.0) is None
        executor.close()

    def test_a_trial_carries_what_was_asked_and_what_the_evaluator_gave(self) -> None:
        trial = self.one(Toy())
        proposal = Proposal(_SPACE.at(5), 2, "a note")
        assert (trial.id, trial.proposal) == (7, proposal)
        assert trial.result == Toy().evaluate(proposal, rng=numbered(3, "trial", 7))

    def test_an_exception_is_a_failed_trial(self) -> None:
        result = self.one(Broken()).result
        assert result.score is None
        assert result.error == f"ZeroDivisionError: no score for {_SPACE.at(5)}"

    def test_a_score_that_is_no_number_is_a_failed_trial(self) -> None:
        result = self.one(NotANumber()).result
        assert result.score is None
        assert "nan" in result.error

    def test_what_is_submitted_is_pending_until_it_is_fetched(self) -> None:
        executor = self.make(Toy())
        free = executor.free()
        executor.submit(0, Proposal(_SPACE.at(1)), seed=0)
        assert executor.free() == free - 1
        assert list(executor.pending()) == [Proposal(_SPACE.at(1))]
        assert executor.next() is not None
        assert not executor.pending()
        assert executor.free() == free
        executor.close()

    def test_the_clock_only_goes_forward(self) -> None:
        executor = self.make(Toy())
        readings = [executor.now()]
        for k in range(3):
            executor.submit(k, Proposal(_SPACE.at(k)), seed=0)
            trial = executor.next()
            assert trial is not None
            readings += [trial.finished_s, executor.now()]
        assert readings == sorted(readings)
        executor.close()

    def test_advance_sets_the_clock_forward_and_never_back(self) -> None:
        executor = self.make(Toy())
        executor.advance(1000.0)
        assert executor.now() >= 1000.0
        executor.advance(10.0)
        assert executor.now() >= 1000.0
        executor.close()

    def test_a_run_gives_each_trial_the_same_result_as_anywhere(self) -> None:
        executor = self.make(Toy())
        study = run(RandomSearch(_SPACE), executor, Budget(trials=12), seed=5)
        executor.close()
        assert sorted(trial.id for trial in study.trials) == list(range(12))
        for trial in study.trials:
            assert trial.result == Toy().evaluate(trial.proposal, rng=numbered(5, "trial", trial.id))

    def test_closing_twice_is_safe(self) -> None:
        executor = self.make(Toy())
        executor.submit(0, Proposal(_SPACE.at(1)), seed=0)
        executor.close()
        executor.close()
        assert not executor.pending()
