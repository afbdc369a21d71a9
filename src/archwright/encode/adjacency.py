"""Adjacency encodings: the edges of each cell, and the operations of its nodes."""

# B architectures, C cells, N nodes, P pairs of nodes, D width

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.errors import EncodingError
from archwright.core.graph import Graph
from archwright.encode.fixed import FixedEncoder, samples
from archwright.spaces.base import Space

__all__ = ["Adjacency", "AdjacencyCategorical", "AdjacencyContinuous"]

#: Nodes and edges of the largest cells, where few random architectures have as many.
_MOST_NODES = {"nb101": 7, "nlp": 15}
_MOST_EDGES = {"enas_dvae": 22, "nds_enas": 26, "nlp": 31}

Floats = npt.NDArray[np.float32]


class Adjacency(FixedEncoder):
    """One-hot: the upper triangle of the adjacency matrix as 0 and 1, then one-hot operations; cell after cell.

    Nodes that a cell lacks have no edge and no operation.

    Args:
        space: Space of the architectures.
        n_nodes: Nodes N that there is room for; by default as many as the largest cell of the space was seen to have.
        truncate: Values of each cell that are kept, the first ones: edges come before operations. By default all.

    Raises:
        EncodingError: if nothing is kept.

    Source: arXiv:2007.04965, section 3.
    """

    def __init__(self, space: Space, *, n_nodes: int | None = None, truncate: int | None = None) -> None:
        super().__init__(space)
        if truncate is not None and truncate < 1:
            raise EncodingError(f"truncate must be 1 or more values of each cell, but is {truncate}")
        self.truncate = truncate
        seen = samples(space)
        most = max(len(cell.ops) for cells in seen for cell in cells)
        self.n_nodes = n_nodes if n_nodes is not None else max(most, _MOST_NODES.get(space.name, 0))
        self.n_cells = len(seen[0])
        self._pairs = np.triu_indices(self.n_nodes, 1)

    @property
    def dim(self) -> int:
        """Length D of one vector."""
        return self.n_cells * self._width()

    def encode(self, archs: Sequence[Arch]) -> Floats:
        """Return vectors [B, D].

        Raises:
            ArchError: if an architecture is not in the space.
            EncodingError: if a cell is larger than the encoding has room for.
        """
        width = self._width()
        vectors = np.zeros((len(archs), self.n_cells, width), dtype=np.float32)
        for b, arch in enumerate(archs):
            for c, cell in enumerate(self.space.graphs(self.space.require(arch))):
                self._check(cell)
                vectors[b, c] = np.concatenate([self._edges(self._triangle(cell)), self._ops(cell)])[:width]
        return vectors.reshape(len(archs), self.dim)

    def _check(self, cell: Graph) -> None:
        if len(cell.ops) > self.n_nodes:
            raise EncodingError(
                f"a cell must have at most n_nodes={self.n_nodes} nodes to be encoded, but one has {len(cell.ops)}: "
                "give a larger n_nodes"
            )

    def _triangle(self, cell: Graph) -> Floats:
        """Return 0 or 1 for each of the P pairs of nodes."""
        matrix = np.zeros((self.n_nodes, self.n_nodes), dtype=np.float32)
        for edge in cell.edges:
            matrix[edge] = 1
        return matrix[self._pairs]

    def _width(self) -> int:
        whole = self._edge_width() + self._op_width()
        return whole if self.truncate is None else min(whole, self.truncate)

    def _edge_width(self) -> int:
        return len(self._pairs[0])

    def _op_width(self) -> int:
        return self.n_nodes * len(self.space.op_names)

    def _edges(self, triangle: Floats) -> Floats:
        return triangle

    def _ops(self, cell: Graph) -> Floats:
        ops = np.zeros((self.n_nodes, len(self.space.op_names)), dtype=np.float32)
        ops[np.arange(len(cell.ops)), list(cell.ops)] = 1
        return ops.ravel()


class AdjacencyContinuous(Adjacency):
    """Continuous: the number of edges, a weight of each pair of nodes, then operations as numbers from 1; 0 for none.

    The architecture that a vector stands for has as many edges as the first value says, those of the largest weights.
    Of the vectors that stand for one architecture this gives the one with weights 0 and 1.

    Args:
        space: Space of the architectures.
        n_nodes: As of `Adjacency`.
        truncate: As of `Adjacency`.

    Source: arXiv:2007.04965, section 3.
    """

    def _edge_width(self) -> int:
        return 1 + len(self._pairs[0])

    def _op_width(self) -> int:
        return self.n_nodes

    def _edges(self, triangle: Floats) -> Floats:
        return np.concatenate([[triangle.sum()], triangle]).astype(np.float32)

    def _ops(self, cell: Graph) -> Floats:
        ops = np.zeros(self.n_nodes, dtype=np.float32)
        ops[: len(cell.ops)] = np.array(cell.ops) + 1
        return ops


class AdjacencyCategorical(AdjacencyContinuous):
    """Categorical: the numbers of the pairs that have an edge, from 1, in order, then 0s; operations as numbers.

    Args:
        space: Space of the architectures.
        n_nodes: As of `Adjacency`.
        n_edges: Edges that there is room for; by default as many as a cell of the space was seen to have.
        truncate: As of `Adjacency`.

    Source: arXiv:2007.04965, section 3.
    """

    def __init__(
        self, space: Space, *, n_nodes: int | None = None, n_edges: int | None = None, truncate: int | None = None
    ) -> None:
        super().__init__(space, n_nodes=n_nodes, truncate=truncate)
        most = max(_MOST_EDGES.get(space.name, 0), *(len(cell.edges) for cells in samples(space) for cell in cells))
        self.n_edges = most if n_edges is None else n_edges

    def _check(self, cell: Graph) -> None:
        super()._check(cell)
        if len(cell.edges) > self.n_edges:
            raise EncodingError(
                f"a cell must have at most n_edges={self.n_edges} edges to be encoded, but one has {len(cell.edges)}: "
                "give a larger n_edges"
            )

    def _edge_width(self) -> int:
        return self.n_edges

    def _edges(self, triangle: Floats) -> Floats:
        numbers = np.zeros(self.n_edges, dtype=np.float32)
        present = np.flatnonzero(triangle) + 1
        numbers[: len(present)] = present
        return numbers
