"""NAS-Bench-ASR: speech models on TIMIT, phoneme error rates after every epoch, up to three seeds."""

# E epochs

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.bench.importers.official import Curves, Rows, reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import Outcome, Provenance
from archwright.bench.restricted import load_pickle, open_file, source_of
from archwright.core.arch import Arch
from archwright.spaces.asr import NasBenchAsr
from archwright.spaces.base import Space

__all__ = ["read"]

_WHAT = "a folder of NAS-Bench-ASR (nb-asr-e40-1234.pickle, nb-asr-info.pickle, nb-asr-bench-DEVICE.pickle)"
_TRAINING = re.compile(r"nb-asr-e(\d+)-(\d+)\.pickle")
_KINDS = ("training", "benchmarking", "static")

_PROVENANCE = Provenance(
    source="https://github.com/SamsungLabs/nb-asr, releases",
    licence="none stated",
    citation="Mehrotra et al., NAS-Bench-ASR, ICLR 2021, https://openreview.net/forum?id=CU0APx9LMaL",
    note=(
        "phoneme error rates, lower is better; the test rate is the one at the epoch with the lowest validation rate,"
        " not at the last one, where it stands here; trainings of 5, 10 and 40 epochs are separate ones, so epoch 5 of"
        " timit-e40 is not timit-e5; no training times"
    ),
)


@dataclass(frozen=True)
class _File:
    """One official file: a head, then a row of values per model."""

    path: Path
    kind: str
    head: Mapping[str, Any]
    rows: Sequence[Sequence[Any]]

    def column(self, name: str) -> int:
        columns = list(self.head["columns"])
        if name not in columns:
            raise ValueError(f"it has no column {name!r} but {', '.join(map(str, columns))}")
        return columns.index(name)


def read(path: Path) -> Imported:
    """Read all official pickles of a folder.

    An outcome per schedule, `timit-e40`, with the seeds in ascending order. A row is one of the 8,242 models; others
    that are the same graph are looked up by their canonical form.

    Args:
        path: The folder, or one file of trainings. Nothing in a pickle is run.

    Raises:
        BenchError: if there are no such files, or one is damaged.
    """
    files = [_file(each) for each in sorted(path.glob("nb-asr-*.pickle") if path.is_dir() else [path])]
    trainings = [file for file in files if file.kind == "training"]
    if not trainings:
        raise refusal(path, _WHAT, "it holds no trainings")
    space, rows = NasBenchAsr(), Rows()
    row_of: dict[str, int] = {}
    for file in trainings:
        with reading(file.path, _WHAT):
            _place(file, space, rows, row_of)
    outcomes = []
    for n_epochs in sorted({file.head["epochs"] for file in trainings}):
        same = sorted((f for f in trainings if f.head["epochs"] == n_epochs), key=lambda file: file.head["seed"])
        outcomes.append(_outcome(n_epochs, same, row_of, len(rows)))
    measures: dict[str, npt.ArrayLike] = {}
    for file in (each for each in files if each.kind != "training"):
        with reading(file.path, _WHAT):
            measures |= _measures(file, row_of, len(rows))
    return Imported(
        name="asr",
        space=space,
        archs=rows.genes(),
        outcomes=outcomes,
        measures=measures,
        units={key: "s" for key in measures if key.endswith("_latency_s")},
        provenance=_PROVENANCE,
        unique=True,
    )


def _file(path: Path) -> _File:
    """Return one file, which is two pickles, one after the other."""
    with reading(path, _WHAT):
        with open_file(path) as stream:
            source = source_of(stream, path)
            head, rows = load_pickle(source), load_pickle(source)
        kind = head["dataset_type"]
        if kind not in _KINDS or not rows:
            raise ValueError(f"it holds {len(rows)} rows of the kind {kind!r}")
        if kind == "training":
            head = head | {"epochs": int(head["epochs"]), "seed": int(head["seed"])}
        return _File(path, kind, head, rows)


def _place(file: _File, space: Space, rows: Rows, row_of: dict[str, int]) -> None:
    """Give every model of a file of trainings a row."""
    vector = file.column("arch_vec")
    for values in file.rows:
        model = str(values[0])
        if model not in row_of:
            arch = Arch(space.name, _genes(values[vector]))
            row_of[model] = rows.row(space.canonical(space.require(arch)).genes)


def _genes(vector: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Return the genes of `[(op, skip), (op, skip, skip), (op, skip, skip, skip)]`."""
    return tuple(int(choice) for node in vector for choice in node)


def _outcome(n_epochs: int, files: Sequence[_File], row_of: Mapping[str, int], n_rows: int) -> Outcome:
    curves = Curves()
    for seed, file in enumerate(files):
        with reading(file.path, _WHAT):
            valid, test = file.column("val_per"), file.column("test_per")
            for values in file.rows:
                rates = np.asarray(values[valid], dtype=np.float32)
                if rates.shape != (n_epochs,):
                    raise ValueError(f"a curve has {rates.size} values, not {n_epochs}")
                last = np.append(np.full(n_epochs - 1, np.nan), float(values[test]))
                curves.add(row_of[str(values[0])], {"valid": rates, "test": last}, seed=seed)
    return curves.outcome(f"timit-e{n_epochs}", "phoneme_error_rate", "fraction", n_rows, higher_is_better=False)


def _measures(file: _File, row_of: Mapping[str, int], n_rows: int) -> dict[str, npt.NDArray[np.float64]]:
    """Return the numbers of a file without trainings, a column each; models without a training are left out."""
    if file.kind == "static":
        names = {name: name for name in ("params", "flops") if name in file.head["columns"]}
    else:
        names = {"latency": f"{file.head['device']}_latency_s"}
    columns = {}
    for name, measure in names.items():
        place = file.column(name)
        columns[measure] = np.full(n_rows, np.nan)
        for values in file.rows:
            row = row_of.get(str(values[0]))
            if row is not None:
                columns[measure][row] = float(values[place])
    return columns
