"""TransNAS-Bench-101, from its torch file."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refusal, truncated

from archwright.bench.importers.transnas import read
from archwright.bench.importing import import_bench
from archwright.bench.table import Bench

#: Task, its metrics as the official file lists them.
METRICS = {
    "class_scene": ["top1", "top5", "loss"],
    "room_layout": ["loss", "neg_loss"],
    "segmentsemantic": ["loss", "acc", "mIoU"],
    "autoencoder": ["ssim", "l1_loss"],
}
INFO = ["inference_time", "encoder_params", "model_params", "model_FLOPs", "encoder_FLOPs"]


def result(task: str, base: float, *, epochs: int = 3) -> dict[str, Any]:
    """Return the official record of one network on one task."""
    names = [f"{split}_{metric}" for split in ("train", "valid", "test") for metric in METRICS[task]]
    curves: dict[str, list[Any]] = {
        name: [base + 10 * place + epoch for epoch in range(epochs)] for place, name in enumerate(names)
    }
    curves["time_elapsed"] = [f"00:0{epoch + 1}:30" for epoch in range(epochs)]
    return {"metrics": curves, "total_epochs": epochs, "model_info": dict(zip(INFO, (0.5, 1, 2, 3, 4), strict=True))}


def database() -> dict[str, Any]:
    archs = {"micro": ["64-41414-1_02_333", "64-41414-0_00_000"], "macro": ["64-1234-basic"]}
    return {
        "metrics_dict": {
            task: [f"{split}_{name}" for split in ("train", "valid", "test") for name in names] + ["time_elapsed"]
            for task, names in METRICS.items()
        },
        "info_names": INFO,
        "task_list": list(METRICS),
        "data": {
            space: {text: {task: result(task, base) for task in METRICS} for base, text in enumerate(texts)}
            for space, texts in archs.items()
        },
    }


def write(path: Path, content: Any) -> Path:
    """Write what `torch.save` would, in the form of torch 1.6 and newer."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(content, protocol=2))
        archive.writestr("archive/version", "3\n")
    return path


def test_an_outcome_per_task_with_the_metric_that_is_higher_for_better(tmp_path: Path) -> None:
    bench = Bench.open(import_bench("transnas", write(tmp_path / "tnb.pth", database()), tmp_path / "out"))
    kinds = {name: (outcome.metric, outcome.higher_is_better) for name, outcome in bench.outcomes.items()}
    assert kinds == {
        "class_scene": ("accuracy", True),
        "room_layout": ("negative_loss", True),
        "segmentsemantic": ("pixel_accuracy", True),
        "segmentsemantic-miou": ("mean_iou", True),
        "autoencoder": ("ssim", True),
    }


def test_values_are_of_the_last_epoch_and_seconds_since_the_start(tmp_path: Path) -> None:
    bench = Bench.open(import_bench("transnas", write(tmp_path / "tnb.pth", database()), tmp_path / "out"))
    rows = bench.rows([bench.space.parse("64-41414-0_00_000"), bench.space.parse("64-41414-1_02_333")])
    # valid_top1 is the fourth of the curves: 30 more; two epochs on: 2 more.
    assert bench.values("class_scene", rows).tolist() == [33.0, 32.0]
    assert bench.values("class_scene", rows, epoch=1).tolist() == [31.0, 30.0]
    assert bench.values("class_scene", rows, split="test").tolist() == [63.0, 62.0]
    assert bench.values("room_layout", rows).tolist() == [33.0, 32.0]
    assert bench.values("segmentsemantic-miou", rows).tolist() == [53.0, 52.0]
    assert bench.values("class_scene", rows, epoch=2, split="seconds").tolist() == [150.0, 150.0]
    assert {key: column[0] for key, column in bench.measures_of("autoencoder").items()} == {
        "inference_s": 0.5,
        "encoder_params": 1,
        "params": 2,
        "flops": 3,
        "encoder_flops": 4,
    }


def test_macro_networks_are_the_other_space(tmp_path: Path) -> None:
    found = read(write(tmp_path / "tnb.pth", database()), space="macro")
    assert (found.name, found.space.name) == ("transnas_macro", "transnas_macro")
    assert np.asarray(found.archs).tolist() == [list(found.space.parse("64-1234-basic").genes)]


def test_the_older_form_of_torch_files_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    parts = (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}})
    path.write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in (*parts, database(), [])))
    assert len(read(path).archs) == 2


def test_other_contents_are_refused(tmp_path: Path) -> None:
    assert "metrics_dict" in refusal("transnas", write(tmp_path / "a.pth", {"data": {}}))
    short = database()
    short["data"]["micro"]["64-41414-0_00_000"]["jigsaw"] = {}
    del short["data"]["micro"]["64-41414-0_00_000"]["room_layout"]["metrics"]["valid_neg_loss"]
    assert "valid_neg_loss" in refusal("transnas", write(tmp_path / "b.pth", short))


def test_an_unknown_space_is_refused(tmp_path: Path) -> None:
    assert "micro or macro" in refusal("transnas", write(tmp_path / "a.pth", database()), space="nano")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    refusal("transnas", truncated(write(tmp_path / "a.pth", database())))


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run",))


def test_a_file_that_asks_for_code_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "print" in refusal("transnas", write(tmp_path / "evil.pth", {"data": Evil()}))
    assert capsys.readouterr().out == ""


def test_the_directions_are_those_of_the_collected_values(shared_data: Path) -> None:
    import pandas as pd

    table = pd.read_parquet(
        shared_data / "transnas" / "tnb101_micro_full.parquet", columns=["task", "valid_metric_final"]
    )
    best = table.groupby("task")["valid_metric_final"].max()
    # What the importer takes for each task has the range of the collected metric: percent, SSIM, negative loss.
    assert best["class_scene"] == pytest.approx(54.94, abs=0.01)
    assert 90 < best["segmentsemantic"] < 100
    assert best["room_layout"] < 0
    assert 0 < best["autoencoder"] < 1
