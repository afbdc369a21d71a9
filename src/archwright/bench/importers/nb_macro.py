"""NAS-Bench-Macro: 6,561 stacks of mobile blocks on CIFAR-10, three trainings each, test accuracies only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from archwright.bench.importers.official import read_json, reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import Outcome, Provenance
from archwright.core.catalog import find
from archwright.spaces.base import Space

__all__ = ["read"]

_WHAT = "nas-bench-macro_cifar10.json of NAS-Bench-Macro"
_TRAININGS = 3
#: Source: the official training script's default.
_EPOCHS = 50

_PROVENANCE = Provenance(
    source="https://github.com/xiusu/NAS-Bench-Macro, data/nas-bench-macro_cifar10.json",
    licence="Apache-2.0",
    version="1.0",
    citation="Su et al., Prioritized Architecture Sampling with Monto-Carlo Tree Search, CVPR 2021, arXiv:2103.11922",
    note=(
        "the benchmark has test accuracies only, each the best one of 50 epochs: here the first training is the"
        " validation and the other two are the test, so nothing is made up, and both are accuracies on the test images;"
        " networks that differ only in where identities stand inside a stage share one result"
    ),
)


def read(path: Path) -> Imported:
    """Read the official JSON file.

    `valid` is the accuracy of the first of the three trainings, `test` those of the other two: a searcher sees one
    noisy result, and what it finds is judged by independent trainings. All three are accuracies on the test images.
    Seeds keep their places, so `valid` is NaN for the last two and `test` for the first.

    Raises:
        BenchError: if it is not that file, or damaged.
    """
    table = read_json(path, _WHAT)
    if not isinstance(table, Mapping) or not table:
        raise refusal(path, _WHAT, f"its content is not an object of architectures but a {type(table).__name__}")
    space: Space = find("space", "nb_macro")()
    with reading(path, _WHAT):
        archs = [space.parse(text) for text in table]
        trained = np.array([_accuracies(entry) for entry in table.values()], dtype=np.float64)
        measures = {name: np.array([float(entry[name]) for entry in table.values()]) for name in ("params", "flops")}
    valid, test = (np.full((len(archs), _TRAININGS, 1), np.nan) for _ in range(2))
    valid[:, 0, 0], test[:, 1:, 0] = trained[:, 0], trained[:, 1:]
    return Imported(
        name="nb_macro",
        space=space,
        archs=archs,
        outcomes=[Outcome("cifar10", "accuracy", "percent", (_EPOCHS,), valid=valid, test=test)],
        measures=measures,
        provenance=_PROVENANCE,
    )


def _accuracies(entry: Mapping[str, Any]) -> list[float]:
    accuracies = [float(value) for value in entry["test_acc"]]
    if len(accuracies) != _TRAININGS:
        raise ValueError(f"an architecture has {len(accuracies)} accuracies, not {_TRAININGS}")
    return accuracies
