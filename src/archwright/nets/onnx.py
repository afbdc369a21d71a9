"""A model as one ONNX file that takes the raw columns of the table: preprocessing, network and labels inside.

Built operation by operation, without torch: it takes milliseconds, and the driver of a run never imports torch.

N rows, K classes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archwright.core.errors import DataError, ExportError
from archwright.core.files import write_atomically
from archwright.data.columns import text_of
from archwright.data.target import Target
from archwright.nets.model import Model
from archwright.nets.onnx_columns import add_columns, feed_column, how_to_feed
from archwright.nets.onnx_graph import DOUBLE, INT64, GraphBuilder, Port, require
from archwright.nets.onnx_network import add_network

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LARGEST_DIFFERENCE", "OnnxInput", "OnnxReport", "onnx_feed", "onnx_run", "to_onnx"]

#: An export whose predictions differ by this much or more is refused: probabilities, or, for a real target, values
#: in standard deviations of the target.
LARGEST_DIFFERENCE = 1e-4
#: Rows that the check compares at most; more would only take time from the budget.
_CHECK_ROWS = 2000


@dataclass(frozen=True, slots=True)
class OnnxInput:
    """One input of the graph: the raw column's name, its type (`double` or `string`, [N, 1]) and how to feed it."""

    name: str
    type: str
    feed: str


@dataclass(frozen=True, slots=True)
class OnnxReport:
    """What an export wrote and how it was checked.

    Args:
        path: The file.
        max_difference: Largest difference to `Model.predict_values`: of probabilities, or of values in standard
            deviations of the target. None where nothing was compared.
        rows_checked: Rows that were compared.
        inputs: How to feed each column.
        notes: One line each, for the user.
    """

    path: Path
    max_difference: float | None
    rows_checked: int
    inputs: tuple[OnnxInput, ...]
    notes: tuple[str, ...] = ()


def to_onnx(model: Model, path: Path | str, *, check_frame: pd.DataFrame | None = None) -> OnnxReport:
    """Write the model as ONNX (opset 17, ai.onnx.ml 3) and check it with onnxruntime.

    Outputs: `label` [N] and `probabilities` float [N, K] (two for a binary target), or `value` double [N, 1];
    with an underscore after the name where a column has that name. The file's metadata says how to feed each
    input. Nothing is written if the check fails.

    Args:
        model: The model.
        path: File to write.
        check_frame: Rows to compare on, at most 2,000 of them; None compares nothing.
    Raises:
        ExportError: if the graph's predictions differ from the model's by 1e-4 or more.
        MissingExtraError: if onnx or onnxruntime is not installed.
        RunError: if the file cannot be written.
    """
    path = Path(path)
    content = _build(model).SerializeToString()
    difference, rows = None, 0
    if check_frame is not None and len(check_frame):
        rows = min(len(check_frame), _CHECK_ROWS)
        difference = _difference(model, content, check_frame.head(rows))
        if not difference < LARGEST_DIFFERENCE:
            raise ExportError(
                f"ONNX predictions must be within {LARGEST_DIFFERENCE:g} of the model's, but differ by "
                f"{difference:.3g} on {rows} rows; nothing was written to {path}. Please report this"
            )
    write_atomically(path, content)
    return OnnxReport(path, difference, rows, _inputs(model), _notes(model))


def onnx_feed(model: Model, frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """Return what an onnxruntime session of the exported file takes for these rows.

    Raises:
        DataError: if a column that the model needs is missing.
    """
    features = model.schema.features
    absent = [feature.name for feature in features if feature.name not in frame.columns]
    if absent:
        raise DataError(f"the table must have the column {absent[0]!r} that the model was trained on, but has not")
    return {feature.name: feed_column(feature, frame[feature.name]) for feature in features}


def onnx_run(content: bytes | Path, feed: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Run an exported file in onnxruntime, on one thread, and return its outputs by name.

    Args:
        content: The file, or what it holds.
        feed: From `onnx_feed`.
    Raises:
        MissingExtraError: if onnxruntime is not installed.
    """
    runtime = require("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Optimising takes longer than it saves: the session answers once.
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    source = str(content) if isinstance(content, Path) else content
    session = runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def _build(model: Model) -> Any:
    graph = GraphBuilder(reserved=frozenset(feature.name for feature in model.schema.features))
    fields = add_columns(graph, model.schema)
    logits = add_network(graph, model.net, num=fields.num, cat=fields.cat)
    outputs = _add_outputs(graph, model.schema.target, logits)
    inputs = [Port(entry.name, str if entry.type == "string" else np.float64, ("N", 1)) for entry in _inputs(model)]
    return graph.model(
        name="archwright",
        inputs=inputs,
        outputs=outputs,
        metadata=_metadata(model),
        version=version("archwright"),
    )


def _add_outputs(graph: GraphBuilder, target: Target, logits: str) -> list[Port]:
    if target.kind == "real":
        standard = graph.op("Cast", logits, attributes={"to": DOUBLE})
        scaled = graph.op("Mul", standard, np.float64(target.std))
        value = graph.op("Add", scaled, np.float64(target.mean), out="value")
        return [Port(value, np.float64, ("N", 1))]
    if target.kind == "binary":
        share = graph.op("Sigmoid", logits)
        other = graph.op("Sub", np.float32(1), share)
        shares = graph.op("Concat", other, share, out="probabilities", attributes={"axis": 1})
        # A logit above zero is a probability above one half, without the rounding of the sigmoid.
        above = graph.op("Greater", logits, np.float32(0))
        index = graph.op("Squeeze", graph.op("Cast", above, attributes={"to": INT64}), np.array([1]))
    else:
        shares = graph.op("Softmax", logits, out="probabilities", attributes={"axis": 1})
        index = graph.op("ArgMax", logits, attributes={"axis": 1, "keepdims": 0})
    labels = _labels(target)
    label = graph.op("Gather", labels, index, out="label")
    dtype = str if labels.dtype == object else labels.dtype.type
    return [Port(label, dtype, ("N",)), Port(shares, np.float32, ("N", len(target.classes)))]


def _labels(target: Target) -> NDArray[Any]:
    """Return the classes as ONNX can hold them: whole numbers, numbers or booleans where all are, else text."""
    labels = target.labels()
    if labels.dtype.kind in "bif":
        return labels.astype(np.int64) if labels.dtype.kind == "i" else labels
    texts = np.empty(len(labels), dtype=object)
    texts[:] = [text_of(label) for label in labels]
    return texts


def _inputs(model: Model) -> tuple[OnnxInput, ...]:
    return tuple(
        OnnxInput(feature.name, "string" if feature.kind == "category" else "double", how_to_feed(feature))
        for feature in model.schema.features
    )


def _metadata(model: Model) -> dict[str, str]:
    target = model.schema.target
    inputs = [{"name": entry.name, "type": entry.type, "feed": entry.feed} for entry in _inputs(model)]
    return {
        "archwright_version": version("archwright"),
        "inputs": json.dumps(inputs),
        "target": target.name,
        "kind": target.kind,
        "classes": json.dumps(list(target.classes)),
        "arch": model.arch or "constant",
    }


def _notes(model: Model) -> tuple[str, ...]:
    kinds = {feature.kind for feature in model.schema.features}
    notes = ["each raw column is one input of shape [N, 1]; the file's metadata says how to feed it"]
    if "datetime" in kinds:
        notes.append("ONNX cannot parse dates: feed them as seconds since 1970-01-01 00:00:00 UTC, as double")
    if "category" in kinds:
        notes.append("categories, whole numbers and booleans among them too, are fed as text")
    return tuple(notes)


def _difference(model: Model, content: bytes, frame: pd.DataFrame) -> float:
    target = model.schema.target
    expected = model.predict_values(frame)
    found = onnx_run(content, onnx_feed(model, frame))
    values = list(found.values())[-1]  # the value, or, after the label, the probabilities
    if target.kind == "real":
        difference = (values[:, 0] - expected) / target.std
    else:
        difference = (values[:, 1] if target.kind == "binary" else values) - expected
    return float(np.abs(difference).max())
