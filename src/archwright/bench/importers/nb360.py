"""NAS-Bench-360: the cells of NAS-Bench-201 trained on NinaPro DB5 and on Darcy Flow."""

# E epochs

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.bench.importers.official import Curves, Rows, numbers_of, reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import Provenance
from archwright.bench.restricted import read_pickle
from archwright.spaces.nb201 import NasBench201

__all__ = ["read"]

_WHAT = "a precomputed file of NAS-Bench-360 (NATS-tss-v1_0-daa55.pickle.pbz2), or a folder of them"
_RECORD = frozenset({"arch_index", "arch_str", "all_results"})
_FULL_EPOCHS = 200
#: Far more than any training here has: a damaged number must not fill the memory.
_MOST_EPOCHS = 10_000

#: Data set: metric, unit, whether higher is better, and the fields of a training that hold it.
_DATASETS = {
    "ninapro": ("accuracy", "percent", True, "acc1es"),
    "darcyflow": ("relative_l2_error", "fraction", False, "losses"),
}
#: What a training was evaluated on, the first one preferred as validation.
_VALIDATIONS = ("x-valid", "ori-test")
_TEST = "ori-test"

_PROVENANCE = Provenance(
    source="https://github.com/rtu715/NAS-Bench-360, folder precompute",
    licence="MIT",
    version="NATS-tss-v1_0",
    citation="Tu et al., NAS-Bench-360, NeurIPS 2022 Datasets and Benchmarks, arXiv:2110.05668",
    note=(
        "trainings were evaluated on one split only, the official test: it stands as validation and as test, as the"
        " authors search on 12 epochs and report 200; Darcy Flow is the relative L2 error, which the official accuracy"
        " is 1 minus; trainings of 12 and 200 epochs are separate ones; seconds are the authors', who multiplied"
        " measured times by 3,297/25,000 (NinaPro) and 1,000/25,000 (Darcy Flow)"
    ),
)


@dataclass
class _Found:
    """What was read so far: rows, curves by data set and number of epochs, places of seeds."""

    space: NasBench201 = field(default_factory=NasBench201)
    rows: Rows = field(default_factory=Rows)
    curves: dict[tuple[str, int], Curves] = field(default_factory=dict)
    seeds: dict[int, int] = field(default_factory=dict)

    def take(self, record: dict[Any, Any]) -> bool:
        """Add the trainings of one architecture and empty the record; False if the dict is none."""
        if not record.keys() >= _RECORD:
            return False
        row = self.rows.row(self.space.parse(str(record["arch_str"])).genes)
        for (dataset, seed), trial in record["all_results"].items():
            if dataset in _DATASETS:
                place = self.seeds.setdefault(int(seed), len(self.seeds))
                curves = self.curves.setdefault((dataset, int(trial["epochs"])), Curves())
                curves.add(row, _splits(dataset, trial), seed=place)
                curves.note(row, params_m=float(trial["params"]), flops_m=float(trial["flop"]))
        record.clear()
        return True


def read(path: Path) -> Imported:
    """Read one precomputed file or all in a folder, an architecture at a time.

    Outcomes `ninapro` and `darcyflow` have the trainings of 200 epochs, `ninapro-e12` and so on the shorter ones.
    There is one evaluation split; it is both `valid` and `test`: search on `ninapro-e12`, report `ninapro`.

    Args:
        path: The `.pickle.pbz2` or unpacked `.pickle`, a folder with such files, or the folder that a benchmark with
            weights unpacks to. Nothing in a pickle is run.

    Raises:
        BenchError: if there are no such files, or one is damaged.
    """
    files = sorted((*path.rglob("*.pickle.pbz2"), *path.rglob("*.pickle"))) if path.is_dir() else [path]
    found = _Found()
    for file in files:
        with reading(file, _WHAT):
            read_pickle(file, each_dict=found.take)
    if not found.curves:
        raise refusal(path, _WHAT, f"it holds no training on {' or '.join(_DATASETS)}")
    n_rows, measures = len(found.rows), dict[str, npt.ArrayLike]()
    outcomes = []
    for (dataset, epochs), curves in sorted(found.curves.items(), key=lambda item: (item[0][0], -item[0][1])):
        measures = numbers_of({dataset: curves}, n_rows) | measures
        metric, unit, higher_is_better, _ = _DATASETS[dataset]
        name = dataset if epochs == _FULL_EPOCHS else f"{dataset}-e{epochs}"
        outcomes.append(curves.outcome(name, metric, unit, n_rows, higher_is_better=higher_is_better))
    return Imported(
        name="nb360",
        space=found.space,
        archs=found.rows.genes(),
        outcomes=outcomes,
        measures=measures,
        units=dict.fromkeys(measures, "M"),
        provenance=_PROVENANCE,
    )


def _splits(dataset: str, trial: Mapping[str, Any]) -> dict[str, npt.ArrayLike]:
    *_, kind = _DATASETS[dataset]
    epochs, names = range(int(trial["epochs"])), trial["eval_names"]
    if not 0 < len(epochs) <= _MOST_EPOCHS:
        raise ValueError(f"a training has {len(epochs)} epochs")
    validation = next((name for name in _VALIDATIONS if name in names), None)
    if validation is None:
        raise ValueError(f"a training was evaluated on {', '.join(map(str, names))}, not on {_TEST}")
    evaluated = trial[f"eval_{kind}"]
    splits: dict[str, npt.ArrayLike] = {
        "valid": [evaluated.get(f"{validation}@{epoch}", np.nan) for epoch in epochs],
        "test": [evaluated.get(f"{_TEST}@{epoch}", np.nan) for epoch in epochs],
        "train": [trial[f"train_{kind}"].get(epoch, np.nan) for epoch in epochs],
    }
    if trial["train_times"]:
        splits["seconds"] = np.cumsum([trial["train_times"].get(epoch, np.nan) for epoch in epochs])
    return splits
