"""The ENAS cells of the network design spaces: published size, loose ends, texts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.errors import ArchError
from archwright.core.rng import derive
from archwright.spaces.nds_enas import NdsEnas

SPACE = NdsEnas()

#: A cell whose nodes 2, 3, 4, 5 and 6 each read the node before and the first input: one loose end.
CHAIN = [
    ["sep_conv_3x3", 1],
    ["skip_connect", 0],
    *(p for n in (2, 3, 4, 5) for p in (["sep_conv_5x5", n], ["avg_pool_3x3", 0])),
]
#: All nodes read the same input twice: five loose ends.
FLAT = [["max_pool_3x3", 1]] * 10


class OneNode(NdsEnas):
    n_nodes = 1


def test_a_cell_has_the_published_number_of_settings() -> None:
    # Source: arXiv:1905.13214, table of design spaces: 5,063 billion cells for ENAS.
    assert SPACE.size() == 5_062_500_000_000**2


def test_count_leaves_out_the_order_within_nodes() -> None:
    ways = [n * (n + 1) // 2 for n in (10, 15, 20, 25, 30)]
    one_cell = ways[0] * ways[1] * ways[2] * ways[3] * ways[4]
    assert SPACE.count() == one_cell**2
    space = OneNode()
    assert len({space.canonical(arch) for arch in space.enumerate()}) == space.count() == 55**2


def test_every_point_is_valid() -> None:
    space = OneNode()
    assert sum(1 for _ in space.enumerate()) == space.size() == 100**2


@given(seed=st.integers(0, 10_000))
def test_the_output_concatenates_the_nodes_that_nothing_reads(seed: int) -> None:
    arch = SPACE.random(rng=derive(seed, "enas"))
    for cell, nodes, graph in zip(SPACE.cells(arch), SPACE.nodes(arch), SPACE.graphs(arch), strict=True):
        read = {source for first, _, second, _ in nodes for source in (first, second)}
        loose = [node for node in range(2, 7) if node not in read]
        assert [edge[0] for edge in cell.edges if edge[1] == 7] == loose == list(SPACE.concat(nodes))
        assert len(graph.ops) == 2 + 10 + 1
        assert {i for i, j in graph.edges if j == 12} == {2 * node - 2 + k for node in loose for k in (0, 1)}
        assert len(cell.edges) == 10 + len(loose)


def test_a_json_object_as_in_the_files_of_nds_is_read() -> None:
    text = json.dumps({"normal": CHAIN, "normal_concat": [6], "reduce": FLAT, "reduce_concat": [2, 3, 4, 5, 6]})
    arch = SPACE.parse(text)
    assert SPACE.text(arch).startswith("Genotype(normal=[('sep_conv_3x3', 1), ('skip_connect', 0), ")
    assert SPACE.text(arch).endswith("reduce_concat=[2, 3, 4, 5, 6])")
    assert SPACE.parse(SPACE.text(arch)) == arch


def test_one_node_may_read_the_same_twice() -> None:
    text = json.dumps(
        {"normal": FLAT, "normal_concat": [2, 3, 4, 5, 6], "reduce": FLAT, "reduce_concat": [2, 3, 4, 5, 6]}
    )
    (normal, _) = SPACE.cells(SPACE.parse(text))
    assert normal.edges.count((1, 2, 4)) == 2


@pytest.mark.parametrize("concat", [[2, 6], [2, 3, 4, 5, 6], []])
def test_another_output_is_refused(concat: list[int]) -> None:
    text = json.dumps({"normal": CHAIN, "normal_concat": concat, "reduce": FLAT, "reduce_concat": [2, 3, 4, 5, 6]})
    with pytest.raises(ArchError, match=r"`normal_concat` of these cells must be \[6\]"):
        SPACE.parse(text)
