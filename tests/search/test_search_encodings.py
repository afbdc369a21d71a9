"""A search can draw, change and look around in an encoding of its own choice, each apart from the others."""

import itertools
from collections import Counter
from collections.abc import Callable
from math import comb

import numpy as np
import pytest

from archwright.coordinate.contestant import Contestant
from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.catalog import find
from archwright.core.errors import EncodingError, SearchError, SpaceError, UnknownNameError
from archwright.core.graph import Graph
from archwright.core.protocols import Searcher
from archwright.core.rng import derive
from archwright.encode.path import Path, PathCategorical, PathContinuous
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.encodings import WithEdges, WithPaths, _words, subroutines
from archwright.search.evolution import Evolution
from archwright.search.local import LocalSearch
from archwright.search.random import RandomSearch
from archwright.spaces.base import Space
from archwright.spaces.distance import path_edit_distance
from archwright.testing import SearcherContract, Toy

NB101, MICRO, NB201 = (find("space", name)() for name in ("nb101", "transnas_micro", "nb201"))
EDGES = 21


class Wired(Space):
    """Three edges, the last two not both absent, and an operation of three; small enough to count."""

    name = "asr"
    arities = (2, 2, 2, 3)
    op_names = ("one", "two", "three")

    def check(self, arch: Arch) -> str | None:
        return super().check(arch) or (None if any(arch.genes[1:3]) else "nothing is read")

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        return (Graph((arch.genes[3],), frozenset()),)


def frequencies(draw: Callable[..., Arch], n: int) -> Counter[tuple[int, ...]]:
    rng = derive(0, "frequencies")
    return Counter(draw(rng=rng).genes for _ in range(n))


def assert_drawn_by(wanted: dict[tuple[int, ...], float], draw: Callable[..., Arch], n: int = 6000) -> None:
    found = frequencies(draw, n)
    total = sum(wanted.values())
    assert found.keys() <= wanted.keys()
    for genes, weight in wanted.items():
        p = weight / total
        assert abs(found[genes] - n * p) < 4.5 * np.sqrt(n * p * (1 - p)) + 1, genes


def test_adjacency_draws_every_valid_matrix_alike() -> None:
    space = Wired()
    assert subroutines(space, "adjacency") is space
    assert_drawn_by({arch.genes: 1.0 for arch in space.enumerate()}, space.random)


def test_continuous_adjacency_draws_the_number_of_edges_first() -> None:
    space = Wired()
    wanted = {arch.genes: 1 / comb(3, sum(arch.genes[:3])) for arch in space.enumerate()}
    assert_drawn_by(wanted, WithEdges(space, law="continuous").random)


def test_categorical_adjacency_draws_each_number_of_the_list_on_its_own() -> None:
    space = Wired()
    lists = Counter(frozenset(word) - {3} for word in itertools.product(range(4), repeat=3))
    wanted = {arch.genes: float(lists[frozenset(k for k in range(3) if arch.genes[k])]) for arch in space.enumerate()}
    assert_drawn_by(wanted, WithEdges(space, law="categorical").random)


def test_words_are_counted() -> None:
    for places, k in itertools.product(range(4), range(5)):
        words = itertools.product(range(k + 1), repeat=places)
        assert _words(places, k) == sum(set(range(k)) <= set(word) for word in words)


@pytest.mark.parametrize("law", ["categorical", "continuous"])
def test_an_adjacency_neighbour_has_one_edge_or_one_operation_changed(law) -> None:
    moves = WithEdges(NB101, law=law)
    for k in range(3):
        arch = moves.random(rng=derive(k, "draw"))
        near = list(moves.neighbours(arch))
        assert len(set(near)) == len(near) > 20
        kinds = set()
        for each in near:
            assert each in NB101
            changed = [(a, b) for a, b in zip(arch.genes[:EDGES], each.genes[:EDGES], strict=True) if a != b]
            ops = sum(a != b for a, b in zip(arch.genes[EDGES:], each.genes[EDGES:], strict=True))
            kinds.add((len(changed), ops))
            assert len(changed) < 2 or sorted(changed) == [(0, 1), (1, 0)], "an edge is elsewhere"
        assert kinds == {(1, 0), (2, 0), (0, 1)}
        assert moves.mutate(arch, rng=derive(k, "mutate")) in near


@pytest.mark.parametrize(("maker", "law"), [(Path, None), (PathCategorical, "words"), (PathContinuous, "count")])
def test_paths_are_drawn_as_uniform_features_would_give_them(maker, law) -> None:
    encoder = maker(MICRO)
    moves = WithPaths(MICRO, encoder=encoder)
    present = Path(MICRO).encode(moves._archs)
    assert len(np.unique(present, axis=0)) == len(present)
    assert len(present) == len(np.unique(Path(MICRO).encode(list(MICRO.enumerate())), axis=0)), "each set once"
    counts = present.sum(axis=1).astype(int).tolist()
    wanted = [
        1.0 if law is None else _words(encoder.n_present, k) if law == "words" else 1 / comb(encoder.n_paths, k)
        for k in counts
    ]
    assert np.allclose(moves._weights, np.array(wanted, dtype=float) / np.sum(np.array(wanted, dtype=float)))
    assert moves.random(rng=derive(0)) in MICRO


def test_path_neighbours_are_the_nearest_sets_of_paths_that_there_are() -> None:
    moves = subroutines(MICRO, "path")
    arch = MICRO.random(rng=derive(4, "path"))
    away = {other: path_edit_distance(MICRO, arch, other) for other in MICRO.enumerate()}
    least = min(distance for distance in away.values() if distance)
    near = list(moves.neighbours(arch))
    assert {away[each] for each in near} == {least}
    sets = {Path(MICRO).encode([each]).tobytes() for each in near}
    assert len(sets) == len(near)
    assert sets == {Path(MICRO).encode([each]).tobytes() for each, distance in away.items() if distance == least}
    assert moves.mutate(arch, rng=derive(0)) in near


@pytest.mark.parametrize("encoding", ["onehot", "adjacency", "adjacency_categorical", "adjacency_continuous"])
@pytest.mark.parametrize("space", [NB101, NB201], ids=lambda space: space.name)
def test_what_is_drawn_and_changed_is_in_the_space(space: Space, encoding: str) -> None:
    assert_moves(space, encoding)


@pytest.mark.parametrize("encoding", ["path", "path_categorical", "path_continuous", "path-2", "path_continuous-2"])
def test_what_is_drawn_and_changed_among_paths_is_in_the_space(encoding: str) -> None:
    assert_moves(MICRO, encoding)


def assert_moves(space: Space, encoding: str) -> None:
    moves, rng = subroutines(space, encoding), derive(0, "moves")
    for _ in range(5):
        arch = moves.random(rng=rng)
        child = moves.mutate(arch, rng=rng)
        assert arch in space
        assert child in space
        assert child != arch
        assert child in set(moves.neighbours(arch))


def test_a_large_space_is_represented_by_some_and_the_neighbours_of_its_own() -> None:
    moves = WithPaths(NB101, encoder=PathContinuous(NB101, truncate=3), pool=300)
    arch = NB101.random(rng=derive(1, "large"))
    near = list(moves.neighbours(arch))
    path = Path(NB101, truncate=3)
    away = {int(np.abs(path.encode([each]) - path.encode([arch])).sum()) for each in near}
    assert len(away) == 1
    others = [int(np.abs(path.encode([each]) - path.encode([arch])).sum()) for each in NB101.neighbours(arch)]
    assert away.pop() <= min(distance for distance in others if distance)
    drawn = [moves.random(rng=derive(k, "few")) for k in range(40)]
    uniform = [NB101.random(rng=derive(k, "few")) for k in range(40)]
    assert path.encode(drawn).sum() < 0.6 * path.encode(uniform).sum(), "few paths are likely"


def test_searchers_take_each_subroutine_apart() -> None:
    path = subroutines(MICRO, "path")
    drawn = RandomSearch(MICRO, draw="path")
    study = run(drawn, SimulatedExecutor(Toy()), Budget(trials=20), seed=0)
    assert {trial.proposal.arch for trial in study.trials} <= set(path._archs)
    child = Evolution(MICRO, population=2, sample=1, mutate="path")
    study = run(child, SimulatedExecutor(Toy()), Budget(trials=12), seed=0)
    archs = [trial.proposal.arch for trial in study.trials]
    assert all(any(arch in path.neighbours(other) for other in archs[:k]) for k, arch in enumerate(archs) if k >= 2)
    walk = LocalSearch(MICRO, neighbours="path", draw=lambda *, rng: MICRO.at(77))
    study = run(walk, SimulatedExecutor(Toy()), Budget(trials=3), seed=0)
    assert study.trials[0].proposal.arch == MICRO.at(77)
    assert study.trials[1].proposal.arch in set(path.neighbours(MICRO.at(77)))


@pytest.mark.parametrize("maker", [RandomSearch, Evolution, LocalSearch])
def test_one_hot_adjacency_is_what_searchers_do_by_themselves(maker) -> None:
    told = {"draw": "adjacency"} | ({"mutate": "onehot"} if maker is Evolution else {})
    found = [
        [trial.proposal.arch for trial in run(made, SimulatedExecutor(Toy()), Budget(trials=30), seed=3).trials]
        for made in (maker(NB201), maker(NB201, **told))
    ]
    assert found[0] == found[1]


def test_an_experiment_names_the_encoding_of_a_subroutine() -> None:
    made = Contestant.parse("evolution:draw=path-2:mutate=path").make(MICRO, epochs=(1, 1))
    assert isinstance(made, Evolution)
    assert (made.draw, made.mutate) == ("path-2", "path")
    with pytest.raises((UnknownNameError, SpaceError), match=r"no encoder 'pathes'.*Did you mean 'path'"):
        Contestant.parse("random:draw=pathes").make(MICRO, epochs=(1, 1))


def test_what_is_no_encoding_to_search_in_is_said_in_one_line() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'adjacency'"):
        RandomSearch(MICRO, draw="adjacancy")
    with pytest.raises(EncodingError, match="but 'adjacency-3' was given"):
        Evolution(MICRO, mutate="adjacency-3")
    with pytest.raises(EncodingError, match="give a smaller truncate"):
        LocalSearch(find("space", "fbnet")(), neighbours="path")
    with pytest.raises(SearchError, match="'nb201' decides on none"):
        WithEdges(NB201, law="continuous")


class TestRandomSearchInPaths(SearcherContract):
    def make(self, space: Space) -> Searcher:
        return RandomSearch(space, draw="path")


class TestEvolutionInPaths(SearcherContract):
    def make(self, space: Space) -> Searcher:
        return Evolution(space, draw="path", mutate="path")


class TestLocalSearchInPaths(SearcherContract):
    def make(self, space: Space) -> Searcher:
        return LocalSearch(space, neighbours="path")
