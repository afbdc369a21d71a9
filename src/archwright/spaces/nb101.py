"""NAS-Bench-101: cells of up to seven vertices and nine edges."""

from __future__ import annotations

import ast
import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.graph import Graph
from archwright.spaces.base import Space
from archwright.spaces.nb101_cells import EDGES, MAX_EDGES, VERTICES, unique_cells, valid_wirings

__all__ = ["NasBench101", "module_hash"]

#: In the order of the official labels 0, 1, 2.
_OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
_INNER = VERTICES - 2
_INPUT, _OUTPUT = len(_OPERATIONS), len(_OPERATIONS) + 1

#: What the numbers of NASLib's digits mean: input, output, maxpool3x3, conv1x1, conv3x3.
_NASLIB = (_INPUT, _OUTPUT, 2, 1, 0)

_NATIVE = re.compile(r"([01]+(?:/[01]+)*)\|([^|]+)")


class NasBench101(Space):
    """The cells of NAS-Bench-101: up to five operations between an input and an output, and up to nine edges.

    Genes 0 to 20 say whether there is an edge, for each pair of the seven vertices, row by row: 01, 02, ..., 06, 12,
    ..., 56. Genes 21 to 25 are the operations of vertices 1 to 5. What lies on no path from the input (0) to the
    output (6) is pruned, so smaller cells are here too; valid is what then has a path and nine edges or fewer, as in
    the official code. A cell is thus written in many ways; `canonical` gives one, and `module_hash` the
    benchmark's key. `random` draws all genes and keeps what is valid, as the published searches do: it is uniform
    over genes, not over cells.

    The native text is rows of the adjacency matrix and the operations, `011/001/000|input,maxpool3x3,output`.

    Source: arXiv:1902.09635, section 2.

    Example:
        >>> space = NasBench101()
        >>> arch = space.parse("([[0, 1, 1], [0, 0, 1], [0, 0, 0]], ['input', 'maxpool3x3', 'output'])")
        >>> module_hash(space.graphs(arch)[0])[:8], space.count()
        ('6f6257bc', 423624)
    """

    name: str = "nb101"
    arities: tuple[int, ...] = (2,) * len(EDGES) + (len(_OPERATIONS),) * _INNER
    op_names: tuple[str, ...] = (*_OPERATIONS, "input", "output")

    def check(self, arch: Arch) -> str | None:
        """Return why `arch` is not in this space; None if it is."""
        reason = super().check(arch)
        if reason is not None:
            return reason
        rows = _rows(arch.genes)
        alive = _alive(rows)
        if not alive:
            return "no path leads from its input to its output"
        n_edges = sum((row & alive).bit_count() for vertex, row in enumerate(rows) if alive >> vertex & 1)
        return f"it has {n_edges} edges after pruning, more than {MAX_EDGES}" if n_edges > MAX_EDGES else None

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the one cell, pruned, its vertices in the order of the genes."""
        genes = self.require(arch).genes
        rows = _rows(genes)
        alive = _alive(rows)
        kept = [vertex for vertex in range(VERTICES) if alive >> vertex & 1]
        place = {vertex: n for n, vertex in enumerate(kept)}
        edges = frozenset((place[i], place[j]) for i in kept for j in kept if rows[i] >> j & 1)
        return (Graph((_INPUT, *(genes[len(EDGES) + vertex - 1] for vertex in kept[1:-1]), _OUTPUT), edges),)

    def canonical(self, arch: Arch) -> Arch:
        """Return the form that all cells isomorphic to `arch` share: pruned, and numbered in one way."""
        (graph,) = self.graphs(arch)
        return self.of_graph(graph.canonical())

    def module_hash(self, arch: Arch) -> str:
        """Return the benchmark's key of `arch`.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        return module_hash(self.graphs(arch)[0])

    def count(self) -> int:
        """Return the number of cells that are not isomorphic, 423,624. `size` counts genes, most of them repetitions.

        The first call makes all cells, in about 0.3 s.
        """
        return _count()

    def unique(self, *, vertices: int = VERTICES) -> npt.NDArray[np.int8]:
        """Return the genes [N, 26] of one architecture of each cell with up to `vertices` vertices, 2 to 7.

        They are 1, 7, 91, 2,532, 64,542 and 423,624 rows for 2, 3, ..., 7; all of them take about 0.3 s.

        Raises:
            ArchError: if `vertices` is out of range.
        """
        return unique_cells(vertices)

    def enumerate(self) -> Iterator[Arch]:
        """Yield every valid architecture, in the order of `index`; 373,754,169 of the 509,607,936 points."""
        labellings = list(itertools.product(range(len(_OPERATIONS)), repeat=_INNER))
        for code in valid_wirings():
            edges = tuple(int(code) >> k & 1 for k in reversed(range(len(EDGES))))
            for ops in labellings:
                yield Arch(self.name, edges + ops)

    def matrix(self, arch: Arch) -> npt.NDArray[np.int8]:
        """Return the adjacency matrix [7, 7] of `arch` as the genes say, not pruned.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        matrix = np.zeros((VERTICES, VERTICES), dtype=np.int8)
        for (i, j), edge in zip(EDGES, self.require(arch).genes, strict=False):
            matrix[i, j] = edge
        return matrix

    def arch(self, matrix: Sequence[Sequence[int]] | npt.NDArray[np.integer], ops: Sequence[str]) -> Arch:
        """Return the architecture of an adjacency matrix and the names of its operations, as in the official code.

        A cell of fewer than seven vertices gets vertices without edges in front of its output.

        Args:
            matrix: Ones above the diagonal, [V, V], 2 <= V <= 7.
            ops: V names; the first is `input`, the last `output`.

        Raises:
            ArchError: if these are not so, or the cell is not valid.
        """
        rows = [list(row) for row in matrix]
        if not 2 <= len(rows) <= VERTICES or {len(row) for row in rows} != {len(rows)}:
            raise ArchError(
                f"a matrix must be square and have 2 to {VERTICES} rows, but rows of {list(map(len, rows))}"
            )
        if not {cell for row in rows for cell in row} <= {0, 1} or any(any(row[: i + 1]) for i, row in enumerate(rows)):
            raise ArchError("a matrix must be of 0 and 1, and have ones above its diagonal only")
        names = list(ops)
        if len(names) != len(rows) or names[0] != "input" or names[-1] != "output":
            raise ArchError(f"operations must be 'input', one for each inner vertex, 'output', but {names} was given")
        unknown = set(names[1:-1]) - set(_OPERATIONS)
        if unknown:
            raise ArchError(f"an operation must be one of {', '.join(_OPERATIONS)}, but {min(unknown)!r} was given")
        edges = {(i, j) for i, row in enumerate(rows) for j, cell in enumerate(row) if cell}
        return self._embedded([_OPERATIONS.index(name) for name in names[1:-1]], edges)

    def of_graph(self, graph: Graph) -> Arch:
        """Return the architecture of a graph with the operations of this space, its input first, its output last.

        Raises:
            ArchError: if the graph is no such cell.
        """
        ops = graph.ops
        inner = ops[1:-1]
        if len(ops) > VERTICES or ops[:1] + ops[-1:] != (_INPUT, _OUTPUT) or not set(inner) <= {0, 1, 2}:
            raise ArchError(f"a graph must be an input, up to {_INNER} operations and an output, but {ops} was given")
        return self._embedded(inner, graph.edges)

    def text(self, arch: Arch) -> str:
        """Return the seven rows of the matrix and the operations, as the genes say.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        rows = "/".join("".join(map(str, row)) for row in self.matrix(arch).tolist())
        ops = ",".join(("input", *(_OPERATIONS[op] for op in arch.genes[len(EDGES) :]), "output"))
        return f"{rows}|{ops}"

    def parse(self, text: str) -> Arch:
        """Return the architecture of a native text, or of one of the other forms in use.

        These are a Python or JSON pair `([[0, 1], [0, 0]], ["input", "output"])`, a dictionary with `matrix` or
        `module_adjacency` and `ops` or `module_operations`, the digits of NASLib (V x V of the matrix, then V
        operations), and `nb101:0.1. ...`.

        Raises:
            ArchError: if `text` is none of these, or the cell is not valid.
        """
        stripped = text.strip()
        native = _NATIVE.fullmatch(stripped)
        if native:
            rows = [list(map(int, row)) for row in native.group(1).split("/")]
            return self.arch(rows, [op.strip() for op in native.group(2).split(",")])
        if stripped.isascii() and stripped.isdigit():
            return self._of_digits(stripped)
        if stripped[:1] in ("(", "[", "{"):
            return self._of_literal(stripped)
        if text.startswith(f"{self.name}:"):
            return super().parse(text)
        raise ArchError(_unreadable(text))

    def _of_digits(self, digits: str) -> Arch:
        size = next((v for v in range(2, VERTICES + 1) if v * v + v == len(digits)), 0)
        labels = digits[size * size :]
        if not size or not set(labels) <= set("01234"):
            raise ArchError(_unreadable(digits))
        matrix = [[int(cell) for cell in digits[i * size : (i + 1) * size]] for i in range(size)]
        return self.arch(matrix, [self.op_names[_NASLIB[int(label)]] for label in labels])

    def _of_literal(self, text: str) -> Arch:
        try:
            given = ast.literal_eval(text)
            if isinstance(given, dict):
                given = (
                    given.get("matrix", given.get("module_adjacency")),
                    given.get("ops", given.get("module_operations")),
                )
            matrix, ops = given
            return self.arch(matrix, [str(op) for op in ops])
        except ArchError:
            raise
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            raise ArchError(_unreadable(text)) from error

    def _embedded(self, inner: Sequence[int], edges: frozenset[tuple[int, int]] | set[tuple[int, int]]) -> Arch:
        """Return the architecture with the output moved to vertex 6."""
        last = len(inner) + 1
        moved = {(i, VERTICES - 1 if j == last else j) for i, j in edges}
        ops = (*inner, *(0 for _ in range(_INNER - len(inner))))
        return self.require(Arch(self.name, (*(int(edge in moved) for edge in EDGES), *ops)))


def module_hash(graph: Graph) -> str:
    """Return the key of NAS-Bench-101 for a pruned cell with the operations of `NasBench101.op_names`.

    A vertex starts with its numbers of outgoing and incoming edges and its label; then, once for each vertex of the
    cell, every vertex takes in the sorted hashes of its predecessors, of its successors, and its own. The key is the
    hash of the sorted hashes. All are MD5 in hexadecimal.

    Source: arXiv:1902.09635, supplement S1, and the keys of the benchmark.
    """
    n = len(graph.ops)
    before = [[i for i, j in graph.edges if j == v] for v in range(n)]
    after = [[j for i, j in graph.edges if i == v] for v in range(n)]
    labels = [{_INPUT: -1, _OUTPUT: -2}.get(op, op) for op in graph.ops]
    hashes = [_md5(f"({len(after[v])}, {len(before[v])}, {labels[v]})") for v in range(n)]
    for _ in range(n):
        hashes = [_md5(_told(hashes, before[v]) + "|" + _told(hashes, after[v]) + "|" + hashes[v]) for v in range(n)]
    return _md5(str(sorted(hashes)))


@lru_cache(maxsize=1)
def _count() -> int:
    return len(unique_cells(VERTICES))


def _told(hashes: Sequence[str], vertices: Sequence[int]) -> str:
    return "".join(sorted([hashes[vertex] for vertex in vertices]))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _rows(genes: Sequence[int]) -> list[int]:
    """Return the successors of each vertex as bits."""
    rows = [0] * VERTICES
    for (i, j), edge in zip(EDGES, genes, strict=False):
        rows[i] |= edge << j
    return rows


def _alive(rows: Sequence[int]) -> int:
    """Return as bits the vertices on a path from the input to the output; 0 if there is no path."""
    fed, read = 1, 1 << (VERTICES - 1)
    for vertex, row in enumerate(rows):
        if fed >> vertex & 1:
            fed |= row
    for vertex in reversed(range(VERTICES)):
        if rows[vertex] & read:
            read |= 1 << vertex
    return fed & read if read & 1 else 0


def _unreadable(text: str) -> str:
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return f"a cell of 'nb101' must read like '011/001/000|input,maxpool3x3,output', but {shown!r} was given"
