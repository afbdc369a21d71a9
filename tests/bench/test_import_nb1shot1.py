"""NAS-Bench-1Shot1: its cells, looked up in NAS-Bench-101."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shared_benches
from refusals import refusal
from tfrecord_layout import metrics, training, write_records

from archwright.bench.importers.nb1shot1 import _cells, read
from archwright.bench.importing import import_bench
from archwright.bench.table import Bench, write_bench
from archwright.core.arch import Arch
from archwright.core.catalog import find
from archwright.core.errors import BenchError
from archwright.spaces.nb1shot1 import NasBench1Shot1

WHOLE = find("space", "nb101")()
#: Architectures of the first subset; the second one has a loose end.
ARCHS = [Arch("nb1shot1_1", genes) for genes in ((0, 1, 2, 0, 2, 5, 9), (0, 0, 0, 0, 0, 0, 0), (2, 2, 1, 1, 1, 3, 4))]


def tfrecord(path: Path, archs: list[Arch], space: NasBench1Shot1) -> Path:
    """NAS-Bench-101 with the cells of `archs`; the n-th is 0.9 - n / 100 accurate."""
    records = []
    for n, arch in enumerate(archs):
        (graph,) = space.graphs(arch)
        matrix = "".join(map(str, graph.adjacency().ravel().tolist()))
        names = [space.op_names[op] for op in graph.ops]
        moments = [[epoch, epoch * 10.0, 0.9 - n / 100, 0.9 - n / 100, 0.8 - n / 100] for epoch in (0, 54, 108)]
        records.append(
            training(WHOLE.module_hash(space.as_nb101(arch)), 108, matrix, names, metrics(moments, 1000 + n))
        )
    return write_records(path, records)


@pytest.mark.parametrize(("subset", "n_cells"), [(1, 2685), (2, 7773)])
def test_cells_are_all_canonical_forms_of_the_subset(subset: int, n_cells: int) -> None:
    space = NasBench1Shot1(subset)
    cells = _cells(space)
    assert len(cells) == n_cells
    rng = np.random.default_rng(0)
    assert {space.canonical(space.random(rng=rng)) for _ in range(300)} <= set(cells)


def test_cells_are_found_by_every_way_to_write_them(tmp_path: Path) -> None:
    space = NasBench1Shot1(1)
    path = tfrecord(tmp_path / "nasbench_only108.tfrecord", ARCHS, space)
    bench = Bench.open(write_bench(tmp_path / "bench", **vars(read(path, subset=1))))
    assert bench.name == "nb1shot1_1"
    rows = bench.rows(ARCHS)
    np.testing.assert_allclose(bench.values("cifar10", rows), [0.9, 0.89, 0.88], rtol=1e-6)
    np.testing.assert_allclose(bench.values("cifar10", rows, split="test"), [0.8, 0.79, 0.78], rtol=1e-6)
    assert bench.measures["params"][rows].tolist() == [1000, 1001, 1002]
    # Nothing reads the third block of the second architecture: its operation is of no consequence.
    (operations, parents) = ARCHS[1].genes[:4], space.parents_of(ARCHS[1])
    loose = [block for block in range(1, 5) if all(block not in group for group in parents)]
    changed = list(operations)
    for block in loose:
        changed[block - 1] = 2
    assert loose
    assert bench.rows([Arch(space.name, (*changed, *ARCHS[1].genes[4:]))]).tolist() == [rows[1]]


def test_an_imported_benchmark_gives_the_same_as_its_file(tmp_path: Path) -> None:
    path = tfrecord(tmp_path / "nasbench_only108.tfrecord", ARCHS, NasBench1Shot1(1))
    folder = import_bench("nb101", path, tmp_path / "nb101")
    direct, looked_up = read(path, subset=1), read(folder, subset=1)
    assert list(direct.archs) == list(looked_up.archs)
    for one, other in zip(direct.outcomes, looked_up.outcomes, strict=True):
        np.testing.assert_array_equal(one.array("valid"), other.array("valid"))
    assert "2,682 of 2,685 cells are not in it" in looked_up.provenance.note


@pytest.mark.slow
def test_published_cells_have_their_published_accuracies(shared_data: Path, tmp_path: Path) -> None:
    whole = Bench.open(shared_benches.nb101(shared_data, tmp_path / "nb101"))
    found = read(whole.folder, subset=2)
    # 20,001 of 423,624 cells are there, in effect a random sample: of 7,773 about 367.
    assert 300 < len(found.archs) < 440
    space = NasBench1Shot1(2)
    rows = whole.rows([space.as_nb101(arch) for arch in found.archs])
    np.testing.assert_array_equal(found.outcomes[0].array("valid"), whole.outcomes["cifar10"].array("valid")[rows])


def test_a_wrong_subset_and_other_benchmarks_are_refused(tmp_path: Path) -> None:
    path = tfrecord(tmp_path / "nasbench_only108.tfrecord", ARCHS[:1], NasBench1Shot1(1))
    with pytest.raises(BenchError, match="must be 1, 2 or 3"):
        read(path, subset=4)
    folder = import_bench("nb1shot1", path, tmp_path / "subset", subset=1)
    assert "it is the benchmark 'nb1shot1_1'" in refusal("nb1shot1", folder)
