"""The cells of DARTS: published size, texts, graphs of the dissertation, cells with operations on edges."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.rng import derive
from archwright.spaces.darts import Darts
from archwright.spaces.genotype import Genotype
from archwright.spaces.two_cells import Nodes

SPACE = Darts()

#: The cells that DARTS found (second order). Source: arXiv:1806.09055, figures 4 and 5.
DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
    "normal_concat=[2, 3, 4, 5], "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), "
    "('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], "
    "reduce_concat=[2, 3, 4, 5])"
)

SEEDS = st.integers(0, 10_000)


class TwoNodes(Darts):
    """DARTS with two nodes and two operations: small enough to walk through."""

    n_nodes = 2
    operations = ("skip_connect", "sep_conv_3x3")


def _random(seed: int) -> Arch:
    return SPACE.random(rng=derive(seed, "darts"))


def test_there_are_as_many_pairs_of_cells_as_published() -> None:
    # Source: arXiv:2008.09777, section 3: more than 10^18 architectures. A node with n earlier ones chooses 2.
    assert SPACE.count() == (1 * 3 * 6 * 10) ** 2 * 7**16 == 1_076_746_950_455_072_400
    assert 10**18 < SPACE.count() < SPACE.size()


def test_the_formula_counts_the_canonical_architectures() -> None:
    space = TwoNodes()
    archs = list(space.enumerate())
    assert len(archs) == (2 * 4 * 6 * 4) ** 2 == len(set(archs))
    assert archs == sorted(archs)
    forms = {space.canonical(arch) for arch in archs}
    assert len(forms) == space.count() == (1 * 4 * 3 * 4) ** 2
    assert all(space.canonical(form) == form for form in forms)


def test_enumerate_meets_exactly_the_valid_points_of_the_grid() -> None:
    space = TwoNodes()
    half = space.size() // 2
    points = (space.at(index) for index in range(half, half + 5_000))
    low, high = space.at(half), space.at(half + 5_000)
    met = [arch for arch in space.enumerate() if low <= arch < high]
    assert met == [arch for arch in points if space.check(arch) is None]


def test_the_cells_of_darts_parse_and_print() -> None:
    arch = SPACE.parse(DARTS_V2)
    assert SPACE.text(arch) == DARTS_V2
    assert SPACE.parse(DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 6)")) == arch
    assert SPACE.parse(DARTS_V2.replace("[2, 3, 4, 5]", "list(range(2, 6))")) == arch


def test_a_genotype_may_be_a_json_object_or_give_its_fields_by_position() -> None:
    stated = Genotype.parse(DARTS_V2)
    as_dict = str({name: getattr(stated, name) for name in ("normal", "normal_concat", "reduce", "reduce_concat")})
    by_place = f"Genotype({list(stated.normal)}, [2, 3, 4, 5], {list(stated.reduce)}, [2, 3, 4, 5])"
    assert SPACE.parse(as_dict) == SPACE.parse(by_place) == SPACE.parse(DARTS_V2)
    assert SPACE.from_genotype(stated) == SPACE.parse(DARTS_V2)


@given(seed=SEEDS)
def test_the_compact_form_names_inputs_and_operations_in_order(seed: int) -> None:
    arch = _random(seed)
    compact = SPACE.compact(arch)
    assert [len(cell) for cell in compact] == [8, 8]
    assert SPACE.parse(str(compact)) == SPACE.parse(str([list(cell) for cell in compact])) == arch
    stated = SPACE.genotype(arch)
    assert [(SPACE.operations[op], node) for node, op in compact[0]] == list(stated.normal)
    assert [(SPACE.operations[op], node) for node, op in compact[1]] == list(stated.reduce)


@pytest.mark.parametrize(("step", "size"), [(16, 779), pytest.param(1, 12_446, marks=pytest.mark.slow)])
def test_published_architectures_read_and_print_back(shared_data: Path, step: int, size: int) -> None:
    import pandas as pd

    n = 0
    for name in ("darts_11221_nwot_zen", "darts_zero_cost_surrogate_acc"):
        for text in pd.read_parquet(shared_data / "darts" / f"{name}.parquet", columns=["arch"])["arch"][::step]:
            arch = SPACE.parse(text)
            stated = tuple(tuple(tuple(pair) for pair in cell) for cell in ast.literal_eval(text))
            assert SPACE.compact(arch) == stated
            n += 1
    assert n == size


@given(seed=SEEDS)
def test_canonical_is_the_least_of_all_orders_within_nodes(seed: int) -> None:
    arch = _random(seed)
    quads = [quad for cell in SPACE.nodes(arch) for quad in cell]
    least = tuple(itertools.chain(*(min(quad, (*quad[2:], *quad[:2])) for quad in quads)))
    assert SPACE.canonical(arch).genes == least
    swapped = Arch("darts", tuple(itertools.chain(*((*quad[2:], *quad[:2]) for quad in quads))))
    assert SPACE.canonical(swapped) == SPACE.canonical(arch)


def test_random_reaches_both_inputs_of_the_first_node_equally() -> None:
    first = [_random(seed).genes[0] for seed in range(400)]
    assert 150 < sum(first) < 250


def test_cells_have_11_nodes_with_inputs_first_and_the_output_last() -> None:
    # Source: arXiv:2006.06936 (arch2vec): eleven nodes for each cell.
    for graph in SPACE.graphs(SPACE.parse(DARTS_V2)):
        names = [SPACE.op_names[op] for op in graph.ops]
        assert len(names) == 11
        assert (names[0], names[1], names[-1]) == ("input_0", "input_1", "output")
        assert {i for i, j in graph.edges if j == 10} == set(range(2, 10))


def test_cells_with_sums_have_15_nodes_and_sums_at_4_7_10_and_13() -> None:
    for graph in SPACE.sum_graphs(SPACE.parse(DARTS_V2)):
        names = [SPACE.op_names[op] for op in graph.ops]
        assert len(names) == 15
        assert [n for n, name in enumerate(names) if name == "sum"] == [4, 7, 10, 13]
        assert {i for i, j in graph.edges if j == 14} == {4, 7, 10, 13}
        assert all(sum(j == n for _, j in graph.edges) == 2 for n in (4, 7, 10, 13))
    assert len(SPACE.op_names) == 11


def test_an_operation_reads_both_operations_of_the_node_that_is_its_input() -> None:
    # The last node of the normal cell reads input 0 and node 2, whose operations are the nodes 2 and 3 of the graph.
    normal, _ = SPACE.graphs(SPACE.parse(DARTS_V2))
    assert {i for i, j in normal.edges if j == 9} == {2, 3}
    assert {i for i, j in normal.edges if j == 8} == {0}


@given(seed=SEEDS)
def test_cells_on_edges_hold_what_the_nodes_say(seed: int) -> None:
    arch = _random(seed)
    skip = SPACE.operations.index("skip_connect")
    for cell, nodes in zip(SPACE.cells(arch), SPACE.nodes(arch), strict=True):
        assert (cell.n_nodes, cell.n_inputs) == (7, 2)
        assert [edge for edge in cell.edges if edge[1] == 6] == [(node, 6, skip) for node in (2, 3, 4, 5)]
        assert set(cell.edges[:8]) == _edges(nodes)


def _edges(nodes: Nodes) -> set[tuple[int, int, int]]:
    found = set()
    for node, (first, op_1, second, op_2) in enumerate(nodes, start=2):
        found |= {(first, node, op_1), (second, node, op_2)}
    return found


@given(seed=SEEDS)
def test_graphs_are_equal_if_only_the_order_within_nodes_differs(seed: int) -> None:
    arch = _random(seed)
    pairs = (SPACE.graphs, SPACE.sum_graphs)
    for graphs in pairs:
        assert [g.key() for g in graphs(arch)] == [g.key() for g in graphs(SPACE.canonical(arch))]


def test_neighbours_change_an_operation_or_an_input() -> None:
    # 16 operations with 6 others, and per cell 2 inputs with 0, 1, 2, 3 others that are free.
    arch = SPACE.parse(DARTS_V2)
    assert len(list(SPACE.neighbours(arch))) == 16 * 6 + 2 * 2 * (0 + 1 + 2 + 3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (DARTS_V2.replace("dil_conv_3x3", "conv_9x9"), "has the operations max_pool_3x3"),
        (DARTS_V2.replace("normal_concat=[2, 3, 4, 5]", "normal_concat=[4, 5]"), r"must be \[2, 3, 4, 5\]"),
        (
            DARTS_V2.replace("('sep_conv_3x3', 1), ('sep_conv_3x3', 0)", "('sep_conv_3x3', 0), ('sep_conv_3x3', 0)"),
            "differ",
        ),
        (DARTS_V2.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', 5)"), r"gene 14 must be 0\.\.4"),
        (DARTS_V2.replace("('dil_conv_3x3', 2)", "'dil_conv_3x3'"), "pairs"),
        (DARTS_V2.replace(", ('dil_conv_3x3', 2)", ""), "genes"),
        (DARTS_V2.replace("reduce_concat=[2, 3, 4, 5]", "reduce_concat=4"), "list of nodes"),
        (DARTS_V2.replace(", reduce_concat=[2, 3, 4, 5]", ""), "must read"),
        ("Genotype(normal=[])", "must read"),
        ("Genotype(normal=__import__('os').getcwd(), normal_concat=[], reduce=[], reduce_concat=[])", "must read"),
        ("Genotype", "must read"),
        ("Genotype(", "must read"),
        ("(((0, 1),), ((0, 1),))", "4 genes, not 32"),
        ("((1, 2), (3, 4))", "must read"),
        ("[" * 5000, "must read"),
        ("9" * 30_000, "must read"),
    ],
)
def test_other_cells_are_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(ArchError, match=says) as error:
        SPACE.parse(text)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_equal_inputs_are_named() -> None:
    genes = (0, 0, 0, 0, *_random(1).genes[4:])
    assert "node 2 must differ, but both are 0" in str(SPACE.check(Arch("darts", genes)))
