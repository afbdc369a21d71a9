"""GATES and TA-GATES the straightforward way: one architecture after another, operation by operation."""

# d width of a layer

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from archwright.core.arch import Arch
from archwright.core.graph import Graph
from archwright.encode.flow import InfoPropagation
from archwright.encode.gates import Gates, TaGates
from archwright.spaces.edges import EdgeCell

__all__ = ["Looped"]

Info = list[Tensor]


class Flown(NamedTuple):
    """Information of each node, and the last message of each operation."""

    info: Info
    messages: Info


class Looped:
    """Encodes as `net` does, with its weights, but without batches.

    Args:
        net: GATES or TA-GATES without symmetry breaking.

    Source: TA-GATES, algorithm 1 and appendix A.1, read as loops.
    """

    def __init__(self, net: Gates) -> None:
        self.net = net

    def __call__(self, archs: Sequence[Arch]) -> Tensor:
        """Return encodings [B, D]."""
        return torch.stack([self._encoded(arch) for arch in archs])

    def _encoded(self, arch: Arch) -> Tensor:
        net = self.net
        cells: Sequence[EdgeCell | Graph] = (net.space.cells if hasattr(net.space, "cells") else net.space.graphs)(arch)
        embeddings = [net.op(torch.tensor(operations(cell))) for cell in cells]
        steps = net.steps if isinstance(net, TaGates) else 1
        outputs: Info = []
        for step in range(steps):
            start = list(net.information)
            flown = [self._flow(cell, e, net.forward_flow, start) for cell, e in zip(cells, embeddings, strict=True)]
            outputs = [each.info[-1] for each in flown]
            if isinstance(net, TaGates) and step < steps - 1:
                turned = net.convert(torch.cat(outputs)).chunk(len(cells))
                embeddings = [
                    self._updated(net, cell, e, there, back)
                    for cell, e, there, back in zip(cells, embeddings, flown, turned, strict=True)
                ]
        return torch.cat(outputs)

    def _updated(
        self, net: TaGates, cell: EdgeCell | Graph, embeddings: Tensor, there: Flown, turned: Tensor
    ) -> Tensor:
        """Return the embeddings of the operations of one cell for the next time step."""
        back = self._flow(cell, embeddings, net.backward_flow, [turned])
        rows = []
        for place, embedding in enumerate(embeddings):
            after, before = there.messages[place], back.messages[place]
            if net.contact == "node":
                after, before = self._around(cell, place, there.info, back.info)
            if net.detach:
                after, embedding_seen = after.detach(), embedding.detach()
            else:
                embedding_seen = embedding
            rows.append(embedding + net.scale * net.update(torch.cat([embedding_seen, after, before])))
        return torch.stack(rows)

    def _around(self, cell: EdgeCell | Graph, place: int, there: Info, back: Info) -> tuple[Tensor, Tensor]:
        if isinstance(cell, Graph):
            return there[place], back[place]
        source, target, _ = cell.edges[place]
        return there[target], back[self._root(cell, source)]

    def _root(self, cell: EdgeCell, node: int) -> int:
        """Return the node that `node` is a copy of."""
        words = self.net.vocabulary
        into = [(source, op) for source, target, op in cell.edges if target == node and op not in words.none]
        copied = len(into) == 1 and into[0][1] in words.skip
        return self._root(cell, into[0][0]) if copied else node

    def _flow(self, cell: EdgeCell | Graph, embeddings: Tensor, part: InfoPropagation, start: Info) -> Flown:
        backward = part.backward_flow
        n = len(cell.ops) if isinstance(cell, Graph) else cell.n_nodes
        zeros = [torch.zeros_like(start[0])] * (n - len(start))
        info = zeros + start if backward else start + zeros
        first = set(range(n - 1, n)) if backward else set(range(len(start)))
        gates = torch.sigmoid(part.gates(embeddings)).split(part.widths[1:], dim=-1)
        messages: Info = []
        for layer, (weight, gate) in enumerate(zip(part.weights, gates, strict=True)):
            held = [(torch.relu(each) if layer else each) @ weight for each in info]
            kept = [held[node] if node in first else torch.zeros_like(held[node]) for node in range(n)]
            spread = self._through_nodes if isinstance(cell, Graph) else self._through_edges
            info, messages = spread(cell, held, kept, gate, backward)
        return Flown(info, messages)

    def _through_nodes(self, cell: Graph, held: Info, kept: Info, gate: Tensor, backward: bool) -> Flown:
        messages = []
        for node in range(len(held)):
            reads = [held[j if backward else i] for i, j in cell.edges if (i if backward else j) == node]
            total = torch.stack(reads).sum(0) if reads else torch.zeros_like(held[node])
            messages.append(gate[node] * total)
        return Flown([message + keep for message, keep in zip(messages, kept, strict=True)], messages)

    def _through_edges(self, cell: EdgeCell, held: Info, kept: Info, gate: Tensor, backward: bool) -> Flown:
        words = self.net.vocabulary
        messages = [
            torch.zeros_like(held[0])
            if op in (*words.skip, *words.none)
            else gate[e] * held[target if backward else source]
            for e, (source, target, op) in enumerate(cell.edges)
        ]
        after: dict[int, Tensor] = {}
        for node in reversed(range(len(held))) if backward else range(len(held)):
            value = kept[node]
            for e, (source, target, op) in enumerate(cell.edges):
                read, fed = (target, source) if backward else (source, target)
                if fed == node:
                    value = value + (after[read] if op in words.skip else messages[e])
            after[node] = value
        return Flown([after[node] for node in range(len(held))], messages)


def operations(cell: EdgeCell | Graph) -> list[int]:
    return list(cell.ops) if isinstance(cell, Graph) else [op for _, _, op in cell.edges]
