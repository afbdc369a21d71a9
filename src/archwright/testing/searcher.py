"""The laws of a searcher."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from archwright.core.budget import Budget
from archwright.core.history import History
from archwright.core.protocols import Searcher
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Trial
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.spaces.base import Space
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.study.events import Event
from archwright.study.study import Study
from archwright.testing.toy import Toy

__all__ = ["SearcherContract"]


class SearcherContract:
    """Inherit, set `name` to the catalogue's name, and give `make`; `space`, `trials` and `toy` may be replaced."""

    name = ""
    #: Trials of a test run; a searcher that ends earlier by itself may.
    trials = 24
    toy = Toy(fails=0.2)

    def make(self, space: Space) -> Searcher:
        """Return a fresh searcher on `space`; equal each time."""
        raise NotImplementedError

    def space(self) -> Space:
        """Return the space to search."""
        return TabularMlp((8, 16, 32, 64), layers=3)

    def events(self) -> list[Event]:
        """Return what an uninterrupted run records."""
        study = _Recorded()
        self._run(study)
        return study.events

    def test_same_history_and_generator_give_same_proposals(self) -> None:
        for history in self._histories():
            searcher = self.make(self.space())
            assert self._ask(searcher, history) == self._ask(searcher, history)

    def test_memory_is_only_a_cache(self) -> None:
        old = self.make(self.space())
        for history in self._histories():
            assert self._ask(old, history) == self._ask(self.make(self.space()), history)

    def test_it_gives_at_most_as_many_as_asked_for(self) -> None:
        for history in self._histories():
            for n in (1, 2, 5):
                assert len(self._ask(self.make(self.space()), history, n)) <= n

    def test_it_has_something_to_begin_with(self) -> None:
        assert self._ask(self.make(self.space()), History())

    def test_it_proposes_only_valid_architectures(self) -> None:
        space = self.space()
        assert all(space.check(trial.proposal.arch) is None for trial in self._run(Study()).trials)

    def test_it_leaves_the_history_as_it_was(self) -> None:
        for history in self._histories():
            before, pending = list(history.done), history.pending
            self._ask(self.make(self.space()), history)
            assert history.done == before
            assert history.pending == pending

    def test_it_draws_only_from_the_generator_given(self) -> None:
        state = repr(np.random.get_state())  # noqa: NPY002 - the point is that nobody else touches it
        self._run(Study())
        assert repr(np.random.get_state()) == state  # noqa: NPY002

    def test_it_survives_an_evaluator_that_always_fails(self) -> None:
        executor = SimulatedExecutor(Toy(fails=1.0))
        study = run(self.make(self.space()), executor, Budget(trials=self.trials), seed=0)
        assert study.trials
        assert study.best() is None

    def test_many_workers_give_the_same_run_twice(self) -> None:
        assert self._run(Study(), workers=3).trials == self._run(Study(), workers=3).trials

    def test_resume_equals_uninterrupted(self) -> None:
        events = self.events()
        whole = [event for event in events if isinstance(event, Trial)]
        for cut in range(len(events) + 1):
            study = Study()
            self._replay(study, events[:cut])
            assert self._run(study).trials == whole

    def test_resume_from_a_store_equals_uninterrupted(self) -> None:
        events = self.events()
        whole = [event for event in events if isinstance(event, Trial)]
        with tempfile.TemporaryDirectory() as folder:
            for cut in range(0, len(events) + 1, 5):
                path = Path(folder) / f"cut-{cut}.db"
                with Study.open(path) as study:
                    self._replay(study, events[:cut])
                with Study.open(path) as study:
                    assert self._run(study).trials == whole

    def _replay(self, study: Study, events: Sequence[Event]) -> None:
        for event in events:
            study.append(event)

    def _run(self, study: Study, *, workers: int = 1) -> Study:
        executor = SimulatedExecutor(self.toy, workers=workers)
        return run(self.make(self.space()), executor, Budget(trials=self.trials), seed=0, study=study)

    def _ask(self, searcher: Searcher, history: History, n: int = 3) -> list[Proposal]:
        return list(searcher.propose(history, n, rng=derive(1, "contract", len(history))))

    def _histories(self) -> Sequence[History]:
        """Return growing histories of a run; some with proposals that are still running."""
        trials = [event for event in self.events() if isinstance(event, Trial)]
        lengths = range(0, len(trials), 4)
        alone = [History(trials[:length]) for length in lengths]
        busy = [History(trials[:length], [trials[length].proposal]) for length in lengths]
        return [history for pair in zip(alone, busy, strict=True) for history in pair]


class _Recorded(Study):
    """A study that keeps its events as well."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def append(self, event: Event) -> None:
        super().append(event)
        self.events.append(event)
