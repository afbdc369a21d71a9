"""NAS-Bench-Macro, from its JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refusal, truncated

from archwright.bench.importers.nb_macro import read
from archwright.bench.importing import import_bench
from archwright.bench.table import Bench


def entry(*accuracies: float) -> dict[str, Any]:
    return {"test_acc": accuracies, "mean_acc": 1.0, "std": 0.1, "params": 387882, "flops": 7713280}


def write(path: Path, table: Any) -> Path:
    path.write_text(json.dumps(table))
    return path


def test_the_first_training_is_validation_and_the_others_are_test(tmp_path: Path) -> None:
    table = {"00000000": entry(45.0, 46.0, 48.0), "12001202": entry(90.0, 91.0, 93.0)}
    bench = Bench.open(import_bench("nb_macro", write(tmp_path / "bench.json", table), tmp_path / "out"))
    rows = bench.rows([bench.space.parse("12001202"), bench.space.parse("00000000")])
    assert bench.values("cifar10", rows).tolist() == [90.0, 45.0]
    assert bench.values("cifar10", rows, split="test").tolist() == [92.0, 47.0]
    assert bench.outcomes["cifar10"].epochs == (50,)
    assert bench.measures["params"].tolist() == [387882, 387882]
    assert "test accuracies only" in bench.provenance.note
    assert bench.provenance.licence == "Apache-2.0"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([1, 2], "list"),
        ({}, "dict"),
        ({"00000000": {"test_acc": [1.0, 2.0]}}, "2 accuracies"),
        ({"00000000": {"mean": 1.0}}, "test_acc"),
        ({"0000000": entry(1, 2, 3)}, "eight digits"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, table: Any, said: str) -> None:
    assert said in refusal("nb_macro", write(tmp_path / "bench.json", table))


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "bench.json", {"00000000": entry(1, 2, 3)})
    assert "truncated" in refusal("nb_macro", truncated(whole))


def test_the_published_numbers(shared_data: Path, tmp_path: Path) -> None:
    import pandas as pd

    table = pd.read_parquet(shared_data / "misc_nas" / "nas_bench_macro_cifar10.parquet")
    seeds = ["test_acc_s0", "test_acc_s1", "test_acc_s2"]
    content = {
        row["arch"]: {"test_acc": [row[s] for s in seeds], "params": row["params"], "flops": row["flops"]}
        for row in table.to_dict("records")
    }
    found = read(write(tmp_path / "bench.json", content))
    (outcome,) = found.outcomes
    assert len(found.archs) == 6561
    trained = np.concatenate([outcome.array("valid")[:, :1, 0], outcome.array("test")[:, 1:, 0]], axis=1)
    # Source: arXiv:2103.11922, table of the benchmark: best mean 93.13.
    assert trained.mean(axis=1).max() == pytest.approx(93.127, abs=1e-3)
    assert np.isnan(outcome.array("valid")[:, 1:]).all()
    assert np.isnan(outcome.array("test")[:, 0]).all()
