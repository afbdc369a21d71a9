"""A table with every kind of column, and models with random weights on it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd

from archwright.data.feature import DATE_PARTS, Feature
from archwright.data.schema import Schema
from archwright.data.target import Target
from archwright.nets.frozen import FrozenNet
from archwright.nets.inputs import Inputs
from archwright.nets.mlp import TabularMlp
from archwright.nets.model import Model
from archwright.nets.recipe import Recipe

TARGETS = {
    "binary": Target("y", "binary", ("no", "yes")),
    "numbers": Target("y", "classes", (1, 2, 5)),
    "booleans": Target("y", "binary", (False, True)),
    "mixed": Target("y", "classes", (1, "two", 2.5)),
    "real": Target("y", "real", mean=1e5, std=3e4),
}

FEATURES = (
    Feature("text", "category", "string", categories=("a", "b"), has_missing=True),
    Feature("x y\n", "numeric", "float", means=(1e6,), stds=(50.0,), has_missing=True),
    Feature("id", "numeric", "int", means=(1.5 * 2**52,), stds=(2.0**50,)),
    Feature("codes", "category", "int", categories=("0", "1", "2")),
    Feature("flag", "category", "bool", categories=("False", "True")),
    Feature(
        "when",
        "datetime",
        "datetime",
        means=(0.0, 1970.0, 6.0, 15.0, 3.0, 12.0),
        stds=(1e9, 50.0, 3.0, 8.0, 2.0, 7.0),
        has_missing=True,
        parts=DATE_PARTS,
    ),
)


def mixed_frame(n_rows: int = 300, *, seed: int = 0) -> pd.DataFrame:
    """Return rows with missing, infinite, unseen and empty values, and dates of three centuries."""
    rng = np.random.default_rng(seed)
    n = max(n_rows, 10)
    seconds = pd.to_timedelta(rng.integers(0, 86400 * 365 * 300, n), unit="s")
    frame = pd.DataFrame(
        {
            "text": rng.choice(["a", "b", "", "unseen"], n),
            "x y\n": rng.normal(1e6, 50, n),
            "id": rng.integers(2**52, 2**53, n),
            "codes": rng.integers(0, 5, n),
            "flag": rng.random(n) < 0.5,
            "when": pd.Timestamp("1900-02-27") + seconds,
        }
    )
    frame.loc[::7, "x y\n"] = np.nan
    frame.loc[3, "x y\n"] = np.inf
    frame.loc[::5, "text"] = None
    frame.loc[::11, "when"] = pd.NaT
    return frame.head(n_rows)


def random_model(
    target: Target,
    *,
    encoding: str = "ple",
    features: tuple[Feature, ...] = FEATURES,
    frame: pd.DataFrame | None = None,
    widths: tuple[int, ...] = (16, 8),
) -> Model:
    """Return a model whose weights are random, and large enough for its predictions to differ from row to row."""
    schema = Schema(features=features, target=target, dropped=())
    encoded = schema.encode(mixed_frame() if frame is None else frame)
    recipe = Recipe(encoding=encoding, bins=8)
    task = SimpleNamespace(train=SimpleNamespace(num=encoded.num), schema=schema, n_outputs=target.n_outputs)
    inputs = Inputs.of(task, recipe)
    arrays = TabularMlp(inputs, widths, recipe, rng=np.random.default_rng(1)).frozen()
    arrays = {name: 2 * array if name.endswith("weight") else array for name, array in arrays.items()}
    net = FrozenNet(arrays, inputs, widths, encoding)
    # Centred, so that no class wins everywhere.
    net.arrays["head.bias"] = arrays["head.bias"] - net.forward(encoded.num, encoded.cat).mean(axis=0)
    return Model(net, schema, "tabular_mlp:1.0", recipe)
