"""NAS-Bench-201: published records written by `torch.save` in both of its formats, and read without torch."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from nats_layout import SCHEDULES, records, small_records

from archwright.bench.importers.nb201 import read
from archwright.core.errors import BenchError, UnsafeFileError

TEXT = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|nor_conv_1x1~2|"


def content(found: dict[int, dict[str, Any]], texts: list[str]) -> dict[str, Any]:
    """The layout of the official file: `less` is the schedule of 12 epochs, `full` that of 200."""
    infos = {
        index: {SCHEDULES[schedule]: state for schedule, state in schedules.items()}
        for index, schedules in found.items()
    }
    return {"meta_archs": texts, "arch2infos": OrderedDict(infos), "evaluated_indexes": set(infos)}


@pytest.mark.parametrize("as_zip", [False, True], ids=["old format", "zip format"])
def test_means_over_the_seeds_are_the_published_ones(shared_data: Path, tmp_path: Path, as_zip: bool) -> None:
    table = pd.read_parquet(shared_data / "nb201" / "nb201_accuracy.parquet")
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    whole = content(records(shared_data, "tss"), table["arch_str"].tolist())
    torch.save(whole, path, _use_new_zipfile_serialization=as_zip)
    found = read(path)
    published = table.loc[[0, 11, 284]]
    outcomes = {outcome.name: outcome for outcome in found.outcomes}
    assert [found.space.text(arch) for arch in found.archs] == published["arch_str"].tolist()
    assert found.provenance.version == "v1_1-096897"
    for name, split, column in (
        ("cifar10", "test", "c10_test_e200"),
        ("cifar10", "valid", "c10_valid_e200"),
        ("cifar100-e12", "valid", "c100_valid_e12"),
        ("imagenet16-120-e12", "test", "in16_test_e12"),
    ):
        means = np.nanmean(outcomes[name].array(split)[:, :, -1], axis=1)
        np.testing.assert_allclose(means, published[column], atol=1e-5)


def test_weights_beside_the_results_are_passed_over(tmp_path: Path) -> None:
    found = small_records({0: TEXT})
    for trial in found[0]["12"]["all_results"].values():
        trial["net_state_dict"] = torch.nn.Linear(3, 2).state_dict()
    path = tmp_path / "NAS-Bench-201-v1_0-e61699.pth"
    torch.save(content(found, [TEXT]), path)
    assert [outcome.name for outcome in read(path).outcomes] == ["cifar10-e12", "cifar10-valid-e12", "cifar10-full-e12"]


def test_reading_imports_no_torch(tmp_path: Path) -> None:
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    torch.save(content(small_records({0: TEXT}), [TEXT]), path)
    program = (
        "import sys; from pathlib import Path; from archwright.bench.importers.nb201 import read;"
        " read(Path(sys.argv[1])); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("as_zip", [False, True], ids=["old format", "zip format"])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused_in_one_line(tmp_path: Path, as_zip: bool, part: float) -> None:
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    torch.save(content(small_records({0: TEXT}), [TEXT]), path, _use_new_zipfile_serialization=as_zip)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(BenchError, match="must be") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_an_object_of_a_class_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    torch.save({"meta_archs": [TEXT], "model": torch.nn.Linear(2, 2)}, path)
    with pytest.raises(UnsafeFileError, match=r"torch\.nn\.modules\.linear\.Linear"):
        read(path)


def test_another_file_of_torch_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(torch.nn.Linear(2, 2).state_dict(), path)
    with pytest.raises(BenchError, match="must be NAS-Bench-201's file"):
        read(path)
