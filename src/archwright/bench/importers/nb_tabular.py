"""NAS-Bench-Tabular: multilayer perceptrons on Frappe, UCI diabetes and Criteo, an AUC after every epoch."""

# E epochs

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.bench.importers.json_stream import entries
from archwright.bench.importers.official import reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import Outcome, Provenance
from archwright.bench.restricted import open_file
from archwright.core.catalog import find
from archwright.core.errors import BenchError
from archwright.spaces.tabular_mlp import TabularMlp

__all__ = ["read"]

_WHAT = "a file of all trainings of NAS-Bench-Tabular (all_train_baseline_*.json or .csv)"

#: Data set, as the files name it: the space that the paper gives it.
_SPACES = {"frappe": "frappe", "uci_diabetes": "diabetes", "criteo": "criteo"}
_LAYERS = 4
_FIELDS = {"valid": "valid_auc", "train": "train_auc", "seconds": "train_val_total_time"}

_PROVENANCE = Provenance(
    source="https://github.com/nusdbsystem/Trails, files all_train_baseline_*",
    licence="none stated",
    version="2024",
    citation="Xing et al., Anytime Neural Architecture Search on Tabular Data, arXiv:2403.10318",
    note=(
        "no test values; AUC is an average over batches; the official epoch number k is epoch k + 1 here, and the"
        " authors query number 13 on Frappe (of 0..19), 0 on UCI diabetes (of 0..39) and 9 on Criteo; seconds are wall"
        " time on shared machines, which the authors call unreliable"
    ),
)

#: Widths of an architecture, and for each field its values by epoch number.
_Run = tuple[tuple[int, ...], dict[str, dict[int, float]]]


def read(path: Path, *, dataset: str | None = None) -> Imported:
    """Read one data set's trainings, entry by entry: the file may be larger than the memory.

    Epoch E here is the result after E epochs, which the official files number E - 1. The space is the paper's if all
    widths are of it, otherwise all MLPs of the widths that occur: the authors' Criteo has a width 96 where the paper
    has 64.

    Args:
        path: JSON of `{data set: {"8-16-32-64": {"0": {"valid_auc": ...}}}}`, or CSV with columns `arch_id`, `epoch`,
            `valid_auc`, `train_auc`, `train_val_total_time`; compressed by gzip or bz2, or not.
        dataset: What the data set is called; by default what the JSON says, or the CSV's file name.

    Raises:
        BenchError: if it is no such file, or damaged.
    """
    is_csv = ".csv" in path.suffixes
    found: list[str] = []
    with reading(path, _WHAT):
        table = dict(_of_csv(path) if is_csv else _of_json(path, found))
    if not table:
        raise refusal(path, _WHAT, "it holds no architecture")
    name = dataset or (_of_name(path) if is_csv else found[0])
    space = _space(name, table)
    n_epochs = 1 + max(epoch for fields in table.values() for values in fields.values() for epoch in values)
    valid, train, seconds = (_curves(table.values(), split, n_epochs) for split in ("valid", "train", "seconds"))
    epochs = tuple(range(1, n_epochs + 1))
    return Imported(
        name=f"nb_tabular_{name}",
        space=space,
        archs=[space.arch(widths) for widths in table],
        outcomes=[Outcome(name, "auc", "fraction", epochs, valid=valid, train=train, seconds=seconds)],
        provenance=_PROVENANCE,
    )


def _space(dataset: str, widths: Sequence[tuple[int, ...]] | Mapping[tuple[int, ...], Any]) -> TabularMlp:
    """Return the paper's space of a data set if it holds all of `widths`, otherwise the smallest one that does."""
    used = sorted({width for each in widths for width in each})
    if dataset in _SPACES:
        space: TabularMlp = find("space", _SPACES[dataset])()
        if set(used) <= set(space.widths):
            return space
    return TabularMlp(used, layers=_LAYERS, name=f"nb_tabular_{dataset}")


def _curves(runs: Any, split: str, n_epochs: int) -> npt.NDArray[np.float32]:
    curves = np.full((len(runs), 1, n_epochs), np.nan, dtype=np.float32)
    for row, fields in enumerate(runs):
        values = fields[split]
        curves[row, 0, list(values)] = list(values.values())
    return curves


def _of_json(path: Path, found: list[str]) -> Iterator[_Run]:
    if _is_search(path):
        raise BenchError(
            f"{path} must be {_WHAT}, but it is the result of searches (fields sys_time_budget, sys_acc), as are all"
            " tabNAS_benchmark_* and train_base_line_*; give the file of trainings"
        )
    for (dataset, arch), epochs in entries(path, depth=2):
        if dataset not in found:
            found.append(dataset)
            if len(found) > 1:
                raise ValueError(f"it holds two data sets, {' and '.join(found)}")
        fields: dict[str, dict[int, float]] = {split: {} for split in _FIELDS}
        for epoch, values in epochs.items():
            for split, field in _FIELDS.items():
                fields[split][int(epoch)] = float(values[field])
        yield _widths(arch), fields


def _is_search(path: Path) -> bool:
    """Return whether the file starts like the curve of a search, whose fields hold lists."""
    with open_file(path) as file:
        return re.match(rb'\s*{\s*"sys_', file.read(200)) is not None


def _of_csv(path: Path) -> Iterator[_Run]:
    """Yield the trainings of a CSV; the rows of an architecture need not stand together."""
    table: dict[tuple[int, ...], dict[str, dict[int, float]]] = {}
    with open_file(path) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            fields = table.setdefault(_widths(row["arch_id"]), {split: {} for split in _FIELDS})
            for split, field in _FIELDS.items():
                fields[split][int(row["epoch"])] = float(row[field] or "nan")
    yield from table.items()


def _widths(text: str) -> tuple[int, ...]:
    widths = tuple(map(int, text.split("-")))
    if len(widths) != _LAYERS or min(widths) < 1:
        raise ValueError(f"architecture {text!r} has not {_LAYERS} widths")
    return widths


def _of_name(path: Path) -> str:
    """Return the data set that a file's name tells: `all_train_baseline_frappe.csv`."""
    rest = path.name.partition("all_train_baseline_")[2]
    name = next((each for each in (*_SPACES, "uci") if rest.startswith(each)), None)
    if name is None:
        raise BenchError(f"the name of {path} must tell the data set (all_train_baseline_frappe.csv); give `dataset`")
    return "uci_diabetes" if name == "uci" else name
