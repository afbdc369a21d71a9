"""Which nodes of a cell read which earlier ones: exact numbers, and uniform draws, without walking through them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

__all__ = ["Wirings"]


@dataclass(frozen=True)
class Wirings:
    """Sets of edges that lead from the inputs of a cell to its last node.

    Nodes 0..`inputs`-1 are inputs; each of the `targets` nodes after them may read any earlier one.

    Args:
        inputs: Number of inputs.
        targets: Number of nodes after the inputs; the last one must be reached from an input.

    Example:
        >>> [Wirings(1, 2).number(edges) for edges in range(4)]
        [0, 1, 3, 1]
    """

    inputs: int
    targets: int

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Every possible edge (source, target), by target, then by source."""
        last = self.inputs + self.targets
        return tuple((source, target) for target in range(self.inputs, last) for source in range(target))

    def number(self, edges: int) -> int:
        """Return how many sets of exactly so many edges there are."""
        return _ways(self.inputs, self.targets, self.inputs, edges)

    def draw(self, edges: int, rng: np.random.Generator) -> frozenset[tuple[int, int]]:
        """Return one of the sets of exactly so many edges, all equally likely; there must be one."""
        drawn: set[tuple[int, int]] = set()
        reached, left = set(range(self.inputs)), edges
        for target in range(self.inputs, self.inputs + self.targets):
            steps = list(_steps(target, self.targets - (target - self.inputs), len(reached), left))
            k, reaches = steps[weighted([step[2] for step in steps], rng)][:2]
            sources = _subset(target, k, reached, reaches, rng)
            drawn.update((source, target) for source in sources)
            left -= k
            reached |= {target} if reaches else set()
        return frozenset(drawn)


@cache
def _ways(node: int, targets: int, reached: int, edges: int) -> int:
    """Return in how many ways `targets` nodes from `node` on read earlier ones, `reached` of which matter."""
    if targets == 0 or edges > targets * node + targets * (targets - 1) // 2:
        return int(edges == 0)
    return sum(ways for _, _, ways in _steps(node, targets, reached, edges))


@cache
def _steps(node: int, targets: int, reached: int, edges: int) -> tuple[tuple[int, bool, int], ...]:
    """Return (number of edges into `node`, whether it is reached, ways to go on), where there is a way."""
    steps = []
    for k in range(min(node, edges) + 1):
        missing = math.comb(node - reached, k)
        hitting = math.comb(node, k) - missing
        steps.append((k, True, hitting * _ways(node + 1, targets - 1, reached + 1, edges - k)))
        if targets > 1:
            steps.append((k, False, missing * _ways(node + 1, targets - 1, reached, edges - k)))
    return tuple(step for step in steps if step[2])


def _subset(node: int, k: int, reached: set[int], hits: bool, rng: np.random.Generator) -> set[int]:
    """Return `k` of the nodes before `node`, all sets equally likely that hit `reached`, or miss it."""
    pool = list(range(node)) if hits else [n for n in range(node) if n not in reached]
    while True:
        chosen = {pool[int(n)] for n in rng.permutation(len(pool))[:k]}
        if bool(chosen & reached) == hits:
            return chosen


def weighted(weights: Sequence[int], rng: np.random.Generator) -> int:
    """Return a place with probability in proportion to its weight; weights may exceed 64 bits."""
    total = sum(weights)
    n_bytes = (total.bit_length() + 7) // 8
    ticket = total
    while ticket >= total:
        ticket = int.from_bytes(rng.bytes(n_bytes), "little") >> (8 * n_bytes - total.bit_length())
    for place, weight in enumerate(weights):
        if ticket < weight:
            return place
        ticket -= weight
    raise AssertionError("a ticket is below the sum of the weights")
