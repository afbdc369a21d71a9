"""NAS-Bench-MR, from its pickles."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refusal, truncated

from archwright.bench.importers.mr import read
from archwright.bench.importing import import_bench
from archwright.bench.table import Bench
from archwright.spaces.mr import NasBenchMr

#: The example of the official README; its embedding there lacks the last number.
EXAMPLE: dict[str, Any] = {
    "mIoU": 70.57,
    "mAcc": 80.07,
    "aAcc": 95.29,
    "input_channel": [16, 64],
    "network_setting": [
        [1, [3], [128]],
        [2, [3, 3], [32, 48]],
        [2, [3, 3], [32, 48]],
        [2, [3, 3], [32, 48]],
        [3, [2, 3, 2], [16, 32, 16]],
        [3, [2, 3, 2], [16, 32, 16]],
        [4, [2, 4, 1, 1], [96, 112, 48, 80]],
    ],
    "last_channel": 112,
    "embedding": [16, 64, 1, 3, 128, 3, 3, 3, 32, 48, 2, 2, 3, 2, 16, 32, 16, 1, 2, 4, 1, 1, 96, 112, 48, 80],
}
CODE = "16_64-1_1_3_128-3_2_3_3_32_48-2_3_2_3_2_16_32_16-1_4_2_4_1_1_96_112_48_80-112"
#: An architecture of the official `search_list.txt`, as the embedding of its code.
OTHER = [96, 128, 1, 1, 48, 1, 1, 1, 128, 8, 1, 1, 1, 1, 128, 128, 120, 4, 4, 4, 4, 4, 128, 128, 128, 128, 64]


def write(folder: Path, setting: str, content: Any) -> Path:
    path = folder / setting / "trainval.pkl"
    path.parent.mkdir(parents=True)
    path.write_bytes(pickle.dumps(content))
    return path


def test_the_official_example_is_read(tmp_path: Path) -> None:
    write(tmp_path / "data", "seg", [EXAMPLE | {"flops": 1.5, "params": 4.0}])
    write(tmp_path / "data", "cls-50-1000", [{"top1": 80.0, "top5": 95.0, "embedding": OTHER, "flops": 2.0}])
    bench = Bench.open(import_bench("mr", tmp_path / "data", tmp_path / "out"))
    space = NasBenchMr()
    rows = bench.rows([space.parse(CODE), space.from_numbers(tuple(OTHER))])
    assert bench.values("seg", rows) == pytest.approx([70.57, np.nan], nan_ok=True)
    assert bench.values("seg-aacc", rows) == pytest.approx([95.29, np.nan], nan_ok=True)
    assert bench.values("cls-50-1000", rows) == pytest.approx([np.nan, 80.0], nan_ok=True)
    assert {name: outcome.metric for name, outcome in bench.outcomes.items()} == {
        "cls-50-1000": "accuracy",
        "cls-50-1000-top5": "top5_accuracy",
        "seg": "mean_iou",
        "seg-macc": "mean_class_accuracy",
        "seg-aacc": "pixel_accuracy",
    }
    assert bench.measures["flops@seg"][rows] == pytest.approx([1.5, np.nan], nan_ok=True)
    assert bench.units["flops@seg"] == "G"
    assert all(outcome.test is None for outcome in bench.outcomes.values())


def test_a_file_gives_the_setting_its_folder_is_named_after(tmp_path: Path) -> None:
    path = write(tmp_path, "3ddet", [{"moderate": 60.0, "embedding": OTHER}])
    (outcome,) = read(path).outcomes
    assert (outcome.name, outcome.metric, outcome.epochs) == ("3ddet", "average_precision", (1,))


def test_an_architecture_that_comes_twice_has_two_seeds(tmp_path: Path) -> None:
    path = write(tmp_path, "video", [{"top1": value, "embedding": OTHER} for value in (20.0, 30.0)])
    assert read(path).outcomes[0].array("valid")[:, :, 0].tolist() == [[20.0, 30.0]]


def uneven() -> dict[str, Any]:
    modules = [list(module) for module in EXAMPLE["network_setting"]]
    modules[2] = [2, [3, 3], [32, 40]]
    return EXAMPLE | {"network_setting": modules}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "no list"),
        ([], "no list"),
        ([{"accuracy": 1.0, "embedding": OTHER}], "none of the metrics"),
        ([{"top1": 1.0, "embedding": OTHER[:-1]}], "27 numbers"),
        ([{"top1": 1.0, "embedding": [7, *OTHER[1:]]}], "number 0"),
        ([uneven()], "must be equal"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, content: Any, said: str) -> None:
    assert said in refusal("mr", write(tmp_path, "seg", content))


def test_a_folder_without_files_and_a_truncated_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "trainval.pkl" in refusal("mr", tmp_path / "empty")
    refusal("mr", truncated(write(tmp_path, "seg", [EXAMPLE])))
