"""All cells of NAS-Bench-101, found by array operations on their edges as bits."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from archwright.core.errors import ArchError

__all__ = ["EDGES", "MAX_EDGES", "VERTICES", "unique_cells", "valid_wirings"]

# N wirings, L labellings, P permutations of the inner vertices

VERTICES = 7
MAX_EDGES = 9
_LABELS = 3

#: Pairs of vertices, row by row. The wiring of a cell is a number whose highest bit is the first pair.
EDGES = tuple((i, j) for i in range(VERTICES) for j in range(i + 1, VERTICES))

Codes = npt.NDArray[np.int64]


def valid_wirings() -> Codes:
    """Return in ascending order the wirings that have a path and, once pruned, nine edges or fewer."""
    codes = np.arange(1 << len(EDGES), dtype=np.int64)
    edges = {edge: _bit(codes, edge) for edge in EDGES}
    fed = [np.full(len(codes), vertex == 0) for vertex in range(VERTICES)]
    read = [np.full(len(codes), vertex == VERTICES - 1) for vertex in range(VERTICES)]
    for i, j in sorted(EDGES):
        fed[j] |= fed[i] & edges[i, j]
    for i, j in sorted(EDGES, reverse=True):
        read[i] |= read[j] & edges[i, j]
    alive = [fed[vertex] & read[vertex] for vertex in range(VERTICES)]
    n_edges = np.zeros(len(codes), dtype=np.int64)
    for (i, j), present in edges.items():
        n_edges += present & alive[i] & alive[j]
    return codes[read[0] & (n_edges <= MAX_EDGES)]


def unique_cells(vertices: int) -> npt.NDArray[np.int8]:
    """Return the genes [N, 26] of one member of each class of isomorphic cells with up to `vertices` vertices.

    Two cells are isomorphic if a permutation of inner vertices takes one to the other. So wirings are joined first,
    labels left out, and each class gets the labellings that its own symmetries do not take to a smaller one.

    Raises:
        ArchError: if `vertices` is not 2 to 7.
    """
    if not 2 <= vertices <= VERTICES:
        raise ArchError(f"a cell must have 2 to {VERTICES} vertices, but {vertices} was given")
    return np.concatenate([_cells_of(n) for n in range(2, vertices + 1)])


def _cells_of(n: int) -> npt.NDArray[np.int8]:
    """Return the genes of the cells with exactly `n` vertices, none of them to be pruned."""
    codes = _full_wirings(n)
    permutations = list(itertools.permutations(range(1, n - 1)))
    # [P, N]; the largest integer where an edge would point back.
    moved = np.stack([_permuted(codes, (0, *permutation, n - 1), n) for permutation in permutations])
    first = moved.min(axis=0) == codes
    codes, moved = codes[first], moved[:, first]
    labels = _digits(np.arange(_LABELS ** (n - 2)), n - 2)
    images = _images(labels, permutations)
    symmetric = moved == codes
    cells = []
    for wiring in range(len(codes)):
        # A labelling is kept if no symmetry of the wiring makes a smaller one of it.
        smallest = images[symmetric[:, wiring]].min(axis=0) == np.arange(len(labels))
        cells.append(_genes(int(codes[wiring]), labels[smallest], n))
    return np.concatenate(cells)


def _full_wirings(n: int) -> Codes:
    """Return the wirings of `n` vertices in which each has a way in and a way out, on the last vertices' bits."""
    pairs = _pairs(n)
    codes = np.arange(1 << len(pairs), dtype=np.int64)
    present = {pair: (codes >> (len(pairs) - 1 - k) & 1).astype(bool) for k, pair in enumerate(pairs)}
    full = sum(bits.astype(np.int8) for bits in present.values()) <= MAX_EDGES
    for vertex in range(n - 1):
        full &= np.any([present[vertex, j] for j in range(vertex + 1, n)], axis=0)
        full &= np.any([present[i, vertex + 1] for i in range(vertex + 1)], axis=0)
    kept: Codes = codes[full]
    return kept


def _permuted(codes: Codes, place: tuple[int, ...], n: int) -> Codes:
    """Return the wirings with vertex v moved to `place[v]`; the largest integer where an edge points back."""
    pairs = _pairs(n)
    shift = {pair: len(pairs) - 1 - k for k, pair in enumerate(pairs)}
    moved, back = np.zeros_like(codes), np.zeros(len(codes), dtype=bool)
    for pair in pairs:
        present = codes >> shift[pair] & 1
        target = (place[pair[0]], place[pair[1]])
        if target in shift:
            moved |= present << shift[target]
        else:
            back |= present.astype(bool)
    moved[back] = np.iinfo(np.int64).max
    return moved


def _images(labels: npt.NDArray[np.int8], permutations: list[tuple[int, ...]]) -> Codes:
    """Return the number [P, L] of the labelling that each permutation makes of each."""
    weights = _LABELS ** np.arange(labels.shape[1] - 1, -1, -1, dtype=np.int64)
    # The label of vertex v goes to place[v], and so counts with the weight of that place.
    return np.stack([labels @ weights[np.array(permutation, dtype=np.int64) - 1] for permutation in permutations])


def _genes(code: int, labels: npt.NDArray[np.int8], n: int) -> npt.NDArray[np.int8]:
    """Return the genes [L, 26] of a wiring of `n` vertices with each of `labels`; the output becomes vertex 6."""
    genes = np.zeros((len(labels), len(EDGES) + VERTICES - 2), dtype=np.int8)
    pairs = _pairs(n)
    for k, (i, j) in enumerate(pairs):
        if code >> (len(pairs) - 1 - k) & 1:
            genes[:, EDGES.index((i, VERTICES - 1 if j == n - 1 else j))] = 1
    genes[:, len(EDGES) : len(EDGES) + n - 2] = labels
    return genes


def _pairs(n: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(n) for j in range(i + 1, n)]


def _digits(numbers: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int8]:
    """Return the last `n` digits [L, n] of numbers to the base 3, the highest first."""
    weights = _LABELS ** np.arange(n - 1, -1, -1, dtype=np.int64)
    return (numbers[:, None] // weights % _LABELS).astype(np.int8)


def _bit(codes: Codes, edge: tuple[int, int]) -> npt.NDArray[np.bool_]:
    return (codes >> (len(EDGES) - 1 - EDGES.index(edge)) & 1).astype(bool)
