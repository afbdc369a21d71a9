"""NAS-Bench-1Shot1: what the published sizes count, and the way to NAS-Bench-101."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from archwright.core.arch import Arch
from archwright.core.errors import ArchError, SpaceError
from archwright.core.rng import derive
from archwright.spaces.nb1shot1 import NasBench1Shot1, Parents
from archwright.spaces.nb101 import NasBench101


def _wirings(space: NasBench1Shot1) -> Iterator[tuple[tuple[int, ...], Parents]]:
    """Yield the genes of each choice of parents, and the parents."""
    for choices in itertools.product(*map(range, space.arities[space.n_blocks :])):
        yield choices, space.parents_of(Arch(space.name, (0,) * space.n_blocks + choices))


def _counting(parents: Parents) -> tuple[int, ...]:
    """The vertices on a path to the output, which is the last; 0 is the input."""
    reached = {len(parents)}
    for vertex in range(len(parents), 0, -1):
        reached |= set(parents[vertex - 1]) if vertex in reached else set()
    return tuple(sorted(reached))


@pytest.mark.parametrize(("subset", "points"), [(1, 14_580), (2, 29_160), (3, 1_312_200)])
def test_size_is_the_number_of_configurations(subset: int, points: int) -> None:
    assert NasBench1Shot1(subset).size() == points


@pytest.mark.parametrize(("subset", "published"), [(1, 6_240), (3, 363_648)])
def test_published_sizes_with_loose_ends_count_operations_of_blocks_that_are_read(subset: int, published: int) -> None:
    # Source: arXiv:2001.10422, table 1. The second subset's 29,160 counts all operations: the test above.
    total = 0
    for _, parents in _wirings(NasBench1Shot1(subset)):
        total += 3 ** len({parent for given in parents for parent in given} - {0})
    assert total == published


@pytest.mark.parametrize(("subset", "published"), [(1, 2_487), (2, 3_609), (3, 24_066)])
def test_published_sizes_without_loose_ends_count_cells_with_one_path_through_all(subset: int, published: int) -> None:
    # Source: arXiv:2001.10422, table 1.
    found = set()
    for _, parents in _wirings(NasBench1Shot1(subset)):
        counting = _counting(parents)
        if all(one in parents[other - 1] for one, other in itertools.pairwise(counting)):
            found.add((counting, tuple(parents[vertex - 1] for vertex in counting[1:])))
    assert sum(3 ** (len(counting) - 2) for counting, _ in found) == published


@pytest.mark.parametrize("subset", [1, 2, 3])
def test_canonical_forms_and_keys_of_nb101_tell_the_same_cells_apart(subset: int) -> None:
    space, target = NasBench1Shot1(subset), NasBench101()
    key_of: dict[Arch, str] = {}
    keys = []
    for k in range(500):
        arch = space.random(rng=derive(0, subset, k))
        keys.append(target.module_hash(space.as_nb101(arch)))
        assert key_of.setdefault(space.canonical(arch), keys[-1]) == keys[-1]
    assert len(key_of) == len(set(keys)) < 500


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("subset", "cells"), [(1, 2_685), (2, 7_773), (3, 55_854)])
def test_numbers_of_cells_are_the_documented_ones(subset: int, cells: int) -> None:
    space, target = NasBench1Shot1(subset), NasBench101()
    canonical, seen = set(), set()
    for choices, parents in _wirings(space):
        counting = _counting(parents)
        wiring = (counting, tuple(parents[vertex - 1] for vertex in counting[1:]))
        if wiring in seen:
            continue
        seen.add(wiring)
        free = (range(3) if block in counting else (0,) for block in range(1, space.n_blocks + 1))
        for ops in itertools.product(*free):
            canonical.add(space.canonical(Arch(space.name, ops + choices)))
    assert len(canonical) == len({target.module_hash(space.as_nb101(arch)) for arch in canonical}) == cells


@pytest.mark.parametrize("subset", [1, 2, 3])
def test_every_cell_is_one_of_nb101_with_its_edges_and_operations(subset: int) -> None:
    space, target = NasBench1Shot1(subset), NasBench101()
    for k in range(50):
        arch = space.random(rng=derive(1, subset, k))
        wide = space.as_nb101(arch)
        assert target.check(wide) is None
        assert target.matrix(wide).sum() == sum(space.n_parents) == 9
        assert [target.op_names[gene] for gene in wide.genes[21 : 21 + space.n_blocks]] == list(space.ops_of(arch))
        assert space.graphs(arch) == target.graphs(wide)


def test_the_official_configuration_is_the_native_text() -> None:
    # Source: the official configuration space of the first subset.
    space = NasBench1Shot1(1)
    text = (
        "{'choice_block_1_op': 'conv1x1-bn-relu', 'choice_block_2_op': 'conv3x3-bn-relu', "
        "'choice_block_3_op': 'maxpool3x3', 'choice_block_4_op': 'conv3x3-bn-relu', "
        "'choice_block_1_parents': (0,), 'choice_block_2_parents': (0, 1), 'choice_block_3_parents': (0, 2), "
        "'choice_block_4_parents': (1, 3), 'choice_block_5_parents': (2, 4)}"
    )
    arch = space.parse(text)
    assert space.text(arch) == text
    assert space.parse(text.replace("(2, 4)", "[2, 4]")) == arch
    assert arch.genes == (0, 1, 2, 1, 1, 4, 8)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{}", "must have an entry 'choice_block_1_op', but has none"),
        ("{'choice_block_1_op': 'conv5x5'}", "choice_block_1_op must be one of conv1x1-bn-relu"),
        ("[1, 2]", "must read like"),
        ("{'choice_block_1_op': open}", "must read like"),
        ("nb1shot1_2:0.0.0.0.0.0.0.0", "must read like"),
        ("nb1shot1_1:0.0.0.0.0.0.10", r"must be 0\.\.9"),
    ],
)
def test_malformed_text_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ArchError, match=reason):
        NasBench1Shot1(1).parse(text)


def test_parents_that_a_block_cannot_have_are_refused() -> None:
    space = NasBench1Shot1(3)
    text = space.text(space.at(0))
    with pytest.raises(ArchError, match=r"choice_block_5_parents must be one of \(0, 1\)"):
        space.parse(text.replace("'choice_block_5_parents': (0, 1)", "'choice_block_5_parents': (0, 5)"))


def test_there_is_no_fourth_subset() -> None:
    with pytest.raises(SpaceError, match="1, 2 or 3"):
        NasBench1Shot1(4)
