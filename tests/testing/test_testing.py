"""The contract suites find what they are made for."""

import math

import numpy as np
import pytest

from archwright.core.arch import Arch
from archwright.core.history import History
from archwright.core.protocols import Evaluator, Searcher
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result
from archwright.search.random import RandomSearch
from archwright.spaces.base import Space
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.testing import EvaluatorContract, NotANumber, SearcherContract, Toy, covered

SPACE = TabularMlp((8, 16), layers=2)


class Checked(Toy):
    """The toy on one space, as an evaluator must be."""

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        reason = SPACE.check(proposal.arch)
        return Result(None, 0.0, error=reason) if reason else super().evaluate(proposal, rng=rng, limit_s=limit_s)


class TestToy(EvaluatorContract):
    def make(self) -> Evaluator:
        return Checked()

    def proposal(self) -> Proposal:
        return Proposal(SPACE.at(3), 2)


class Forgetful:
    """Counts its questions in itself, which resuming loses."""

    batch = 1

    def __init__(self, space: Space) -> None:
        self.space, self.asked = space, 0

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> list[Proposal]:
        self.asked += 1
        return [Proposal(self.space.at(self.asked))]


class Greedy(Forgetful):
    """Gives more than asked for, outside the space."""

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> list[Proposal]:
        return [Proposal(Arch("elsewhere", (0,)))] * (n + 1)


class Global(Forgetful):
    """Draws from a generator of everybody's."""

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> list[Proposal]:
        return [Proposal(self.space.at(int(np.random.randint(4))))]  # noqa: NPY002 - that is its fault


def contract(searcher: type[Forgetful]) -> SearcherContract:
    class Contract(SearcherContract):
        def make(self, space: Space) -> Searcher:
            return searcher(space)

    return Contract()


@pytest.mark.parametrize(
    ("searcher", "law"),
    [
        (Forgetful, "test_memory_is_only_a_cache"),
        (Forgetful, "test_resume_equals_uninterrupted"),
        (Forgetful, "test_same_history_and_generator_give_same_proposals"),
        (Greedy, "test_it_gives_at_most_as_many_as_asked_for"),
        (Greedy, "test_it_proposes_only_valid_architectures"),
        (Global, "test_it_draws_only_from_the_generator_given"),
    ],
)
def test_a_searcher_that_breaks_a_law_is_caught(searcher: type[Forgetful], law: str) -> None:
    with pytest.raises(AssertionError):
        getattr(contract(searcher), law)()


def test_covered_counts_the_names_of_subclasses_in_the_catalogue() -> None:
    class Base(SearcherContract):
        pass

    class Named(Base):
        name = "random"

    class Stranger(Base):
        name = "not in the catalogue"

    assert covered(Base, "searcher") == {Named.name}
    assert Stranger.name not in covered(Base, "searcher")


def test_the_toy_is_higher_for_larger_genes_and_longer_for_more_epochs() -> None:
    low, high = (Toy().evaluate(Proposal(SPACE.at(k), 8), rng=derive(0)) for k in (0, 3))
    assert (low.score or 0.0) < (high.score or 0.0)
    assert low.cost_s < high.cost_s
    assert len(low.curve) == 8


def test_the_toy_without_a_number_gives_none() -> None:
    score = NotANumber().evaluate(Proposal(SPACE.at(0)), rng=derive(0)).score
    assert score is not None
    assert math.isnan(score)


def test_contracts_need_no_torch_until_a_proxy_is_tested() -> None:
    assert RandomSearch(SPACE).propose(History(), 1, rng=derive(0))
