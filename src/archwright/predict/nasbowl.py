"""NASBOWL: a Gaussian process whose kernel counts the neighbourhoods that two architectures share."""

# N architectures, B queries, F neighbourhoods

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.errors import PredictorError
from archwright.core.graph import Graph
from archwright.core.trial import Prediction
from archwright.predict.posterior import Posterior, posterior
from archwright.predict.refit import RefitPredictor
from archwright.spaces.base import Space

__all__ = ["Nasbowl", "relabelled"]

#: Operations that pass nothing on.
_NOTHING = ("none", "zero")

Floats = npt.NDArray[np.float64]


class Nasbowl(RefitPredictor):
    """A Gaussian process with the Weisfeiler-Lehman subtree kernel over the cells.

    Of a cell only what lies between its inputs and its outputs counts: `none`, and nodes that it cuts off, are taken
    out first. The kernel is the cosine of two architectures' counts of neighbourhoods of up to h steps; h of 0 to
    `steps`, noise and amplitude are those of the largest marginal likelihood. The uncertainty is that of the noiseless
    score. Costs `steps` + 1 eigendecompositions, cubic in N.

    Args:
        space: Space of the architectures.
        steps: Largest h that is compared.

    Raises:
        PredictorError: if `steps` is negative.

    Source: arXiv:2006.07556, section 3. Differs: a neighbourhood tells what a
        node reads from what reads it.
    """

    def __init__(self, space: Space, *, steps: int = 3) -> None:
        if steps < 0:
            raise PredictorError(f"steps of the kernel must be 0 or more, but {steps} was given")
        super().__init__(space, {"steps": steps})
        self.steps = steps
        self._nothing = frozenset(op for op, name in enumerate(space.op_names) if name in _NOTHING)
        self._chosen = 0
        self._columns: dict[Hashable, int] = {}
        self._known: Any = None
        self._posterior: Posterior | None = None

    @property
    def chosen(self) -> int:
        """The h of the largest marginal likelihood."""
        return self._chosen

    def _learn_archs(self, archs: Sequence[Arch], scores: Floats, seed: int) -> None:
        counted = [self._counts(arch) for arch in archs]
        best: Posterior | None = None
        for steps in range(self.steps + 1):
            columns: dict[Hashable, int] = {}
            known = _unit([_merged(each, steps) for each in counted], columns, grow=True)
            found = posterior((known @ known.T).toarray(), scores)
            if best is None or found.log_evidence > best.log_evidence:
                best, self._chosen, self._columns, self._known = found, steps, columns, known
        self._posterior = best

    def _guess_archs(self, archs: Sequence[Arch]) -> Prediction:
        assert self._posterior is not None
        counted = [_merged(self._counts(arch), self._chosen) for arch in archs]
        across = (_unit(counted, self._columns, grow=False) @ self._known.T).toarray()
        return Prediction(self._posterior.mean(across), self._posterior.std(across, np.ones(len(archs))))

    def _counts(self, arch: Arch) -> list[Counter[Hashable]]:
        """Return how often `arch` has each neighbourhood of exactly h steps, for h of 0 to `steps`."""
        counts: list[Counter[Hashable]] = [Counter() for _ in range(self.steps + 1)]
        for place, cell in enumerate(self.space.graphs(arch)):
            for h, labels in enumerate(relabelled(_alive(cell, self._nothing), self.steps)):
                counts[h].update((place, h, label) for label in labels)
        return counts


def relabelled(cell: Graph, steps: int) -> list[list[str]]:
    """Return a label of each node after 0 to `steps` rounds; in a round a node takes in its neighbours' labels.

    What a node reads and what reads it are kept apart. Labels are digests, equal for equal neighbourhoods.
    """
    sources: list[list[int]] = [[] for _ in cell.ops]
    targets: list[list[int]] = [[] for _ in cell.ops]
    for i, j in cell.edges:
        sources[j].append(i)
        targets[i].append(j)
    rounds = [[str(op) for op in cell.ops]]
    for _ in range(steps):
        last = rounds[-1]
        told = [
            (last[n], sorted(last[i] for i in sources[n]), sorted(last[j] for j in targets[n]))
            for n in range(len(last))
        ]
        # Nested labels would grow with the power of the number of rounds.
        rounds.append([blake2b(repr(each).encode(), digest_size=8).hexdigest() for each in told])
    return rounds


def _alive(cell: Graph, nothing: frozenset[int]) -> Graph:
    """Return the nodes between a beginning and an end of `cell` that are reached without operations `nothing`."""
    passing = [n for n, op in enumerate(cell.ops) if op not in nothing]
    entered, left = {j for _, j in cell.edges}, {i for i, _ in cell.edges}
    edges = sorted((i, j) for i, j in cell.edges if cell.ops[i] not in nothing and cell.ops[j] not in nothing)
    reached = {n for n in passing if n not in entered}
    for i, j in edges:
        if i in reached:
            reached.add(j)
    useful = {n for n in passing if n not in left}
    for i, j in reversed(edges):
        if j in useful:
            useful.add(i)
    # Beginnings and ends stay, so that a cell of which nothing is left has labels as well.
    kept = [n for n in passing if (n in reached and n in useful) or n not in entered or n not in left]
    number = {n: place for place, n in enumerate(kept)}
    inside = frozenset((number[i], number[j]) for i, j in edges if i in number and j in number)
    return Graph(tuple(cell.ops[n] for n in kept), inside)


def _merged(counts: Sequence[Counter[Hashable]], steps: int) -> Counter[Hashable]:
    merged: Counter[Hashable] = Counter()
    for each in counts[: steps + 1]:
        merged.update(each)
    return merged


def _unit(counted: Sequence[Counter[Hashable]], columns: dict[Hashable, int], *, grow: bool) -> Any:
    """Return sparse rows [B, F] of length 1; neighbourhoods without a column count for the length alone.

    Args:
        counted: Counts of B architectures.
        columns: Column of each neighbourhood.
        grow: Whether new ones get a column.
    """
    from scipy.sparse import csr_matrix

    rows, places, values = [], [], []
    for row, counts in enumerate(counted):
        length = float(np.sqrt(sum(count * count for count in counts.values()))) or 1.0
        for label, count in counts.items():
            column = columns.setdefault(label, len(columns)) if grow else columns.get(label)
            if column is not None:
                rows.append(row)
                places.append(column)
                values.append(count / length)
    return csr_matrix((values, (rows, places)), shape=(len(counted), len(columns)))
