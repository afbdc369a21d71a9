from __future__ import annotations

import pickle

import pytest

from archwright.core.arch import Arch
from archwright.core.protocols import Evaluator
from archwright.core.rng import derive
from archwright.core.trial import Proposal
from archwright.proxies.evaluator import ExpressFlowEvaluator
from archwright.proxies.whole_space import WholeSpace
from archwright.spaces.tabular_mlp import TabularMlp

SPACE = TabularMlp((2, 5, 9), layers=3)


def test_it_is_an_evaluator() -> None:
    assert isinstance(ExpressFlowEvaluator(SPACE, 7, seed=0), Evaluator)


@pytest.mark.parametrize("reference", [False, True])
def test_score_is_that_of_the_whole_space(reference: bool) -> None:
    evaluator = ExpressFlowEvaluator(SPACE, 7, n_outputs=2, seed=4, reference=reference)
    scores = WholeSpace(SPACE, 7, n_outputs=2, seed=4, reference=reference).scores()
    for index in range(SPACE.size()):
        result = evaluator.evaluate(Proposal(SPACE.at(index)), rng=derive(0, "trial", index))
        assert result.score == pytest.approx(scores[index], rel=1e-4)
        assert result.error == ""
        assert result.cost_s >= 0


def test_score_does_not_depend_on_the_trial() -> None:
    evaluator = ExpressFlowEvaluator(SPACE, 7, seed=0)
    proposal = Proposal(SPACE.at(11), fidelity=3)
    first, second = (evaluator.evaluate(proposal, rng=derive(0, "trial", trial)).score for trial in (1, 2))
    assert first == second


def test_a_pickled_copy_gives_the_same_score() -> None:
    evaluator = ExpressFlowEvaluator(SPACE, 7, seed=0)
    copy = pickle.loads(pickle.dumps(evaluator))  # noqa: S301 - our own bytes
    proposal = Proposal(SPACE.at(11))
    assert copy.evaluate(proposal, rng=derive(0)).score == evaluator.evaluate(proposal, rng=derive(0)).score


def test_a_bad_architecture_is_a_result_with_an_error() -> None:
    result = ExpressFlowEvaluator(SPACE, 7, seed=0).evaluate(Proposal(Arch("elsewhere", (0, 1))), rng=derive(0))
    assert result.score is None
    assert result.error
