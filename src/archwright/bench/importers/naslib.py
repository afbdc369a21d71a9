"""Samples of several spaces with zero-cost proxies and accuracies, from the JSON files of NASLib."""

# N architectures

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from archwright.bench.importers.official import Curves, Rows, numbers_of, read_json, reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import Outcome, Provenance
from archwright.core.catalog import find, suggestion
from archwright.core.errors import ArchError, BenchError
from archwright.spaces.base import Space

__all__ = ["read"]

_WHAT = "a file of NASLib with proxies and accuracies (zc_nasbench301.json, zc_transbench101_micro.json, ...)"

#: NASLib's name of a space -> its name here.
_SPACES = {
    "nasbench101": "nb101",
    "nasbench201": "nb201",
    "nasbench301": "darts",
    "transbench101_micro": "transnas_micro",
    "transbench101_macro": "transnas_macro",
}
#: Spaces of which several forms are one network here: rows are canonical, as in the benchmarks of these spaces.
_UNIQUE = frozenset({"nb101", "darts"})
#: The score of a network, and fields that say which one it is.
_SCORE, _NAMES = "val_accuracy", frozenset({"idx", "arch", "id"})
#: What a proxy that failed says.
_FAILED = -1e8
_FILE = re.compile(r"zc_(\w+?)\.json")

_PROVENANCE = Provenance(
    source="https://github.com/automl/NASLib, naslib/data/zc_*.json",
    licence="Apache-2.0",
    citation="Krishnakumar et al., NAS-Bench-Suite-Zero, NeurIPS 2022 Datasets and Benchmarks, arXiv:2210.03230",
    note=(
        "a sample of the space, with zero-cost proxies as measures; -1e8, a proxy that failed, is missing here;"
        " counted as one epoch"
    ),
)
#: What must be known of the accuracies of a space.
_OF_SPACE = {
    "nb201": "the value called validation accuracy is the test accuracy of one training of 200 epochs",
    "darts": "accuracies are predictions of the surrogate of NAS-Bench-301, not of trainings",
    "transnas_micro": "values are those of the best epoch; room_layout is a negative loss, autoencoder and normal SSIM",
    "transnas_macro": "values are those of the best epoch; room_layout is a negative loss, autoencoder and normal SSIM",
}


class _Metric(NamedTuple):
    name: str = "accuracy"
    unit: str = "percent"


#: Tasks whose value is no accuracy.
_METRICS = {
    "room_layout": _Metric("negative_loss", ""),
    "autoencoder": _Metric("ssim", ""),
    "normal": _Metric("ssim", ""),
    "segmentsemantic": _Metric("pixel_accuracy", "percent"),
}


@dataclass(frozen=True)
class _Sample:
    """The data sets of a file, by name, and the space that it is about."""

    space: Space
    datasets: Mapping[str, Any]


def read(path: Path, *, space: str | None = None) -> Imported:
    """Return the networks of a file, an outcome per data set, and its proxies as measures (`nwot@cifar10`).

    Args:
        path: `zc_nasbench101.json`, `..._nasbench201`, `..._nasbench301`, `..._transbench101_micro`, `..._macro`.
        space: Space of the file, by NASLib's name or by its name here, where neither the file nor its name says it.

    Raises:
        BenchError: if it is no such file, or an architecture of it is not in the space.
    Source: arXiv:2210.03230; layout as in naslib/utils/get_dataset_api.
    """
    content = read_json(path, _WHAT)
    if not isinstance(content, Mapping) or not content:
        raise refusal(path, _WHAT, f"its content is not an object of data sets but a {type(content).__name__}")
    with reading(path, _WHAT):
        sample = _sample(path, content, space)
        rows, curves = Rows(), {name: Curves() for name in sample.datasets}
        for name, networks in sample.datasets.items():
            for text, entry in networks.items():
                _add(curves[name], rows.row(_genes(sample.space, path, text)), entry)
        empty = [name for name, each in curves.items() if not len(each)]
        if empty:
            raise ValueError(f"there is no network in {empty[0]!r}")
        outcomes = [_outcome(name, each, len(rows)) for name, each in curves.items()]
    known = sample.space.name
    note = "; ".join(filter(None, (_PROVENANCE.note, _OF_SPACE.get(known))))
    return Imported(
        name=f"naslib_{known}",
        space=sample.space,
        archs=rows.genes(),
        outcomes=outcomes,
        provenance=Provenance(_PROVENANCE.source, _PROVENANCE.licence, "", _PROVENANCE.citation, note),
        measures=numbers_of(curves, len(rows)),
        unique=known in _UNIQUE,
    )


def _sample(path: Path, content: Mapping[str, Any], stated: str | None) -> _Sample:
    """Return the data sets, which some files have one level deeper, below the name of the space."""
    below = next(iter(content)) if len(content) == 1 and next(iter(content)) in _SPACES else None
    named = _FILE.fullmatch(path.name)
    name = stated or below or (named.group(1) if named else "")
    if name not in _SPACES and name not in _SPACES.values():
        offer = suggestion(name, _SPACES) if name else f"say which (option space): {', '.join(_SPACES)}"
        raise BenchError(f"{path} must be about a space of NASLib, but none is known for {name!r}; {offer}")
    datasets = content[below] if below else content
    if not isinstance(datasets, Mapping) or not all(isinstance(each, Mapping) for each in datasets.values()):
        raise ValueError("below the name of a data set there must be an object of networks")
    return _Sample(find("space", _SPACES.get(name, name))(), datasets)


def _genes(space: Space, path: Path, text: str) -> tuple[int, ...]:
    digits = re.sub(r"[(),\s]", "", text)
    # Cells of NAS-Bench-101 are tuples of single digits, the matrix and then the operations; networks of TransNAS's
    # macro space are tuples of their modules' codes, with zeros where there is none.
    written = {"nb101": digits, "transnas_macro": f"64-{digits.rstrip('0')}-basic"}.get(space.name, text)
    try:
        arch = space.parse(written)
    except ArchError as error:
        raise refusal(path, _WHAT, f"{text[:80]!r} is not in its space: {error}") from error
    return (space.canonical(arch) if space.name in _UNIQUE else arch).genes


def _add(curves: Curves, row: int, entry: Mapping[str, Any]) -> None:
    """Add a network: its score, and each proxy that is a number, or a number and the seconds that it took."""
    curves.add(row, {"valid": [float(entry[_SCORE])]})
    for name, value in entry.items():
        if name in _NAMES or name == _SCORE:
            continue
        score = float(value["score"] if isinstance(value, Mapping) else value)
        if score != _FAILED:
            curves.note(row, **{name: score})


def _outcome(name: str, curves: Curves, n_rows: int) -> Outcome:
    metric = _METRICS.get(name, _Metric())
    return curves.outcome(name, metric.name, metric.unit, n_rows)
