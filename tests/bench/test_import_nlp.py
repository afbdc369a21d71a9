"""NAS-Bench-NLP, from its logs."""

from __future__ import annotations

import gzip
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refusal, truncated

from archwright.bench.importers.nlp import read
from archwright.bench.importing import import_bench
from archwright.bench.table import Bench

RNN = {
    "f": {"op": "linear", "input": ["x", "h_prev_0"]},
    "h_new_0": {"op": "activation_tanh", "input": ["f"]},
}
#: The same cell under other names and in another order.
RENAMED = {
    "h_new_0": {"op": "activation_tanh", "input": ["node_3"]},
    "node_3": {"op": "linear", "input": ["h_prev_0", "x"]},
}
OTHER = {
    "f": {"op": "linear", "input": ["x", "h_prev_0"]},
    "h_new_0": {"op": "activation_sigm", "input": ["f"]},
}
LARGE = {f"n{k}": {"op": "linear", "input": ["x", f"n{k - 1}" if k else "h_prev_0"]} for k in range(14)} | {
    "h_new_0": {"op": "activation_tanh", "input": ["n13"]}
}


def log(recipe: dict[str, Any], losses: list[float], **more: Any) -> dict[str, Any]:
    """Return a log in the official form: the recipe is a text, and losses are lists."""
    return {
        "data": "data/ptb",
        "recepie_id": 3,
        "epochs": 50,
        "recepie": json.dumps(recipe),
        "num_params": 15066078,
        "wall_times": [10.0] * len(losses),
        "train_losses": [loss - 0.5 for loss in losses],
        "val_losses": losses,
        "test_losses": [loss - 0.1 for loss in losses],
        "status": "OK",
    } | more


def write_zip(path: Path, logs: list[dict[str, Any]]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for k, content in enumerate(logs):
            archive.writestr(f"logs/log_stats_model_{k}_2020-04-28_17-16-54_999988992.json", json.dumps(content))
        archive.writestr("__MACOSX/logs/._log.json", b"\x00\x05")
    return path


def test_losses_are_kept_as_published_and_lower_is_better(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "logs.zip", [log(RNN, [6.0, 5.0]), log(OTHER, [6.5, 4.0])])
    bench = Bench.open(import_bench("nlp", source, tmp_path / "out"))
    rows = bench.rows([bench.space.parse(json.dumps(OTHER)), bench.space.parse(json.dumps(RNN))])
    outcome = bench.outcomes["ptb"]
    assert (outcome.metric, outcome.unit, outcome.higher_is_better) == ("log_loss", "nats", False)
    assert bench.values("ptb", rows) == pytest.approx([4.0, 5.0])
    assert bench.values("ptb", rows, epoch=1) == pytest.approx([6.5, 6.0])
    assert bench.values("ptb", rows, split="test") == pytest.approx([3.9, 4.9])
    assert bench.values("ptb", rows, epoch=2, split="seconds").tolist() == [20.0, 20.0]
    assert bench.best("ptb") == rows[0]
    assert bench.measures_of("ptb")["params"].tolist() == [15066078, 15066078]


def test_logs_of_one_cell_are_its_seeds_whatever_its_nodes_are_called(tmp_path: Path) -> None:
    found = read(write_zip(tmp_path / "logs.zip", [log(RNN, [6.0]), log(RENAMED, [5.0]), log(OTHER, [4.0])]))
    (outcome,) = found.outcomes
    np.testing.assert_array_equal(outcome.array("valid")[:, :, 0], [[6.0, 5.0], [4.0, np.nan]])
    assert found.unique


def test_each_data_set_below_a_folder_is_an_outcome(tmp_path: Path) -> None:
    (tmp_path / "train_logs_wikitext-2").mkdir()
    write_zip(tmp_path / "train_logs_wikitext-2" / "logs.zip", [log(RNN, [5.5], data="data/wikitext-2")])
    (tmp_path / "log_stats_model_1.json").write_text(json.dumps(log(RNN, [6.0])))
    (tmp_path / "recepies_example.json").write_text(json.dumps([RNN]))
    assert {outcome.name for outcome in read(tmp_path).outcomes} == {"ptb", "wikitext-2"}


def test_a_training_that_ended_with_nan_is_missing_from_there_on(tmp_path: Path) -> None:
    ended = log(RNN, [9.0, math.inf, math.nan], status="loss is nan!")
    found = read(write_zip(tmp_path / "logs.zip", [ended, log(OTHER, [6.0, 5.0, 4.0])]))
    (outcome,) = found.outcomes
    np.testing.assert_array_equal(outcome.array("valid")[0, 0], [9.0, np.nan, np.nan])


def test_a_training_without_an_epoch_has_a_row_and_no_values(tmp_path: Path) -> None:
    failed = log(RNN, [], status="Exception: CUDA out of memory")
    found = read(write_zip(tmp_path / "logs.zip", [failed, log(OTHER, [6.0])]))
    assert np.isnan(found.outcomes[0].array("valid")[0]).all()


def test_recipes_outside_the_space_are_counted(tmp_path: Path) -> None:
    found = read(write_zip(tmp_path / "logs.zip", [log(RNN, [6.0]), log(LARGE, [5.0])]))
    assert len(found.archs) == 1
    assert "1 of 2 logs" in found.provenance.note
    assert "holds no log" in refusal("nlp", write_zip(tmp_path / "large.zip", [log(LARGE, [5.0])]))


def test_other_contents_are_refused(tmp_path: Path) -> None:
    assert "lengths" in refusal("nlp", write_zip(tmp_path / "a.zip", [log(RNN, [6.0], wall_times=[])]))
    assert "val_losses" in refusal("nlp", write_zip(tmp_path / "b.zip", [{"recepie": json.dumps(RNN), "data": "x"}]))
    assert "holds no log" in refusal("nlp", write_zip(tmp_path / "c.zip", []))
    (tmp_path / "notes.txt").write_text("nothing")
    assert "zip" in refusal("nlp", tmp_path / "notes.txt")


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    assert "truncated" in refusal("nlp", truncated(write_zip(tmp_path / "logs.zip", [log(RNN, [6.0])])))


def test_the_published_logs_of_wikitext(shared_data: Path, tmp_path: Path) -> None:
    with gzip.open(shared_data / "misc_nas" / "nas_bench_nlp_wikitext2.json.gz") as file:
        content = json.load(file)
    logs = [content["constant"] | run | {"recepie": json.dumps(run["recepie"])} for run in content["runs"]]
    assert len(logs) == 345
    found = read(write_zip(tmp_path / "logs.zip", logs))
    (outcome,) = found.outcomes
    valid = outcome.array("valid")
    assert (outcome.name, outcome.epochs[-1]) == ("wikitext-2", 50)
    # 278 of the 345 have at most twelve nodes; of these, those that finished have a loss after 50 epochs.
    assert "67 of 345 logs" in found.provenance.note
    kept = [run for run in logs if _is_kept(run, found.space)]
    assert len(kept) == 278
    assert np.isfinite(valid[:, :, -1]).sum() == sum(run["status"] == "OK" for run in kept)
    assert np.nanmin(valid) == pytest.approx(min(min(run["val_losses"]) for run in kept if run["status"] == "OK"))


def _is_kept(run: dict[str, Any], space: Any) -> bool:
    try:
        space.parse(run["recepie"])
    except ValueError:
        return False
    return True
