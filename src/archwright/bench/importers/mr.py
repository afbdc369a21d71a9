"""NAS-Bench-MR: multi-resolution networks on nine settings of classification, segmentation, detection and video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy.typing as npt

from archwright.bench.importers.official import Curves, Rows, numbers_of, reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import Provenance
from archwright.bench.restricted import read_pickle
from archwright.spaces.mr import NasBenchMr

__all__ = ["read"]

_WHAT = "the folder `data` of NAS-Bench-MR (seg/trainval.pkl), one of its settings, or one of its files"
_FILE = "trainval.pkl"

#: Metrics of the official files, all in percent, higher is better. The first that a setting has is its outcome; the
#: others are outcomes of their own. Source: the metrics in the official configurations.
_METRICS = {
    "mIoU": "mean_iou",
    "top1": "accuracy",
    "moderate": "average_precision",
    "mAcc": "mean_class_accuracy",
    "aAcc": "pixel_accuracy",
    "top5": "top5_accuracy",
}
_MEASURES = ("flops", "params")
_UNITS = {"flops": "G", "params": "M"}

_PROVENANCE = Provenance(
    source="https://github.com/dingmyu/NCP, data/*/trainval.pkl",
    licence="BSD-2-Clause for academic use; others ask the authors",
    version="2022",
    citation="Ding et al., Learning Versatile Neural Architectures by Propagating Network Codes, ICLR 2022,"
    " arXiv:2103.13253",
    note=(
        "about 2,500 sampled architectures per setting, one result each and no curve, counted as one epoch; the result"
        " is on validation data, and there is no test; settings may hold different architectures, NaN where one has"
        " none; FLOPs in G (multiply-adds) and parameters in M, as in the files"
    ),
)


def read(path: Path) -> Imported:
    """Read the settings below a folder, or one file.

    An outcome per setting, named after its folder (`seg`, `cls-50-1000`), with its main metric; other metrics are
    outcomes `seg-aacc`. An architecture that a file holds twice has two seeds.

    Args:
        path: Folder or `trainval.pkl`. Nothing in a pickle is run.

    Raises:
        BenchError: if there are no such files, or one is damaged.
    """
    files = sorted(path.rglob(_FILE)) if path.is_dir() else [path]
    if not files:
        raise refusal(path, _WHAT, f"it holds no {_FILE}")
    space, rows = NasBenchMr(), Rows()
    curves: dict[str, tuple[str, Curves]] = {}
    for file in files:
        content = read_pickle(file)
        with reading(file, _WHAT):
            _take(content, file.resolve().parent.name, space, rows, curves)
    outcomes, measures = [], dict[str, npt.ArrayLike]()
    for name, (metric, each) in curves.items():
        measures |= numbers_of({name: each}, len(rows))
        outcomes.append(each.outcome(name, _METRICS[metric], "percent", len(rows)))
    return Imported(
        name="mr",
        space=space,
        archs=rows.genes(),
        outcomes=outcomes,
        measures=measures,
        units={key: _UNITS[key.partition("@")[0]] for key in measures},
        provenance=_PROVENANCE,
    )


def _take(content: Any, setting: str, space: NasBenchMr, rows: Rows, curves: dict[str, tuple[str, Curves]]) -> None:
    """Add the trainings of one file."""
    if not isinstance(content, Sequence) or not content:
        raise ValueError(f"it holds no list of architectures but a {type(content).__name__}")
    main, *others = [metric for metric in _METRICS if metric in content[0]] or [""]
    if not main:
        raise ValueError(f"an architecture has none of the metrics {', '.join(_METRICS)}")
    names = {main: setting} | {metric: f"{setting}-{metric.lower()}" for metric in others}
    for entry in content:
        row = rows.row(space.from_numbers(_numbers(entry)).genes)
        for metric, name in names.items():
            _, each = curves.setdefault(name, (metric, Curves()))
            each.add(row, {"valid": entry[metric]})
        _, first = curves[setting]
        first.note(row, **{key: float(entry[key]) for key in _MEASURES if key in entry})


def _numbers(entry: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the 27 numbers of an architecture: of its layers where the file tells them, else of its embedding.

    Layers come first because the example in the official README has an embedding that lacks the last number.
    """
    if "network_setting" not in entry:
        return tuple(int(number) for number in entry["embedding"])
    numbers = [int(width) for width in entry["input_channel"]]
    for _, modules in groupby(entry["network_setting"], key=lambda module: int(module[0])):
        first, *more = modules
        if any(module != first for module in more):
            raise ValueError("modules of one stage must be equal, but they differ")
        numbers += [1 + len(more), *map(int, first[1]), *map(int, first[2])]
    return (*numbers, int(entry["last_channel"]))
