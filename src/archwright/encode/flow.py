"""Information that flows through a cell, layer by layer: the graph convolution of GATES, on nodes or on edges."""

# B architectures, C cells of each, N nodes, E edges, M operations (N or E), R nodes that are read, S of the start,
# d width of a layer

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from archwright.encode.batch import EdgeBatch, GraphBatch

__all__ = ["Direction", "EdgeFlow", "Flow", "InfoPropagation", "NodeFlow", "Skips", "flow_of"]

#: What a skip is: an identity within a layer; an edge that takes a layer as others do, with an open gate; or an
#: operation as all others are.
Skips = Literal["identity", "layer", "operation"]


@dataclass(frozen=True, eq=False)
class Direction:
    """Where information goes in one layer, forward or backward.

    Nodes that nothing reads are left out: they need no matrix product. Those are the output, and backward the inputs.

    Args:
        read: The nodes that something reads.
        reads: What each operation reads of them [B, C, M, R].
        starts: What it reads of the start, the inputs or the output [B, C, M, S].
        feeds: What each node gets of the messages [B, C, N, M]; None if it gets that of its own operation.
        keeps: What each node holds of the start [B, C, N, S], or [N, S].
        start: The start among the nodes that are read: places, or a matrix [B, C, S, R].
    """

    read: slice
    reads: Tensor
    starts: Tensor
    feeds: Tensor | None
    keeps: Tensor
    start: slice | Tensor

    def first(self, start: Tensor) -> Tensor:
        """Return what operations read [B, C, M, d] where only the start [S, d] or [B, C, S, d] holds anything."""
        return _of_start(self.starts, start)

    def start_of(self, held: Tensor) -> Tensor:
        """Return what the start holds [B, C, S, d] of what is held by the nodes that are read [B, C, R, d]."""
        return held[..., self.start, :] if isinstance(self.start, slice) else self.start @ held

    def gathered(self, messages: Tensor, start: Tensor) -> Tensor:
        """Return the information of each node [B, C, N, d]: the sum of its messages, and what it keeps of the start."""
        return (messages if self.feeds is None else self.feeds @ messages) + _of_start(self.keeps, start)


class Flow(ABC):
    """A batch of cells, ready for information to flow through them in both directions.

    Attributes:
        ops: Operation of each of the M places, int64 [B, C, M].
        forward: From the inputs to the output.
        backward: From the output to the inputs.
        open: Where operations let everything pass, whatever their embedding says: bool [B, C, M, 1], or None for
            nowhere.
    """

    ops: Tensor
    forward: Direction
    backward: Direction
    open: Tensor | None = None

    @abstractmethod
    def at_output(self, info: Tensor) -> Tensor:
        """Return the information of the output node [B, C, d]."""

    @abstractmethod
    def around(self, forward: Tensor, backward: Tensor) -> tuple[Tensor, Tensor]:
        """Return the information [B, C, M, d] at the far node of each operation, in both directions.

        Source: TA-GATES, eq. A4: of an operation on an edge, that of the node it feeds, and backward of the node it
        reads; of an operation on a node, that of the node.
        """


class EdgeFlow(Flow):
    """Cells with operations on edges: node v gets the sum, over its edges (u, v), of gate x information of u.

    An edge `skip` is identity within a layer, so that a node whose only edge is a skip holds, in every layer, what its
    predecessor holds. An edge `none` carries nothing.

    Args:
        batch: The cells; the last node is the output.
        skip: Operations that are identities.
        none: Operations that give zero.
        skips: `identity`, as said above; `layer`: a skip carries what its predecessor held in the layer before, with a
            gate that is open; `operation`: with a gate that is learned.

    Source: TA-GATES, appendix A.1; its released code for `layer`, where two such nodes differ unless the predecessor
    is the input, though the paper asks that they do not; GATES, arXiv:2004.01899, and its released code for
    `operation`.
    """

    def __init__(
        self, batch: EdgeBatch, *, skip: Sequence[int] = (), none: Sequence[int] = (), skips: Skips = "identity"
    ) -> None:
        self.ops, n, inputs = batch.ops, batch.n_nodes, batch.n_inputs
        is_skip, is_none = _among(batch.ops, skip), _among(batch.ops, none)
        if skips != "identity":
            self.open = is_skip.unsqueeze(-1) if skips == "layer" else None
            skip, is_skip = (), torch.zeros_like(is_skip)
        carries = (batch.mask & ~is_skip & ~is_none).to(batch.source.dtype).unsqueeze(-1)
        # Skips (u, v) as a matrix [B, C, N, N]; the sum of its powers says through how many chains of skips what
        # node u gets is passed on to node v. It is nilpotent, as edges go to later nodes.
        copies = (batch.source * is_skip.unsqueeze(-1)).transpose(-1, -2) @ batch.target
        eye = torch.eye(n, dtype=copies.dtype, device=copies.device)
        passed = torch.linalg.inv(eye - copies) if skip else eye.expand_as(copies)
        source, target = batch.source * carries, batch.target * carries
        self._target = batch.target
        self._source = batch.source @ _roots(copies, target.sum(-2))
        self.forward = Direction(
            read=slice(0, n - 1),
            reads=source[..., : n - 1].contiguous(),
            starts=source[..., :inputs].contiguous(),
            feeds=(target @ passed).transpose(-1, -2).contiguous(),
            keeps=passed[..., :inputs, :].transpose(-1, -2).contiguous(),
            start=slice(0, inputs),
        )
        self.backward = Direction(
            read=slice(inputs, n),
            reads=target[..., inputs:].contiguous(),
            starts=target[..., n - 1 :].contiguous(),
            feeds=(source @ passed.transpose(-1, -2)).transpose(-1, -2).contiguous(),
            keeps=passed[..., n - 1 :].contiguous(),
            start=slice(n - 1 - inputs, n - inputs),
        )

    def at_output(self, info: Tensor) -> Tensor:
        """Return the information of the last node."""
        return info[..., -1, :]

    def around(self, forward: Tensor, backward: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the fed node holds, and backward the read node, or the node that it is a copy of."""
        return self._target @ forward, self._source @ backward


class NodeFlow(Flow):
    """Cells with operations on nodes: information of node v is gate of v x the sum over what it reads.

    Args:
        batch: The cells; the first node of each is an input, the last one the output.
        inputs: Operations that mark inputs, each with an information of its own; a cell may lack some of them. With one
            or none the first node is the only input.

    Source: TA-GATES, appendix A.1, figure A4.
    """

    def __init__(self, batch: GraphBatch, *, inputs: Sequence[int] = ()) -> None:
        self.ops, n, adjacency = batch.ops, batch.ops.shape[-1], batch.adjacency
        is_several = len(inputs) > 1
        begins = (
            torch.stack([self.ops == op for op in inputs], dim=-1).to(adjacency)
            if is_several
            else torch.eye(n, 1, dtype=adjacency.dtype, device=adjacency.device)
        )
        # The output is the last node that there is, and need not be the last place.
        self._output = nn.functional.one_hot(batch.mask.sum(-1) - 1, n).to(adjacency).unsqueeze(-1)
        self.forward = Direction(
            read=slice(0, n - 1),
            reads=adjacency.transpose(-1, -2)[..., : n - 1].contiguous(),
            starts=adjacency.transpose(-1, -2) @ begins,
            feeds=None,
            keeps=begins,
            start=begins[..., : n - 1, :].transpose(-1, -2).contiguous() if is_several else slice(0, 1),
        )
        self.backward = Direction(
            read=slice(1, n),
            reads=adjacency[..., 1:].contiguous(),
            starts=adjacency @ self._output,
            feeds=None,
            keeps=self._output,
            start=self._output[..., 1:, :].transpose(-1, -2).contiguous(),
        )

    def at_output(self, info: Tensor) -> Tensor:
        """Return the information of the last node that there is."""
        return (self._output * info).sum(-2)

    def around(self, forward: Tensor, backward: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the nodes hold."""
        return forward, backward


def flow_of(
    batch: EdgeBatch | GraphBatch,
    *,
    skip: Sequence[int] = (),
    none: Sequence[int] = (),
    inputs: Sequence[int] = (),
    skips: Skips = "identity",
) -> Flow:
    """Return the flow of a batch; `inputs` is of operations on nodes, all else of those on edges."""
    if isinstance(batch, EdgeBatch):
        return EdgeFlow(batch, skip=skip, none=none, skips=skips)
    return NodeFlow(batch, inputs=inputs)


class InfoPropagation(nn.Module):
    """L layers of flow in one direction: x <- spread(x W), gated by the operations' embeddings, ReLU in between.

    Args:
        widths: Width before the first layer, and after each one.
        embedding: Width of an operation's embedding.
        backward: Against the direction of the edges.

    Source: TA-GATES, eq. A2 and A3.
    """

    def __init__(self, widths: Sequence[int], embedding: int, *, backward: bool = False) -> None:
        super().__init__()
        self.widths, self.backward_flow = list(widths), backward
        self.weights = nn.ParameterList(
            nn.Parameter(torch.empty(a, b).uniform_(-(b**-0.5), b**-0.5)) for a, b in pairwise(widths)
        )
        #: The gates of all layers at once.
        self.gates = nn.Linear(embedding, sum(widths[1:]))

    def forward(self, flow: Flow, start: Tensor, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Return the information of each node [B, C, N, d] and the last message of each operation [B, C, M, d].

        Args:
            flow: The cells.
            start: Information put in at the inputs [S, widths[0]], or backward at the output [B, C, 1, widths[0]].
            embeddings: Embedding of each operation [B, C, M, embedding].
        """
        way = flow.backward if self.backward_flow else flow.forward
        opened = torch.sigmoid(self.gates(embeddings))
        if flow.open is not None:
            opened = opened.masked_fill(flow.open, 1.0)
        gate, *gates = torch.split(opened, self.widths[1:], dim=-1)
        weight, *weights = self.weights
        begun = start @ weight
        messages = gate * way.first(begun)
        info = way.gathered(messages, begun)
        for weight, gate in zip(weights, gates, strict=True):
            held = torch.relu(info[..., way.read, :]) @ weight
            messages = gate * (way.reads @ held)
            info = way.gathered(messages, way.start_of(held))
        return info, messages


def _of_start(matrix: Tensor, start: Tensor) -> Tensor:
    """Return matrix [B, C, M, S] or [M, S] @ start [B, C, S, d] or [S, d]; with one node S a product of elements."""
    return matrix * start if matrix.shape[-1] == 1 else matrix @ start


def _roots(skips: Tensor, others: Tensor) -> Tensor:
    """Return a matrix [B, C, N, N] with 1 at (v, u) if node v is a copy of u, which is not a copy; v = u for most.

    A copy has one edge that leads into it, a skip.

    Args:
        skips: Number of skips from u to v [B, C, N, N].
        others: Number of other edges into each node [B, C, N].
    """
    is_copy = ((skips.sum(-2) == 1) & (others == 0)).to(skips.dtype).unsqueeze(-1)
    eye = torch.eye(skips.shape[-1], dtype=skips.dtype, device=skips.device)
    parent = is_copy * skips.transpose(-1, -2) + (1 - is_copy) * eye
    roots: Tensor = torch.linalg.matrix_power(parent, skips.shape[-1])
    return roots


def _among(ops: Tensor, which: Sequence[int]) -> Tensor:
    return torch.isin(ops, torch.tensor(list(which), dtype=ops.dtype, device=ops.device))
