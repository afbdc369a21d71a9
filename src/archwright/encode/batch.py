"""Many architectures as one batch of padded tensors: what every learned encoder reads."""

# B architectures, C cells of each, N nodes, E edges

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.graph import Graph
from archwright.core.rng import derive
from archwright.spaces.base import Space
from archwright.spaces.edges import EdgeCell

__all__ = ["EdgeBatch", "GraphBatch", "n_cells"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class GraphBatch:
    """Cells with operations on nodes. Nodes are in topological order; padding comes last.

    Args:
        ops: Operation of each node, int64 [B, C, N]; `n_ops` where there is no node.
        adjacency: float32 [B, C, N, N]; 1 at (i, j) if node j reads node i.
        n_ops: Operations of the space; `ops` has one more value, for padding.
    """

    ops: Tensor
    adjacency: Tensor
    n_ops: int

    @classmethod
    def of(cls, space: Space, archs: Sequence[Arch], *, n_nodes: int | None = None) -> Self:
        """Return the cells of `archs` from `space.graphs`.

        Args:
            space: Space of all of them.
            archs: B architectures, at least one.
            n_nodes: Nodes N to pad to; by default as many as the largest cell has.

        Raises:
            ArchError: if there is no architecture, one is not of `space`, the numbers of cells differ, or a cell has
                more than `n_nodes` nodes.
        """
        cells = [space.graphs(arch) for arch in archs]
        n_cells, most = _sizes([[len(cell.ops) for cell in each] for each in cells])
        n = most if n_nodes is None else n_nodes
        if most > n:
            raise ArchError(f"a cell must have at most {n} nodes to fit this batch, but one has {most}")
        n_ops = len(space.op_names)
        ops = np.full((len(cells), n_cells, n), n_ops, dtype=np.int64)
        adjacency = np.zeros((len(cells), n_cells, n, n), dtype=np.float32)
        for b, each in enumerate(cells):
            for c, cell in enumerate(each):
                _fill(ops[b, c], adjacency[b, c], cell)
        return cls(torch.from_numpy(ops), torch.from_numpy(adjacency), n_ops)

    @property
    def mask(self) -> Tensor:
        """Which nodes there are, bool [B, C, N]."""
        return self.ops < self.n_ops

    def __len__(self) -> int:
        return len(self.ops)

    def take(self, index: Tensor | slice) -> Self:
        """Return the architectures of `index`."""
        return type(self)(self.ops[index], self.adjacency[index], self.n_ops)

    def to(self, device: torch.device) -> Self:
        """Return the batch on `device`."""
        return type(self)(self.ops.to(device), self.adjacency.to(device), self.n_ops)


@dataclass(frozen=True, eq=False)
class EdgeBatch:
    """Cells with operations on edges: a list of edges each, in the order of their target. Parallel edges are allowed.

    Args:
        ops: Operation of each edge, int64 [B, C, E]; `n_ops` where there is no edge.
        source: float32 [B, C, E, N]; 1 at the node that the edge reads, all 0 for padding.
        target: float32 [B, C, E, N]; 1 at the node that the edge feeds, all 0 for padding.
        n_ops: Operations of the space; `ops` has one more value, for padding.
        n_inputs: The first nodes of each cell, which nothing enters.
    """

    ops: Tensor
    source: Tensor
    target: Tensor
    n_ops: int
    n_inputs: int

    @classmethod
    def of(cls, space: Space, archs: Sequence[Arch]) -> Self:
        """Return the cells of `archs` from `space.cells`.

        Raises:
            ArchError: if the space has no operations on edges, there is no architecture, one is not of `space`, or the
                numbers of cells, nodes or inputs differ.
        """
        cells_of = getattr(space, "cells", None)
        if cells_of is None:
            raise ArchError(f"space {space.name!r} has its operations on nodes: use GraphBatch")
        cells: list[tuple[EdgeCell, ...]] = [cells_of(arch) for arch in archs]
        n_cells, n_edges = _sizes([[len(cell.edges) for cell in each] for each in cells])
        shapes = {(cell.n_nodes, cell.n_inputs) for each in cells for cell in each}
        if len(shapes) > 1:
            raise ArchError(
                f"cells of one batch must have equal numbers of nodes and inputs, but have {sorted(shapes)}"
            )
        ((n_nodes, n_inputs),) = shapes
        n_ops = len(space.op_names)
        ops = np.full((len(cells), n_cells, n_edges), n_ops, dtype=np.int64)
        ends = np.zeros((2, len(cells), n_cells, n_edges, n_nodes), dtype=np.float32)
        for b, each in enumerate(cells):
            for c, cell in enumerate(each):
                edges: Ints = np.array(cell.edges, dtype=np.int64).reshape(-1, 3)
                places = np.arange(len(edges))
                ops[b, c, : len(edges)] = edges[:, 2]
                ends[0, b, c, places, edges[:, 0]] = 1
                ends[1, b, c, places, edges[:, 1]] = 1
        return cls(torch.from_numpy(ops), torch.from_numpy(ends[0]), torch.from_numpy(ends[1]), n_ops, n_inputs)

    @property
    def mask(self) -> Tensor:
        """Which edges there are, bool [B, C, E]."""
        return self.ops < self.n_ops

    @property
    def n_nodes(self) -> int:
        """Nodes N of each cell."""
        return self.source.shape[-1]

    def __len__(self) -> int:
        return len(self.ops)

    def take(self, index: Tensor | slice) -> Self:
        """Return the architectures of `index`."""
        return type(self)(self.ops[index], self.source[index], self.target[index], self.n_ops, self.n_inputs)

    def to(self, device: torch.device) -> Self:
        """Return the batch on `device`."""
        ops, source, target = (tensor.to(device) for tensor in (self.ops, self.source, self.target))
        return type(self)(ops, source, target, self.n_ops, self.n_inputs)


def n_cells(space: Space) -> int:
    """Return the number of cells C that each architecture of `space` has."""
    return len(space.graphs(space.random(rng=derive(0, "cells"))))


def _sizes(lengths: Sequence[Sequence[int]]) -> tuple[int, int]:
    """Return the number of cells that each architecture has, and the largest length."""
    counts = {len(each) for each in lengths}
    if len(counts) != 1:
        raise ArchError(
            "a batch must have an architecture, and as many cells of each, but it has "
            + (f"cells {sorted(counts)}" if counts else "none")
        )
    return counts.pop(), max(length for each in lengths for length in each)


def _fill(ops: Ints, adjacency: npt.NDArray[np.float32], cell: Graph) -> None:
    ops[: len(cell.ops)] = cell.ops
    if cell.edges:
        i, j = zip(*cell.edges, strict=True)
        adjacency[list(i), list(j)] = 1
