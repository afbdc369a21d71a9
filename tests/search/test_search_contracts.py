"""Every searcher of the catalogue keeps the laws of a searcher, resume-equals-uninterrupted among them."""

from archwright.core.arch import Arch
from archwright.core.catalog import names
from archwright.core.protocols import Searcher
from archwright.search.bohb import Bohb, Tpe
from archwright.search.constrained import Constrained, Limits
from archwright.search.evolution import Evolution
from archwright.search.explore import ProxyMoves
from archwright.search.halving import Halving, halving
from archwright.search.hyperband import Hyperband
from archwright.search.in_order import InOrder, WarmStart
from archwright.search.local import LocalSearch
from archwright.search.nsga2 import Nsga2
from archwright.search.random import RandomSearch
from archwright.search.reinforce import Reinforce
from archwright.spaces.base import Space
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.testing import SearcherContract, covered


class TestRandomSearch(SearcherContract):
    name = "random"

    def make(self, space: Space) -> Searcher:
        return RandomSearch(space)


class TestRandomSearchInBatches(SearcherContract):
    def make(self, space: Space) -> Searcher:
        return RandomSearch(space, batch=5, fidelity=2)


class TestEvolution(SearcherContract):
    name = "evolution"

    def make(self, space: Space) -> Searcher:
        return Evolution(space)


class TestEvolutionInBatches(SearcherContract):
    def make(self, space: Space) -> Searcher:
        return Evolution(space, population=4, sample=2, batch=3)


class TestEvolutionWithoutAgeing(SearcherContract):
    def make(self, space: Space) -> Searcher:
        return Evolution(space, population=5, dies="worst", replacement=False)


class TestHalving(SearcherContract):
    name = "halving"

    def make(self, space: Space) -> Searcher:
        rungs = halving(candidates=12, start=1, eta=2, cap=8)
        return Halving(tuple(space.at(5 * k) for k in range(12)), rungs)


class TestHalvingInBatches(SearcherContract):
    def make(self, space: Space) -> Searcher:
        rungs = halving(candidates=9, start=1, eta=3, cap=9)
        return Halving(tuple(space.at(7 * k) for k in range(9)), rungs, batch=4)


class TestLocalSearch(SearcherContract):
    name = "local"
    trials = 30

    def make(self, space: Space) -> Searcher:
        return LocalSearch(space)


class TestLocalSearchToTheFirstBetter(SearcherContract):
    def make(self, space: Space) -> Searcher:
        return LocalSearch(space, move="first", starts=2, batch=3)


class TestLocalSearchOfAWholeSpace(SearcherContract):
    """It ends by itself, after 9 evaluations."""

    def space(self) -> Space:
        return TabularMlp((8, 16, 32), layers=2)

    def make(self, space: Space) -> Searcher:
        return LocalSearch(space, batch=2)


class TestReinforce(SearcherContract):
    name = "reinforce"

    def make(self, space: Space) -> Searcher:
        return Reinforce(space, lr=0.1)


class TestReinforceUnderLimits(SearcherContract):
    def make(self, space: Space) -> Searcher:
        return Reinforce(space, lr=0.1, optimizer="sgd", valid=_few, samples=16, batch=2)


class TestHyperband(SearcherContract):
    name = "hyperband"
    trials = 32

    def make(self, space: Space) -> Searcher:
        return Hyperband(space, max_epochs=9)


class TestHyperbandInBatches(SearcherContract):
    def make(self, space: Space) -> Searcher:
        return Hyperband(space, max_epochs=4, eta=2, batch=3)


class TestBohb(SearcherContract):
    name = "bohb"
    trials = 28

    def make(self, space: Space) -> Searcher:
        return Bohb(space, max_epochs=9, tpe=Tpe(space, random_fraction=0.1, samples=8))


class TestBohbWithOneFidelity(SearcherContract):
    def make(self, space: Space) -> Searcher:
        return Bohb(space, tpe=Tpe(space, random_fraction=0.1, reference=True), batch=2)


class TestNsga2(SearcherContract):
    name = "nsga2"

    def make(self, space: Space) -> Searcher:
        return Nsga2(space, ("params",), population=6)


class TestNsga2InBatches(SearcherContract):
    def make(self, space: Space) -> Searcher:
        return Nsga2(space, population=4, batch=3)


class TestConstrained(SearcherContract):
    name = "constrained"

    def make(self, space: Space) -> Searcher:
        return Constrained(Evolution(space, population=4), Limits(_sum, {"sum": 5}))


class TestConstrainedLocalSearch(SearcherContract):
    """Six of nine keep the limit; the search ends when those are evaluated."""

    def space(self) -> Space:
        return TabularMlp((8, 16, 32), layers=2)

    def make(self, space: Space) -> Searcher:
        return Constrained(LocalSearch(space, batch=2), Limits(_sum, {"sum": 2}))


class TestConstrainedHalving(SearcherContract):
    def make(self, space: Space) -> Searcher:
        candidates = tuple(space.at(5 * k) for k in range(12))
        return Constrained(Halving(candidates, halving(candidates=12, start=1, eta=2, cap=8)), Limits(_sum, {"sum": 5}))


class TestInOrder(SearcherContract):
    """It ends by itself, after 20 evaluations."""

    name = "in_order"

    def make(self, space: Space) -> Searcher:
        return InOrder(tuple(space.at(3 * k) for k in range(20)), fidelity=2)


class TestWarmStart(SearcherContract):
    name = "warm_start"

    def make(self, space: Space) -> Searcher:
        return WarmStart(tuple(space.at(5 * k) for k in range(6)), Evolution(space, population=6))


class TestEvolutionByProxyMoves(SearcherContract):
    def make(self, space: Space) -> Searcher:
        return Evolution(space, population=5, mutate=ProxyMoves(space, lambda arch: -float(sum(arch.genes)), moves=4))


def _sum(arch: Arch) -> dict[str, float]:
    return {"sum": float(sum(arch.genes))}


def _few(arch: Arch) -> bool:
    return sum(arch.genes) <= 5


def test_every_searcher_has_a_contract() -> None:
    assert covered(SearcherContract, "searcher") == set(names("searcher"))
