"""Information that flows through a cell, layer by layer: the graph convolution of GATES, on nodes or on edges."""

# B architectures, C cells of each, N nodes, E edges, M operations (N or E), d width of a layer

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from archwright.encode.batch import EdgeBatch, GraphBatch

__all__ = ["EdgeFlow", "Flow", "InfoPropagation", "NodeFlow", "flow_of"]


class Flow(ABC):
    """A batch of cells, ready for information to flow through them in both directions.

    Attributes:
        ops: Operation of each of the M places, int64 [B, C, M].
        n_nodes: Nodes N.
        inputs: Number of input nodes, the first ones.
    """

    ops: Tensor
    n_nodes: int
    inputs: int

    @abstractmethod
    def messages(self, info: Tensor, gates: Tensor, *, backward: bool) -> Tensor:
        """Return what each operation makes of the information that it reads [B, C, M, d].

        Args:
            info: Information of each node [B, C, N, d], or [1, 1, N, d] if it is the same for all.
            gates: Factor of each operation [B, C, M, d].
            backward: Against the direction of the edges.
        """

    @abstractmethod
    def gathered(self, messages: Tensor, info: Tensor, *, backward: bool) -> Tensor:
        """Return the information of each node [B, C, N, d]: the sum of its messages.

        What begins the flow (the inputs, or backward the output) keeps its own, of `info`.
        """

    @abstractmethod
    def at_output(self, info: Tensor) -> Tensor:
        """Return the information of the output node [B, C, d]."""

    @abstractmethod
    def from_output(self, info: Tensor) -> Tensor:
        """Return information of the nodes [B, C, N, d] that is `info` [B, C, d] at the output, and zero elsewhere."""

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

    Source: TA-GATES, appendix A.1. Differs: in the released code a skip costs a layer, so that two such nodes differ
    unless the predecessor is the input; the paper asks that they do not.
    """

    def __init__(self, batch: EdgeBatch, *, skip: Sequence[int] = (), none: Sequence[int] = ()) -> None:
        self.ops, self.n_nodes, self.inputs = batch.ops, batch.n_nodes, batch.n_inputs
        is_skip, is_none = _among(batch.ops, skip), _among(batch.ops, none)
        carries = (batch.mask & ~is_skip & ~is_none).to(batch.source.dtype)
        # Skips (u, v) as a matrix [B, C, N, N]; the sum of its powers says through how many chains of skips what
        # node u gets is passed on to node v. It is nilpotent, as edges go to later nodes.
        skips = (batch.source * is_skip.unsqueeze(-1)).transpose(-1, -2) @ batch.target
        eye = torch.eye(self.n_nodes, dtype=skips.dtype, device=skips.device)
        passed = torch.linalg.inv(eye - skips) if skip else eye.expand_as(skips)
        self._target = batch.target
        self._source = batch.source @ _roots(skips, (batch.target * carries.unsqueeze(-1)).sum(-2))
        self._read = batch.source * carries.unsqueeze(-1)
        self._feed = (batch.target * carries.unsqueeze(-1)) @ passed
        self._back_read = batch.target * carries.unsqueeze(-1)
        self._back_feed = self._read @ passed.transpose(-1, -2)
        self._keep = _first(self.n_nodes, self.inputs, like=eye) @ passed
        self._back_keep = _last(self.n_nodes, like=eye) @ passed.transpose(-1, -2)

    def messages(self, info: Tensor, gates: Tensor, *, backward: bool) -> Tensor:
        """Return what each edge carries, zero for `skip`, `none` and padding; see `Flow`."""
        return gates * ((self._back_read if backward else self._read) @ info)

    def gathered(self, messages: Tensor, info: Tensor, *, backward: bool) -> Tensor:
        """Return what arrives at each node; see `Flow`."""
        feed, keep = (self._back_feed, self._back_keep) if backward else (self._feed, self._keep)
        return feed.transpose(-1, -2) @ messages + keep.transpose(-1, -2) @ info

    def at_output(self, info: Tensor) -> Tensor:
        """Return the information of the last node."""
        return info[..., -1, :]

    def from_output(self, info: Tensor) -> Tensor:
        """Return information that is `info` at the last node."""
        return nn.functional.pad(info.unsqueeze(-2), (0, 0, self.n_nodes - 1, 0))

    def around(self, forward: Tensor, backward: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the fed node holds, and backward the read node, or the node that it is a copy of."""
        return self._target @ forward, self._source @ backward


class NodeFlow(Flow):
    """Cells with operations on nodes: information of node v is gate of v x the sum over what it reads.

    Args:
        batch: The cells; the last node of each is the output, and the first `inputs` are inputs.
        inputs: Number of input nodes.

    Source: TA-GATES, appendix A.1, figure A4.
    """

    def __init__(self, batch: GraphBatch, *, inputs: int = 1) -> None:
        self.ops, self.n_nodes, self.inputs = batch.ops, batch.ops.shape[-1], inputs
        self._adjacency = batch.adjacency
        eye = torch.eye(self.n_nodes, dtype=batch.adjacency.dtype, device=batch.adjacency.device)
        self._keep = _first(self.n_nodes, inputs, like=eye).diagonal().unsqueeze(-1)
        # The output is the last node that there is, and need not be the last place.
        self._output = nn.functional.one_hot(batch.mask.sum(-1) - 1, self.n_nodes).to(eye).unsqueeze(-1)

    def messages(self, info: Tensor, gates: Tensor, *, backward: bool) -> Tensor:
        """Return what each node makes of the sum that it reads; see `Flow`."""
        return gates * ((self._adjacency if backward else self._adjacency.transpose(-1, -2)) @ info)

    def gathered(self, messages: Tensor, info: Tensor, *, backward: bool) -> Tensor:
        """Return the messages, and at the start of the flow what was there; see `Flow`."""
        return messages + (self._output if backward else self._keep) * info

    def at_output(self, info: Tensor) -> Tensor:
        """Return the information of the last node that there is."""
        return (self._output * info).sum(-2)

    def from_output(self, info: Tensor) -> Tensor:
        """Return information that is `info` at the last node that there is."""
        return self._output * info.unsqueeze(-2)

    def around(self, forward: Tensor, backward: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the nodes hold."""
        return forward, backward


def flow_of(
    batch: EdgeBatch | GraphBatch, *, skip: Sequence[int] = (), none: Sequence[int] = (), inputs: int = 1
) -> Flow:
    """Return the flow of a batch; `skip` and `none` are of operations on edges, `inputs` of those on nodes."""
    return EdgeFlow(batch, skip=skip, none=none) if isinstance(batch, EdgeBatch) else NodeFlow(batch, inputs=inputs)


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

    def forward(self, flow: Flow, info: Tensor, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Return the information of each node [B, C, N, d] and the last message of each operation [B, C, M, d].

        Args:
            flow: The cells.
            info: Information at the start [B, C, N, widths[0]], or [1, 1, N, widths[0]].
            embeddings: Embedding of each operation [B, C, M, embedding].
        """
        gates = torch.split(torch.sigmoid(self.gates(embeddings)), self.widths[1:], dim=-1)
        messages = info
        for layer, (weight, gate) in enumerate(zip(self.weights, gates, strict=True)):
            held = (torch.relu(info) if layer else info) @ weight
            messages = flow.messages(held, gate, backward=self.backward_flow)
            info = flow.gathered(messages, held, backward=self.backward_flow)
        return info, messages


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


def _first(n: int, count: int, *, like: Tensor) -> Tensor:
    """Return the diagonal matrix [n, n] with 1 at the first `count` nodes."""
    return torch.diag((torch.arange(n, device=like.device) < count).to(like.dtype))


def _last(n: int, *, like: Tensor) -> Tensor:
    return torch.diag((torch.arange(n, device=like.device) == n - 1).to(like.dtype))
