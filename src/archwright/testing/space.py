"""The laws of a search space."""

from __future__ import annotations

from itertools import islice

import numpy as np

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.rng import derive
from archwright.spaces.base import Space

__all__ = ["SpaceContract"]

#: Grids up to this size are walked through.
_SMALL = 5000


class SpaceContract:
    """Inherit, set `name` to the catalogue's name, and give `make`."""

    name = ""

    def make(self) -> Space:
        """Return the space to test."""
        raise NotImplementedError

    def some(self, n: int = 20) -> list[Arch]:
        """Return `n` random architectures."""
        space = self.make()
        return [space.random(rng=derive(0, "some", k)) for k in range(n)]

    def test_random_architectures_are_valid(self) -> None:
        space = self.make()
        assert all(space.check(arch) is None and arch in space for arch in self.some())

    def test_random_depends_on_nothing_but_the_generator(self) -> None:
        assert self.some() == self.some()

    def test_text_round_trip(self) -> None:
        assert all(Arch.parse(str(arch)) == arch for arch in self.some())

    def test_native_text_round_trip(self) -> None:
        space = self.make()
        for arch in self.some():
            assert space.parse(space.text(arch)) == arch
            assert space.parse(str(arch)) == arch

    def test_malformed_text_is_refused_in_one_line(self) -> None:
        space = self.make()
        for text in ("", "no such thing", f"{space.name}:", f"{space.name}:x.y", "|a~0|+|"):
            refusal = _refusal(space, text)
            assert refusal
            assert "\n" not in refusal

    def test_check_names_what_is_wrong(self) -> None:
        space, (arch,) = self.make(), self.some(1)
        assert space.check(Arch("no-such-space", arch.genes))
        assert space.check(Arch(arch.space, (*arch.genes, 0)))
        assert space.check(Arch(arch.space, (space.arities[0], *arch.genes[1:])))

    def test_mutants_are_valid_neighbours(self) -> None:
        space = self.make()
        for k, arch in enumerate(self.some(5)):
            neighbours = set(space.neighbours(arch))
            mutant = space.mutate(arch, rng=derive(0, "mutate", k))
            assert mutant in neighbours or (not neighbours and mutant == arch)
            assert space.check(mutant) is None

    def test_neighbours_differ_in_one_decision_and_from_each_other(self) -> None:
        space = self.make()
        for arch in self.some(5):
            neighbours = list(space.neighbours(arch))
            assert len(set(neighbours)) == len(neighbours)
            for neighbour in neighbours:
                assert sum(a != b for a, b in zip(arch.genes, neighbour.genes, strict=True)) == 1

    def test_neighbours_are_mutual(self) -> None:
        space = self.make()
        for arch in self.some(3):
            assert all(arch in set(space.neighbours(neighbour)) for neighbour in islice(space.neighbours(arch), 5))

    def test_index_and_at_are_inverse(self) -> None:
        space = self.make()
        for arch in self.some():
            assert 0 <= space.index(arch) < space.size()
            assert space.at(space.index(arch)) == arch

    def test_enumerate_is_complete_and_in_order(self) -> None:
        space = self.make()
        if space.size() <= _SMALL:
            points = (space.at(index) for index in range(space.size()))
            assert list(space.enumerate()) == [arch for arch in points if space.check(arch) is None]
        else:
            first = [space.index(arch) for arch in islice(space.enumerate(), 100)]
            assert first == sorted(set(first))

    def test_canonical_is_idempotent_and_valid(self) -> None:
        space = self.make()
        for arch in self.some():
            canonical = space.canonical(arch)
            assert space.check(canonical) is None
            assert space.canonical(canonical) == canonical

    def test_canonical_keeps_the_graphs(self) -> None:
        space = self.make()
        for arch in self.some(5):
            keys = [graph.key() for graph in space.graphs(arch)]
            assert [graph.key() for graph in space.graphs(space.canonical(arch))] == keys

    def test_graphs_use_known_operations(self) -> None:
        space = self.make()
        for arch in self.some(5):
            graphs = space.graphs(arch)
            assert graphs
            assert all(0 <= op < len(space.op_names) for graph in graphs for op in graph.ops)

    def test_one_hot_has_one_per_decision_and_tells_architectures_apart(self) -> None:
        space, archs = self.make(), list(dict.fromkeys(self.some()))
        vectors = space.one_hot(archs)
        assert vectors.shape == (len(archs), sum(space.arities))
        assert vectors.dtype == np.float32
        assert (vectors.sum(axis=1) == len(space.arities)).all()
        assert len(np.unique(vectors, axis=0)) == len(archs)


def _refusal(space: Space, text: str) -> str:
    try:
        space.parse(text)
    except ArchError as error:
        return str(error)
    return ""
