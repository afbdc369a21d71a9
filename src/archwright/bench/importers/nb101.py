"""NAS-Bench-101 from its TFRecord files, without TensorFlow."""

# N cells, S repeats

from __future__ import annotations

import binascii
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from archwright.bench.importers.official import reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import Outcome, Provenance
from archwright.bench.tfrecord import read_fields, read_records
from archwright.core.arch import Arch
from archwright.core.errors import ArchError, BenchError
from archwright.spaces.nb101 import NasBench101

__all__ = ["read"]

_WHAT = "NAS-Bench-101's file nasbench_full.tfrecord or nasbench_only108.tfrecord"
_FILES = ("nasbench_full.tfrecord", "nasbench_only108.tfrecord")
_SCHEDULES = (4, 12, 36, 108)
_REPEATS = 3
_N_CELLS = 423_624
#: Records of one training: before it, in the middle, at the end.
_MOMENTS = 3
#: Field numbers of the messages. Source: nasbench/lib/model_metrics.proto.
_EVALUATION, _PARAMETERS = 1, 2
_SECONDS, _TRAIN, _VALID, _TEST = 2, 3, 4, 5
_SPLITS = {"valid": _VALID, "test": _TEST, "train": _TRAIN, "seconds": _SECONDS}
#: Of so many cells, one is checked against its key; a check takes as long as 100 records.
_CHECK_EVERY = 500
_NOTE = (
    "Results of 4, 12, 36 and 108 epochs are trainings of their own, three each. Outcome cifar10-halfway is the middle"
    " of each of them."
)


def read(path: Path) -> Imported:
    """Return NAS-Bench-101: 423,624 cells, three trainings of each length, at the end and halfway.

    Rows are canonical forms of cells in the order of the file, so every way to write a cell finds its row. The full
    file, 5 million records in 2 GB, takes about three minutes and 1 GB of memory.

    Args:
        path: `nasbench_full.tfrecord`, `nasbench_only108.tfrecord`, or the folder with one of them (the full one, if
            both are there).

    Raises:
        BenchError: if it is no such file, truncated or damaged.
    Source: arXiv:1902.09635; records as in nasbench/api.py.
    """
    if path.is_dir():
        found = [path / name for name in _FILES if (path / name).is_file()]
        if not found:
            raise refusal(path, _WHAT, f"the folder has neither {_FILES[0]} nor {_FILES[1]}")
        path = found[0]
    with reading(path, _WHAT):
        cells = _Cells(path)
        for record in read_records(path):
            cells.add(record)
        return cells.imported()


class _Training(NamedTuple):
    """One record: a key, a schedule, a cell, and its metrics."""

    key: str
    epochs: int
    digits: str
    operations: str
    metrics: str


class _Cells:
    """Cells in the order in which they come, and what their trainings gave."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._space = NasBench101()
        self._row_of: dict[str, int] = {}
        self._archs: list[Arch] = []
        # row, repeat, schedule, halfway or final, split
        self._numbers = np.full((1024, _REPEATS, len(_SCHEDULES), _MOMENTS - 1, len(_SPLITS)), np.nan, np.float32)
        self._counts = np.zeros((1024, len(_SCHEDULES)), np.int8)
        self._parameters: list[float] = []

    def add(self, record: bytes) -> None:
        """Add one training."""
        training = _Training(*json.loads(record))
        if training.epochs not in _SCHEDULES:
            raise refusal(self._path, _WHAT, f"it has a training of {training.epochs} epochs")
        schedule = _SCHEDULES.index(training.epochs)
        evaluations, parameters = _decoded(training.metrics)
        row = self._row(training, parameters)
        repeat = int(self._counts[row, schedule])
        if repeat >= _REPEATS:
            raise refusal(self._path, _WHAT, f"cell {training.key} has more than {_REPEATS} trainings of one length")
        self._counts[row, schedule] += 1
        self._numbers[row, repeat, schedule] = evaluations

    def imported(self) -> Imported:
        """Return everything as a benchmark."""
        n = len(self._archs)
        if not n:
            raise refusal(self._path, _WHAT, "there is no record in it")
        used = np.flatnonzero(self._counts[:n].any(axis=0))
        epochs = tuple(_SCHEDULES[schedule] for schedule in used)
        numbers = self._numbers[:n][:, :, used]
        outcomes = [
            _outcome("cifar10", epochs, numbers[:, :, :, 1]),
            _outcome("cifar10-halfway", tuple(epoch // 2 for epoch in epochs), numbers[:, :, :, 0]),
        ]
        measures = {"params": np.array(self._parameters)}
        return Imported("nb101", self._space, self._archs, outcomes, self._provenance(n), measures, unique=True)

    def _row(self, training: _Training, parameters: int) -> int:
        row = self._row_of.get(training.key)
        if row is not None:
            return row
        row = self._row_of[training.key] = len(self._archs)
        arch = _cell(self._space, training)
        if row % _CHECK_EVERY == 0 and self._space.module_hash(arch) != training.key:
            raise refusal(self._path, _WHAT, f"cell {training.key} is not the one that this key stands for")
        self._archs.append(self._space.canonical(arch))
        self._parameters.append(float(parameters))
        if row >= len(self._numbers):
            self._numbers = _doubled(self._numbers, np.nan)
            self._counts = _doubled(self._counts, 0)
        return row

    def _provenance(self, n: int) -> Provenance:
        return Provenance(
            source="https://github.com/google-research/nasbench",
            licence="Apache-2.0",
            version=self._path.name.partition(".")[0],
            citation="Ying, Klein, Real, Christiansen, Murphy, Hutter: NAS-Bench-101, ICML 2019, arXiv:1902.09635",
            note=_NOTE if n == _N_CELLS else f"{_NOTE} Only {n:,} of {_N_CELLS:,} cells were in what was imported.",
        )


def _cell(space: NasBench101, training: _Training) -> Arch:
    names = training.operations.split(",")
    size = len(names)
    if len(training.digits) != size * size or not set(training.digits) <= {"0", "1"}:
        raise BenchError(f"the matrix of cell {training.key} must have {size} x {size} digits 0 or 1")
    matrix = [[int(digit) for digit in training.digits[n * size : (n + 1) * size]] for n in range(size)]
    try:
        return space.arch(matrix, names)
    except ArchError as error:
        raise BenchError(f"cell {training.key} must be one of NAS-Bench-101, but {error}") from error


def _decoded(metrics: str) -> tuple[list[list[float]], int]:
    """Return splits halfway and at the end, [2, 4], and the number of parameters, from a message in base64."""
    evaluations, parameters = [], 0
    for number, value in read_fields(binascii.a2b_base64(metrics)):
        if number == _EVALUATION and isinstance(value, bytes):
            evaluations.append(dict(read_fields(value)))
        elif number == _PARAMETERS:
            parameters = int(value)
    if len(evaluations) != _MOMENTS:
        raise BenchError(f"a training must have {_MOMENTS} evaluations, but one has {len(evaluations)}")
    return [[float(moment[field]) for field in _SPLITS.values()] for moment in evaluations[1:]], parameters


def _outcome(name: str, epochs: tuple[int, ...], numbers: npt.NDArray[np.float32]) -> Outcome:
    valid, test, train, seconds = (np.ascontiguousarray(numbers[..., n]) for n in range(len(_SPLITS)))
    return Outcome(name, "accuracy", "fraction", epochs, valid=valid, test=test, train=train, seconds=seconds)


def _doubled(array: npt.NDArray[Any], fill: float) -> npt.NDArray[Any]:
    return np.concatenate([array, np.full_like(array, fill)])
