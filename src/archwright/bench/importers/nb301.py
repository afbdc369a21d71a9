"""NAS-Bench-301's trainings, from a folder of their result files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from archwright.bench.importers.official import Curves, Rows, read_json, reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import Outcome, Provenance
from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.spaces.darts import Darts
from archwright.spaces.genotype import Genotype

__all__ = ["read"]

_WHAT = "NAS-Bench-301's folder of runs, with files results_...json"
_FILE = re.compile(r"results_\w+\.json(\.gz|\.bz2)?")
_CONFIG = "optimized_hyperparamater_config"  # spelt so in the files
_CELL = "NetworkSelectorDatasetInfo:darts:"
_EPOCHS = "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max"
_CURVES = {"valid": "Train/val_accuracy", "train": "Train/train_accuracy", "test": "Train/test_accuracy"}
_NODES = range(2, 6)
_MOST_EPOCHS = 10_000
_NOTE = (
    "Trainings, not the predictions of the surrogate. The files know the seconds of a whole training; those of an epoch"
    " are its share. Test accuracy is known after the last epoch."
)


class Setting(NamedTuple):
    """What the trainings of one outcome share: epochs, channels of the first layer, and layers."""

    epochs: int
    channels: int
    layers: int


def read(path: Path) -> Imported:
    """Return the trainings of NAS-Bench-301: validation curves, test accuracy, seconds and parameters.

    Files are found in all folders below. Trainings of one setting (epochs, channels, layers) are an outcome; the
    setting with the most trainings is `cifar10`, others say what they are. Several trainings of a pair of cells are
    its seeds, in the order of the files' names. A node's two inputs may stand in either order; rows are canonical.

    Args:
        path: The unpacked folder `nb_301_v13`, or a part of it: `rs`, `run_1/results_fidelity_0`.

    Raises:
        BenchError: if there is no such file in the folder, or one is damaged.
    Source: arXiv:2008.09777; files as read by nasbench301/surrogate_models/utils.py.
    """
    files = sorted(file for file in path.rglob("*") if _FILE.fullmatch(file.name)) if path.is_dir() else []
    if not files:
        raise refusal(path, _WHAT, "there is no such file in it")
    rows, found = Rows(), dict[Setting, Curves]()
    counts: Counter[Setting] = Counter()
    space = Darts()
    for file in files:
        with reading(file, _WHAT):
            run = read_json(file, _WHAT)
            setting = _setting(run[_CONFIG])
            row = rows.row(space.canonical(_arch(space, run[_CONFIG], file)).genes)
            counts[setting] += 1
            _add(found.setdefault(setting, Curves()), row, run)
    ordered = sorted(counts, key=lambda setting: (-counts[setting], setting))
    numbers = {setting: found[setting].numbers(len(rows)) for setting in ordered}
    outcomes = [_outcome(_name(setting, setting == ordered[0]), found[setting], len(rows)) for setting in ordered]
    measures = {
        f"{name}@{outcome.name}": column
        for outcome, setting in zip(outcomes, ordered, strict=True)
        for name, column in numbers[setting].items()
    }
    return Imported("nb301", space, rows.genes(), outcomes, _provenance(path), measures, unique=True)


def _setting(config: Mapping[str, Any]) -> Setting:
    return Setting(int(config[_EPOCHS]), int(config[f"{_CELL}init_channels"]), int(config[f"{_CELL}layers"]))


def _name(setting: Setting, is_main: bool) -> str:
    return "cifar10" if is_main else f"cifar10-e{setting.epochs}-c{setting.channels}-l{setting.layers}"


def _arch(space: Darts, config: Mapping[str, Any], file: Path) -> Arch:
    cells = {kind: _pairs(config, kind, file) for kind in ("normal", "reduce")}
    inner = tuple(_NODES)
    try:
        return space.from_genotype(Genotype(cells["normal"], inner, cells["reduce"], inner))
    except ArchError as error:
        raise refusal(file, _WHAT, f"its cells are not of the space: {error}") from error


def _pairs(config: Mapping[str, Any], kind: str, file: Path) -> tuple[tuple[str, int], ...]:
    """Return (operation, input) of the two edges of each node.

    Edges are numbered node by node: 0 and 1 lead to node 2, 2 to 4 to node 3, 5 to 8 to node 4, 9 to 13 to node 5.
    Node 2 has no choice; `inputs_node_normal_4 = "0_2"` means that node 4 reads 0 and 2, by edges 5 and 7.
    """
    pairs, first = [], 0
    for node in _NODES:
        inputs = "0_1" if node == _NODES[0] else str(config[f"{_CELL}inputs_node_{kind}_{node}"])
        if not re.fullmatch(r"[0-4]_[0-4]", inputs):
            raise refusal(file, _WHAT, f"the inputs of node {node} are {inputs!r}")
        for source in map(int, inputs.split("_")):
            if source >= node:
                raise refusal(file, _WHAT, f"node {node} reads node {source}, which comes later")
            pairs.append((str(config[f"{_CELL}edge_{kind}_{first + source}"]), source))
        first += node
    return tuple(pairs)


def _add(curves: Curves, row: int, run: Mapping[str, Any]) -> None:
    info = run["info"][0]
    told = run.get("learning_curves") or {}
    splits: dict[str, npt.ArrayLike] = {split: told[key] for split, key in _CURVES.items() if told.get(key)}
    n = max((len(told[_CURVES[split]]) for split in splits), default=_last(run))
    if not 0 < n <= _MOST_EPOCHS:
        raise ValueError(f"a training of {n} epochs")
    splits.setdefault("valid", _only_last(float(info["val_accuracy"]), n))
    splits.setdefault("test", _only_last(float(run["test_accuracy"]), n))
    splits["seconds"] = float(run["runtime"]) * np.arange(1, n + 1) / n
    curves.add(row, splits)
    if "model_parameters" in info:
        curves.note(row, params=float(info["model_parameters"]))


def _last(run: Mapping[str, Any]) -> int:
    """Return the epochs of a training without curves: what was trained, which may be less than was planned."""
    return int(run["info"][0].get("epochs") or run["budget"])


def _only_last(value: float, n: int) -> npt.NDArray[np.float64]:
    curve = np.full(n, np.nan)
    curve[-1] = value
    return curve


def _outcome(name: str, curves: Curves, n_rows: int) -> Outcome:
    epochs = tuple(range(1, curves.n_epochs() + 1))
    arrays = curves.arrays(n_rows)
    return Outcome(
        name,
        "accuracy",
        "percent",
        epochs,
        valid=arrays["valid"],
        test=arrays["test"],
        train=arrays.get("train"),
        seconds=arrays["seconds"],
    )


def _provenance(path: Path) -> Provenance:
    return Provenance(
        source="https://github.com/automl/nasbench301",
        licence="Apache-2.0",
        version=path.name if path.name.startswith("nb_301") else "",
        citation="Zela, Siems, Zimmer, Lukasik, Keuper, Hutter: Surrogate NAS Benchmarks, ICLR 2022, arXiv:2008.09777",
        note=_NOTE,
    )
