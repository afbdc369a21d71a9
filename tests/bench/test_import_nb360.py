"""NAS-Bench-360's precomputed cells, from files in NATS-Bench's form."""

from __future__ import annotations

import bz2
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refusal, truncated

from archwright.bench.importers.nb360 import read
from archwright.bench.importing import import_bench
from archwright.bench.table import Bench

TEXTS = [
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|",
]


def trial(values: list[float], *, split: str = "ori-test") -> dict[str, Any]:
    """Return the official state of one training: `values` are its accuracies, 1 - value its losses."""
    keys = [f"{split}@{epoch}" for epoch in range(len(values))]
    return {
        "params": 0.8,
        "flop": 11.0,
        "epochs": len(values),
        "eval_names": [split],
        "eval_acc1es": dict(zip(keys, values, strict=True)),
        "eval_losses": {key: 1 - value for key, value in zip(keys, values, strict=True)},
        "train_acc1es": dict(enumerate(values)),
        "train_losses": dict.fromkeys(range(len(values)), 0.5),
        "train_times": dict.fromkeys(range(len(values)), 2.0),
        "latency": [],
    }


def record(index: int, results: dict[tuple[str, int], Any]) -> dict[str, Any]:
    return {"arch_index": index, "arch_str": TEXTS[index], "all_results": results, "dataset_seed": {}}


def write(path: Path, records: list[dict[str, Any]], schedule: str = "200") -> Path:
    content = {
        "meta_archs": TEXTS,
        "total_archs": len(TEXTS),
        "arch2infos": {each["arch_index"]: OrderedDict({schedule: each}) for each in records},
        "evaluated_indexes": set(range(len(records))),
    }
    data = pickle.dumps(content)
    path.write_bytes(bz2.compress(data) if path.suffix == ".pbz2" else data)
    return path


def test_the_short_and_the_full_schedule_are_outcomes(tmp_path: Path) -> None:
    full = [
        record(k, {("ninapro", s): trial([80.0 + k] * 199 + [90.0 + k + s - 777]) for s in (777, 888)}) for k in (0, 1)
    ]
    write(tmp_path / "NATS-tss-v1_0-daa55.pickle.pbz2", full)
    write(tmp_path / "NATS-tss-v1_0-2397f.pickle", [record(1, {("ninapro", 777): trial([60.0, 70.0])})], "12")
    bench = Bench.open(import_bench("nb360", tmp_path, tmp_path / "out"))
    rows = bench.rows([bench.space.parse(text) for text in TEXTS])
    assert list(bench.outcomes) == ["ninapro", "ninapro-e2"]
    assert bench.values("ninapro", rows, split="test").tolist() == [90.0 + 55.5, 91.0 + 55.5]
    assert bench.values("ninapro", rows, epoch=10, split="seconds").tolist() == [20.0, 20.0]
    assert bench.values("ninapro-e2", rows) == pytest.approx([np.nan, 70.0], nan_ok=True)
    assert bench.outcomes["ninapro"].higher_is_better
    assert bench.measures_of("ninapro")["params_m"][rows].tolist() == [0.8, 0.8]


def test_darcy_flow_is_the_error_of_which_lower_is_better(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.pickle.pbz2", [record(0, {("darcyflow", 777): trial([0.9, 0.95])})]))
    (outcome,) = found.outcomes
    assert (outcome.metric, outcome.higher_is_better) == ("relative_l2_error", False)
    assert outcome.array("valid")[0, 0] == pytest.approx([0.1, 0.05])
    assert outcome.array("train")[0, 0].tolist() == [0.5, 0.5]


def test_the_one_split_is_validation_and_test_and_the_note_says_so(tmp_path: Path) -> None:
    found = read(write(tmp_path / "a.pickle", [record(0, {("ninapro", 777): trial([90.0])})]))
    (outcome,) = found.outcomes
    np.testing.assert_array_equal(outcome.array("valid"), outcome.array("test"))
    assert "validation and as test" in found.provenance.note


def test_other_contents_are_refused(tmp_path: Path) -> None:
    nats = write(tmp_path / "nats.pickle", [record(0, {("cifar10", 777): trial([90.0])})])
    assert "ninapro or darcyflow" in refusal("nb360", nats)
    odd = write(tmp_path / "odd.pickle", [record(0, {("ninapro", 777): trial([90.0], split="x-test")})])
    assert "x-test" in refusal("nb360", odd)
    wrong = record(0, {}) | {"arch_str": "|conv~0|"}
    assert "conv" in refusal("nb360", write(tmp_path / "wrong.pickle", [wrong]))


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    for name in ("a.pickle", "b.pickle.pbz2"):
        refusal("nb360", truncated(write(tmp_path / name, [record(0, {("ninapro", 777): trial([90.0] * 50)})])))
