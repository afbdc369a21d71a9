"""TransNAS-Bench-101: cells and networks on seven tasks of Taskonomy, metrics after every epoch."""

# E epochs

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from archwright.bench.importers.official import Curves, Rows, numbers_of, reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import Provenance
from archwright.bench.torch_archive import read_torch
from archwright.core.catalog import find
from archwright.core.errors import BenchError
from archwright.spaces.base import Space

__all__ = ["read"]

_WHAT = "transnas-bench_v10141024.pth of TransNAS-Bench-101"
_SPACES = ("micro", "macro")

#: Metrics of the official file, of which higher is better: name here, and unit.
_METRICS = {
    "top1": ("accuracy", "percent"),
    "neg_loss": ("negative_loss", ""),
    "acc": ("pixel_accuracy", "percent"),
    "mIoU": ("mean_iou", "percent"),
    "ssim": ("ssim", ""),
}
_SPLITS = ("valid", "test", "train")

#: Numbers of a network, by their official names. They differ between tasks, by the heads of networks.
_NUMBERS = {
    "inference_time": "inference_s",
    "encoder_params": "encoder_params",
    "model_params": "params",
    "encoder_FLOPs": "encoder_flops",
    "model_FLOPs": "flops",
}

_PROVENANCE = Provenance(
    source="https://github.com/yawen-d/TransNASBench, api_home/transnas-bench_v10141024.pth",
    licence="MIT",
    version="v10141024",
    citation="Duan et al., TransNAS-Bench-101, CVPR 2021, arXiv:2105.11871",
    note=(
        "the value at the last epoch is the official `final`; the official `best` is the maximum of a curve, never"
        " lower; room_layout is a negative loss, autoencoder and normal are SSIM, segmentsemantic is pixel accuracy"
        " (mean IoU is a second outcome); higher is better everywhere; seconds include validation and test after each"
        " epoch, in whole seconds; one training each"
    ),
)


def read(path: Path, *, space: str = "micro") -> Imported:
    """Read one of the two spaces of the official file.

    An outcome per task. `segmentsemantic` is pixel accuracy, the metric that others report as its accuracy, and
    `segmentsemantic-miou` the paper's mean IoU. Measures carry the task: `params@jigsaw`.

    Args:
        path: The `.pth` file. Its pickle is read without running anything.
        space: `micro`, 4,096 cells, or `macro`, 3,256 networks.

    Raises:
        BenchError: if it is not that file, is damaged, or there is no such space.
    """
    if space not in _SPACES:
        raise BenchError(f"the space of TransNAS-Bench-101 must be micro or macro, but {space!r} was given")
    content = read_torch(path)
    if not isinstance(content, Mapping) or not {"data", "metrics_dict", "task_list"} <= content.keys():
        raise refusal(path, _WHAT, "it has no fields data, metrics_dict and task_list")
    with reading(path, _WHAT):
        return _imported(content, space)


def _imported(content: Mapping[str, Any], chosen: str) -> Imported:
    space: Space = find("space", f"transnas_{chosen}")()
    rows = Rows()
    curves: dict[str, Curves] = {}
    metrics: dict[str, str] = {}
    for text, results in content["data"][chosen].items():
        row = rows.row(space.parse(text).genes)
        for task in content["task_list"]:
            for outcome, metric in _outcomes(task, content["metrics_dict"][task]).items():
                metrics[outcome] = metric
                _add(curves.setdefault(outcome, Curves()), row, results[task], metric)
    outcomes = [each.outcome(name, *_METRICS[metrics[name]], len(rows)) for name, each in curves.items()]
    measures = numbers_of({task: curves[task] for task in content["task_list"]}, len(rows))
    return Imported(
        name=f"transnas_{chosen}",
        space=space,
        archs=rows.genes(),
        outcomes=outcomes,
        measures=measures,
        units={key: "s" for key in measures if key.startswith("inference_s@")},
        provenance=_PROVENANCE,
    )


def _outcomes(task: str, recorded: Sequence[str]) -> dict[str, str]:
    """Return the outcomes of a task and the metric of each; the first one has the name of the task."""
    there = [metric for metric in _METRICS if f"valid_{metric}" in recorded]
    if not there:
        raise ValueError(f"task {task!r} has none of the metrics {', '.join(_METRICS)}")
    first, *others = there
    return {task: first} | {f"{task}-{metric.lower()}": metric for metric in others}


def _add(curves: Curves, row: int, result: Mapping[str, Any], metric: str) -> None:
    recorded = result["metrics"]
    splits = {split: recorded[f"{split}_{metric}"] for split in _SPLITS}
    if "time_elapsed" in recorded:
        splits["seconds"] = [_seconds(value) for value in recorded["time_elapsed"]]
    lengths = {len(curve) for curve in splits.values()}
    if len(lengths) != 1:
        raise ValueError(f"the curves of a network have lengths {sorted(lengths)}")
    curves.add(row, splits, seed=0)
    info = result.get("model_info", {})
    curves.note(row, **{_NUMBERS[key]: float(np.asarray(info[key])) for key in _NUMBERS if key in info})


def _seconds(elapsed: str | float) -> float:
    """Return seconds since the start of a training, which the official code writes as `hours:minutes:seconds`."""
    if not isinstance(elapsed, str):
        return float(elapsed)
    hours, minutes, seconds = elapsed.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
