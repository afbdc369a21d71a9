"""Graph convolutions are what they say, one node after the other."""

import pytest
import torch
from torch import Tensor

from archwright.core.catalog import find
from archwright.core.graph import Graph
from archwright.core.rng import derive
from archwright.encode.gcn import Gcn

WIDTHS = (7, 6, 5)


def by_hand(net: Gcn, graph: Graph, *, pool: str) -> Tensor:
    """Return the encoding [widths[-1]] of one cell."""
    n, n_ops = len(graph.ops), len(net.space.op_names)
    reads = {node: [node, *(i for i, j in graph.edges if j == node)] for node in range(n)}
    reads["global"] = ["global", *range(n)]
    state = {node: net.op.weight[op] for node, op in enumerate(graph.ops)} | {"global": net.op.weight[n_ops + 1]}
    for number, layer in enumerate(net.layers):
        sent = {node: layer(value) for node, value in state.items()}
        state = {node: torch.stack([sent[other] for other in read]).mean(0) for node, read in reads.items()}
        if number < len(WIDTHS) - 1:
            state = {node: value.relu() for node, value in state.items()}
    return state["global"] if pool == "global" else torch.stack([state[node] for node in range(n)]).mean(0)


@pytest.mark.parametrize("pool", ["global", "mean"])
@pytest.mark.parametrize("name", ["nb101", "nb201", "darts"])
def test_a_gcn_is_its_convolutions_node_by_node(name: str, pool: str) -> None:
    space = find("space", name)()
    torch.manual_seed(0)
    net = Gcn(space, embedding=4, widths=WIDTHS, pool=pool)
    rng = derive(0, "gcn", name)
    archs = [space.random(rng=rng) for _ in range(6)]
    found = net(net.prepare(archs))
    expected = [torch.cat([by_hand(net, cell, pool=pool) for cell in space.graphs(arch)]) for arch in archs]
    torch.testing.assert_close(found, torch.stack(expected))
    assert len(found.detach().unique(dim=0)) > 1
