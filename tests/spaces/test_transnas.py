"""TransNAS-Bench-101: the published counts and the official texts of both spaces."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.spaces.transnas_macro import TransNasMacro
from archwright.spaces.transnas_micro import TransNasMicro


def test_the_micro_space_has_4096_cells() -> None:
    # Source: README of the official repository.
    space = TransNasMicro()
    assert len(list(space.enumerate())) == space.size() == 4_096


def test_the_micro_text_is_the_official_example() -> None:
    # Source: the same; skip(0); none(0) + conv1x1(1); conv3x3 of all three.
    space = TransNasMicro()
    arch = space.parse("64-41414-1_02_333")
    assert space.text(arch) == "64-41414-1_02_333"
    (cell,) = space.cells(arch)
    assert [(s, t, space.operations[op]) for s, t, op in cell.edges] == [
        (0, 1, "skip_connect"),
        (0, 2, "none"),
        (1, 2, "conv1x1"),
        (0, 3, "conv3x3"),
        (1, 3, "conv3x3"),
        (2, 3, "conv3x3"),
    ]


def test_micro_cells_of_one_canonical_form_have_equal_results(shared_data: Path) -> None:
    # A wrong reading of NASLib's tuples, by the source of edges or with other codes, joins cells that differ by far:
    # their results spread by 0.4 to 0.7 of the spread of all, in the mean over cells; rightly read, by 0.11.
    import pandas as pd

    space = TransNasMicro()
    table = pd.read_parquet(shared_data / "transnas" / "tnb101_micro_full.parquet")
    table = table[table["task"] == "class_scene"].set_index("arch")["valid_metric_final"]
    archs = {text: space.parse(text) for text in table.index}
    assert len(set(archs.values())) == 4_096
    keys = pd.Series({text: str(space.canonical(arch)) for text, arch in archs.items()})
    residual = table - table.groupby(keys.reindex(table.index)).transform("mean")
    assert residual.std() < 0.15 * table.std()


def test_naslib_tuples_are_the_genes() -> None:
    space = TransNasMicro()
    arch = space.parse("(1, 0, 2, 3, 3, 3)")
    assert space.text(arch) == "64-41414-1_02_333"
    assert space.naslib(arch) == (1, 0, 2, 3, 3, 3)
    with pytest.raises(ArchError):
        space.parse("(1, 0, 2, 4, 3, 3)")


def test_micro_text_with_another_skeleton_is_refused() -> None:
    with pytest.raises(ArchError, match="must read like '64-41414-1_11_111'"):
        TransNasMicro().parse("64-1234-basic")


def test_the_macro_space_has_3256_networks() -> None:
    # Source: README of the official repository.
    space = TransNasMacro()
    archs = list(space.enumerate())
    assert len(archs) == space.count() == 3_256
    assert len({space.text(arch) for arch in archs}) == 3_256
    assert space.size() == 6_400


def test_macro_networks_halve_and_double_as_often_as_they_may() -> None:
    space = TransNasMacro()
    texts = {space.text(arch) for arch in space.enumerate()}
    for n in (4, 5, 6):
        for codes in itertools.product("1234", repeat=n):
            halvings, doublings = sum(c in "34" for c in codes), sum(c in "24" for c in codes)
            assert (f"64-{''.join(codes)}-basic" in texts) == (1 <= halvings <= 4 and 1 <= doublings <= 3)


def test_macro_text_is_the_official_example() -> None:
    space = TransNasMacro()
    for text in ("64-1234-basic", "64-2311-basic", "64-41414-basic", "64-111344-basic"):
        assert space.text(space.parse(text)) == text
    assert space.arch((1, 2, 3, 4, 0, 0)) == space.parse("64-1234-basic")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("64-1111-basic", "halve the resolution 1 to 4 times, not 0"),
        ("64-3333-basic", "double the channels 1 to 3 times, not 0"),
        ("64-222223-basic", "not 5"),
        ("64-333332-basic", "not 5"),
        ("64-123-basic", "must read like '64-1234-basic'"),
        ("64-12345-basic", "must read like '64-1234-basic'"),
        ("transnas_macro:0.1.2.3.0.1", "a sixth module needs a fifth"),
    ],
)
def test_macro_text_outside_the_rules_is_refused_with_the_rule(text: str, reason: str) -> None:
    with pytest.raises(ArchError, match=reason):
        TransNasMacro().parse(text)


def test_too_few_modules_are_refused() -> None:
    with pytest.raises(ArchError, match="4 to 6 modules"):
        TransNasMacro().arch((1, 2, 3, 0, 0, 0))


def test_a_macro_network_is_a_chain() -> None:
    space = TransNasMacro()
    (graph,) = space.graphs(Arch("transnas_macro", (0, 1, 2, 3, 4, 0)))
    assert [space.op_names[op] for op in graph.ops][1:3] == ["normal", "channels-x2"]
    assert len(graph.ops) == 7
    assert graph.edges == {(i, i + 1) for i in range(6)}
