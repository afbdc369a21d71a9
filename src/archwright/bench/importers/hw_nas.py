"""HW-NAS-Bench: latency and energy on six devices, for the cells of NAS-Bench-201 and for networks of FBNet."""

# N architectures, L layers, O operations

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.bench.importers.fbnet_costs import DATASETS, costs
from archwright.bench.importers.official import reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import Outcome, Provenance
from archwright.bench.restricted import read_pickle
from archwright.bench.table import Bench
from archwright.core.arch import Arch
from archwright.core.errors import BenchError
from archwright.core.rng import derive
from archwright.spaces.fbnet import FbNet
from archwright.spaces.nb201 import NasBench201

__all__ = ["read"]

_WHAT = "HW-NAS-Bench's file HW-NAS-Bench-v1_0.pickle"
_UNITS = {"latency": "ms", "energy": "mJ"}
_NB201_SETS = {"cifar10": "cifar10", "cifar100": "cifar100", "ImageNet16-120": "imagenet16-120"}
_SAMPLE = 5000
_NOTE = "Latency and energy on devices of HW-NAS-Bench; NaN where a device cannot run the network (-1 in its file)."

Measures = dict[str, npt.NDArray[np.float64]]


def read(
    path: Path,
    *,
    space: str = "nb201",
    bench: str | None = None,
    metric: str = "edgegpu_latency_ms",
    sample: int = _SAMPLE,
    seed: int = 0,
) -> Imported:
    """Return measures of hardware: added to a benchmark with results, or as a benchmark of their own.

    Measures are named `DEVICE_latency_ms@DATASET`, `DEVICE_energy_mj@DATASET`; devices are EdgeGPU, Raspberry Pi 4,
    EdgeTPU, Pixel 3, Eyeriss and an FPGA. Without `bench`, outcomes have `metric` as what a search minimises.

    Args:
        path: The official file, 10 MB.
        space: `nb201`, measured cell by cell, or `fbnet`, whose networks cost the sum of their layers.
        bench: Folder or name of a benchmark of that space; it comes back with the measures added.
        metric: Measure to minimise, without its data set.
        sample: Networks of FBNet to draw, where no `bench` says which ones.
        seed: Of that draw.

    Raises:
        UnsafeFileError: if the file asks for code to be run.
        BenchError: if it is no such file, or there is no such space, benchmark or metric.
    Source: arXiv:2103.10584; layout as in hw_nas_bench_api.
    """
    if space not in _ENTRIES:
        raise BenchError(f"the space of HW-NAS-Bench must be nb201 or fbnet, but {space!r} was given")
    base = None if bench is None else _opened(bench, space)
    with reading(path, _WHAT):
        entry = _entry(read_pickle(path), space, path)
        if space == "nb201":
            archs, measures = _cells(entry), _of_cells(entry)
        else:
            archs = _drawn(int(sample), seed=int(seed)) if base is None else base.archs(range(len(base.genes)))
            measures = _of_networks(entry, archs)
    return _alone(space, archs, measures, metric) if base is None else _added(base, archs, measures)


#: Space -> its entry in the file.
_ENTRIES = {"nb201": "nasbench201", "fbnet": "fbnet"}


def _entry(content: Any, space: str, path: Path) -> Mapping[str, Any]:
    entry = content.get(_ENTRIES[space]) if isinstance(content, dict) else None
    if not isinstance(entry, dict):
        raise refusal(path, _WHAT, f"it has no entry {_ENTRIES[space]!r}")
    return entry


def _opened(bench: str, space: str) -> Bench:
    found = Bench.open(bench)
    if found.space.name != space:
        raise BenchError(
            f"measures of {space!r} must go to a benchmark of that space, but {bench} is of {found.space.name!r}"
        )
    return found


def _cells(entry: Mapping[str, Any]) -> list[Arch]:
    """Return the cells in the order of the measures, which is the official one."""
    parse = NasBench201().parse
    return [parse(config["arch_str"]) for config in entry["cifar10"]["config"]]


def _of_cells(entry: Mapping[str, Any]) -> Measures:
    measures: Measures = {}
    for published, dataset in _NB201_SETS.items():
        for name, values in entry[published].items():
            if name != "config":
                column = np.array(values, dtype=np.float64)
                measures[f"{_named(name)}@{dataset}"] = np.where(column < 0, np.nan, column)
    return measures


def _of_networks(entry: Mapping[str, Any], archs: Sequence[Arch]) -> Measures:
    genes = np.array([arch.genes for arch in archs], dtype=np.int64)
    tables = {name: table for name, table in entry.items() if name.rpartition("_")[2] in _UNITS}
    return {
        f"{_named(name)}@{dataset.lower()}": costs(table, dataset, genes)
        for dataset in DATASETS
        for name, table in tables.items()
    }


def _drawn(n: int, *, seed: int) -> list[Arch]:
    """Return networks of FBNet that differ, equally likely among all points of the grid."""
    if n < 1:
        raise BenchError(f"a sample of FBNet must have at least one network, but {n} was given")
    space, rng = FbNet(), derive(seed, "hw_nas", "fbnet")
    found: dict[Arch, None] = {}
    while len(found) < n:
        found[space.random(rng=rng)] = None
    return list(found)


def _named(name: str) -> str:
    unit = _UNITS.get(name.rpartition("_")[2])
    return f"{name}_{unit.lower()}" if unit else name


def _unit(name: str) -> str:
    kind = name.partition("@")[0].rpartition("_")[2]
    return {unit.lower(): unit for unit in _UNITS.values()}.get(kind, "")


def _alone(space: str, archs: Sequence[Arch], measures: Measures, metric: str) -> Imported:
    found = {key.partition("@")[2]: column for key, column in measures.items() if key.partition("@")[0] == metric}
    if not found:
        names = sorted({key.partition("@")[0] for key in measures})
        raise BenchError(f"a metric of HW-NAS-Bench must be one of {', '.join(names)}, but {metric!r} was given")
    outcomes = [
        Outcome(dataset, metric, _unit(metric), (1,), valid=column[:, None, None], higher_is_better=False)
        for dataset, column in found.items()
    ]
    made = NasBench201() if space == "nb201" else FbNet()
    units = {name: _unit(name) for name in measures}
    note = f"{_NOTE} Nothing was trained: epoch 1 stands for the measurement."
    return Imported(f"hw_{space}", made, archs, outcomes, replace(_PROVENANCE, note=note), measures, units)


def _added(base: Bench, archs: Sequence[Arch], measures: Measures) -> Imported:
    """Return `base` with the measures in its rows, NaN where there is none."""
    rows = base.rows(archs)
    held = rows >= 0
    if not held.any():
        raise BenchError(f"{base.folder} must have architectures of HW-NAS-Bench, but has none")
    columns = {name: np.array(column) for name, column in base.measures.items()}
    for name, values in measures.items():
        columns[name] = np.full(len(base.genes), np.nan)
        columns[name][rows[held]] = values[held]
    ours = base.provenance
    provenance = Provenance(
        source=f"{ours.source}; hardware: {_PROVENANCE.source}",
        licence=f"{ours.licence}; hardware: {_PROVENANCE.licence}",
        version=f"{ours.version}; hardware: {_PROVENANCE.version}",
        citation=f"{ours.citation}; hardware: {_PROVENANCE.citation}",
        note=f"{ours.note} {_NOTE}".strip(),
    )
    units = base.units | {name: _unit(name) for name in measures}
    outcomes = list(base.outcomes.values())
    return Imported(
        base.name, base.space, np.array(base.genes), outcomes, provenance, columns, units, unique=base.is_unique
    )


_PROVENANCE = Provenance(
    source="https://github.com/GATECH-EIC/HW-NAS-Bench",
    licence="MIT",
    version="v1_0",
    citation="Li, Yu, Fu, Zhang, Zhao, You, Yu, Wang, Lin: HW-NAS-Bench, ICLR 2021, arXiv:2103.10584",
    note=_NOTE,
)
