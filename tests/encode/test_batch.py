"""A batch holds exactly the cells of its architectures, and padding."""

import numpy as np
import pytest
import torch

from archwright.core.arch import Arch
from archwright.core.catalog import find, names
from archwright.core.errors import ArchError
from archwright.core.rng import derive
from archwright.encode.batch import EdgeBatch, GraphBatch

#: Spaces whose architectures have operations on edges.
EDGE_SPACES = [name for name in names("space") if hasattr(find("space", name), "cells")]


def drawn(name: str, n: int = 6):
    space = find("space", name)()
    rng = derive(0, "batch", name)
    return space, [space.random(rng=rng) for _ in range(n)]


@pytest.mark.parametrize("name", names("space"))
def test_a_batch_of_any_space_holds_its_graphs(name: str) -> None:
    space, archs = drawn(name)
    batch = GraphBatch.of(space, archs)
    assert len(batch) == len(archs)
    for b, arch in enumerate(archs):
        for c, graph in enumerate(space.graphs(arch)):
            n = len(graph.ops)
            assert batch.ops[b, c, :n].tolist() == list(graph.ops)
            assert batch.adjacency[b, c, :n, :n].numpy().astype(int).tolist() == graph.adjacency().tolist()
            assert not batch.mask[b, c, n:].any()
            assert not batch.adjacency[b, c, n:].any()
            assert not batch.adjacency[b, c, :, n:].any()


@pytest.mark.parametrize("name", EDGE_SPACES)
def test_a_batch_of_edges_holds_the_cells(name: str) -> None:
    space, archs = drawn(name)
    batch = EdgeBatch.of(space, archs)
    for b, arch in enumerate(archs):
        for c, cell in enumerate(space.cells(arch)):
            there = batch.mask[b, c]
            ends = [batch.source[b, c, there].argmax(1), batch.target[b, c, there].argmax(1), batch.ops[b, c, there]]
            assert [tuple(edge) for edge in torch.stack(ends, 1).tolist()] == list(cell.edges)
            assert (batch.n_nodes, batch.n_inputs) == (cell.n_nodes, cell.n_inputs)
            assert not batch.source[b, c, ~there].any()
            assert not batch.target[b, c, ~there].any()


def test_a_part_of_a_batch_is_the_batch_of_a_part() -> None:
    space, archs = drawn("nb201", 9)
    index = torch.tensor([4, 1])
    for kind in (GraphBatch, EdgeBatch):
        part, alone = kind.of(space, archs).take(index), kind.of(space, [archs[4], archs[1]])
        assert torch.equal(part.ops, alone.ops)
        assert part.n_ops == alone.n_ops
        assert len(part.to(torch.device("cpu"))) == 2


def test_more_nodes_can_be_asked_for_but_not_fewer() -> None:
    space, archs = drawn("nb101")
    most = max(len(space.graphs(arch)[0].ops) for arch in archs)
    wide = GraphBatch.of(space, archs, n_nodes=most + 3)
    assert torch.equal(wide.ops[..., :most], GraphBatch.of(space, archs).ops)
    with pytest.raises(ArchError, match=f"at most {most - 1} nodes"):
        GraphBatch.of(space, archs, n_nodes=most - 1)


def test_what_cannot_be_a_batch_is_said() -> None:
    space, _ = drawn("nb101")
    with pytest.raises(ArchError, match="it has none"):
        GraphBatch.of(space, [])
    with pytest.raises(ArchError, match="'nb101' has its operations on nodes"):
        EdgeBatch.of(space, [])
    with pytest.raises(ArchError, match="not in space 'nb101'"):
        GraphBatch.of(space, [Arch("nb201", (0,) * 6)])


def test_types_are_those_that_layers_want() -> None:
    space, archs = drawn("nb201")
    edges, nodes = EdgeBatch.of(space, archs), GraphBatch.of(space, archs)
    assert (nodes.ops.dtype, nodes.adjacency.dtype) == (torch.int64, torch.float32)
    assert (edges.ops.dtype, edges.source.dtype) == (torch.int64, torch.float32)
    assert np.array_equal(edges.source.sum(-1).numpy(), edges.mask.numpy().astype(np.float32))
