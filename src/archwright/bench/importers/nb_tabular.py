"""NAS-Bench-Tabular: multilayer perceptrons on Frappe, UCI diabetes and Criteo, an AUC after every epoch."""

# E epochs

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from archwright.bench.importers.json_stream import entries
from archwright.bench.importers.official import Curves, Rows, reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import FloatArray, Provenance
from archwright.bench.restricted import open_file
from archwright.core.catalog import find
from archwright.core.errors import BenchError
from archwright.spaces.tabular_mlp import TabularMlp

__all__ = ["read"]

_WHAT = "a file of all trainings of NAS-Bench-Tabular (all_train_baseline_*.json or .csv)"

#: Data set, as the files name it: the space that the paper gives it.
_SPACES = {"frappe": "frappe", "uci_diabetes": "diabetes", "criteo": "criteo"}
_LAYERS = 4
#: Far more than any training here has: a damaged number must not fill the memory.
_MOST_EPOCHS = 10_000
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
    rows, curves = Rows(), Curves()
    with reading(path, _WHAT):
        if ".csv" in path.suffixes:
            _take_csv(path, rows, curves)
            found = None
        else:
            found = _take_json(path, rows, curves)
    if not len(rows):
        raise refusal(path, _WHAT, "it holds no architecture")
    name = dataset or found or _of_name(path)
    widths = rows.genes()
    space = _space(name, np.unique(widths).tolist())
    return Imported(
        name=f"nb_tabular_{name}",
        space=space,
        archs=np.searchsorted(space.widths, widths),
        outcomes=[curves.outcome(name, "auc", "fraction", len(rows))],
        provenance=_PROVENANCE,
    )


def _space(dataset: str, used: Sequence[int]) -> TabularMlp:
    """Return the paper's space of a data set if it holds all widths `used`, otherwise the smallest one that does."""
    if dataset in _SPACES:
        space: TabularMlp = find("space", _SPACES[dataset])()
        if set(used) <= set(space.widths):
            return space
    return TabularMlp(used, layers=_LAYERS, name=f"nb_tabular_{dataset}")


def _take_json(path: Path, rows: Rows, curves: Curves) -> str | None:
    """Add all trainings of a JSON file and return its data set; None if it is empty."""
    if _is_search(path):
        raise BenchError(
            f"{path} must be {_WHAT}, but it is the result of searches (fields sys_time_budget, sys_acc), as are all"
            " tabNAS_benchmark_* and train_base_line_*; give the file of trainings"
        )
    found: str | None = None
    for (dataset, arch), epochs in entries(path, depth=2):
        if found not in (None, dataset):
            raise ValueError(f"it holds two data sets, {found} and {dataset}")
        found = dataset
        splits = _blank([int(epoch) for epoch in epochs])
        for epoch, values in epochs.items():
            for split, field in _FIELDS.items():
                splits[split][int(epoch)] = values[field]
        curves.add(rows.row(_widths(arch)), splits, seed=0)
    return found


def _take_csv(path: Path, rows: Rows, curves: Curves) -> None:
    """Add all trainings of a CSV file; the rows of an architecture need not stand together."""
    import pandas as pd

    with open_file(path) as file:
        table = pd.read_csv(file, usecols=["arch_id", "epoch", *_FIELDS.values()], dtype={"arch_id": str})
    codes, archs = pd.factorize(table["arch_id"])
    order = np.lexsort((table["epoch"], codes))
    epochs = table["epoch"].to_numpy(dtype=np.int64)[order]
    columns = {split: table[field].to_numpy(dtype=np.float32)[order] for split, field in _FIELDS.items()}
    starts = np.searchsorted(codes[order], np.arange(len(archs) + 1))
    for arch, start, end in zip(archs, starts, starts[1:], strict=False):
        splits = _blank(epochs[start:end].tolist())
        for split, column in columns.items():
            splits[split][epochs[start:end]] = column[start:end]
        curves.add(rows.row(_widths(arch)), splits, seed=0)


def _blank(epochs: Sequence[int]) -> dict[str, FloatArray]:
    """Return curves without values that are long enough for these epoch numbers."""
    if not epochs or min(epochs) < 0 or max(epochs) >= _MOST_EPOCHS:
        raise ValueError(f"epochs must be numbered 0..{_MOST_EPOCHS - 1}, but {sorted(epochs)[:5]} ... are there")
    return {split: np.full(1 + max(epochs), np.nan, dtype=np.float32) for split in _FIELDS}


def _is_search(path: Path) -> bool:
    """Return whether the file starts like the curve of a search, whose fields hold lists."""
    with open_file(path) as file:
        return re.match(rb'\s*{\s*"sys_', file.read(200)) is not None


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
