"""SpikeNAS-Bench, from its folder of texts and from arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from refusals import refusal

from archwright.bench.importers.spikenas import read
from archwright.bench.importing import import_bench
from archwright.bench.table import Bench
from archwright.spaces.spikenas import SpikeNas


def write_run(folder: Path, number: int, valid: list[float], *, params: int = 100, test: float = 85.29) -> Path:
    """Write the file of one training in the official form."""
    lines = [
        f"architecture id: {number}",
        f"model parameters: {params}",
        "epoch, train_acc, train_loss, val_acc, val_loss",
    ]
    lines += [f"{epoch:.3f}, {value + 1:.3f}, 2.231, {value:.3f}, 2.071" for epoch, value in enumerate(valid)]
    lines += [
        f"test accuracy: {test:.3f}",
        "firing rate of layers: -1.000, 0.062",
        "Elapsed time: 1.0hour4.0minute16.4second",
    ]
    file = folder / str(number) / "train_process.txt"
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(lines) + "\n")
    return file


def test_the_folder_gives_curves_seconds_and_the_test_at_the_end(tmp_path: Path) -> None:
    write_run(tmp_path / "data" / "CIFAR10", 7, [10.0, 20.0, 30.0, 40.0])
    write_run(tmp_path / "data" / "CIFAR10", 14862, [50.0, 60.0, 70.0, 88.64], params=21607908, test=88.5)
    write_run(tmp_path / "data" / "CIFAR100", 7, [1.0, 2.0])
    bench = Bench.open(import_bench("spikenas", tmp_path / "data", tmp_path / "out"))
    assert list(bench.outcomes) == ["cifar10", "cifar100"]
    rows = bench.rows([SpikeNas().of_number(14862), SpikeNas().of_number(7)])
    assert bench.values("cifar10", rows) == pytest.approx([88.64, 40.0])
    assert bench.values("cifar10", rows, epoch=2) == pytest.approx([60.0, 20.0])
    assert bench.values("cifar10", rows, split="train") == pytest.approx([89.64, 41.0])
    assert bench.values("cifar10", rows, split="test") == pytest.approx([88.5, 85.29])
    assert bench.values("cifar10", rows, epoch=1, split="seconds") == pytest.approx([3856.4 / 4] * 2)
    assert bench.measures_of("cifar10")["params"][rows].tolist() == [21607908, 100]
    assert np.isnan(bench.values("cifar100", rows)).tolist() == [True, False]
    assert bench.provenance.licence == "none stated"


def test_one_data_set_may_be_given_alone(tmp_path: Path) -> None:
    write_run(tmp_path / "TinyImagenet", 5, [3.0])
    assert [outcome.name for outcome in read(tmp_path / "TinyImagenet").outcomes] == ["tinyimagenet"]


def test_a_training_of_two_hundred_epochs_is_an_outcome_of_its_own(tmp_path: Path) -> None:
    write_run(tmp_path / "CIFAR10", 1, [1.0] * 100)
    write_run(tmp_path / "CIFAR10", 2, [2.0] * 199 + [9.0])
    found = read(tmp_path)
    short, long = found.outcomes
    assert (short.name, short.epochs[-1], long.name, long.epochs[-1]) == ("cifar10", 100, "cifar10-e200", 200)
    assert short.array("valid")[:, 0, -1].tolist() == [1.0, 2.0]
    assert np.isnan(short.array("test")[:, 0, -1]).tolist() == [False, True]
    assert np.isnan(long.array("valid")[0]).all()
    assert long.array("valid")[1, 0, -1] == 9.0
    assert long.array("test")[1, 0, -1] == pytest.approx(85.29)
    assert np.asarray(found.measures["epochs@cifar10"]).tolist() == [100, 200]


def test_a_file_that_ends_in_the_middle_is_refused(tmp_path: Path) -> None:
    file = write_run(tmp_path / "CIFAR10", 3, [1.0, 2.0])
    file.write_text(file.read_text()[:150])
    assert "train_process.txt" in refusal("spikenas", tmp_path)


def test_another_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert "CIFAR10" in refusal("spikenas", tmp_path / "data")


def write_npz(path: Path, **more: npt.ArrayLike) -> Path:
    counts = np.array([[2500, 5000], [65535, 12500]], dtype=np.uint16)
    arrays = {"arch_id": [4, 9], "val_correct": counts, "train_correct": counts, "n_epochs": [2, 2]}
    np.savez(path, **{key: np.asarray(value) for key, value in (arrays | more).items()})
    return path


def test_counts_become_percent_and_the_mark_of_missing_ones_nan(tmp_path: Path) -> None:
    found = read(write_npz(tmp_path / "curves.npz"))
    (outcome,) = found.outcomes
    np.testing.assert_allclose(outcome.array("valid")[:, 0], [[10.0, 20.0], [np.nan, 50.0]])
    assert outcome.test is None
    assert outcome.seconds is None


def test_a_summary_adds_test_accuracy_parameters_and_seconds(tmp_path: Path) -> None:
    summary = tmp_path / "summary.csv"
    summary.write_text("dataset,arch_id,params,test_acc,elapsed_s\nCIFAR10,9,12,51.5,100\nCIFAR100,9,1,1,1\n")
    found = read(write_npz(tmp_path / "curves.npz"), summary=str(summary))
    (outcome,) = found.outcomes
    np.testing.assert_allclose(outcome.array("test")[:, 0, -1], [np.nan, 51.5])
    assert outcome.array("seconds")[1, 0].tolist() == [50.0, 100.0]


def test_arrays_of_other_names_and_damaged_archives_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    assert "arch_id" in refusal("spikenas", tmp_path / "other.npz")
    whole = write_npz(tmp_path / "curves.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[:200])
    assert "truncated" in refusal("spikenas", tmp_path / "cut.npz")


def test_a_number_outside_the_space_is_refused(tmp_path: Path) -> None:
    assert "15624" in refusal("spikenas", write_npz(tmp_path / "curves.npz", arch_id=[4, 15625]))


def test_the_published_curves_have_their_published_values(shared_data: Path) -> None:
    folder = shared_data / "misc_nas"
    found = read(folder / "spikenas_cifar10_curves.npz", summary=str(folder / "spikenas_summary.parquet"))
    short, long = found.outcomes
    assert short.array("valid").shape == (15625, 1, 100)
    assert (np.asarray(found.measures["epochs@cifar10"]) == 200).sum() == 690
    space = SpikeNas()
    row = {tuple(genes): row for row, genes in enumerate(found.archs.tolist())}[space.of_number(14862).genes]
    # Source: the README of the official repository.
    assert short.array("valid")[row, 0, -1] == pytest.approx(88.640)
    assert short.array("test")[row, 0, -1] == pytest.approx(88.500)
    assert np.asarray(found.measures["params@cifar10"])[row] == 21607908
    assert np.isfinite(long.array("valid")[:, 0, -1]).sum() == 690
