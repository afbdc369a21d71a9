"""NAS-Bench-Graph: the published number of networks, its numbers and texts, what skips do."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.arch import Arch
from archwright.core.errors import ArchError, SpaceError
from archwright.spaces.nb_graph import NasBenchGraph, proteins

SPACE = NasBenchGraph()
INDICES = st.integers(0, SPACE.size() - 1)


def _links(arch: Arch) -> list[int]:
    return [int(digit) for digit in SPACE.text(arch).split("]")[0] if digit.isdigit()]


def test_there_are_as_many_networks_as_published() -> None:
    # Source: arXiv:2206.09166, abstract: 26,206 unique architectures.
    assert SPACE.size() == 9 * 9**4
    assert SPACE.count() == 26_206


def test_the_space_of_proteins_has_2021_networks() -> None:
    assert proteins().count() == 2_021
    assert proteins().name == "graph_proteins"


def test_only_networks_of_skips_alone_are_ruled_out() -> None:
    ruled_out = [arch for arch in map(SPACE.at, range(SPACE.size())) if arch not in SPACE]
    assert [arch.genes for arch in ruled_out] == [(tree, 8, 8, 8, 8) for tree in range(9)]


def test_the_example_of_the_benchmark_reads() -> None:
    arch = SPACE.parse("Arch([0, 1, 2, 1], ['gcn', 'gin', 'fc', 'cheb'])")
    assert SPACE.text(arch) == "Arch([0, 1, 1, 2], ['gcn', 'gin', 'cheb', 'fc'])"
    assert SPACE.number(arch) == 61237
    assert SPACE.parse("61237") == arch
    (graph,) = SPACE.graphs(arch)
    assert [SPACE.op_names[op] for op in graph.ops] == ["input", "gcn", "gin", "cheb", "fc", "output"]
    assert graph.edges == {(0, 1), (1, 2), (1, 3), (2, 4), (3, 5), (4, 5)}


@pytest.mark.parametrize(
    ("given_text", "settled"),
    [
        # A skip that others read is as good as none, and stands in front.
        ("Arch([0, 1, 2, 3], ['gcn', 'skip', 'gat', 'gin'])", "Arch([0, 1, 2, 3], ['skip', 'gcn', 'gat', 'gin'])"),
        # So is one that is the only reader of its input.
        ("Arch([0, 1, 2, 3], ['gcn', 'gat', 'gin', 'skip'])", "Arch([0, 1, 2, 3], ['skip', 'gcn', 'gat', 'gin'])"),
        # A skip beside another reader adds its input to the output, and stays.
        ("Arch([0, 1, 1, 2], ['gcn', 'gat', 'skip', 'gin'])", "Arch([0, 1, 1, 2], ['gcn', 'gat', 'skip', 'gin'])"),
        # But the raw input never reaches the output.
        ("Arch([0, 0, 0, 0], ['skip', 'gcn', 'gcn', 'skip'])", "Arch([0, 1, 2, 2], ['skip', 'skip', 'gcn', 'gcn'])"),
        ("Arch([0, 0, 1, 2], ['gcn', 'skip', 'gat', 'skip'])", "Arch([0, 1, 2, 3], ['skip', 'skip', 'gcn', 'gat'])"),
        # Like branches may be exchanged.
        ("Arch([0, 0, 1, 2], ['gin', 'gcn', 'gat', 'fc'])", "Arch([0, 0, 1, 2], ['gcn', 'gin', 'fc', 'gat'])"),
        ("Arch([0, 1, 1, 1], ['gin', 'gcn', 'gat', 'fc'])", "Arch([0, 1, 1, 1], ['gin', 'gat', 'gcn', 'fc'])"),
    ],
)
def test_what_is_one_network(given_text: str, settled: str) -> None:
    assert SPACE.text(SPACE.canonical(SPACE.parse(given_text))) == settled


@given(index=INDICES, order=st.permutations(range(4)))
def test_nodes_may_be_given_in_any_order(index: int, order: list[int]) -> None:
    arch = SPACE.at(index)
    if arch not in SPACE:
        return
    links, ops = _links(arch), [SPACE.operations[op] for op in arch.genes[1:]]
    place = {0: 0, **{node + 1: n + 1 for n, node in enumerate(order)}}
    moved = [place[links[node]] for node in order]
    if any(link > n for n, link in enumerate(moved)):
        return
    other = SPACE.parse(f"Arch({moved}, {[ops[node] for node in order]})")
    assert SPACE.canonical(other) == SPACE.canonical(arch)
    assert SPACE.number(other) == SPACE.number(arch)


@given(index=INDICES)
def test_numbers_name_canonical_forms(index: int) -> None:
    arch = SPACE.at(index)
    if arch in SPACE:
        assert SPACE.parse(str(SPACE.number(arch))) == SPACE.canonical(arch)
        assert SPACE.number(arch) == int("".join(map(str, SPACE.canonical(arch).genes)))


@given(tree=st.integers(0, 8), ops=st.tuples(*[st.integers(0, 7)] * 4))
def test_without_skips_networks_are_one_exactly_if_their_trees_are(tree: int, ops: tuple[int, ...]) -> None:
    arch = Arch("graph", (tree, *ops))
    forms = {SPACE.graphs(Arch("graph", (tree, *other)))[0].key() for other in itertools.permutations(ops)}
    classes = {SPACE.canonical(Arch("graph", (tree, *other))) for other in itertools.permutations(ops)}
    assert len(forms) == len(classes)
    assert SPACE.canonical(arch).genes[0] == tree


def test_numbers_of_proteins_have_base_6() -> None:
    space = proteins()
    arch = space.parse("Arch([0, 1, 1, 2], ['gcn', 'sage', 'arma', 'fc'])")
    assert space.number(arch) == (((6 * 6 + 0) * 6 + 1) * 6 + 2) * 6 + 3
    assert space.parse(str(space.number(arch))) == arch


def test_equal_spaces_are_equal() -> None:
    assert NasBenchGraph() == NasBenchGraph()
    assert len({NasBenchGraph(), NasBenchGraph(), proteins()}) == 2
    assert repr(proteins()) == "NasBenchGraph(('gcn', 'sage', 'arma', 'fc', 'skip'), name='graph_proteins')"


@pytest.mark.parametrize("operations", [(), ("gcn",), ("skip", "gcn"), ("gcn", "gcn", "skip")])
def test_operations_that_do_not_end_with_skip_are_refused(operations: tuple[str, ...]) -> None:
    with pytest.raises(SpaceError, match="end with 'skip'"):
        NasBenchGraph(operations)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Arch([0, 1, 2], ['gcn', 'gin', 'fc'])", "links must be four numbers"),
        ("Arch([1, 1, 2, 1], ['gcn', 'gin', 'fc', 'cheb'])", "links must be four numbers"),
        ("Arch([0, 1, 2, 1], ['gcn', 'gin', 'fc'])", "list of four names"),
        ("Arch([0, 1, 2, 1], ['gcn', 'gin', 'fc', 'gnn'])", "has the operations gat"),
        ("Arch([0, 1, 2, 1], ['skip', 'skip', 'skip', 'skip'])", "all four are"),
        ("Arch([0, 1, 2, 1])", "must read"),
        ("Arch(lk=[0, 1, 2, 1], op=['gcn', 'gin', 'fc', 'cheb'])", "must read"),
        ("99999", r"gene 0 must be 0\.\.8"),
        ("19999", r"gene 1 must be 0\.\.8"),
        ("open('x')", "must read"),
    ],
)
def test_other_texts_are_refused(text: str, says: str) -> None:
    with pytest.raises(ArchError, match=says):
        SPACE.parse(text)
