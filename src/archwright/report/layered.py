"""Where the boxes of a small directed graph go: layer by layer, few crossings, nothing on top of anything else."""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Layout", "Point", "Way", "lay_out"]

Point = tuple[float, float]
Edge = tuple[int, int]

#: Pixels between layers, where lines bend, and between neighbours in a layer.
_GAP, _BETWEEN = 38.0, 14.0
_LINE = 8.0
_SWEEPS = 12


@dataclass(frozen=True)
class Way:
    """The line of an edge: points from one box to the next. From every second point on it bends, in between it is
    straight: straight where it passes a layer, bent in the gap between two layers."""

    points: tuple[Point, ...]


@dataclass(frozen=True)
class Layout:
    """Centres of boxes and lines of edges, as (along, across): along from the first layer to the last."""

    centres: tuple[Point, ...]
    ways: tuple[Way, ...]
    length: float
    breadth: float


@dataclass
class _Layers:
    """Boxes and, for edges that pass a layer, stand-ins; `up` and `down` are their neighbours one layer away."""

    rank: list[int]
    size: list[Point]
    up: list[list[int]]
    down: list[list[int]]
    chains: list[list[int]]
    n_real: int

    def rows(self) -> list[list[int]]:
        rows: list[list[int]] = [[] for _ in range(max(self.rank) + 1)]
        for node, rank in enumerate(self.rank):
            rows[rank].append(node)
        return rows


def lay_out(sizes: Sequence[Point], edges: Sequence[Edge]) -> Layout:
    """Return the layout of boxes with `sizes` (along, across) and edges (i, j) with i < j.

    The same input gives the same layout. Lines never pass over a box.
    """
    layers = _layered(sizes, edges)
    rows = _ordered(layers)
    across = _across(layers, rows)
    starts, ends, length = _bands(layers, rows)
    low = min(across[n] - layers.size[n][1] / 2 for n in range(len(across)))
    high = max(across[n] + layers.size[n][1] / 2 for n in range(len(across)))
    across = [place - low for place in across]
    middle = [(starts[rank] + ends[rank]) / 2 for rank in layers.rank]
    ways = [_way(layers, chain, across=across, starts=starts, ends=ends) for chain in layers.chains]
    centres = tuple(zip(middle[: layers.n_real], across[: layers.n_real], strict=True))
    return Layout(centres, tuple(ways), length, high - low)


def _layered(sizes: Sequence[Point], edges: Sequence[Edge]) -> _Layers:
    rank = _ranks(len(sizes), edges)
    size = list(sizes)
    chains = []
    for i, j in edges:
        stand_ins = range(len(size), len(size) + rank[j] - rank[i] - 1)
        chains.append([i, *stand_ins, j])
        rank += range(rank[i] + 1, rank[j])
        size += [(0.0, _LINE)] * len(stand_ins)
    up: list[list[int]] = [[] for _ in size]
    down: list[list[int]] = [[] for _ in size]
    for chain in chains:
        for a, b in itertools.pairwise(chain):
            down[a].append(b)
            up[b].append(a)
    return _Layers(rank, size, up, down, chains, len(sizes))


def _ranks(n: int, edges: Sequence[Edge]) -> list[int]:
    """Return the layer of each box: half way between the earliest and the latest that its neighbours allow."""
    earliest = [0] * n
    for i, j in sorted(edges, key=lambda edge: edge[1]):
        earliest[j] = max(earliest[j], earliest[i] + 1)
    depth = max(earliest, default=0)
    latest = [depth] * n
    for i, j in sorted(edges, key=lambda edge: -edge[0]):
        latest[i] = min(latest[i], latest[j] - 1)
    begins = {i for i, _ in edges} - {j for _, j in edges}
    # If i is before j, then both its earliest and its latest layer are, and so is their mean.
    return [0 if k in begins else (earliest[k] + latest[k]) // 2 for k in range(n)]


def _ordered(layers: _Layers) -> list[list[int]]:
    """Return the boxes of each layer in an order with few crossings: sorted by their neighbours' mean, in sweeps."""
    rows = layers.rows()
    best, fewest = [list(row) for row in rows], _crossings(layers, rows)
    for sweep in range(2 * _SWEEPS):
        forwards = sweep % 2 == 0
        near = layers.up if forwards else layers.down
        for rank in range(1, len(rows)) if forwards else range(len(rows) - 2, -1, -1):
            place = {node: k for row in rows for k, node in enumerate(row)}
            means = {node: _mean([place[other] for other in near[node]], place[node]) for node in rows[rank]}
            rows[rank].sort(key=means.__getitem__)
        crossings = _crossings(layers, rows)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _crossings(layers: _Layers, rows: Sequence[Sequence[int]]) -> int:
    place = {node: k for row in rows for k, node in enumerate(row)}
    crossings = 0
    for row in rows:
        passed: list[int] = []
        for node in row:
            targets = sorted(place[other] for other in layers.down[node])
            crossings += sum(len(passed) - bisect_right(passed, target) for target in targets)
            for target in targets:
                insort(passed, target)
    return crossings


def _across(layers: _Layers, rows: Sequence[Sequence[int]]) -> list[float]:
    """Return the place of each box across: near the mean of its neighbours, in the order of its layer."""
    across = [0.0] * len(layers.rank)
    for row in rows:
        for node, place in zip(row, _apart(layers, row, [0.0] * len(row), [1.0] * len(row)), strict=True):
            across[node] = place
    for sweep in range(2 * _SWEEPS):
        both = sweep >= 2 * _SWEEPS - 4
        for row in rows if sweep % 2 == 0 else list(reversed(rows)):
            wanted, weights = [], []
            for node in row:
                near = layers.up[node] if sweep % 2 == 0 else layers.down[node]
                near = layers.up[node] + layers.down[node] if both or not near else near
                # Stand-ins hold on to each other, so that long lines are straight.
                pulls = [6.0 if min(node, other) >= layers.n_real else 1.0 for other in near]
                total = sum(pulls)
                pulled = sum(pull * across[other] for pull, other in zip(pulls, near, strict=True))
                wanted.append(pulled / total if near else across[node])
                weights.append(total or 0.1)
            for node, place in zip(row, _apart(layers, row, wanted, weights), strict=True):
                across[node] = place
    return across


def _apart(layers: _Layers, row: Sequence[int], wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the places nearest to those wanted (weighted squares) that keep order and distance.

    With the distances taken off, order is all that is left, and pooling neighbours that are in the wrong order is
    exact (isotonic regression).
    """
    offsets = [0.0]
    for a, b in itertools.pairwise(row):
        offsets.append(offsets[-1] + (layers.size[a][1] + layers.size[b][1]) / 2 + _BETWEEN)
    pools: list[tuple[float, float, int]] = []
    for want, weight, offset in zip(wanted, weights, offsets, strict=True):
        mean, total, n = want - offset, weight, 1
        while pools and pools[-1][0] > mean:
            before, more, count = pools.pop()
            mean, total, n = (mean * total + before * more) / (total + more), total + more, n + count
        pools.append((mean, total, n))
    means = [mean for mean, _, n in pools for _ in range(n)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _bands(layers: _Layers, rows: Sequence[Sequence[int]]) -> tuple[list[float], list[float], float]:
    starts, ends, at = [], [], 0.0
    for row in rows:
        starts.append(at)
        at += max((layers.size[node][0] for node in row), default=0.0)
        ends.append(at)
        at += _GAP
    return starts, ends, at - _GAP


def _way(
    layers: _Layers, chain: Sequence[int], *, across: Sequence[float], starts: Sequence[float], ends: Sequence[float]
) -> Way:
    first, last = chain[0], chain[-1]
    begin, end = layers.rank[first], layers.rank[last]
    side = (starts[begin] + ends[begin]) / 2 + layers.size[first][0] / 2
    points = [(side, across[first]), (ends[begin], across[first])]
    for node in chain[1:-1]:
        points += [(starts[layers.rank[node]], across[node]), (ends[layers.rank[node]], across[node])]
    arrival = (starts[end] + ends[end]) / 2 - layers.size[last][0] / 2
    return Way((*points, (starts[end], across[last]), (arrival, across[last])))
