"""The laws of an evaluator."""

from __future__ import annotations

import math
import pickle

import numpy as np

from archwright.core.arch import Arch
from archwright.core.protocols import Evaluator
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result

__all__ = ["EvaluatorContract"]


class EvaluatorContract:
    """Inherit and give `make` and `proposal`. Set `travels` to False if it cannot go to another process."""

    name = ""
    travels = True

    def make(self) -> Evaluator:
        """Return a fresh evaluator; equal each time."""
        raise NotImplementedError

    def proposal(self) -> Proposal:
        """Return a cheap proposal that can be evaluated."""
        raise NotImplementedError

    def result(self, evaluator: Evaluator) -> Result:
        """Return the result of the proposal."""
        return evaluator.evaluate(self.proposal(), rng=derive(0, "trial", 0))

    def test_a_good_architecture_has_a_finite_score(self) -> None:
        result = self.result(self.make())
        assert result.error == ""
        assert result.score is not None
        assert math.isfinite(result.score)
        assert result.cost_s >= 0

    def test_the_same_generator_gives_the_same_score(self) -> None:
        assert self.result(self.make()).score == self.result(self.make()).score

    def test_a_bad_architecture_is_a_failed_result(self) -> None:
        result = self.make().evaluate(Proposal(Arch("no-such-space", (0,))), rng=derive(0, "trial", 0))
        assert result.score is None
        assert result.error

    def test_it_draws_only_from_the_generator_given(self) -> None:
        state = repr(np.random.get_state())  # noqa: NPY002 - the point is that nobody else touches it
        self.result(self.make())
        assert repr(np.random.get_state()) == state  # noqa: NPY002

    def test_it_can_travel_to_another_process(self) -> None:
        if self.travels:
            copy = pickle.loads(pickle.dumps(self.make()))  # noqa: S301 - our own bytes
            assert self.result(copy).score == self.result(self.make()).score
