"""NAS-Bench-101: the published counts, the benchmark's keys, and the forms in which cells are written."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.graph import Graph
from archwright.core.rng import derive
from archwright.spaces.nb101 import NasBench101, module_hash
from archwright.spaces.nb101_cells import EDGES, valid_wirings

CONV3, CONV1, POOL = "conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"
LETTERS = {"I": "input", "O": "output", "0": CONV3, "1": CONV1, "2": POOL}


def _row(space: NasBench101, adj: str, ops: str) -> Arch:
    size = len(ops)
    return space.arch(np.array(list(map(int, adj))).reshape(size, size), [LETTERS[op] for op in ops])


@pytest.mark.parametrize(("vertices", "cells"), [(2, 1), (3, 7), (4, 91), (5, 2_532), (7, 423_624)])
def test_the_numbers_of_cells_are_the_published_ones(vertices: int, cells: int) -> None:
    # Source: arXiv:1902.09635, section 2.1 for all; EC-NAS, sizes of its 4V and 5V spaces.
    genes = NasBench101().unique(vertices=vertices)
    assert genes.shape == (cells, 26)
    assert len(np.unique(genes[:, :21] @ 2 ** np.arange(21) * 243 + genes[:, 21:] @ 3 ** np.arange(5))) == cells


def test_count_is_the_published_number() -> None:
    assert NasBench101().count() == 423_624


def test_cells_of_up_to_five_vertices_differ_in_key_in_hash_and_in_canonical_form() -> None:
    space = NasBench101()
    archs = [Arch("nb101", tuple(row)) for row in space.unique(vertices=5).tolist()]
    graphs = [space.graphs(arch)[0] for arch in archs]
    assert len({graph.key() for graph in graphs}) == 2_532
    assert len({module_hash(graph) for graph in graphs}) == 2_532
    assert len({space.canonical(arch) for arch in archs}) == 2_532


def test_no_cell_of_up_to_four_vertices_is_missing() -> None:
    """The slow twin: every matrix and labelling, told apart by the key of the graph."""
    space, keys = NasBench101(), set()
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    for bits in itertools.product((0, 1), repeat=6):
        for ops in itertools.product(range(3), repeat=2):
            edges = {pair for pair, bit in zip(pairs, bits, strict=True) if bit}
            try:
                arch = space.of_graph(Graph((3, *ops, 4), frozenset(edges)))
            except ArchError:
                continue
            keys.add(space.graphs(arch)[0].key())
    assert len(keys) == 91


def test_every_cell_of_ecnas_hashes_to_its_key_and_none_is_missing(shared_data: Path) -> None:
    import pandas as pd

    space = NasBench101()
    table = pd.read_parquet(shared_data / "nb101" / "ecnas_4v5v_4epochs.parquet", columns=["hash", "adj", "ops"])
    table = table.drop_duplicates("hash")
    found = {space.module_hash(_row(space, adj, ops)) for adj, ops in zip(table["adj"], table["ops"], strict=True)}
    archs = (Arch("nb101", tuple(row)) for row in space.unique(vertices=5).tolist())
    assert found == set(table["hash"]) == {space.module_hash(arch) for arch in archs}


@pytest.mark.parametrize("step", [20, pytest.param(1, marks=pytest.mark.slow)])
def test_rows_of_the_benchmark_hash_to_their_keys(shared_data: Path, step: int) -> None:
    import pandas as pd

    space = NasBench101()
    table = pd.read_parquet(shared_data / "nb101" / "nb101_20k.parquet", columns=["hash", "adj", "ops"]).iloc[::step]
    hashes = [space.module_hash(_row(space, adj, ops)) for adj, ops in zip(table["adj"], table["ops"], strict=True)]
    assert hashes == list(table["hash"])


@pytest.mark.parametrize("step", [40, pytest.param(1, marks=pytest.mark.slow)])
def test_digits_of_naslib_hash_to_their_keys(shared_data: Path, step: int) -> None:
    import pandas as pd

    space = NasBench101()
    table = pd.read_parquet(shared_data / "nb101" / "nb101_zero_cost.parquet", columns=["hash", "naslib_tuple"])
    table = table.iloc[::step]
    assert [space.module_hash(space.parse(digits)) for digits in table["naslib_tuple"]] == list(table["hash"])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_cells_have_different_keys_and_those_of_the_benchmark_are_among_them(shared_data: Path) -> None:
    import pandas as pd

    space = NasBench101()
    hashes = {space.module_hash(Arch("nb101", tuple(row))) for row in space.unique().tolist()}
    assert len(hashes) == 423_624
    known = pd.read_parquet(shared_data / "nb101" / "nb101_20k.parquet", columns=["hash"])["hash"]
    assert set(known) <= hashes
    assert sorted(hashes)[:20_001] == list(known)


@st.composite
def archs(draw: st.DrawFn) -> Arch:
    return NasBench101().random(rng=derive(draw(st.integers(0, 2**32)), "arch"))


@given(arch=archs(), order=st.permutations(range(1, 6)))
def test_canonical_and_hash_do_not_depend_on_the_numbering(arch: Arch, order: list[int]) -> None:
    space = NasBench101()
    place = [0, *order, 6]
    matrix = space.matrix(arch)
    moved = np.zeros_like(matrix)
    for i, j in np.argwhere(matrix):
        moved[place[i], place[j]] = 1
    if np.tril(moved).any():
        return
    ops = ["input", *(space.op_names[op] for op in arch.genes[21:]), "output"]
    other = space.arch(moved, [ops[place.index(vertex)] for vertex in range(7)])
    assert space.canonical(other) == space.canonical(arch)
    assert space.module_hash(other) == space.module_hash(arch) == space.module_hash(space.canonical(arch))


@given(arch=archs())
def test_every_form_of_text_gives_the_cell_back(arch: Arch) -> None:
    space = NasBench101()
    matrix = space.matrix(arch).tolist()
    ops = ["input", *(space.op_names[op] for op in arch.genes[21:]), "output"]
    assert space.parse(repr((matrix, ops))) == arch
    assert space.parse(json.dumps([matrix, ops])) == arch
    assert space.parse(json.dumps({"matrix": matrix, "ops": ops})) == arch
    assert space.parse(json.dumps({"module_adjacency": matrix, "module_operations": ops})) == arch


def test_native_text_of_a_small_cell_puts_its_output_last() -> None:
    space = NasBench101()
    arch = space.parse(f"0110/0011/0001/0000|input,{CONV1},{POOL},output")
    assert space.graphs(arch) == (Graph((3, 1, 2, 4), frozenset({(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)})),)
    assert arch.genes[:21] == tuple(int(edge in {(0, 1), (0, 2), (1, 2), (1, 6), (2, 6)}) for edge in EDGES)


def test_what_is_on_no_path_is_pruned_before_edges_are_counted() -> None:
    space = NasBench101()
    full = Arch("nb101", (1,) * 21 + (0,) * 5)
    assert space.check(full) == "it has 21 edges after pruning, more than 9"
    # Vertices 1 to 5 are read by nothing but each other: 15 edges, of which one counts.
    dangling = Arch("nb101", tuple(int(j != 6 or i == 0) for i, j in EDGES) + (1,) * 5)
    assert space.check(dangling) is None
    assert space.graphs(dangling) == (Graph((3, 4), frozenset({(0, 1)})),)
    assert space.check(Arch("nb101", (1,) + (0,) * 25)) == "no path leads from its input to its output"


def test_valid_wirings_are_those_that_check_passes() -> None:
    space = NasBench101()
    valid = set(valid_wirings()[:50_000].tolist())
    for code in np.random.default_rng(0).integers(0, max(valid), size=2_000).tolist():
        genes = tuple(code >> k & 1 for k in reversed(range(21)))
        assert (code in valid) == (space.check(Arch("nb101", (*genes, 0, 0, 0, 0, 0))) is None)


def test_random_architectures_use_every_edge_and_operation() -> None:
    space = NasBench101()
    genes = np.array([space.random(rng=derive(0, k)).genes for k in range(300)])
    assert (genes.min(axis=0) == 0).all()
    assert (genes[:, :21].max(axis=0) == 1).all()
    assert (genes[:, 21:].max(axis=0) == 2).all()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "must read like"),
        ("01/00", "must read like"),
        ("01/00|input,output,output", "operations must be"),
        (f"011/001/000|input,{CONV3}x,output", "must be one of conv3x3-bn-relu"),
        ("011/101/000|input,maxpool3x3,output", "above its diagonal"),
        ("011/01/000|input,maxpool3x3,output", "must be square"),
        ("00/00|input,output", "no path"),
        ("000001", "no path"),
        ("([[0, 0.5], [0, 0]], ['input', 'output'])", "of 0 and 1"),
        ("010000", "must be .input."),
        ("0100055", "must read like"),
        ("([[0, 1], [0, 0]],", "must read like"),
        ("[1, 2, 3]", "must read like"),
        ("{'matrix': 3}", "must read like"),
        ("__import__('os')", "must read like"),
        ("nb201:0.1", "must read like"),
        ("nb101:0.1", "it has 2 genes"),
    ],
)
def test_malformed_text_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ArchError, match=reason):
        NasBench101().parse(text)


def test_too_many_vertices_are_refused() -> None:
    with pytest.raises(ArchError, match="2 to 7 vertices"):
        NasBench101().unique(vertices=8)
    with pytest.raises(ArchError, match="up to 5 operations"):
        NasBench101().of_graph(Graph((3, 0, 0, 0, 0, 0, 0, 4)))
