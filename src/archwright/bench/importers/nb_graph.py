"""NAS-Bench-Graph: graph neural networks on nine data sets; results only, or curves of three seeds."""

# E epochs

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.bench.importers.official import Curves, Rows, numbers_of, reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import Outcome, Provenance
from archwright.bench.restricted import read_pickle
from archwright.core.arch import Arch
from archwright.spaces.base import Space
from archwright.spaces.nb_graph import NasBenchGraph, proteins

__all__ = ["read"]

_WHAT = "a .bench file of NAS-Bench-Graph, or a folder of them (light/cora.bench, cora0.bench)"
_NAME = re.compile(r"([a-z]+)([0-2]?)\.bench")

#: The one data set that is not judged by accuracy. Source: arXiv:2206.09166, section 3.
_PROTEINS = "proteins"

#: Digits of an official number: the tree, then the operations of four nodes.
_NODES = 4
_BASE = 10
#: `proteins` has five operations. The official code can also number those in base 6, where numbers stay below this.
_SMALL_BASE = 6
_SMALL_NUMBERS = 9 * _SMALL_BASE**_NODES

#: Places in an official row of an epoch.
_COLUMNS = {"train": 0, "valid": 1, "test": 2}

_PROVENANCE = Provenance(
    source="https://github.com/THUMNLab/NAS-Bench-Graph; https://figshare.com/articles/dataset/NAS-bench-Graph/20070371",
    licence="none stated (light files); see figshare (full files)",
    version="2022",
    citation="Qin et al., NAS-Bench-Graph, NeurIPS 2022 Datasets and Benchmarks, arXiv:2206.09166",
    note=(
        "accuracy, on proteins ROC-AUC; light files hold one validation and one test result per architecture, without"
        " a curve, counted here as one epoch; full files hold every epoch of three seeds; the official `perf` of a full"
        " file is the test at the best validation, not the last epoch; no training times; latency is in seconds"
    ),
)


@dataclass
class _Dataset:
    """What the files of one data set hold."""

    full: Curves = field(default_factory=Curves)
    light: Curves = field(default_factory=Curves)


def read(path: Path, *, dataset: str | None = None) -> Imported:
    """Read light files, full files, or both.

    An outcome per data set: `cora` from the three full files (epochs 1, 2, ..., seeds 0 to 2), and `cora-light` from
    the light one, which has no curve. A full data set needs about 0.5 GB while it is read.

    Args:
        path: A `.bench` file, or a folder below which they lie. Nothing in a pickle is run.
        dataset: Take only this data set of a folder.

    Raises:
        BenchError: if there are no such files, or one is damaged.
    """
    files = sorted(path.rglob("*.bench")) if path.is_dir() else [path]
    named = [(file, match) for file in files if (match := _NAME.fullmatch(file.name))]
    named = [(file, match) for file, match in named if dataset in (None, match[1])]
    if not named:
        raise refusal(path, _WHAT, "it holds no file of that name" + (f" for {dataset!r}" if dataset else ""))
    space, rows = NasBenchGraph(), Rows()
    found: dict[str, _Dataset] = {}
    for file, match in named:
        _take(file, match[1], match[2], space, rows, found.setdefault(match[1], _Dataset()))
    outcomes: list[Outcome] = []
    measures: dict[str, npt.ArrayLike] = {}
    for name, each in found.items():
        metric = "roc_auc" if name == _PROTEINS else "accuracy"
        for curves, suffix in ((each.full, ""), (each.light, "-light")):
            if len(curves):
                measures = numbers_of({name: curves}, len(rows)) | measures
                outcomes.append(curves.outcome(name + suffix, metric, "fraction", len(rows)))
    return Imported(
        name="nb_graph",
        space=space,
        archs=rows.genes(),
        outcomes=outcomes,
        measures=measures,
        units={key: "s" for key in measures if key.startswith("latency_s@")},
        provenance=_PROVENANCE,
        unique=True,
    )


def _take(file: Path, dataset: str, seed: str, space: Space, rows: Rows, found: _Dataset) -> None:
    """Add the trainings of one file; `seed` is the digit in its name, empty where it has none."""
    content = read_pickle(file)
    with reading(file, _WHAT):
        if not isinstance(content, Mapping) or not content:
            raise ValueError(f"it holds a {type(content).__name__}")
        small = dataset == _PROTEINS and max(map(int, content)) < _SMALL_NUMBERS
        for number, info in content.items():
            _add(found, rows.row(_genes(space, int(number), small=small)), int(seed) if seed else None, info)


def _genes(space: Space, number: int, *, small: bool) -> tuple[int, ...]:
    """Return the canonical genes of an official number; of one in base 6 if it is `small`."""
    genes = []
    for _ in range(_NODES):
        number, gene = divmod(number, _SMALL_BASE if small else _BASE)
        genes.append(gene)
    if small:
        nine, five = NasBenchGraph().operations, proteins().operations
        genes = [nine.index(five[gene]) for gene in genes]
    return space.canonical(space.require(Arch(space.name, (number, *reversed(genes))))).genes


def _add(dataset: _Dataset, row: int, seed: int | None, info: Mapping[str, Any]) -> None:
    if "dur" in info:
        epochs = np.array([tuple(map(float, each[: len(_COLUMNS)])) for each in info["dur"]], dtype=np.float64)
        if epochs.ndim != 2:
            raise ValueError(f"a training has {len(info['dur'])} epochs of no common form")
        dataset.full.add(row, {split: epochs[:, column] for split, column in _COLUMNS.items()}, seed=seed)
        dataset.full.note(row, **_numbers(info))
    else:
        dataset.light.add(row, {"valid": info["valid_perf"], "test": info["perf"]}, seed=0)
        dataset.light.note(row, **_numbers(info))


def _numbers(info: Mapping[str, Any]) -> Mapping[str, float]:
    names = {"para": "params", "latency": "latency_s"}
    return {name: float(info[key]) for key, name in names.items() if key in info}
