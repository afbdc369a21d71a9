"""Records of NATS-Bench and NAS-Bench-201: what each architecture's trainings wrote down, as columns."""

# N architectures, S seeds, E epochs

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.bench.outcome import FloatArray, Outcome
from archwright.core.errors import BenchError

__all__ = ["Records"]

#: Data set of a record -> data set that its outcomes and measures are named after.
_DATASETS = {
    "cifar10-valid": "cifar10",
    "cifar10": "cifar10",
    "cifar100": "cifar100",
    "ImageNet16-120": "imagenet16-120",
}
_KNOWN = frozenset({"arch_index", "arch_str", "all_results", "dataset_seed"})
_MOST_EPOCHS = 10_000
_BLOCK = 256


class Records:
    """Collects records as they are read, so that no more than one of them is in memory.

    One record is everything about one architecture and one schedule: the state of the official `ArchResults`, with
    trainings under (data set, seed). Splits by data set, as in the papers: `cifar10-valid` trains on half of the
    training images and validates on the other half; `cifar10` trains on both; `x-valid` and `x-test` are the two
    halves of the original test images (`ori-test`) of CIFAR-100 and ImageNet16-120.

    Args:
        full: Epochs of the full schedule; outcomes of shorter ones end in `-eN`. They are trainings of their own.
    """

    def __init__(self, *, full: int) -> None:
        self.texts: dict[int, str] = {}
        self.full = full
        self._row_of: dict[int, int] = {}
        self._curves: dict[tuple[str, int, str], dict[int, _Curves]] = {}
        self._numbers: dict[str, _Curves] = {}

    def take(self, record: dict[Any, Any]) -> bool:
        """Add a record and empty it. False, and nothing done, if the dict is no record."""
        if not record.keys() >= _KNOWN:
            return False
        index, text = int(record["arch_index"]), str(record["arch_str"])
        if self.texts.setdefault(index, text) != text:
            raise BenchError(
                f"architecture {index} must be the same everywhere, but it is {self.texts[index]} and {text}"
            )
        row = self._row_of.setdefault(index, len(self._row_of))
        for (dataset, seed), trial in record["all_results"].items():
            if dataset in _DATASETS:
                self._add(row, dataset, int(seed), trial)
        record.clear()
        return True

    def indexes(self) -> list[int]:
        """Return the official indices of the architectures, ascending: the order of rows of all that follows."""
        return sorted(self._row_of)

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes; the records are let go.

        `cifar10` pairs what a search sees (the training on half of the images, and its seconds) with the test
        accuracy of the training on all of them, as the official API does. `cifar10-valid` is the former alone,
        `cifar10-full` the latter; `cifar100-ori` and `imagenet16-120-ori` have the accuracy on all test images.
        """
        schedules = sorted({epochs for _, epochs, _ in self._curves}, reverse=True)
        made: dict[Any, FloatArray] = {}
        found = [self._outcome(name, epochs, made) for epochs in schedules for name in _OUTCOMES]
        self._curves.clear()
        return [outcome for outcome in found if outcome is not None]

    def measures(self) -> dict[str, npt.NDArray[np.float64]]:
        """Return `params`, `flops` (both counts) and `latency_s` of each data set, as columns [N]."""
        columns = {name: self._column(values) for name, values in sorted(self._numbers.items())}
        # The files count parameters and multiplications in millions, as exact decimals.
        return {
            name: column if name.startswith("latency") else np.rint(column * 1e6) for name, column in columns.items()
        }

    def _rows(self) -> npt.NDArray[np.int64]:
        return np.array([self._row_of[index] for index in self.indexes()], dtype=np.int64)

    def _column(self, values: _Curves) -> npt.NDArray[np.float64]:
        column = np.full((len(self._row_of), 1), np.nan)
        values.copy_to(column, self._rows())
        return column[:, 0]

    def _add(self, row: int, dataset: str, seed: int, trial: Mapping[str, Any]) -> None:
        epochs = int(trial["epochs"])
        if not 0 < epochs <= _MOST_EPOCHS:
            raise BenchError(f"a training must have 1..{_MOST_EPOCHS} epochs, but one on {dataset} has {epochs}")
        curves = {name: _evaluated(trial["eval_acc1es"], name, epochs) for name in trial["eval_names"]}
        curves["train"] = _by_epoch(trial["train_acc1es"], epochs)
        curves["seconds"] = np.cumsum(_by_epoch(trial["train_times"] or {}, epochs))
        for name, curve in curves.items():
            of_seed = self._curves.setdefault((dataset, epochs, name), {})
            of_seed.setdefault(seed, _Curves(epochs)).put(row, curve)
        latencies = [latency for latency in trial["latency"] or () if latency > 0]
        costs = {"params": trial["params"], "flops": trial["flop"]}
        if latencies:
            costs["latency_s"] = sum(latencies) / len(latencies)
        for name, value in costs.items():
            self._numbers.setdefault(f"{name}@{_DATASETS[dataset]}", _Curves(1, np.float64)).put(row, [float(value)])

    def _outcome(self, name: str, epochs: int, made: dict[Any, FloatArray]) -> Outcome | None:
        parts = _OUTCOMES[name]
        seeds = tuple(
            sorted({seed for part in parts.values() for seed in self._curves.get((part[0], epochs, part[1]), ())})
        )
        arrays = {split: self._stacked(part, epochs, seeds, made) for split, part in parts.items()}
        given = {split: array for split, array in arrays.items() if array is not None and not np.isnan(array).all()}
        if not given.keys() & {"valid", "test"}:
            return None
        return Outcome(
            name if epochs == self.full else f"{name}-e{epochs}",
            "accuracy",
            "percent",
            tuple(range(1, epochs + 1)),
            valid=given.get("valid"),
            test=given.get("test"),
            train=given.get("train"),
            seconds=given.get("seconds"),
        )

    def _stacked(
        self, part: tuple[str, str], epochs: int, seeds: tuple[int, ...], made: dict[Any, FloatArray]
    ) -> FloatArray | None:
        """Return the array [N, S, E] of a part; outcomes that have one in common share it."""
        of_seed = self._curves.get((part[0], epochs, part[1]))
        if of_seed is None:
            return None
        key = (part, epochs, seeds)
        if key not in made:
            made[key] = np.full((len(self._row_of), len(seeds), epochs), np.nan, dtype=np.float32)
            for place, seed in enumerate(seeds):
                if seed in of_seed:
                    of_seed[seed].copy_to(made[key][:, place], self._rows())
        return made[key]


#: Outcome -> split -> (data set of the training, name of the evaluation there).
_OUTCOMES: dict[str, dict[str, tuple[str, str]]] = {
    "cifar10": {
        "valid": ("cifar10-valid", "x-valid"),
        "test": ("cifar10", "ori-test"),
        "train": ("cifar10-valid", "train"),
        "seconds": ("cifar10-valid", "seconds"),
    },
    "cifar10-valid": {
        "valid": ("cifar10-valid", "x-valid"),
        "test": ("cifar10-valid", "ori-test"),
        "train": ("cifar10-valid", "train"),
        "seconds": ("cifar10-valid", "seconds"),
    },
    "cifar10-full": {
        "test": ("cifar10", "ori-test"),
        "train": ("cifar10", "train"),
        "seconds": ("cifar10", "seconds"),
    },
}
for _dataset in ("cifar100", "ImageNet16-120"):
    _rest = {"train": (_dataset, "train"), "seconds": (_dataset, "seconds")}
    _OUTCOMES[_DATASETS[_dataset]] = {"valid": (_dataset, "x-valid"), "test": (_dataset, "x-test"), **_rest}
    _OUTCOMES[f"{_DATASETS[_dataset]}-ori"] = {"test": (_dataset, "ori-test"), **_rest}


class _Curves:
    """Rows of E numbers, in blocks, so that growing copies nothing."""

    def __init__(self, epochs: int, dtype: npt.DTypeLike = np.float32) -> None:
        self._epochs = epochs
        self._dtype = dtype
        self._blocks: list[npt.NDArray[Any]] = []

    def put(self, row: int, curve: npt.ArrayLike) -> None:
        """Set a row; numbers of an architecture that come twice stay the first ones."""
        while row >= _BLOCK * len(self._blocks):
            self._blocks.append(np.full((_BLOCK, self._epochs), np.nan, dtype=self._dtype))
        place = self._blocks[row // _BLOCK][row % _BLOCK]
        if np.isnan(place).all():
            place[:] = curve

    def copy_to(self, target: npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> None:
        """Copy the rows asked for to `target` [N, E]; what was not put is left as it is."""
        for number, block in enumerate(self._blocks):
            inside = np.flatnonzero(rows // _BLOCK == number)
            target[inside] = block[rows[inside] % _BLOCK]


def _by_epoch(values: Mapping[int, float], epochs: int) -> npt.NDArray[np.float64]:
    return np.array([values.get(epoch, np.nan) for epoch in range(epochs)], dtype=np.float64)


def _evaluated(values: Mapping[str, float], name: str, epochs: int) -> npt.NDArray[np.float64]:
    return np.array([values.get(key, np.nan) for key in _keys(name, epochs)], dtype=np.float64)


@cache
def _keys(name: str, epochs: int) -> tuple[str, ...]:
    return tuple(f"{name}@{epoch}" for epoch in range(epochs))
