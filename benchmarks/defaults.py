"""What the default training settings are worth, on validation data of three real tables.

    OMP_NUM_THREADS=1 python benchmarks/defaults.py [--sweep] [--seeds 2] [--only adult]

Trains fixed widths with the paper's settings and with ours; `--sweep` changes one setting of ours at a time. Scores
are the best validation score of a training (AUC, AUC, R2), mean over seeds. The test part is never opened. Tables are
read from `$ARCHWRIGHT_DATA/tabular`, or `../shared/data/tabular` beside this repository.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from dataclasses import replace
from pathlib import Path

import torch

from archwright.core.rng import derive
from archwright.data.metrics import DEFAULT_METRIC
from archwright.data.tables import read_table
from archwright.data.task import Task, make_task
from archwright.nets.inputs import Inputs
from archwright.nets.mlp import TabularMlp
from archwright.nets.recipe import Recipe
from archwright.train.limit import Limit
from archwright.train.loop import fit_epochs
from archwright.train.state import TrainState
from archwright.train.step import Stepper
from archwright.train.tensors import Rows

FOLDER = Path(os.environ.get("ARCHWRIGHT_DATA", Path(__file__).parents[2] / "shared" / "data")) / "tabular"
#: name -> (file, target, further arguments of `make_task`, epochs)
TABLES = {
    "adult": ("adult.parquet", "income", {"split_column": "split"}, 12),
    "diabetes130": (
        "diabetes130.parquet",
        "readmitted",
        {"positive": "<30", "group": "patient_nbr", "ignore": ("encounter_id",), "test_fraction": 0.2},
        6,
    ),
    "california": ("california_housing.parquet", "median_house_value", {"test_fraction": 0.2}, 20),
}
OURS = Recipe()
SWEEP: dict[str, Recipe] = {
    "paper": Recipe.atlas(),
    "ours": OURS,
    "encoding=linear": replace(OURS, encoding="linear"),
    "encoding=quantile": replace(OURS, encoding="quantile"),
    "dropout=0": replace(OURS, dropout=0.0),
    "dropout=0.1": replace(OURS, dropout=0.1),
    "dropout=0.3": replace(OURS, dropout=0.3),
    "weight_decay=0": replace(OURS, weight_decay=0.0),
    "lr=1e-3": replace(OURS, lr=1e-3),
    "lr=2e-3": replace(OURS, lr=2e-3),
    "lr=5e-3": replace(OURS, lr=5e-3),
    "batch=256": replace(OURS, batch=256),
    "table_init=xavier": replace(OURS, table_init="xavier"),
    "bins=16": replace(OURS, bins=16),
    "bins=64": replace(OURS, bins=64),
    "clip=0": replace(OURS, clip=0.0),
}
WIDTHS = ((64,) * 4, (128,) * 4, (256,) * 4)


def task_of(name: str) -> Task:
    """Return the task of a table; its split does not depend on the seed of a training."""
    file, target, settings, _ = TABLES[name]
    return make_task(read_table(FOLDER / file), target, seed=0, **settings)


def train(task: Task, widths: tuple[int, ...], recipe: Recipe, *, epochs: int, seed: int) -> float:
    """Return the best validation score of one training."""
    rng = derive(seed, "defaults", widths)
    cpu = torch.device("cpu")
    # An epoch is a pass here, so that the number of epochs means the same for all settings.
    recipe = replace(recipe, epoch_steps=100_000, patience=0)
    net = TabularMlp(Inputs.of(task, recipe), widths, recipe, rng=rng)
    state = TrainState(Stepper(net, task.kind), seed=seed)
    rows = Rows.of(task.train, cpu), Rows.of(task.valid, cpu)
    fit_epochs(state, *rows, horizon=epochs, metric=DEFAULT_METRIC[task.kind], limit=Limit(None))
    return max(state.curve)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweep", action="store_true", help="change one setting at a time, 4 x 128 only")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", choices=sorted(TABLES), help="one table only")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in [options.only] if options.only else TABLES:
        task, epochs = task_of(name), TABLES[name][3]
        for widths in WIDTHS[1:2] if options.sweep else WIDTHS:
            for label in SWEEP if options.sweep else ("paper", "ours"):
                began_s = time.perf_counter()
                seeds = range(options.seeds)
                scores = [train(task, widths, SWEEP[label], epochs=epochs, seed=seed) for seed in seeds]
                spread = f"[{min(scores):.4f}-{max(scores):.4f}]"
                took_s = (time.perf_counter() - began_s) / len(scores)
                text = f"{name:<12} {len(widths)} x {widths[0]:<4} {label:<18} {statistics.mean(scores):.4f} {spread}"
                print(f"{text} {took_s:.1f} s each", flush=True)


if __name__ == "__main__":
    main()
