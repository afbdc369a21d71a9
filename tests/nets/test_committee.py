"""Networks that answer together."""

from pathlib import Path

import numpy as np
import pytest
from export_models import TARGETS, mixed_frame, random_model

from archwright.core.errors import NasError
from archwright.nets.committee import Committee
from archwright.nets.frozen import FrozenNet
from archwright.nets.inputs import Inputs
from archwright.nets.model import Model
from archwright.nets.onnx import to_onnx
from archwright.nets.torch_export import to_torch, to_torchscript


def committee_model(target: str, *, encoding: str = "ple") -> Model:
    models = [random_model(TARGETS[target], encoding=encoding, widths=widths) for widths in ((16, 8), (4,), (8, 8, 4))]
    return Model(Committee([model.net.members[0] for model in models]), models[0].schema, models[0].arch)


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_the_outputs_are_the_mean_of_the_members(target: str) -> None:
    model = committee_model(target)
    encoded = model.schema.encode(mixed_frame())
    alone = [member.forward(encoded.num, encoded.cat) for member in model.net.members]
    assert np.abs(model.net.forward(encoded.num, encoded.cat) - np.mean(alone, axis=0)).max() < 1e-5
    assert model.net.n_params == sum(member.n_params for member in model.net.members)
    assert model.net.widths == (16, 8)


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_saved_committee_predicts_the_same(target: str, tmp_path: Path) -> None:
    model = committee_model(target)
    model.save(tmp_path / "m.safetensors")
    loaded = Model.load(tmp_path / "m.safetensors")
    assert [member.widths for member in loaded.net.members] == [(16, 8), (4,), (8, 8, 4)]
    assert (loaded.predict_values(mixed_frame()) == model.predict_values(mixed_frame())).all()


@pytest.mark.parametrize("target", sorted(TARGETS))
@pytest.mark.parametrize("encoding", ["linear", "ple", "quantile"])
def test_onnx_predicts_as_the_committee(target: str, encoding: str, tmp_path: Path) -> None:
    report = to_onnx(committee_model(target, encoding=encoding), tmp_path / "m.onnx", check_frame=mixed_frame())
    assert report.rows_checked == len(mixed_frame())
    assert report.max_difference is not None
    assert report.max_difference < 1e-4


def test_torch_programs_predict_as_the_committee(tmp_path: Path) -> None:
    model = committee_model(sorted(TARGETS)[0])
    assert to_torch(model, tmp_path / "m.pt2").max_difference < 1e-4
    assert to_torchscript(model, tmp_path / "m.pt").max_difference < 1e-4


def test_one_network_is_no_committee_and_members_read_the_same_fields() -> None:
    one = FrozenNet.constant([0.0], Inputs(1, (), 1, ((0.0, 1.0),)))
    other = FrozenNet.constant([0.0], Inputs(2, (), 1, ((0.0, 1.0),) * 2))
    for members in ((one,), (one, other)):
        with pytest.raises(NasError, match="two or more networks of the same fields"):
            Committee(members)
