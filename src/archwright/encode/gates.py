"""GATES and TA-GATES: encoders that let information flow through an architecture as a network does."""

# B architectures, C cells of each, N nodes, M operations (nodes or edges), d widths

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.core.errors import EncodingError, require_one_of
from archwright.core.graph import Graph
from archwright.core.rng import derive
from archwright.encode.batch import EdgeBatch, GraphBatch, n_cells
from archwright.encode.fixed import samples
from archwright.encode.flow import Flow, InfoPropagation, Skips, flow_of
from archwright.encode.network import EncoderNetwork
from archwright.spaces.base import Space

__all__ = ["Contact", "Gates", "Saliency", "Salient", "Symmetry", "TaGates", "Vocabulary", "layers_needed"]

#: How operations of one type at symmetric places are told apart.
Symmetry = Literal["none", "random", "add", "concat"]

#: Gives saliencies [B, C, M, Z] of the operations of B architectures, in the order in which a batch has them.
Saliency = Callable[[Sequence[Arch]], Tensor]

#: Poolings whose names do not say so.
_POOLS = ("avg3", "max3")

#: What an operation is updated from.
Contact = Literal["message", "node"]

#: Width, and number at least, of layers where nothing else is said.
_WIDTH, _LAYERS = 128, 5

#: Standard deviation of the noise of symmetry breaking at random.
_NOISE = 0.1


@dataclass(frozen=True)
class Vocabulary:
    """What an encoder must know of a space.

    Args:
        n_ops: Operations, one more value being padding.
        skip: Operations on edges that are identities.
        none: Operations on edges that give zero.
        fixed: Operations without parameters, `skip` and `none` included.
        inputs: Input nodes of a cell, at most.
        input_ops: Operations on nodes that mark inputs.
        cells: Cells of an architecture.
    """

    n_ops: int
    skip: tuple[int, ...] = ()
    none: tuple[int, ...] = ()
    fixed: tuple[int, ...] = ()
    inputs: int = 1
    input_ops: tuple[int, ...] = ()
    cells: int = 1

    @classmethod
    def of(cls, space: Space) -> Vocabulary:
        """Return what the names of the space's operations say.

        The names `none` and `zero` give zero, one with `skip` or `identity` is an identity, as is the operation by
        which a cell's output collects its nodes; pooling has no parameters either. Inputs are called `input`, or of a
        recurrent cell `x` and `h_prev`.
        """
        names = list(enumerate(space.op_names))
        none = tuple(k for k, name in names if name in ("none", "zero"))
        input_ops: tuple[int, ...] = ()
        skip = [k for k, name in names if "skip" in name or name == "identity"]
        if hasattr(space, "cells"):
            edges = EdgeBatch.of(space, [space.random(rng=derive(0, "vocabulary"))])
            inputs = edges.n_inputs
            # A number beyond the operations to choose from marks the way into the output.
            skip += [k for k, name in names if name.startswith("input") and bool((edges.ops == k).any())]
        else:
            input_ops = tuple(k for k, name in names if name == "x" or name.startswith(("input", "h_prev")))
            inputs = max(1, len(input_ops))
        fixed = {*none, *skip, *(k for k, name in names if "pool" in name or name in _POOLS)}
        return cls(len(space.op_names), tuple(skip), none, tuple(sorted(fixed)), inputs, input_ops, n_cells(space))


class Gates(EncoderNetwork):
    """An information, put in at the inputs of a cell, flows through it; what arrives at the output is the encoding.

    Args:
        space: Space of the architectures; operations on edges are read where it has them there.
        embedding: Width of the embeddings of operations, and of the information put in.
        widths: Width of each layer; as many layers as the longest path has operations, else nothing arrives along it.
            By default 128 each, and five, or as many as are needed.
        skips: What a skip on an edge is: an `identity` within a layer; an edge that takes a `layer` as others do, with
            its gate open; or an `operation`, whose gate is learned.

    Raises:
        EncodingError: if `skips` is none of these.

    Source: GATES, arXiv:2004.01899 (`skips="operation"`), with the handling of skips of TA-GATES, appendix A.1, or that
    of its released code (`layer`). It is `TaGates` with one time step and without symmetry breaking.
    """

    def __init__(
        self, space: Space, *, embedding: int = 48, widths: Sequence[int] | None = None, skips: Skips = "identity"
    ) -> None:
        super().__init__(space)
        widths = _layers(space, widths)
        require_one_of(get_args(Skips), EncodingError, skips=skips)
        self._skips = skips
        self.vocabulary = vocabulary = Vocabulary.of(space)
        self.dim = vocabulary.cells * widths[-1]
        self.op = nn.Embedding(vocabulary.n_ops + 1, embedding)
        self.information = nn.Parameter(torch.randn(vocabulary.inputs, embedding))
        self.forward_flow = InfoPropagation((embedding, *widths), embedding)

    def prepare(self, archs: Sequence[Arch]) -> Any:
        """Return the cells of `archs`, operations on edges where the space has them there."""
        return (EdgeBatch if hasattr(self.space, "cells") else GraphBatch).of(self.space, archs)

    def forward(self, batch: EdgeBatch | GraphBatch) -> Tensor:
        """Return encodings [B, C x widths[-1]]."""
        flow = self.flow(batch)
        info, _ = self.forward_flow(flow, self.information, self.op(flow.ops))
        encodings: Tensor = flow.at_output(info).flatten(1)
        return encodings

    def flow(self, batch: EdgeBatch | GraphBatch) -> Flow:
        """Return the cells, ready for flow."""
        words = self.vocabulary
        return flow_of(batch, skip=words.skip, none=words.none, inputs=words.input_ops, skips=self._skips)


@dataclass(frozen=True, eq=False)
class Salient:
    """Architectures with saliencies of their operations, z [B, C, M, Z]."""

    cells: EdgeBatch | GraphBatch
    z: Tensor

    def __len__(self) -> int:
        return len(self.z)

    def take(self, index: Tensor | slice) -> Salient:
        """Return the architectures of `index`."""
        return Salient(self.cells.take(index), self.z[index])


class TaGates(Gates):
    """Training-analogous GATES: T time steps of forward and backward flow, after each of which operations are updated.

    As parameters are in training, the embedding of each operation is updated from what flows through it forward and
    backward, so that operations of one type at different places become different.

    Args:
        space: Space of the architectures.
        steps: Time steps T.
        embedding: Width of the embeddings of operations, and of the information put in.
        widths: Width of each layer, in both directions; by default as of `Gates`.
        convert: Width of the hidden layer of FBConvert, which makes the backward input of the forward output.
        scale: s, size of an update.
        symmetry: `none`; `random`: noise on the first embeddings, in training mode and out of it; `add`: zero-cost
            saliencies Z of each operation, through an MLP, added to the first embeddings; `concat`: Z beside the
            embeddings at every time step.
        saliency: Gives the saliencies [B, C, M, Z] of architectures, for `add` and `concat`; without it `forward` takes
            only what `Salient` holds.
        saliencies: Number Z of saliencies per operation.
        beta: Factor of what `add` adds.
        mask_fixed: Do not update operations without parameters.
        detach: Let no gradient flow through the inputs of the update, as the released code does.
        contact: What an operation on an edge is updated from. `node`: what the node holds that it feeds, and backward
            the node that it reads, as in eq. A4. `message`: what it carried in the last layer, forward and backward, as
            in the released code for NAS-Bench-201; that tells Arch-A and Arch-B of figure 2 apart.
        skips: As of `Gates`.

    Raises:
        EncodingError: if `symmetry`, `contact` or `skips` is none of those.

    Source: TA-GATES (NeurIPS 2022), algorithm 1, eq. 1 and A4. Differs: see `EdgeFlow` about skips; a node that is
    a copy by a skip has the backward information of the node that it copies.
    """

    def __init__(
        self,
        space: Space,
        *,
        steps: int = 3,
        embedding: int = 48,
        widths: Sequence[int] | None = None,
        convert: int = 128,
        scale: float = 0.1,
        symmetry: Symmetry = "none",
        saliency: Saliency | None = None,
        saliencies: int = 5,
        beta: float = 0.5,
        mask_fixed: bool = False,
        detach: bool = False,
        contact: Contact = "node",
        skips: Skips = "identity",
    ) -> None:
        require_one_of(get_args(Symmetry), EncodingError, symmetry=symmetry)
        require_one_of(get_args(Contact), EncodingError, contact=contact)
        widths = _layers(space, widths)
        super().__init__(space, embedding=embedding, widths=widths, skips=skips)
        self.steps, self.scale, self.symmetry, self.beta, self.saliency = steps, scale, symmetry, beta, saliency
        self.mask_fixed, self.detach, self.contact = mask_fixed, detach, contact
        seen = embedding + (saliencies if symmetry == "concat" else 0)
        last, cells = widths[-1], self.vocabulary.cells
        self.forward_flow = InfoPropagation((embedding, *widths), seen)
        self.backward_flow = InfoPropagation((last, *widths), seen, backward=True)
        self.convert = _mlp(cells * last, convert, cells * last)
        self.update = _mlp(seen + 2 * last, convert, embedding)
        self.salience = _mlp(saliencies, embedding, embedding) if symmetry == "add" else None

    def prepare(self, archs: Sequence[Arch]) -> Any:
        """Return the cells of `archs`, with saliencies where symmetry breaking needs them.

        Raises:
            EncodingError: if saliencies are needed and there is nothing that gives them.
        """
        cells: EdgeBatch | GraphBatch = super().prepare(archs)
        if self.symmetry not in ("add", "concat"):
            return cells
        if self.saliency is None:
            raise EncodingError(f"symmetry breaking by {self.symmetry!r} needs saliencies; none were given")
        return Salient(cells, self.saliency(archs))

    def forward(self, batch: EdgeBatch | GraphBatch | Salient) -> Tensor:
        """Return encodings [B, C x widths[-1]] after the last time step.

        Raises:
            EncodingError: if saliencies are needed and not given.
        """
        return self.anytime(batch)[-1]

    def anytime(self, batch: EdgeBatch | GraphBatch | Salient) -> list[Tensor]:
        """Return encodings [B, C x widths[-1]] after each time step.

        Raises:
            EncodingError: if saliencies are needed and not given.
        """
        cells, z = (batch.cells, batch.z) if isinstance(batch, Salient) else (batch, None)
        if z is None and self.symmetry in ("add", "concat"):
            raise EncodingError(f"symmetry breaking by {self.symmetry!r} needs saliencies; none were given")
        flow = self.flow(cells)
        embeddings = self._first(self.op(flow.ops), z)
        seen, encodings = embeddings, []
        for step in range(self.steps):
            seen = embeddings if self.symmetry != "concat" or z is None else torch.cat([embeddings, z], dim=-1)
            info, messages = self.forward_flow(flow, self.information, seen)
            output = flow.at_output(info)
            encodings.append(output.flatten(1))
            if step < self.steps - 1:
                embeddings = embeddings + self.scale * self._updates(flow, info, messages, output, seen)
        return encodings

    def _first(self, embeddings: Tensor, z: Tensor | None) -> Tensor:
        if self.symmetry == "random":
            return embeddings + _NOISE * torch.randn_like(embeddings)
        if self.salience is not None and z is not None:
            embeddings = embeddings + self.beta * self.salience(z)
        return embeddings

    def _updates(self, flow: Flow, info: Tensor, messages: Tensor, output: Tensor, seen: Tensor) -> Tensor:
        """Return the updates of all embeddings [B, C, M, embedding]."""
        turned = self.convert(output.flatten(1)).unflatten(1, output.shape[1:])
        back, back_messages = self.backward_flow(flow, turned.unsqueeze(-2), seen)
        after, before = (messages, back_messages) if self.contact == "message" else flow.around(info, back)
        if self.detach:
            after, seen = after.detach(), seen.detach()
        updates: Tensor = self.update(torch.cat([seen, after, before], dim=-1))
        if not self.mask_fixed:
            return updates
        fixed = torch.tensor(self.vocabulary.fixed, device=flow.ops.device)
        is_fixed = torch.isin(flow.ops, fixed).unsqueeze(-1)
        return updates.masked_fill(is_fixed, 0.0)


def layers_needed(space: Space) -> int:
    """Return after how many layers of flow the information at the inputs has come along every path of a cell.

    Of operations on edges it is the number of nodes that are no inputs, of others the longest path of the largest of
    200 cells, in edges.
    """
    cells_of = getattr(space, "cells", None)
    if cells_of is not None:
        (cell, *_) = cells_of(space.random(rng=derive(0, "layers")))
        return int(cell.n_nodes - cell.n_inputs)
    return max(_longest(cell) for cells in samples(space) for cell in cells)


def _layers(space: Space, widths: Sequence[int] | None) -> tuple[int, ...]:
    """Return the widths that were given, or as many of the usual ones as `space` needs."""
    return (_WIDTH,) * max(_LAYERS, layers_needed(space)) if widths is None else tuple(widths)


def _longest(cell: Graph) -> int:
    """Return the number of edges of the longest path."""
    length = [0] * len(cell.ops)
    for i, j in sorted(cell.edges):
        length[j] = max(length[j], length[i] + 1)
    return max(length)


def _mlp(*widths: int) -> nn.Sequential:
    first, hidden, last = widths
    return nn.Sequential(nn.Linear(first, hidden), nn.ReLU(), nn.Linear(hidden, last))
