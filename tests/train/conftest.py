"""A small task on disk, as workers find it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archwright.data.arrays import Arrays, Split, save_arrays
from archwright.nets.inputs import Inputs
from archwright.nets.recipe import Recipe
from archwright.spaces.tabular_mlp import TabularMlp as Space
from archwright.train.evaluator import TrainEvaluator

SPACE = Space((4, 8, 16), layers=2)


def _split(kind: str, n: int, seed: int) -> Split:
    rng = np.random.default_rng(seed)
    num, cat = rng.normal(size=(n, 2)).astype(np.float32), rng.integers(0, 4, (n, 1)).astype(np.int32)
    signal = num[:, 0] + (cat[:, 0] > 1) + 0.5 * rng.normal(size=n)
    y: Any = {
        "binary": (signal > 0.5).astype(np.float32),
        "classes": (signal > 0.5).astype(np.int64) + (signal > 1.5),
        "real": signal.astype(np.float32),
    }[kind]
    return Split(num, cat, y)


@pytest.fixture
def trainer(tmp_path: Path) -> Callable[..., TrainEvaluator]:
    """Return a function that makes an evaluator; settings of the recipe by name."""

    def make(kind: str = "binary", metric: str = "auc", n: int = 300, **settings: Any) -> TrainEvaluator:
        arrays, checkpoints, offers = (tmp_path / name for name in ("arrays", "checkpoints", "offers"))
        if not arrays.exists():
            save_arrays(arrays, Arrays(_split(kind, n, 0), _split(kind, 150, 1)))
        checkpoints.mkdir(exist_ok=True)
        offers.mkdir(exist_ok=True)
        recipe = Recipe(**{"batch": 64, "lr": 0.01, **settings})
        edges = () if recipe.encoding == "linear" else ((-2.0, -0.5, 0.5, 2.0), (-2.0, 0.0, 2.0))
        inputs = Inputs(2, (4,), 3 if kind == "classes" else 1, edges)
        return TrainEvaluator(arrays, SPACE, inputs, recipe, kind, metric, checkpoints, offers)

    return make
