"""Every searcher of the catalogue keeps the laws of a searcher, resume-equals-uninterrupted among them."""

from archwright.core.catalog import names
from archwright.core.protocols import Searcher
from archwright.search.evolution import Evolution
from archwright.search.halving import Halving, halving
from archwright.search.random import RandomSearch
from archwright.spaces.base import Space
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


class TestHalving(SearcherContract):
    name = "halving"

    def make(self, space: Space) -> Searcher:
        rungs = halving(candidates=12, start=1, eta=2, cap=8)
        return Halving(tuple(space.at(5 * k) for k in range(12)), rungs)


class TestHalvingInBatches(SearcherContract):
    def make(self, space: Space) -> Searcher:
        rungs = halving(candidates=9, start=1, eta=3, cap=9)
        return Halving(tuple(space.at(7 * k) for k in range(9)), rungs, batch=4)


def test_every_searcher_has_a_contract() -> None:
    assert covered(SearcherContract, "searcher") == set(names("searcher"))
