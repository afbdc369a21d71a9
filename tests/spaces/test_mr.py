"""NAS-Bench-MR: the 27 numbers, published texts, the graph of branches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.errors import ArchError
from archwright.core.rng import derive
from archwright.spaces.mr import NasBenchMr

SPACE = NasBenchMr()

#: Source: the public list of architectures of NAS-Bench-MR, and the example of its page.
PUBLISHED = [
    "96_128-1_1_1_48-1_2_1_1_128_8-1_3_1_1_1_128_128_120-4_4_4_4_4_4_128_128_128_128-64",
    "32_16-1_1_1_32-3_2_3_2_16_32-1_3_1_1_1_112_48_32-2_4_4_3_4_2_32_64_32_112-128",
    "8_8-1_1_1_8-1_2_1_1_8_8-1_3_1_1_1_8_8_8-1_4_1_1_1_1_8_8_8_8-8",
]


def test_there_are_2_to_the_80_points() -> None:
    assert len(SPACE.arities) == 27
    assert SPACE.size() == 4**14 * 16**13 == 2**80


@pytest.mark.parametrize("text", PUBLISHED)
def test_published_texts_read_and_print_back(text: str) -> None:
    assert SPACE.text(SPACE.parse(text)) == text


def test_the_published_embedding_of_a_text() -> None:
    # Source: the page of NAS-Bench-MR, "Code2Setting".
    numbers = (
        *(96, 128, 1, 1, 48, 1, 1, 1, 128, 8, 1, 1, 1, 1, 128, 128, 120),
        *(4, 4, 4, 4, 4, 128, 128, 128, 128, 64),
    )
    assert SPACE.numbers(SPACE.parse(PUBLISHED[0])) == numbers
    assert SPACE.parse(str(list(numbers))) == SPACE.from_numbers(numbers) == SPACE.parse(PUBLISHED[0])


@given(seed=st.integers(0, 10_000))
def test_numbers_and_texts_round_trip(seed: int) -> None:
    arch = SPACE.random(rng=derive(seed, "mr"))
    assert SPACE.from_numbers(SPACE.numbers(arch)) == arch
    assert SPACE.parse(SPACE.text(arch)) == SPACE.parse(" ".join(map(str, SPACE.numbers(arch)))) == arch


@given(seed=st.integers(0, 10_000))
def test_the_graph_has_a_node_for_each_branch_of_each_module(seed: int) -> None:
    arch = SPACE.random(rng=derive(seed, "mr"))
    numbers = SPACE.numbers(arch)
    modules = [numbers[place] for place in (2, 5, 10, 17)]
    (graph,) = SPACE.graphs(arch)
    assert len(graph.ops) == 3 + sum(branches * n for branches, n in enumerate(modules, start=1)) + 2
    assert SPACE.op_names[graph.ops[1]] == f"conv_c{numbers[0]}"
    assert SPACE.op_names[graph.ops[3]] == f"units{numbers[3]}_c{numbers[4]}"
    assert SPACE.op_names[graph.ops[-3]] == f"units{numbers[21]}_c{numbers[25]}"
    assert SPACE.op_names[graph.ops[-2]] == f"conv_c{numbers[26]}"
    assert (SPACE.op_names[graph.ops[0]], SPACE.op_names[graph.ops[-1]]) == ("input", "output")


def test_branches_read_neighbouring_resolutions() -> None:
    (graph,) = SPACE.graphs(SPACE.parse(PUBLISHED[2]))
    # Nodes: input, two convolutions, then modules of 1, 2, 3 and 4 branches, a convolution, output.
    branches = {
        *((2, 3), (3, 4), (3, 5)),
        *((4, 6), (4, 7), (5, 6), (5, 7), (5, 8)),
        *((6, 9), (6, 10), (7, 9), (7, 10), (7, 11), (8, 10), (8, 11), (8, 12)),
    }
    assert graph.edges == {(0, 1), (1, 2), *branches, (9, 13), (10, 13), (11, 13), (12, 13), (13, 14)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PUBLISHED[0].replace("96_128", "96_129"), r"number 1 must be 8\.\.128 in steps of 8, but is 129"),
        (PUBLISHED[0].replace("96_128-1_", "96_128-5_"), r"number 2 must be 1\.\.4"),
        (PUBLISHED[0].replace("-1_2_1_1", "-1_3_1_1"), "stage 2 of 'mr' must have 2 branches, but 3"),
        (PUBLISHED[0].replace("-64", ""), "27 numbers, not 30"),
        ("8 8", "27 numbers, not 2"),
        ("8_8-x", "must read"),
    ],
)
def test_other_texts_are_refused(text: str, says: str) -> None:
    with pytest.raises(ArchError, match=says):
        SPACE.parse(text)
