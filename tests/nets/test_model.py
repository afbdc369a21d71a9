"""A network with its schema."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from archwright.core.errors import DataError, RunError
from archwright.data.tables import Table
from archwright.data.task import Task, make_task
from archwright.nets.frozen import FrozenNet
from archwright.nets.inputs import Inputs
from archwright.nets.mlp import TabularMlp
from archwright.nets.model import Model
from archwright.nets.recipe import Recipe
from archwright.nets.storage import read_arrays, write_arrays


def frame(n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    size = rng.normal(size=n)
    size[3] = np.nan
    return pd.DataFrame(
        {
            "size": size,
            "colour": rng.choice(["red", "green", "blue"], n),
            "answer": rng.choice(["no", "maybe", "yes"], n),
            "flag": rng.choice(["a", "b"], n),
            "price": rng.normal(200_000, 50_000, n),
        }
    )


def task_and_model(target: str, encoding: str = "ple") -> tuple[Task, Model]:
    columns = [target, "size", "colour"]
    task = make_task(Table(frame()[columns], "memory", False, ()), target, seed=0)
    recipe = Recipe(encoding=encoding)
    inputs = Inputs.of(task, recipe)
    net = TabularMlp(inputs, (8, 4), recipe, rng=np.random.default_rng(1))
    frozen = FrozenNet(net.frozen(), inputs, (8, 4), encoding)
    return task, Model(frozen, task.schema, "tabular_mlp:1.0", recipe, {"score": 0.75})


@pytest.mark.parametrize("encoding", ["linear", "ple", "quantile"])
@pytest.mark.parametrize("target", ["answer", "flag", "price"])
def test_a_saved_model_predicts_the_same(tmp_path: Path, target: str, encoding: str) -> None:
    _, model = task_and_model(target, encoding)
    model.save(tmp_path / "model.safetensors")
    loaded = Model.load(tmp_path / "model.safetensors")
    assert (loaded.predict_values(frame()) == model.predict_values(frame())).all()
    assert (loaded.predict(frame()) == model.predict(frame())).all()
    assert (loaded.arch, loaded.info, loaded.recipe) == (model.arch, model.info, model.recipe)


def test_labels_are_those_of_the_table() -> None:
    _, model = task_and_model("answer")
    assert set(model.predict(frame())) <= {"no", "maybe", "yes"}
    values = model.predict_values(frame())
    assert values.shape == (120, 3)
    assert np.allclose(values.sum(axis=1), 1)


def test_binary_values_are_probabilities_of_the_second_class() -> None:
    task, model = task_and_model("flag")
    values, labels = model.predict_values(frame()), model.predict(frame())
    assert values.shape == (120,)
    assert ((labels == task.schema.target.classes[1]) == (values > 0.5)).all()


def test_real_values_are_in_the_targets_units() -> None:
    task, model = task_and_model("price")
    inputs = model.net.inputs
    assert inputs.target_std == pytest.approx(task.schema.target.std)
    mean = Model(FrozenNet.constant([0.0], inputs), task.schema)
    assert mean.predict(frame()) == pytest.approx(np.full(120, task.schema.target.mean))
    assert (mean.predict(frame()) == mean.predict_values(frame())).all()


def test_a_missing_column_is_named() -> None:
    _, model = task_and_model("flag")
    with pytest.raises(DataError, match="colour"):
        model.predict(frame().drop(columns="colour"))


def test_a_damaged_model_is_one_clear_error(tmp_path: Path) -> None:
    _, model = task_and_model("flag")
    path = tmp_path / "model.safetensors"
    model.save(path)
    stored = read_arrays(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(RunError, match="damaged"):
        Model.load(path)
    write_arrays(path, stored.arrays, {**stored.meta, "schema": {}})
    with pytest.raises((RunError, DataError)):
        Model.load(path)
    write_arrays(path, stored.arrays, {**stored.meta, "format": 99})
    with pytest.raises(RunError, match="format 2"):
        Model.load(path)
    with pytest.raises(RunError, match="does not exist"):
        Model.load(tmp_path / "other.safetensors")


def test_a_reader_finds_the_old_model_or_the_new(tmp_path: Path) -> None:
    _, model = task_and_model("flag")
    for _ in range(3):
        model.save(tmp_path / "model.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_what_the_driver_needs_is_loaded_without_torch_and_scikit_learn() -> None:
    code = (
        "import sys, archwright.nets.model, archwright.nets.inputs, archwright.train.offers;"
        "assert not {'torch', 'sklearn', 'scipy'} & sys.modules.keys(), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
