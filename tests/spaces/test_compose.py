"""A composed space keeps the laws of a space, counts itself exactly, and reads back its plain values."""

from __future__ import annotations

import itertools
import json
import math
import pickle
from collections import Counter

import numpy as np
import pytest
from composed_parts import spaces
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archwright.core.arch import Arch
from archwright.core.errors import ArchError, SpaceError
from archwright.core.rng import derive
from archwright.spaces.base import Space
from archwright.spaces.compose import Cell, Chain, Choice, Composed, Ints, Op, Ref, Repeat
from archwright.spaces.parts.wirings import Wirings, weighted
from archwright.testing import SpaceContract

NB101_OPS = ["conv3x3", "conv1x1", "maxpool3x3"]
NB201_OPS = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]


def macro() -> Composed:
    layer = Op("conv", {"kernel": Choice([3, 5, 7]), "width": Ints(16, 64, step=16)})
    return Composed("macro", Chain({"stem": Choice(["conv3x3", None]), "body": Repeat(layer, times=Ints(1, 4))}))


def hierarchical() -> Composed:
    normal = Cell(["sep", "dil", "skip"], nodes=2, inputs=2, ops_on="edge", predecessors=2, output="all")
    block = Chain([Repeat(Ref("normal"), times=Ints(1, 2)), Choice(["pool", Cell(["conv", "none"], 2, ops_on="edge")])])
    return Composed("hierarchical", Chain({"stem": "conv3x3", "blocks": Repeat(block, times=2)}), {"normal": normal})


class TestMacro(SpaceContract):
    def make(self) -> Space:
        return macro()


class TestHierarchical(SpaceContract):
    def make(self) -> Space:
        return hierarchical()


class TestCellOnNodes(SpaceContract):
    def make(self) -> Space:
        return Composed("cell", Cell(NB101_OPS, nodes=5, edges=9))


class TestCellOnEdges(SpaceContract):
    def make(self) -> Space:
        return Composed("cell", Cell(NB201_OPS, nodes=3, ops_on="edge"))


class TestSmallCellWithPredecessors(SpaceContract):
    def make(self) -> Space:
        return Composed("cell", Cell(["a", Choice(["b", Ints(1, 2)])], nodes=2, predecessors=1, output="last"))


class TestShared(SpaceContract):
    def make(self) -> Space:
        part = Repeat(Choice(["x", Ref("m"), Ref("n")]), times=Ints(0, 2))
        return Composed("shared", part, {"m": Ints(1, 3), "n": Choice({"q": "q", "m": Ref("m")})})


@settings(max_examples=20, deadline=None)
@given(space=spaces(), seed=st.integers(0, 1000))
def test_plain_values_read_back(space: Composed, seed: int) -> None:
    arch = space.random(rng=derive(seed))
    value = space.value(arch)
    assert space.arch(value) == space.settled(arch)
    assert space.parse(json.dumps(value)) == space.settled(arch)
    assert space.value(space.settled(arch)) == value


@settings(max_examples=20, deadline=None)
@given(space=spaces(), seed=st.integers(0, 1000))
def test_canonical_is_settled_valid_idempotent_and_the_same_network(space: Composed, seed: int) -> None:
    arch = space.random(rng=derive(seed))
    canonical = space.canonical(arch)
    assert space.check(canonical) is None
    assert space.canonical(canonical) == canonical == space.settled(canonical)
    assert space.graphs(canonical)[0].key() == space.graphs(arch)[0].key()


@settings(max_examples=20, deadline=None)
@given(space=spaces())
def test_count_and_walk_agree_with_the_whole_grid(space: Composed) -> None:
    assume(space.size() <= 500)
    valid = [arch for arch in map(space.at, range(space.size())) if space.check(arch) is None]
    settled = sorted({space.settled(arch) for arch in valid})
    assert list(space.settled_archs()) == settled
    assert space.count() == len(settled) == len({json.dumps(space.value(arch)) for arch in valid})


@settings(max_examples=20, deadline=None)
@given(space=spaces(), seed=st.integers(0, 1000))
def test_neighbours_differ_in_a_decision_that_is_used(space: Composed, seed: int) -> None:
    arch = space.random(rng=derive(seed))
    neighbours = list(space.neighbours(arch))
    assert all(space.value(neighbour) != space.value(arch) for neighbour in neighbours)
    assert all(arch in set(space.neighbours(neighbour)) for neighbour in neighbours[:5])
    assert space.mutate(arch, rng=derive(seed)) in neighbours


@settings(max_examples=20, deadline=None)
@given(space=spaces(), seed=st.integers(0, 1000))
def test_graphs_lead_from_an_input_to_the_output(space: Composed, seed: int) -> None:
    (graph,) = space.graphs(space.random(rng=derive(seed)))
    names = [space.op_names[op] for op in graph.ops]
    assert names[-1] == "output"
    assert any(name.startswith("input") for name in names)
    read = {i for i, _ in graph.edges}
    assert read | {len(names) - 1} >= {n for n, name in enumerate(names) if not name.startswith("input")}


@pytest.mark.parametrize(("nodes", "unique"), [(1, 7), (2, 91), pytest.param(3, 2532, marks=pytest.mark.slow)])
def test_unique_cells_are_those_of_nas_bench_101(nodes: int, unique: int) -> None:
    # Source: arXiv:1902.09635. Of its 423,624 cells 1, 6, 84 and 2,441 have 2, 3, 4 and 5 vertices.
    space = Composed("nb101", Cell(NB101_OPS, nodes=nodes, edges=min(9, (nodes + 1) * (nodes + 2) // 2)))
    assert len({space.graphs(arch)[0].key() for arch in space.settled_archs()}) == unique


def test_sizes_are_those_of_the_literature() -> None:
    nb201 = Composed("nb201", Cell(NB201_OPS, nodes=3, ops_on="edge"))
    assert nb201.size() == 15_625
    # Source: arXiv:1806.09055: each node reads two earlier ones by one of seven operations each.
    darts = Cell(list("abcdefg"), nodes=4, inputs=2, ops_on="edge", predecessors=2, output="all")
    per_cell = math.prod(math.comb(n, 2) for n in (2, 3, 4, 5)) * 7**8
    assert Composed("darts", Chain({"normal": darts, "reduction": darts})).count() == per_cell**2


def test_the_value_is_what_an_objective_reads() -> None:
    space = macro()
    value = {"stem": None, "body": [{"op": "conv", "kernel": 5, "width": 48}, {"op": "conv", "kernel": 3, "width": 16}]}
    arch = space.arch(value)
    assert space.value(arch) == value
    (graph,) = space.graphs(arch)
    names = [space.op_names[op] for op in graph.ops]
    assert names == ["input", "conv(kernel=5,width=48)", "conv(kernel=3,width=16)", "output"]


def test_inactive_decisions_are_remembered_and_change_nothing() -> None:
    space = Composed("s", Choice({"deep": Chain([Ints(1, 3), Ints(1, 3)]), "flat": "linear"}))
    deep = Arch("s", (0, 2, 1))
    flat = next(arch for arch in space.neighbours(deep) if arch.genes[0] == 1)
    assert flat.genes == (1, 2, 1)
    assert space.settled(flat).genes == (1, 0, 0)
    assert space.active(flat) == (0,)
    assert list(space.neighbours(flat)) == [deep]
    assert space.count() == 10


def test_cells_read_the_outputs_before_them() -> None:
    cell = Cell(["op"], nodes=1, inputs=2, predecessors=2)
    (graph,) = Composed("s", Chain(["stem", Choice([None, "x"]), cell])).graphs(Arch("s", (0, 0, 0)))
    assert graph.edges == {(0, 1), (0, 2), (1, 2), (2, 3)}
    (graph,) = Composed("s", Chain(["stem", Choice([None, "x"]), cell])).graphs(Arch("s", (1, 0, 0)))
    assert graph.edges == {(0, 1), (1, 2), (1, 3), (2, 3), (3, 4)}


def test_a_cell_alone_has_its_own_inputs() -> None:
    space = Composed("s", Cell(["op"], nodes=1, inputs=2, predecessors=1))
    first, second = (space.graphs(Arch("s", (0, k)))[0] for k in (0, 1))
    assert [space.op_names[op] for op in second.ops] == ["input", "op", "output"]
    assert first.key() != second.key()


def test_shared_copies_are_decided_once_and_must_be_equal() -> None:
    space = Composed("s", Repeat(Choice(["a", "b"]), times=3, shared=True))
    assert space.value(Arch("s", (1,))) == ["b", "b", "b"]
    with pytest.raises(ArchError, match="equal values"):
        space.arch(["a", "b", "b"])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"stem": "conv3", "body": []}, ("value.stem", "Did you mean 'conv3x3'")),
        ({"stem": None}, ("'body'",)),
        ({"stem": None, "boddy": []}, ("'boddy'", "Did you mean 'body'")),
        ({"stem": None, "body": []}, ("value.body", "number of copies")),
        ({"stem": None, "body": 3}, ("value.body", "list")),
        ({"stem": None, "body": [{"op": "conv", "kernel": 4, "width": 16}]}, ("value.body[0].kernel", "4")),
        ({"stem": None, "body": [{"op": "conv", "width": 16}]}, ("value.body[0]", "'kernel'")),
        ([], ("value", "mapping")),
        (True, ("value", "mapping")),
    ],
)
def test_a_wrong_value_is_refused_at_its_place(value: object, words: tuple[str, ...]) -> None:
    with pytest.raises(ArchError) as refused:
        macro().arch(value)
    assert all(word in str(refused.value) for word in words), refused.value


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (Cell(["a"], nodes=2, edges=2), {"ops": ["a", "a"], "edges": [[0, 1], [1, 2], [2, 3]]}),
        (Cell(["a"], nodes=2), {"ops": ["a", "a"], "edges": [[0, 1], [1, 2]]}),
        (Cell(["a"], nodes=2), {"ops": ["a", "a"], "edges": [[0, 4]]}),
        (Cell(["a"], nodes=2), {"ops": ["a"], "edges": [[0, 3]]}),
        (Cell(["a"], nodes=2), {"ops": ["a", "a"], "edges": [[0, 3], [0, 3]]}),
        (Cell(["a"], nodes=2), {"ops": "aa", "edges": [[0, 3]]}),
        (Cell(["a"], nodes=2, predecessors=1), {"ops": ["a", "a"], "edges": [[0, 1]]}),
        (Cell(["a"], nodes=2, predecessors=1), {"ops": ["a", "a"], "edges": [[0, 1], [0, 2], [0, 3]]}),
        (Cell(["a", "b"], nodes=2, ops_on="edge"), {"edges": [[0, 1, "a"], [0, 2, "b"]]}),
        (Cell(["a", "none"], nodes=2, ops_on="edge"), {"edges": [[0, 1, "a"]]}),
        (Cell(["a", "none"], nodes=2, ops_on="edge"), {"edges": [[0, 2, "c"]]}),
        (Cell(["a", "none"], nodes=2, ops_on="edge"), {"edges": [[0, 2]]}),
    ],
)
def test_an_impossible_cell_is_refused(cell: Cell, value: object) -> None:
    with pytest.raises(ArchError) as refused:
        Composed("cell", Chain([cell, Choice(["x", "y"])])).arch([value, "x"])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Choice([]),
        lambda: Choice(["a", "a"]),
        lambda: Choice("ab"),
        lambda: Choice(["a", "b"], names=["one"]),
        lambda: Choice([object()]),
        lambda: Choice([""]),
        lambda: Choice(["a\nb"]),
        lambda: Choice([math.inf]),
        lambda: Choice(range(20_000)),
        lambda: Ints(3, 1),
        lambda: Ints(0, 10, step=3),
        lambda: Ints(0, 10, step=0),
        lambda: Ints(0, 2.0),  # type: ignore[arg-type]
        lambda: Ints(True, 2),
        lambda: Ints(0, 10_000),
        lambda: Op("conv", {"op": 3}),
        lambda: Op("conv", {"kernel": Chain(["a"])}),
        lambda: Op("conv", {"kernel": None}),
        lambda: Op("conv", {"a": Ints(1, 100), "b": Ints(1, 100)}),
        lambda: Chain([]),
        lambda: Repeat("a", times=-1),
        lambda: Repeat("a", times=0),
        lambda: Repeat("a", times=1.5),  # type: ignore[arg-type]
        lambda: Repeat("a", times=Choice(["two"])),
        lambda: Repeat("a", times=2, shared=1),  # type: ignore[arg-type]
        lambda: Cell(["a"], nodes=0),
        lambda: Cell(["a"], nodes=2, inputs=0),
        lambda: Cell(["a"], nodes=2, ops_on="nodes"),
        lambda: Cell(["a"], nodes=2, edges=0),
        lambda: Cell(["a"], nodes=2, edges=99),
        lambda: Cell(["a"], nodes=2, edges=1, predecessors=1),
        lambda: Cell(["a"], nodes=2, predecessors=3),
        lambda: Cell(["a"], nodes=16, inputs=8, predecessors=12),
        lambda: Cell(["a"], nodes=2, output="all"),
        lambda: Cell(["a"], nodes=2, predecessors=1, output="some"),
        lambda: Cell(["a", None], nodes=2),
        lambda: Cell(["none"], nodes=2, ops_on="edge"),
        lambda: Cell(["a", "none"], nodes=2, ops_on="edge", predecessors=1),
        lambda: Cell(["a", "b"], nodes=2, ops_on="edge", edges=1),
        lambda: Cell({"a": "b"}, nodes=2),  # type: ignore[arg-type]
        lambda: Composed("", Choice(["a", "b"])),
        lambda: Composed("a:b", Choice(["a", "b"])),
        lambda: Composed("s", "a"),
        lambda: Composed("s", [1]),
        lambda: Composed("s", Chain([Ref("m"), Choice(["a", "b"])])),
        lambda: Composed("s", Ref("m"), {"m": Choice(["a", Ref("n")]), "n": Choice(["a", "b"])}),
        lambda: Composed("s", Choice(["a", "b"]), {str(k): "x" for k in range(9)}),
    ],
)
def test_a_part_that_cannot_be_is_refused_in_one_line(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SpaceError) as refused:
        make()
    assert "\n" not in str(refused.value)


def test_far_too_large_spaces_are_refused_at_once() -> None:
    thousand = Choice(["a", "b"])
    for _ in range(4):
        thousand = Repeat(thousand, times=1000)  # type: ignore[assignment]
    with pytest.raises(SpaceError, match="2,000 decisions"):
        Composed("s", thousand)
    many = Repeat(Repeat(Choice(["a", "b"]), times=1000, shared=True), times=1000, shared=True)
    with pytest.raises(SpaceError, match="5,000 nodes"):
        Composed("s", many)
    deep: object = Choice(["a", "b"])
    for _ in range(30):
        deep = Chain([deep])
    with pytest.raises(SpaceError, match="levels deep"):
        Composed("s", deep)
    with pytest.raises(SpaceError, match="digits"):
        Composed("s", Chain([Repeat(Ints(1, 10_000), times=600), Repeat(Ints(1, 10_000), times=600)]))


def test_a_huge_space_is_counted_and_sampled_without_a_walk() -> None:
    cell = Cell(NB101_OPS, nodes=10, edges=14)
    space = Composed("huge", Repeat(cell, times=Ints(1, 8)))
    assert space.count() > 10**100
    arch = space.random(rng=derive(0))
    assert arch in space
    assert space.mutate(arch, rng=derive(1)) in space


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize("ops_on", ["node", "edge"])
def test_cells_are_drawn_evenly(ops_on: str, limited: bool) -> None:
    edges = {"node": 4, "edge": 2}[ops_on] if limited else None
    cell = Cell(["a", "none"], nodes=2, ops_on=ops_on, edges=edges)
    space = Composed("even", cell)
    drawn = Counter(space.random(rng=derive(0, k)) for k in range(4000))
    assert len(drawn) == space.count()
    expected = 4000 / space.count()
    # The mean of chi-squared is its degrees of freedom, its deviation the root of twice that.
    degrees = space.count() - 1
    assert sum((n - expected) ** 2 / expected for n in drawn.values()) < degrees + 5 * np.sqrt(2 * degrees)


def test_wirings_are_counted_and_drawn_evenly() -> None:
    wirings = Wirings(inputs=1, targets=3)
    for edges in range(len(wirings.pairs) + 1):
        every = [set(pairs) for pairs in itertools.combinations(wirings.pairs, edges) if _leads(set(pairs))]
        assert wirings.number(edges) == len(every)
    drawn = Counter(wirings.draw(3, derive(0, k)) for k in range(3000))
    assert len(drawn) == wirings.number(3)
    expected = 3000 / len(drawn)
    # Chi-squared with 16 degrees of freedom exceeds 39 once in a thousand times.
    assert len(drawn) == 17
    assert sum((times - expected) ** 2 / expected for times in drawn.values()) < 39


def _leads(pairs: set[tuple[int, int]]) -> bool:
    reached = {0}
    for source, target in sorted(pairs, key=lambda pair: pair[1]):
        reached |= {target} if source in reached else set()
    return 3 in reached


def test_weights_beyond_64_bits_are_drawn_in_proportion() -> None:
    huge = 10**40
    drawn = Counter(weighted([huge, 0, 3 * huge], derive(0, k)) for k in range(400))
    assert set(drawn) == {0, 2}
    assert abs(drawn[2] - 300) < 5 * np.sqrt(400 * 0.25 * 0.75)


def test_spaces_are_values() -> None:
    space = hierarchical()
    assert space == hierarchical()
    assert hash(space) == hash(hierarchical())
    assert space != macro()
    assert pickle.loads(pickle.dumps(space)) == space  # noqa: S301
    assert eval(repr(space)) == space
