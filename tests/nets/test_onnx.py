"""The ONNX file takes raw columns and predicts as the model does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from export_models import FEATURES, TARGETS, mixed_frame, random_model
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.errors import DataError, ExportError, MissingExtraError, RunError
from archwright.data.feature import DATE_PARTS, Feature
from archwright.data.schema import Schema
from archwright.data.target import fit_target, infer_target
from archwright.nets.frozen import FrozenNet
from archwright.nets.inputs import Inputs
from archwright.nets.model import Model
from archwright.nets.onnx import onnx_feed, onnx_run, to_onnx
from archwright.nets.onnx_columns import add_columns
from archwright.nets.onnx_graph import GraphBuilder, Port


@pytest.mark.parametrize("encoding", ["linear", "ple", "quantile"])
@pytest.mark.parametrize("target", list(TARGETS))
def test_onnx_predicts_as_the_model(target: str, encoding: str, tmp_path: Path) -> None:
    model, frame = random_model(TARGETS[target], encoding=encoding), mixed_frame()
    report = to_onnx(model, tmp_path / "model.onnx", check_frame=frame)
    assert report.rows_checked == len(frame)
    assert report.max_difference is not None
    assert report.max_difference < 1e-5
    found = onnx_run(report.path, onnx_feed(model, frame))
    if target == "real":
        assert found["value"].shape == (len(frame), 1)
        np.testing.assert_allclose(found["value"][:, 0], model.predict(frame), rtol=1e-5)
    else:
        expected = model.schema.target.decode(model.predict_values(frame))
        assert len(set(map(str, expected))) > 1, "a constant prediction would prove nothing"
        labels = found["label"] if target != "mixed" else [{"1": 1, "2.5": 2.5}.get(x, x) for x in found["label"]]
        assert list(labels) == list(expected)
        np.testing.assert_allclose(found["probabilities"].sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("target", "dtype"), [("binary", object), ("numbers", np.int64), ("booleans", np.bool_), ("mixed", object)]
)
def test_labels_keep_their_type_where_onnx_has_it(target: str, dtype: type, tmp_path: Path) -> None:
    model = random_model(TARGETS[target])
    to_onnx(model, tmp_path / "model.onnx")
    assert onnx_run(tmp_path / "model.onnx", onnx_feed(model, mixed_frame()))["label"].dtype == dtype


@pytest.mark.parametrize("n", [0, 1, 7])
def test_any_number_of_rows_can_be_fed(n: int, tmp_path: Path) -> None:
    model = random_model(TARGETS["binary"])
    to_onnx(model, tmp_path / "model.onnx")
    found = onnx_run(tmp_path / "model.onnx", onnx_feed(model, mixed_frame().head(n)))
    assert found["probabilities"].shape == (n, 2)
    assert found["label"].shape == (n,)


@pytest.mark.parametrize("keep", [("text",), ("id",), ("when",), ("codes", "flag"), ("flag", "x y\n")])
def test_tables_of_one_kind_of_column_can_be_exported(keep: tuple[str, ...], tmp_path: Path) -> None:
    features = tuple(feature for feature in FEATURES if feature.name in keep)
    model, frame = random_model(TARGETS["real"], features=features, widths=()), mixed_frame()
    assert to_onnx(model, tmp_path / "model.onnx", check_frame=frame).max_difference < 1e-5


def test_a_constant_predictor_can_be_exported(tmp_path: Path) -> None:
    schema = Schema(features=FEATURES, target=TARGETS["binary"], dropped=())
    inputs = Inputs(schema.n_numeric, schema.cardinalities, 1)
    report = to_onnx(Model(FrozenNet.constant([-1.5], inputs), schema), tmp_path / "m.onnx", check_frame=mixed_frame())
    assert report.max_difference < 1e-6


def test_an_empty_text_may_be_a_category(tmp_path: Path) -> None:
    features = (Feature("text", "category", "string", categories=("", "a", "<missing>"), has_missing=True),)
    frame = pd.DataFrame({"text": ["", "a", None, "<missing>", "unseen"]})
    model = random_model(TARGETS["binary"], features=features, frame=frame)
    report = to_onnx(model, tmp_path / "model.onnx", check_frame=frame)
    assert report.max_difference < 1e-5
    assert "'<<missing>>'" in report.inputs[0].feed
    assert len(set(model.predict_values(frame))) == 5, "each of the five values must have its own code"


@pytest.mark.parametrize("text", ["true", "TRUE", "1", "True"])
def test_booleans_may_be_spelled_in_several_ways(text: str, tmp_path: Path) -> None:
    features = (Feature("flag", "category", "bool", categories=("False", "True")),)
    frame = pd.DataFrame({"flag": [True, False]})
    model = random_model(TARGETS["binary"], features=features, frame=frame)
    to_onnx(model, tmp_path / "model.onnx", check_frame=frame)
    found = onnx_run(tmp_path / "model.onnx", {"flag": np.array([[text]], dtype=object)})
    assert found["probabilities"][0, 1] == pytest.approx(model.predict_values(frame)[0], abs=1e-6)


@given(
    st.lists(
        st.datetimes(min_value=pd.Timestamp("1680-01-01"), max_value=pd.Timestamp("2260-01-01")),
        min_size=1,
        max_size=20,
    )
)
def test_dates_have_the_same_parts_as_in_pandas(times: list[object]) -> None:
    feature = Feature("when", "datetime", "datetime", means=(0.0,) * 6, stds=(1.0,) * 6, parts=DATE_PARTS)
    graph = GraphBuilder()
    fields = add_columns(graph, Schema(features=(feature,), target=TARGETS["real"], dropped=()))
    graph.op("Identity", fields.num, out="parts")
    ports = [Port("when", np.float64, ("N", 1))], [Port("parts", np.float32, ("N", 6))]
    content = graph.model(name="dates", inputs=ports[0], outputs=ports[1], metadata={}, version="0").SerializeToString()
    seconds = np.array([(pd.Timestamp(time) - pd.Timestamp(0)).total_seconds() for time in times])
    found = onnx_run(content, {"when": seconds[:, None]})["parts"]
    for time, row in zip(times, found, strict=True):
        assert tuple(row[1:]) == (time.year, time.month, time.day, time.weekday(), time.hour)


def test_integers_up_to_two_to_the_53_stay_exact(tmp_path: Path) -> None:
    features = (Feature("id", "numeric", "int", means=(2.0**53,), stds=(1.0,)),)
    frame = pd.DataFrame({"id": [2**53 - 1, 2**53 - 2, 2**53]})
    model = random_model(TARGETS["real"], features=features, frame=frame, encoding="linear")
    assert to_onnx(model, tmp_path / "model.onnx", check_frame=frame).max_difference < 1e-5
    assert len(set(model.predict_values(frame))) == 3


def test_an_export_that_predicts_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(TARGETS["binary"])
    monkeypatch.setattr(model, "predict_values", lambda frame: np.full(len(frame), np.nan))
    with pytest.raises(ExportError, match=r"within 0\.0001 .* nothing was written"):
        to_onnx(model, tmp_path / "model.onnx", check_frame=mixed_frame())
    assert list(tmp_path.iterdir()) == []


def test_the_file_says_how_to_feed_it(tmp_path: Path) -> None:
    report = to_onnx(random_model(TARGETS["numbers"]), tmp_path / "model.onnx")
    props = {entry.key: entry.value for entry in onnx.load(report.path).metadata_props}
    assert props["kind"] == "classes"
    assert json.loads(props["classes"]) == [1, 2, 5]
    inputs = {entry["name"]: entry for entry in json.loads(props["inputs"])}
    assert list(inputs) == [feature.name for feature in FEATURES]
    assert inputs["id"]["type"] == "double"
    assert inputs["text"]["type"] == "string"
    assert "1970" in inputs["when"]["feed"]
    assert report.max_difference is None
    assert report.rows_checked == 0
    assert any("1970" in note for note in report.notes)


@pytest.mark.parametrize("kind", ["classes", "real"])
def test_columns_may_be_named_like_outputs_and_inner_values(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = ["label", "value", "probabilities", "value_", "constant:0", "concat:1", "cast:5"]
    frame = pd.DataFrame({name: rng.normal(size=50) for name in names})
    features = tuple(Feature(name, "numeric", "float", means=(0.0,), stds=(1.0,)) for name in names)
    model = random_model(TARGETS["numbers" if kind == "classes" else "real"], features=features, frame=frame)
    report = to_onnx(model, tmp_path / "model.onnx", check_frame=frame)
    assert report.max_difference < 1e-5
    outputs = ["label_", "probabilities_"] if kind == "classes" else ["value__"]
    assert list(onnx_run(report.path, onnx_feed(model, frame))) == outputs


def test_an_inferred_schema_of_untyped_columns_can_be_exported(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n = 400
    days = pd.Timestamp("1999-12-30") + pd.to_timedelta(rng.integers(0, 9000, n), unit="D")
    frame = pd.DataFrame(
        {
            "number as text": rng.choice(["1.5", "2", "-3e2", "?"], n),
            "answer": rng.choice(["yes", "no"], n),
            "truth": rng.choice(["true", "FALSE"], n),
            "day": days.strftime("%Y-%m-%d"),
            "grade": pd.Categorical(rng.choice([1, 2, 3], n)),
            "price": rng.lognormal(3, 2, n).astype(np.float32),
            "rare": np.where(np.arange(n) < 2, "", rng.choice(["u", "v"], n)),
        }
    )
    frame.loc[::9, "price"] = np.nan
    schema = Schema.infer(frame.assign(y=rng.choice(["no", "yes"], n)), target=TARGETS["binary"])
    model = random_model(TARGETS["binary"], features=schema.features, frame=frame)
    report = to_onnx(model, tmp_path / "model.onnx", check_frame=frame)
    assert report.max_difference < 1e-5
    assert len(report.inputs) == len(schema.features) >= 6


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'codes'"):
        onnx_feed(random_model(TARGETS["binary"]), mixed_frame().drop(columns="codes"))


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'archwright\[onnx\]'"):
        to_onnx(random_model(TARGETS["binary"]), tmp_path / "model.onnx")


def test_a_folder_that_is_not_there_is_an_error_of_the_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="must be writable"):
        to_onnx(random_model(TARGETS["binary"]), tmp_path / "nowhere" / "model.onnx")


def test_export_needs_no_torch_and_no_onnx_before_it_is_called() -> None:
    code = (
        "import sys, archwright.nets.onnx, archwright.nets.export;"
        "assert not {'torch', 'sklearn', 'onnx', 'onnxruntime'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("name", "target"),
    [("adult", "income"), ("diabetes130", "readmitted"), ("california_housing", "median_house_value")],
)
def test_real_tables_can_be_exported(name: str, target: str, shared_data: Path, tmp_path: Path) -> None:
    frame = pd.read_parquet(shared_data / "tabular" / f"{name}.parquet").head(3000)
    inferred = infer_target(frame[target]).target
    found = fit_target(inferred, frame[target])
    features = Schema.infer(frame, target=found).features
    model = random_model(found, features=features, frame=frame)
    report = to_onnx(model, tmp_path / "model.onnx", check_frame=frame)
    assert report.rows_checked == 2000
    assert report.max_difference < 1e-5
