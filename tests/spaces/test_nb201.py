"""NAS-Bench-201: the published counts, the official texts, and what is one network."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from archwright.core.arch import Arch
from archwright.core.errors import ArchError, SpaceError
from archwright.spaces.edges import EdgeCell, to_edges
from archwright.spaces.four_nodes import FourNodeSpace
from archwright.spaces.nb201 import NasBench201

#: The cell of official number 0.
FIRST = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"


def _expression(space: NasBench201, arch: Arch) -> str:
    """The text of NAS-Bench-201's own rule, from its cells and not from the genes."""
    (cell,) = space.cells(arch)
    names = ["0"]
    for node in (1, 2, 3):
        terms = []
        for source, _, op in (edge for edge in cell.edges if edge[1] == node):
            if space.operations[op] == "none" or names[source] == "zero":
                terms.append("zero")
            elif space.operations[op] == "skip_connect":
                terms.append(names[source])
            else:
                terms.append(f"{space.operations[op]}({names[source]})")
        names.append("+".join(sorted(terms)))
    return names[3]


def test_it_has_15625_cells_of_which_6466_are_unique() -> None:
    # Source: arXiv:2001.00326, section 2.1.
    space = NasBench201()
    archs = list(space.enumerate())
    canonical = [space.canonical(arch) for arch in archs]
    assert len(archs) == space.size() == 15_625
    assert len(set(canonical)) == 6_466
    assert all(space.canonical(arch) == arch for arch in set(canonical))
    assert all(one.genes <= arch.genes for one, arch in zip(canonical, archs, strict=True))


def test_canonical_forms_are_the_classes_of_the_unique_text() -> None:
    space = NasBench201()
    classes: dict[str, set[Arch]] = {}
    for arch in itertools.islice(space.enumerate(), 0, None, 5):
        classes.setdefault(_expression(space, arch), set()).add(space.canonical(arch))
        assert space.unique_text(space.canonical(arch)) == space.unique_text(arch)
    assert all(len(found) == 1 for found in classes.values())
    assert len(classes) == len({space.unique_text(arch) for arch in itertools.islice(space.enumerate(), 0, None, 5)})


def test_5425_cells_are_different_functions() -> None:
    space = NasBench201()
    assert len({space.function_key(arch) for arch in space.enumerate()}) == 5_425


def test_a_convolution_read_twice_is_another_function_than_two_convolutions() -> None:
    space = NasBench201()
    twice = space.parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|skip_connect~2|")
    two = space.parse("|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|none~0|skip_connect~1|skip_connect~2|")
    assert space.function_key(twice) != space.function_key(two)


def test_all_zero_cells_are_one() -> None:
    space = NasBench201()
    zeros = [arch for arch in space.enumerate() if arch.genes[3:] == (0, 0, 0)]
    assert {space.canonical(arch).genes for arch in zeros} == {(0,) * 6}


def test_text_is_the_official_one_and_spaces_around_it_do_not_matter() -> None:
    space = NasBench201()
    arch = Arch("nb201", (4, 2, 1, 2, 1, 1))
    assert space.text(arch) == FIRST
    assert space.parse(f" {FIRST}\n") == arch


def test_the_tuple_of_naslib_is_ordered_by_source() -> None:
    space = NasBench201()
    assert space.parse("(4, 3, 3, 0, 0, 0)") == space.parse(FIRST)
    assert space.naslib(space.parse(FIRST)) == (4, 3, 3, 0, 0, 0)
    assert all(space.of_naslib(space.naslib(arch)) == arch for arch in space.enumerate())


def test_every_official_text_and_tuple_parses(shared_data: Path) -> None:
    import pandas as pd

    space = NasBench201()
    table = pd.read_parquet(shared_data / "nb201" / "nb201_accuracy.parquet", columns=["arch_str", "naslib_tuple"])
    archs = [space.parse(text) for text in table["arch_str"]]
    assert [space.text(arch) for arch in archs] == list(table["arch_str"])
    assert [space.parse(text) for text in table["naslib_tuple"]] == archs
    assert len(set(archs)) == 15_625


def test_graph_is_the_cell_with_its_edges_as_nodes() -> None:
    space = NasBench201()
    arch = space.parse(FIRST)
    (graph,) = space.graphs(arch)
    assert [space.op_names[op] for op in graph.ops] == ["input", *re.findall(r"\|(\w+)~", FIRST), "output"]
    assert to_edges(graph, input_op=5, output_op=6) == space.cells(arch)[0]
    assert space.cells(arch) == (EdgeCell(4, ((0, 1, 4), (0, 2, 2), (1, 2, 1), (0, 3, 2), (1, 3, 1), (2, 3, 1))),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (FIRST.replace("avg_pool_3x3", "max_pool_3x3"), "must be one of none, skip_connect"),
        (FIRST.replace("avg_pool_3x3~0", "avg_pool_3x3~1"), "must come from 0, 1, ..."),
        (FIRST[:-1], "must read like"),
        ("nb101:0.0.0.0.0.0", "must read like"),
        ("nb201:0.0.0.0.0.5", r"must be 0\.\.4"),
        ("(0, 0, 0, 0, 0, 7)", r"0\.\.4 are needed"),
    ],
)
def test_malformed_text_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ArchError, match=reason):
        NasBench201().parse(text)


def test_a_space_of_other_operations_on_this_cell_is_one_line() -> None:
    space = FourNodeSpace("spiking", ("none", "skip_connect", "lif_0.5", "lif_1.0", "lif_1.5"))
    assert space.size() == 15_625
    arch = Arch("spiking", (2, 0, 1, 1, 0, 4))
    assert space.parse(space.text(arch)) == arch
    with pytest.raises(ArchError, match="no numbers in NASLib"):
        space.naslib(arch)


@pytest.mark.parametrize("operations", [("none", "none", "skip_connect"), ("none", "conv"), ()])
def test_operations_must_be_distinct_and_hold_none_and_skip(operations: tuple[str, ...]) -> None:
    with pytest.raises(SpaceError, match="must be distinct"):
        FourNodeSpace("other", operations)
