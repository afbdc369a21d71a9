"""Benchmarks made from the real data sets, for tests and measurements. Nothing of them is in the repository.

Each function takes the folder of the data sets and a folder to write, and returns the benchmark's folder.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from archwright.bench.table import Outcome, Provenance, write_bench
from archwright.core.arch import Arch
from archwright.core.catalog import find

#: Data set, column prefix, and the name that its outcomes and measures have.
_NB201_SETS = (("cifar10", "c10"), ("cifar100", "c100"), ("imagenet16-120", "in16"))
_HW_SETS = {"cifar10": "cifar10", "cifar100": "cifar100", "ImageNet16-120": "imagenet16-120"}
_HW_UNITS = {"latency": "ms", "energy": "mJ"}


def nb201(data: Path, folder: Path) -> Path:
    """12-epoch validation and test of three data sets, 200-epoch validation and test of CIFAR-10, hardware measures.

    Rows are in the official order.
    """
    table = pd.read_parquet(data / "nb201" / "nb201_accuracy.parquet")
    space = find("space", "nb201")()
    outcomes = [
        _single(f"{name}-e12", 12, valid=table[f"{prefix}_valid_e12"], test=table[f"{prefix}_test_e12"])
        for name, prefix in _NB201_SETS
    ]
    outcomes.append(_single("cifar10", 200, valid=table["c10_valid_e200"], test=table["c10_test_e200"]))
    measures = {"params": table["params_m"] * 1e6}
    measures |= {f"flops@{name}": table[f"flops_m_{prefix}"] * 1e6 for name, prefix in _NB201_SETS}
    measures |= _hardware(data)
    return write_bench(
        folder,
        name="nb201",
        space=space,
        archs=[space.parse(text) for text in table["arch_str"]],
        outcomes=outcomes,
        measures=measures,
        provenance=Provenance("NAS-Bench-201 and HW-NAS-Bench, from public repositories", "see the data's README"),
    )


def nb_macro(data: Path, folder: Path) -> Path:
    """Three test accuracies on CIFAR-10, in percent, after 50 epochs; no validation, as published."""
    table = pd.read_parquet(data / "misc_nas" / "nas_bench_macro_cifar10.parquet")
    seeds = table[["test_acc_s0", "test_acc_s1", "test_acc_s2"]].to_numpy()[:, :, None]
    space = find("space", "nb_macro")()
    return write_bench(
        folder,
        name="nb_macro",
        space=space,
        archs=[space.parse(text) for text in table["arch"]],
        outcomes=[Outcome("cifar10", "accuracy", "percent", (50,), valid=None, test=seeds)],
        measures={"params": table["params"], "flops": table["flops"]},
        provenance=Provenance("https://github.com/xiusu/NAS-Bench-Macro", "Apache-2.0"),
    )


def transnas_micro(data: Path, folder: Path) -> Path:
    """Validation metric after the last epoch on seven tasks; `room_layout` is a negative loss. No test."""
    table = pd.read_parquet(data / "transnas" / "tnb101_micro_full.parquet")
    wide = table.pivot_table(index="arch", columns="task", values="valid_metric_final", observed=True)
    space = find("space", "transnas_micro")()
    return write_bench(
        folder,
        name="transnas_micro",
        space=space,
        archs=[space.parse(text) for text in wide.index],
        outcomes=[
            _single(task, 25, valid=wide[task], metric="metric", unit="") for task in sorted(map(str, wide.columns))
        ],
        measures={},
        provenance=Provenance("TransNAS-Bench-101, from files of NASLib", "Apache-2.0"),
    )


def nb101(data: Path, folder: Path, *, rows: int = 20_001) -> Path:
    """The first of 20,001 cells of NAS-Bench-101: validation accuracy (fraction) at 4, 12, 36 and 108 epochs.

    These are separate trainings. Seconds are recorded for 108 epochs; those of shorter ones are that share of them.
    """
    table = pd.read_parquet(data / "nb101" / "nb101_20k.parquet").head(rows)
    epochs = (4, 12, 36, 108)
    valid = table[[f"valid_e{epoch}" for epoch in epochs]].to_numpy()[:, None, :]
    seconds = table["train_time_e108_s"].to_numpy()[:, None, None] * np.array(epochs) / 108
    space = find("space", "nb101")()
    return write_bench(
        folder,
        name="nb101",
        space=space,
        archs=[space.canonical(arch) for arch in _nb101_archs(space, table)],
        outcomes=[Outcome("cifar10", "accuracy", "fraction", epochs, valid=valid, seconds=seconds)],
        measures={"params": table["params"]},
        provenance=Provenance("NAS-Bench-101, from files of nasbench-vis", "none stated"),
        unique=True,
    )


def spikenas(data: Path, folder: Path) -> Path:
    """Learning curves over 100 epochs of 15,625 spiking cells: train and validation accuracy in percent.

    Seconds are the whole training's, in equal parts. Test accuracy is known after the last epoch.
    """
    curves = np.load(data / "misc_nas" / "spikenas_cifar10_curves.npz")
    table = pd.read_parquet(data / "misc_nas" / "spikenas_summary.parquet")
    table = table[table["dataset"] == "CIFAR10"].set_index("arch_id").loc[curves["arch_id"]]
    epochs = tuple(range(1, 101))
    n = len(table)
    test = np.full((n, 1, 100), np.nan, dtype=np.float32)
    test[:, 0, -1] = table["test_acc"]
    epoch_s = (table["elapsed_s"] / table["n_epochs"]).to_numpy()
    space = find("space", "spikenas")()
    outcome = Outcome(
        "cifar10",
        "accuracy",
        "percent",
        epochs,
        valid=_percent(curves["val_correct"])[:, None, :],
        test=test,
        train=_percent(curves["train_correct"])[:, None, :],
        seconds=epoch_s[:, None, None] * np.array(epochs, dtype=np.float64),
    )
    return write_bench(
        folder,
        name="spikenas",
        space=space,
        archs=[space.of_number(int(number)) for number in table.index],
        outcomes=[outcome],
        measures={"params": table["params"], "firing_rate": table["mean_firing_rate"]},
        provenance=Provenance("https://github.com/tju-sun-lab/SpikeNAS-Bench", "none stated"),
    )


def _single(name, epochs, *, valid, test=None, metric="accuracy", unit="percent") -> Outcome:
    """One training, or the mean of several, without a curve."""
    columns = [None if column is None else column.to_numpy()[:, None, None] for column in (valid, test)]
    return Outcome(name, metric, unit, (epochs,), valid=columns[0], test=columns[1])


def _hardware(data: Path) -> dict[str, np.ndarray]:
    table = pd.read_parquet(data / "nb201" / "nb201_hw.parquet")
    measures = {}
    for published, name in _HW_SETS.items():
        part = table[table["dataset"] == published].sort_values("arch_index")
        for column in table.columns[2:]:
            unit = _HW_UNITS.get(column.rpartition("_")[2])
            # HW-NAS-Bench writes -1 for what could not be measured.
            numbers = part[column].where(part[column] != -1)
            measures[f"{column}_{unit.lower()}@{name}" if unit else f"{column}@{name}"] = numbers.to_numpy()
    return measures


def _percent(correct: np.ndarray) -> np.ndarray:
    """Correct answers among 25,000 images; 65535 is a gap."""
    return np.where(correct == 65535, np.nan, correct / 250).astype(np.float32)


def _nb101_archs(space, table) -> list[Arch]:
    ops = {"I": "input", "O": "output", "0": "conv3x3-bn-relu", "1": "conv1x1-bn-relu", "2": "maxpool3x3"}
    archs = []
    for adjacency, letters in zip(table["adj"], table["ops"], strict=True):
        n = len(letters)
        matrix = [[int(digit) for digit in adjacency[n * row : n * (row + 1)]] for row in range(n)]
        archs.append(space.arch(matrix, [ops[letter] for letter in letters]))
    return archs
