"""A small benchmark for tests: every number can be told from its place."""

import numpy as np

from archwright.bench.table import Bench, Outcome, Provenance, write_bench
from archwright.spaces.tabular_mlp import TabularMlp

SPACE = TabularMlp((8, 16, 32), layers=3)
EPOCHS = (1, 4, 16)
SEEDS = 2


def numbers(n, *, seeds=SEEDS, epochs=3, start=0.0):
    """[N, S, E]: start + 100 x row + 10 x seed + place of the epoch."""
    row, seed, place = np.ogrid[:n, :seeds, :epochs]
    return start + 100.0 * row + 10.0 * seed + place


def outcome(n, name="data", **changed):
    values = {
        "valid": numbers(n),
        "test": numbers(n, start=0.5),
        "seconds": np.broadcast_to(np.array(EPOCHS) * 2.0, (n, SEEDS, len(EPOCHS))),
    }
    return Outcome(name, "accuracy", "percent", EPOCHS, **(values | changed))


def written(folder, archs=None, outcomes=None, measures=None, space=SPACE, **settings):
    """Write a benchmark and return its folder; by default all 27 architectures in the order of the grid."""
    archs = list(space.enumerate()) if archs is None else archs
    n = len(archs)
    return write_bench(
        folder,
        name="small",
        space=space,
        archs=archs,
        outcomes=[outcome(n)] if outcomes is None else outcomes,
        measures={"params": np.arange(n) * 10.0} if measures is None else measures,
        provenance=Provenance("made by a test", "Apache-2.0", note="no training was done"),
        **settings,
    )


def opened(folder, *arguments, **settings) -> Bench:
    return Bench.open(written(folder, *arguments, **settings))
