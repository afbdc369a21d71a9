"""A small writer of ONNX graphs: operations are calls, constants are arrays, names are made here.

The operator set is 17 with ai.onnx.ml 3 (ONNX 1.12, IR version 8), which onnxruntime has read since 1.12 and which
holds all that a table needs; a newer set would only make the file unreadable to older programs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archwright.core.errors import MissingExtraError

__all__ = ["DOUBLE", "FLOAT", "INT64", "GraphBuilder", "Port", "require"]

OPSET, ML_OPSET, IR_VERSION = 17, 3, 8
#: `onnx.TensorProto`'s numbers of element types, by value, so that importing this file does not import onnx.
FLOAT, INT64, DOUBLE = 1, 7, 11


def require(package: str) -> Any:
    """Return `onnx` or `onnxruntime`, imported now, because a run without an export does not need them.

    Raises:
        MissingExtraError: if it is not installed.
    """
    import importlib

    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingExtraError(
            f"ONNX export needs the package {package}, which cannot be imported ({error}): "
            "run pip install 'archwright[onnx]'"
        ) from error


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of a graph: its name, its numpy dtype (`str` for text) and its shape ("N" is free)."""

    name: str
    dtype: type
    shape: tuple[str | int, ...]


@dataclass(slots=True)
class GraphBuilder:
    """Collects the nodes and constants of one graph.

    Args:
        reserved: Names that the graph must not give to its own values: those of its inputs.

    Example:
        >>> graph = GraphBuilder()
        >>> graph.op("Add", "x", np.float32(1), out="y")
        'y'
    """

    reserved: frozenset[str] = frozenset()
    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)
    _known: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)

    def constant(self, values: Any) -> str:
        """Return the name of a constant; equal arrays of numbers are stored once."""
        array = np.asarray(values)
        key = (array.dtype.str, array.shape, array.tobytes() if array.dtype != object else b"")
        if key in self._known and array.dtype != object:
            return self._known[key]
        name = self._free(f"constant:{len(self.constants)}")
        self.constants[name] = require("onnx").numpy_helper.from_array(array, name)
        self._known[key] = name
        return name

    def op(
        self,
        kind: str,
        *inputs: str | NDArray[Any] | np.generic,
        out: str | None = None,
        domain: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> str:
        """Add one operation and return the name of its result; inputs that are not names become constants.

        The result is named `out`, with underscores after it where that is an input's name.
        """
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        result = self._free(out or f"{kind.lower()}:{len(self.nodes)}")
        node = require("onnx").helper.make_node(
            kind, names, [result], name=f"node:{len(self.nodes)}", domain=domain, **(attributes or {})
        )
        self.nodes.append(node)
        return result

    def _free(self, name: str) -> str:
        while name in self.reserved:
            name += "_"
        return name

    def model(
        self, *, name: str, inputs: Sequence[Port], outputs: Sequence[Port], metadata: Mapping[str, str], version: str
    ) -> Any:
        """Return the ONNX model, checked.

        Raises:
            onnx.checker.ValidationError: if the graph is not valid ONNX, which would be a fault of ours.
        """
        onnx = require("onnx")
        helper = onnx.helper
        graph = helper.make_graph(
            self.nodes,
            name,
            [_value_info(port) for port in inputs],
            [_value_info(port) for port in outputs],
            initializer=list(self.constants.values()),
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
            producer_name="archwright",
            producer_version=version,
            ir_version=IR_VERSION,
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        return model


def _value_info(port: Port) -> Any:
    onnx = require("onnx")
    # numpy's dtype of text in ONNX is object.
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(object if port.dtype is str else port.dtype))
    return onnx.helper.make_tensor_value_info(port.name, kind, list(port.shape))
