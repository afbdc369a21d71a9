from __future__ import annotations

import pytest

from archwright.core.rng import derive
from archwright.core.trial import Proposal
from archwright.proxies.evaluator import ExpressFlowEvaluator
from archwright.proxies.whole_space import WholeSpace
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.testing import EvaluatorContract

SPACE = TabularMlp((2, 5, 9), layers=3)


class TestExpressFlowEvaluator(EvaluatorContract):
    def make(self) -> ExpressFlowEvaluator:
        return ExpressFlowEvaluator(SPACE, 7, seed=0)

    def proposal(self) -> Proposal:
        return Proposal(SPACE.at(11))


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
