"""A frozen network as ONNX operations: the same arithmetic as `nets.frozen`; members of a committee are averaged.

N rows, M numeric fields, C categorical fields, E embedding width, T bins.
"""

from __future__ import annotations

import numpy as np

from archwright.nets.committee import Net
from archwright.nets.frozen import FrozenNet
from archwright.nets.onnx_graph import INT64, GraphBuilder

__all__ = ["add_network"]


def add_network(graph: GraphBuilder, net: Net, *, num: str | None, cat: str | None) -> str:
    """Add the network, or all members of a committee, and return the name of its logits, float [N, n_outputs].

    Args:
        graph: Graph to add to.
        net: The network.
        num: Name of the numeric fields, float [N, M]; None where there are none.
        cat: Name of the codes, int64 [N, C]; None where there are none.
    """
    logits = [_add_member(graph, member, num, cat) for member in net.members]
    return logits[0] if len(logits) == 1 else graph.op("Mean", *logits)


def _add_member(graph: GraphBuilder, net: FrozenNet, num: str | None, cat: str | None) -> str:
    parts = []
    if num is not None:
        parts.append(_flat(graph, _NUMERIC[net.encoding](graph, net, num)))
    if cat is not None:
        rows = graph.op("Add", cat, net.arrays["cat.offset"].astype(np.int64))
        parts.append(_flat(graph, graph.op("Gather", net.arrays["cat.table"], rows)))
    hidden = graph.op("Concat", *parts, attributes={"axis": 1})
    for i in range(len(net.widths)):
        hidden = graph.op("Relu", _linear_layer(graph, net, f"layers.{i}", hidden))
    return _linear_layer(graph, net, "head", hidden)


def _linear_layer(graph: GraphBuilder, net: FrozenNet, name: str, hidden: str) -> str:
    weight, bias = net.arrays[f"{name}.weight"], net.arrays[f"{name}.bias"]
    return graph.op("Gemm", hidden, weight, bias, attributes={"transB": 1})


def _flat(graph: GraphBuilder, fields: str) -> str:
    """[N, fields, E] -> [N, fields * E]; `Flatten` also knows what to do with no rows, where a -1 would not."""
    return graph.op("Flatten", fields, attributes={"axis": 1})


def _linear(graph: GraphBuilder, net: FrozenNet, num: str) -> str:
    return graph.op("Mul", _column(graph, num), net.arrays["num.vector"])


def _ple(graph: GraphBuilder, net: FrozenNet, num: str) -> str:
    arrays = net.arrays
    x = _column(graph, num)
    code = graph.op("Add", graph.op("Mul", x, arrays["num.slope"]), arrays["num.shift"])
    code = graph.op("Min", graph.op("Max", code, arrays["num.low"]), arrays["num.high"])
    swap = {"perm": [1, 0, 2]}
    # [N, M, T] -> [M, N, T] @ [M, T, E] -> [N, M, E]
    product = graph.op("MatMul", graph.op("Transpose", code, attributes=swap), arrays["num.table"])
    piecewise = graph.op("Transpose", product, attributes=swap)
    fields = graph.op("Add", piecewise, graph.op("Mul", x, arrays["num.vector"]))
    return graph.op("Add", fields, arrays["num.bias"])


def _quantile(graph: GraphBuilder, net: FrozenNet, num: str) -> str:
    below = graph.op("LessOrEqual", net.arrays["num.edges"], _column(graph, num))
    count = graph.op(
        "ReduceSum", graph.op("Cast", below, attributes={"to": INT64}), np.array([2]), attributes={"keepdims": 0}
    )
    rows = graph.op("Add", count, net.arrays["num.offset"].astype(np.int64))
    return graph.op("Gather", net.arrays["num.table"], rows)


def _column(graph: GraphBuilder, num: str) -> str:
    """[N, M] -> [N, M, 1]."""
    return graph.op("Unsqueeze", num, np.array([2]))


_NUMERIC = {"linear": _linear, "ple": _ple, "quantile": _quantile}
