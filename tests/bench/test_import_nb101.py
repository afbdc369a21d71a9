"""NAS-Bench-101: real cells and figures, written as official TFRecord files and read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tfrecord_layout import metrics, training, write_records

from archwright.bench.importers.nb101 import read
from archwright.bench.table import Bench, write_bench
from archwright.core.arch import Arch
from archwright.core.catalog import find
from archwright.core.errors import BenchError

OPS = {"I": "input", "O": "output", "0": "conv3x3-bn-relu", "1": "conv1x1-bn-relu", "2": "maxpool3x3"}
MATRIX = "011001000"
NAMES = ["input", "maxpool3x3", "output"]
KEY = find("space", "nb101")().module_hash(find("space", "nb101")().parse("011/001/000|input,maxpool3x3,output"))


def moments(*, half: float, final: float, seconds: float) -> list[list[float]]:
    """Epoch, seconds, train, valid, test: before, halfway, at the end."""
    return [
        [0, 0, 0.1, 0.1, 0.1],
        [2, seconds / 2, half + 0.02, half, half - 0.01],
        [4, seconds, final + 0.02, final, final - 0.01],
    ]


def record(repeat: int, *, epochs: int = 4, key: str = KEY, matrix: str = MATRIX, names: list[str] = NAMES) -> bytes:
    found = moments(half=0.5 + repeat / 100, final=0.7 + repeat / 100, seconds=100.0 + repeat)
    return training(key, epochs, matrix, names, metrics(found, 227_274))


@pytest.fixture(scope="module")
def cells(shared_data: Path) -> pd.DataFrame:
    return pd.read_parquet(shared_data / "nb101" / "nb101_20k.parquet").iloc[:300]


def test_published_cells_and_figures_come_back(cells: pd.DataFrame, tmp_path: Path) -> None:
    records = []
    for cell in cells.itertuples():
        names = [OPS[letter] for letter in cell.ops]
        for epochs in (108, 4, 36, 12):
            valid = getattr(cell, f"valid_e{epochs}")
            found = moments(half=0.3, final=valid, seconds=cell.train_time_e108_s * epochs / 108)
            records.append(training(cell.hash, epochs, cell.adj, names, metrics(found, cell.params)))
    bench = Bench.open(
        write_bench(tmp_path / "bench", **vars(read(write_records(tmp_path / "nasbench_full.tfrecord", records))))
    )
    outcome = bench.outcomes["cifar10"]
    assert outcome.epochs == (4, 12, 36, 108)
    assert outcome.array("valid").shape == (300, 3, 4)
    for place, epochs in enumerate(outcome.epochs):
        np.testing.assert_allclose(outcome.array("valid")[:, 0, place], cells[f"valid_e{epochs}"], rtol=1e-6)
    assert np.isnan(outcome.array("valid")[:, 1:]).all()
    np.testing.assert_array_equal(bench.measures["params"], cells["params"])
    np.testing.assert_allclose(outcome.array("seconds")[:, 0, -1], cells["train_time_e108_s"], rtol=1e-6)
    # A cell written in another way has the same row, and the key of each row is the benchmark's.
    for row in range(0, 300, 50):
        digits, letters = cells["adj"].iloc[row], cells["ops"].iloc[row]
        size = len(letters)
        lines = "/".join(digits[n * size : (n + 1) * size] for n in range(size))
        arch = bench.space.parse(f"{lines}|{','.join(OPS[letter] for letter in letters)}")
        assert bench.rows([arch]).tolist() == [row]
        assert bench.space.module_hash(bench.archs([row])[0]) == cells["hash"].iloc[row]


def test_three_repeats_and_both_moments_are_kept(tmp_path: Path) -> None:
    path = write_records(tmp_path / "nasbench_only108.tfrecord", [record(n, epochs=108) for n in range(3)])
    found = read(path)
    final, half = found.outcomes
    assert (final.name, final.epochs, half.name, half.epochs) == ("cifar10", (108,), "cifar10-halfway", (54,))
    np.testing.assert_allclose(final.array("valid")[0, :, 0], [0.70, 0.71, 0.72], rtol=1e-6)
    np.testing.assert_allclose(final.array("test")[0, :, 0], [0.69, 0.70, 0.71], rtol=1e-6)
    np.testing.assert_allclose(final.array("train")[0, :, 0], [0.72, 0.73, 0.74], rtol=1e-6)
    np.testing.assert_allclose(final.array("seconds")[0, :, 0], [100, 101, 102], rtol=1e-6)
    np.testing.assert_allclose(half.array("valid")[0, :, 0], [0.50, 0.51, 0.52], rtol=1e-6)
    np.testing.assert_allclose(half.array("seconds")[0, :, 0], [50, 50.5, 51], rtol=1e-6)
    assert found.measures["params"] == [227_274]
    assert found.provenance.version == "nasbench_only108"
    assert "Only 1 of 423,624 cells" in found.provenance.note


def test_the_full_file_of_a_folder_is_preferred(tmp_path: Path) -> None:
    write_records(tmp_path / "nasbench_only108.tfrecord", [record(0, epochs=108)])
    assert read(tmp_path).provenance.version == "nasbench_only108"
    write_records(tmp_path / "nasbench_full.tfrecord", [record(0), record(0, epochs=108)])
    assert read(tmp_path).outcomes[0].epochs == (4, 108)


def test_many_cells_need_no_more_than_their_numbers(tmp_path: Path) -> None:
    """More cells than the first arrays hold: arrays grow, and rows stay where they were."""
    space = find("space", "nb101")()
    genes = space.unique(vertices=5)[:1500]
    records = []
    for row in genes:
        arch = Arch(space.name, tuple(row.tolist()))
        (graph,) = space.graphs(arch)
        size = len(graph.ops)
        matrix = "".join(map(str, graph.adjacency().ravel().tolist()))
        names = [space.op_names[op] for op in graph.ops]
        key = space.module_hash(arch)
        records.append(
            training(key, 4, matrix, names, metrics(moments(half=0.1, final=len(records) / 2000, seconds=1.0), size))
        )
    found = read(write_records(tmp_path / "nasbench_full.tfrecord", records))
    np.testing.assert_allclose(found.outcomes[0].array("valid")[:, 0, 0], np.arange(1500) / 2000, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        ([], "there is no record in it"),
        ([record(n) for n in range(4)], "more than 3 trainings"),
        ([record(0, epochs=5)], "a training of 5 epochs"),
        ([record(0, key="0" * 32)], "is not the one that this key stands for"),
        ([record(0, matrix="0110")], "must have 3 x 3 digits"),
        ([record(0, matrix="011101000")], "a matrix must"),
        ([record(0, names=["input", "conv9x9", "output"])], "an operation must be one of"),
        ([b"[1, 2]"], "another form"),
        ([b"no json"], "another form"),
        ([training(KEY, 4, MATRIX, NAMES, "AAAA")], "another form"),
        ([training(KEY, 4, MATRIX, NAMES, metrics([[0.0] * 5], 1))], "must have 3 evaluations"),
        ([training(KEY, 4, MATRIX, NAMES, metrics([[0.0], [0.0], [0.0]], 1))], "another form"),
    ],
)  # fmt: skip
def test_other_records_are_refused_in_one_line(tmp_path: Path, records: list[bytes], problem: str) -> None:
    with pytest.raises(BenchError, match=problem) as caught:
        read(write_records(tmp_path / "nasbench_full.tfrecord", records))
    assert "\n" not in str(caught.value)


def test_a_truncated_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"neither nasbench_full\.tfrecord"):
        read(tmp_path)
    path = write_records(tmp_path / "nasbench_full.tfrecord", [record(0), record(1)])
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(BenchError, match="ends in the middle of record 1"):
        read(path)
