"""A graph convolutional network."""

# B architectures, C cells of each, N nodes, d widths

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.core.errors import EncodingError, require_one_of
from archwright.encode.batch import GraphBatch, n_cells
from archwright.encode.network import EncoderNetwork
from archwright.spaces.base import Space

__all__ = ["Gcn"]

Pool = Literal["global", "mean"]


class Gcn(EncoderNetwork):
    """Graph convolutions along the edges, and one encoding of all nodes.

    Spaces with operations on edges are read as their line graphs, with a node for each operation.

    Args:
        space: Space of the architectures.
        embedding: Width of an operation's embedding.
        widths: Width of each layer.
        pool: `global`: a global node reads all nodes in each layer, and is the encoding. `mean`: the encoding is the
            mean of the nodes after the last layer.

    Raises:
        EncodingError: if there is no such `pool`.

    Source: BONAS, arXiv:1911.09336, section 3.1 (global node); Kipf and Welling, arXiv:1609.02907, eq. 2, with the
    adjacency divided by the number of edges that enter a node, which suits directed graphs; TA-GATES, appendix B.3, for
    the sizes and the line graph, and its released code (aw_nas) for `mean`.
    """

    def __init__(
        self, space: Space, *, embedding: int = 48, widths: Sequence[int] = (128,) * 5, pool: Pool = "global"
    ) -> None:
        require_one_of(get_args(Pool), EncodingError, pool=pool)
        super().__init__(space)
        self._pool = pool
        n_ops = len(space.op_names)
        self.dim = n_cells(space) * widths[-1]
        #: One more for padding, and one for the global node.
        self.op = nn.Embedding(n_ops + 2, embedding, padding_idx=n_ops)
        fan_in = [embedding, *widths[:-1]]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(fan_in, widths, strict=True))

    def prepare(self, archs: Sequence[Arch]) -> GraphBatch:
        """Return the graphs of `archs`."""
        return GraphBatch.of(self.space, archs)

    def forward(self, batch: Any) -> Tensor:
        """Return encodings [B, C x widths[-1]]."""
        x = self.op(nn.functional.pad(batch.ops, (0, 1), value=batch.n_ops + 1))
        spread = _spread(batch)
        last = len(self.layers) - 1
        for number, layer in enumerate(self.layers):
            x = spread @ layer(x)
            if number < last:
                x = torch.relu(x)
        there = batch.mask.unsqueeze(-1).to(x.dtype)
        of_cells: Tensor = x[..., -1, :] if self._pool == "global" else (x[..., :-1, :] * there).sum(-2) / there.sum(-2)
        return of_cells.flatten(1)


def _spread(batch: GraphBatch) -> Tensor:
    """Return what each node takes of each other [B, C, N + 1, N + 1]: the mean of itself and what it reads."""
    there = batch.mask.to(batch.adjacency.dtype)
    reads = nn.functional.pad(batch.adjacency.transpose(-1, -2), (0, 1, 0, 1))
    reads[..., -1, :-1] = there
    reads = reads + torch.diag_embed(nn.functional.pad(there, (0, 1), value=1.0))
    return reads / reads.sum(-1, keepdim=True).clamp(min=1)
