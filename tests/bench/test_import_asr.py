"""NAS-Bench-ASR, from its pickles."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refusal, truncated

from archwright.bench.importers.asr import read
from archwright.bench.importing import import_bench
from archwright.bench.table import Bench
from archwright.spaces.asr import NasBenchAsr

#: Official hash, and vector: the second operation of the last one is zero, which leaves the rest of the cell apart.
ONE = ("36855332a5778e0df5114305bc3ce238", [(1, 0), (1, 0, 0), (1, 0, 0, 0)])
TWO = ("00112233445566778899aabbccddeeff", [(4, 1), (0, 1, 0), (2, 1, 1, 1)])
SPACE = {"shape": [[6, 2], [6, 2, 2], [6, 2, 2, 2]], "ops": ["linear", "conv5"], "nodes": 3}


def dump(path: Path, head: dict[str, Any], rows: list[Any]) -> Path:
    """Write a head and rows, one pickle after the other, as the official files have them."""
    path.write_bytes(pickle.dumps({"version": 2, "search_space": SPACE} | head) + pickle.dumps(rows))
    return path


def trainings(folder: Path, epochs: int, seed: int, rows: list[tuple[tuple[str, Any], list[float], float]]) -> Path:
    head = {
        "dataset_type": "training",
        "seed": seed,
        "epochs": epochs,
        "columns": ["model_hash", "val_per", "test_per", "arch_vec"],
    }
    content = [(model, valid, test, vector) for (model, vector), valid, test in rows]
    return dump(folder / f"nb-asr-e{epochs}-{seed}.pickle", head, content)


def official(folder: Path) -> Path:
    trainings(folder, 2, 1235, [(ONE, [0.5, 0.3], 0.33), (TWO, [0.6, 0.45], 0.47)])
    trainings(folder, 2, 1234, [(ONE, [0.5, 0.2], 0.23), (TWO, [0.6, 0.4], 0.41)])
    trainings(folder, 1, 1234, [(ONE, [0.55], 0.56)])
    dump(
        folder / "nb-asr-info.pickle",
        {"dataset_type": "static", "columns": ["model_hash", "params", "flops"]},
        [(ONE[0], 26338848, 7), ("unknown", 1, 1)],
    )
    dump(
        folder / "nb-asr-bench-gtx-1080ti-fp32.pickle",
        {"dataset_type": "benchmarking", "device": "gtx-1080ti-fp32", "columns": ["model_hash", "latency"]},
        [(ONE[0], 0.0432), (TWO[0], 0.05)],
    )
    return folder


def test_error_rates_of_each_schedule_and_seed(tmp_path: Path) -> None:
    bench = Bench.open(import_bench("asr", official(tmp_path), tmp_path / "out"))
    space = NasBenchAsr()
    rows = bench.rows([space.parse(str([list(node) for node in vector])) for _, vector in (TWO, ONE)])
    outcome = bench.outcomes["timit-e2"]
    assert (outcome.metric, outcome.unit, outcome.higher_is_better) == ("phoneme_error_rate", "fraction", False)
    assert outcome.array("valid")[rows[1], :, 1] == pytest.approx([0.2, 0.3])  # seeds 1234, 1235
    assert bench.values("timit-e2", rows) == pytest.approx([0.425, 0.25])
    assert bench.values("timit-e2", rows, epoch=1) == pytest.approx([0.6, 0.5])
    assert bench.values("timit-e2", rows, split="test") == pytest.approx([0.44, 0.28])
    assert np.isnan(bench.values("timit-e2", rows, epoch=1, split="test")).all()
    assert bench.values("timit-e1", rows) == pytest.approx([np.nan, 0.55], nan_ok=True)
    assert bench.best("timit-e2") == rows[1]


def test_numbers_come_by_hash_from_the_other_files(tmp_path: Path) -> None:
    found = read(official(tmp_path))
    assert found.measures["params"] == pytest.approx([26338848, np.nan], nan_ok=True)
    assert found.measures["gtx-1080ti-fp32_latency_s"] == pytest.approx([0.0432, 0.05])
    assert found.units == {"gtx-1080ti-fp32_latency_s": "s"}


def test_other_forms_of_one_graph_are_found(tmp_path: Path) -> None:
    # A first operation that gives nothing: whatever the later links name, only links to the input count.
    dead = ("ab" * 16, [(5, 1), (0, 0, 0), (2, 0, 0, 0)])
    trainings(tmp_path, 1, 1234, [(ONE, [0.5], 0.5), (dead, [0.25], 0.25)])
    bench = Bench.open(import_bench("asr", tmp_path, tmp_path / "out"))
    same = NasBenchAsr().parse("[[5, 1], [0, 0, 1], [2, 0, 0, 0]]")
    assert bench.space.canonical(same) == bench.space.canonical(NasBenchAsr().parse(str([list(n) for n in dead[1]])))
    assert bench.values("timit-e1", bench.rows([same])).tolist() == [0.25]


def test_one_file_of_trainings_may_be_given_alone(tmp_path: Path) -> None:
    path = trainings(tmp_path, 1, 1234, [(ONE, [0.5], 0.5)])
    assert [outcome.name for outcome in read(path).outcomes] == ["timit-e1"]


def test_other_contents_are_refused(tmp_path: Path) -> None:
    assert "no trainings" in refusal("asr", tmp_path)
    path = trainings(tmp_path, 2, 1234, [(ONE, [0.5], 0.5)])
    assert "1 values, not 2" in refusal("asr", path)
    bad = ("00", [(9, 0), (1, 0, 0), (1, 0, 0, 0)])
    assert "gene 0" in refusal("asr", trainings(tmp_path, 1, 1, [(bad, [0.5], 0.5)]))
    path.write_bytes(pickle.dumps([1, 2]))
    assert str(path) in refusal("asr", path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    assert "nb-asr" in refusal("asr", truncated(trainings(tmp_path, 2, 1234, [(ONE, [0.5, 0.4], 0.5)])))
