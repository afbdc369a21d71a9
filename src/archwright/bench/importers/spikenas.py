"""SpikeNAS-Bench: spiking networks on CIFAR-10, CIFAR-100 and Tiny ImageNet, with full learning curves."""

# N architectures, E epochs

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.bench.importers.official import Curves, Rows, numbers_of, reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import FloatArray, Outcome, Provenance
from archwright.spaces.spikenas import SpikeNas

__all__ = ["read"]

_WHAT = "the folder `data` of SpikeNAS-Bench (CIFAR10/0/train_process.txt), or an .npz of its curves"

#: Folder of a data set in the official repository: the name of its outcome here.
_DATASETS = {"CIFAR10": "cifar10", "CIFAR100": "cifar100", "TinyImagenet": "tinyimagenet"}

#: Epochs of almost all trainings. 690 of CIFAR-10 have 200, with a learning rate that falls over 200.
_EPOCHS = 100

#: Images in the half of CIFAR-10 on which a network is validated: counts of an .npz are of these.
_IMAGES = 25_000
_MISSING = 65_535

_NUMBER = r"(-?[0-9.]+|nan|inf)"
_ELAPSED = re.compile(rf"Elapsed time: {_NUMBER}hour{_NUMBER}minute{_NUMBER}second")
_TEST = re.compile(rf"test (?:accuracy|top1): {_NUMBER}")


@dataclass(frozen=True)
class _Run:
    """One training: accuracies in percent after each epoch, and what its file says besides."""

    number: int
    train: FloatArray
    valid: FloatArray
    test: float = float("nan")
    params: float = float("nan")
    elapsed_s: float = float("nan")


def read(path: Path, *, summary: str | None = None) -> Imported:
    """Read the official folder, or an `.npz` of curves.

    An outcome `cifar10` holds the first 100 epochs of every training. The 690 trainings of 200 epochs are in it with
    their first 100, whose learning rate is the one of a longer schedule, and in full in an outcome `cifar10-e200`;
    the measure `epochs` tells which they are. A test accuracy belongs to the end of a training, so in `cifar10` those
    690 have none. Seconds are the whole time of a training, spread evenly over its epochs.

    Args:
        path: The folder `data`, one of its data sets, or an `.npz` with `arch_id`, `val_correct`, `train_correct`
            (correct ones of 25,000) and, for longer trainings, `long_arch_id`, `long_val_correct`,
            `long_train_correct`. An `.npz` has no test accuracies and times of its own.
        summary: A Parquet or CSV file with columns `arch_id` and, of `params`, `test_acc`, `elapsed_s`, those there
            are; if it has a column `dataset`, its rows `CIFAR10` count. For an `.npz`.

    Raises:
        BenchError: if it is neither, or damaged.
    """
    runs = {"cifar10": _npz_runs(path, summary)} if path.suffix == ".npz" else _folder_runs(path)
    space, rows = SpikeNas(), Rows()
    outcomes: list[Outcome] = []
    measures: dict[str, npt.ArrayLike] = {}
    placed = {name: [(rows.row(space.of_number(run.number).genes), run) for run in each] for name, each in runs.items()}
    for name, each in placed.items():
        short, long = _curves(each)
        outcomes.append(short.outcome(name, "accuracy", "percent", len(rows)))
        measures |= numbers_of({name: short}, len(rows))
        if len(long):
            outcomes.append(long.outcome(f"{name}-e{long.n_epochs()}", "accuracy", "percent", len(rows)))
    units = {key: "s" if key.startswith("elapsed_s") else "" for key in measures}
    return Imported(
        name="spikenas",
        space=space,
        archs=rows.genes(),
        outcomes=outcomes,
        measures=measures,
        units=units,
        provenance=_PROVENANCE,
    )


_PROVENANCE = Provenance(
    source="https://github.com/tju-sun-lab/SpikeNAS-Bench, folder data",
    licence="none stated",
    version="2024-10",
    citation="SpikeNAS-Bench, the repository tju-sun-lab/SpikeNAS-Bench",
    note=(
        "one training each, seeded by the number of the network; validation on half of the training set (on CIFAR, with"
        " the random crops and flips of training); 690 of 15,625 trainings on CIFAR-10 have 200 epochs, the others 100;"
        " on Tiny ImageNet, validation is the official validation set and test is half of the training set; CIFAR-100"
        " and Tiny ImageNet are published in part; seconds are spread evenly over the epochs"
    ),
)


def _curves(runs: Sequence[tuple[int, _Run]]) -> tuple[Curves, Curves]:
    """Return the first 100 epochs of all trainings, and longer ones in full."""
    short, long = Curves(), Curves()
    for row, run in runs:
        _add(short, row, run, _EPOCHS)
        if len(run.valid) > _EPOCHS:
            _add(long, row, run, len(run.valid))
    return short, long


def _add(curves: Curves, row: int, run: _Run, epochs: int) -> None:
    """Add the first `epochs` of a training; its test accuracy if they are all."""
    splits: dict[str, FloatArray] = {"valid": run.valid[:epochs], "train": run.train[:epochs]}
    if np.isfinite(run.elapsed_s):
        splits["seconds"] = run.elapsed_s / len(run.valid) * np.arange(1, len(splits["valid"]) + 1)
    if np.isfinite(run.test) and len(run.valid) <= epochs:
        splits["test"] = np.append(np.full(len(splits["valid"]) - 1, np.nan), run.test)
    curves.add(row, splits)
    known = {"params": run.params, "elapsed_s": run.elapsed_s}
    curves.note(row, epochs=len(run.valid), **{key: number for key, number in known.items() if np.isfinite(number)})


def _npz_runs(path: Path, summary: str | None) -> list[_Run]:
    # numpy leaves a file open that it opened itself and cannot read.
    with reading(path, _WHAT), path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        table = _summary(Path(summary)) if summary is not None else {}
        kept = {key: arrays[key] for key in arrays.files if not key.endswith("loss_milli")}
        long = {int(number): k for k, number in enumerate(kept.get("long_arch_id", ()))}
        runs = []
        for k, number in enumerate(kept["arch_id"].tolist()):
            prefix, row = ("long_", long[number]) if number in long else ("", k)
            valid, train = (_percent(kept[f"{prefix}{split}_correct"][row]) for split in ("val", "train"))
            if "n_epochs" in kept and number not in long:
                valid, train = valid[: kept["n_epochs"][k]], train[: kept["n_epochs"][k]]
            runs.append(_Run(number, train, valid, **table.get(number, {})))
        if not runs:
            raise ValueError("it has no networks")
        return runs


def _percent(counts: npt.NDArray[Any]) -> FloatArray:
    percent: FloatArray = np.where(counts == _MISSING, np.nan, counts / (_IMAGES / 100))
    return percent


def _summary(path: Path) -> dict[int, dict[str, float]]:
    what = "a table with a column arch_id, and params, test_acc or elapsed_s"
    with reading(path, what):
        import pandas as pd

        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        if "dataset" in table:
            table = table[table["dataset"].astype(str) == "CIFAR10"]
        names = {"params": "params", "test_acc": "test", "elapsed_s": "elapsed_s"}
        columns = {name: table[key].astype(float).tolist() for key, name in names.items() if key in table}
        numbers = table["arch_id"].astype(int).tolist()
    if not columns:
        raise refusal(path, what, f"its columns are {', '.join(map(str, table.columns))}")
    return {number: {name: column[k] for name, column in columns.items()} for k, number in enumerate(numbers)}


def _folder_runs(path: Path) -> Mapping[str, list[_Run]]:
    folders = {path / folder: name for folder, name in _DATASETS.items() if (path / folder).is_dir()}
    if path.name in _DATASETS:
        folders[path] = _DATASETS[path.name]
    runs = {name: [_text_run(file) for file in _texts(folder)] for folder, name in folders.items()}
    runs = {name: each for name, each in runs.items() if each}
    if not runs:
        raise refusal(path, _WHAT, f"it holds none of {', '.join(_DATASETS)} with networks in it")
    return runs


def _texts(folder: Path) -> Iterator[Path]:
    numbers = sorted(int(each.name) for each in folder.iterdir() if each.name.isdigit())
    for number in numbers:
        file = folder / str(number) / "train_process.txt"
        if file.is_file():
            yield file


def _text_run(path: Path) -> _Run:
    """Return the training that one `train_process.txt` tells: a head, a line for each epoch, and a tail."""
    with reading(path, "a train_process.txt of SpikeNAS-Bench"):
        lines = path.read_text(encoding="utf-8").splitlines()
        number = int(lines[0].removeprefix("architecture id: "))
        params = float(lines[1].removeprefix("model parameters: "))
        names = [name.strip() for name in lines[2].split(",")]
        curve = [line for line in lines[3:] if line[:1].isdigit()]
        values = np.array([line.split(",") for line in curve], dtype=np.float32)
        if values.shape[1:] != (len(names),) or (values[:, 0] != np.arange(len(values))).any():
            raise ValueError("its lines are not those of epochs 0, 1, 2, ...")
        tail = "\n".join(lines[3 + len(curve) :])
        test, elapsed = _TEST.search(tail), _ELAPSED.search(tail)
        if test is None or elapsed is None:
            raise ValueError("the lines of the test accuracy or of the time are missing")
        hours, minutes, seconds = map(float, elapsed.groups())
        column = {name: values[:, k] for k, name in enumerate(names)}
        return _Run(
            number,
            column["train_acc"],
            column["val_acc"],
            test=float(test[1]),
            params=params,
            elapsed_s=3600 * hours + 60 * minutes + seconds,
        )
