"""Exported torch programs predict as the numpy network does, with any number of rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from export_models import FEATURES, TARGETS, mixed_frame, random_model

from archwright.core.errors import ExportError
from archwright.nets.export import FORMATS, export, format_of
from archwright.nets.model import Model
from archwright.nets.torch_export import FrozenModule, to_torch, to_torchscript


def fields(model: Model, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    encoded = model.schema.encode(mixed_frame(n))
    return torch.from_numpy(encoded.num), torch.from_numpy(encoded.cat.astype(np.int64))


def standard(model: Model, n: int) -> np.ndarray:
    values, target = model.predict_values(mixed_frame(n)), model.schema.target
    return (values - target.mean) / target.std if target.kind == "real" else values


@pytest.mark.parametrize("encoding", ["linear", "ple", "quantile"])
@pytest.mark.parametrize("target", ["binary", "numbers", "real"])
def test_the_torch_module_predicts_as_the_model(target: str, encoding: str) -> None:
    model = random_model(TARGETS[target], encoding=encoding)
    found = FrozenModule(model)(*fields(model, 60)).numpy()
    np.testing.assert_allclose(found, standard(model, 60), atol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 333])
def test_a_torch_export_program_takes_any_number_of_rows(n: int, tmp_path: Path) -> None:
    model = random_model(TARGETS["numbers"])
    report = to_torch(model, tmp_path / "model.pt2")
    assert report.max_difference < 1e-5
    program = torch.export.load(report.path).module()
    np.testing.assert_allclose(program(*fields(model, n)).detach().numpy(), standard(model, n), atol=1e-5)


@pytest.mark.parametrize("encoding", ["ple", "quantile"])
def test_torchscript_takes_any_number_of_rows(encoding: str, tmp_path: Path) -> None:
    model = random_model(TARGETS["binary"], encoding=encoding)
    assert to_torchscript(model, tmp_path / "model.pt").max_difference < 1e-5
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        module = torch.jit.load(tmp_path / "model.pt")
    for n in (1, 99):
        np.testing.assert_allclose(module(*fields(model, n)).numpy(), standard(model, n), atol=1e-5)


@pytest.mark.parametrize("keep", [("text", "codes"), ("id",)])
def test_tables_without_numbers_or_without_categories_can_be_exported(keep: tuple[str, ...], tmp_path: Path) -> None:
    model = random_model(TARGETS["real"], features=tuple(f for f in FEATURES if f.name in keep))
    assert to_torch(model, tmp_path / "model.pt2").max_difference < 1e-5
    assert to_torchscript(model, tmp_path / "model.pt").max_difference < 1e-5


def test_the_schema_lies_beside_the_program(tmp_path: Path) -> None:
    model = random_model(TARGETS["real"])
    report = to_torchscript(model, tmp_path / "model.pt")
    beside = json.loads(report.schema_path.read_text())
    assert report.schema_path.name == "model.pt.json"
    assert beside["schema"] == json.loads(json.dumps(model.schema.to_json()))
    assert beside["widths"] == [[16, 8]]
    assert "standardised" in beside["output"]


def test_a_program_that_predicts_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(TARGETS["binary"])
    monkeypatch.setattr(model.net, "forward", lambda num, cat: np.zeros((len(num), 1), dtype=np.float32))
    with pytest.raises(ExportError, match="nothing was written"):
        to_torchscript(model, tmp_path / "model.pt")
    assert list(tmp_path.iterdir()) == []


def test_exporting_leaves_the_global_generator_and_the_threads_alone(tmp_path: Path) -> None:
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    to_torchscript(random_model(TARGETS["binary"]), tmp_path / "model.pt")
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("format", list(FORMATS))
def test_the_suffix_chooses_the_format(format: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{FORMATS[format]}"
    made = export(random_model(TARGETS["binary"]), path=path, check_frame=mixed_frame())
    assert made["format"] == format == format_of(path)
    assert made["bytes"] == path.stat().st_size > 0
    assert json.loads(json.dumps(made)) == made
    if format != "safetensors":
        assert made["max_difference"] < 1e-5


def test_a_safetensors_export_is_a_model_again(tmp_path: Path) -> None:
    model = random_model(TARGETS["numbers"])
    made = export(model, path=tmp_path / "copy.safetensors")
    again = Model.load(tmp_path / "copy.safetensors")
    np.testing.assert_array_equal(again.predict_values(mixed_frame()), model.predict_values(mixed_frame()))
    assert json.loads(Path(made["schema_path"]).read_text())["arch"] == "tabular_mlp:1.0"


@pytest.mark.parametrize(("path", "format"), [("model.bin", None), ("model.onnx", "keras")])
def test_an_unknown_format_is_refused(path: str, format: str | None, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="must be one of"):
        export(random_model(TARGETS["binary"]), path=tmp_path / path, format=format)
