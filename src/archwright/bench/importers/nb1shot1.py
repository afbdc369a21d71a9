"""NAS-Bench-1Shot1: its cells, with what NAS-Bench-101 recorded for them."""

# P points of a subset, N cells that differ

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from archwright.bench.importers import nb101
from archwright.bench.importers.official import refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import Outcome
from archwright.bench.table import Bench
from archwright.core.arch import Arch
from archwright.core.errors import BenchError
from archwright.spaces.nb1shot1 import NasBench1Shot1
from archwright.spaces.nb101 import NasBench101

__all__ = ["read"]

_WHAT = "NAS-Bench-101: its TFRecord file, or the folder of an imported benchmark 'nb101'"
_SUBSETS = (1, 2, 3)
_CITATION = "Zela, Siems, Hutter: NAS-Bench-1Shot1, ICLR 2020, arXiv:2001.10422"


def read(path: Path, *, subset: int = 1) -> Imported:
    """Return one subset of NAS-Bench-1Shot1: 2,685, 7,773 or 55,854 cells that differ.

    The benchmark has no results of its own: its cells are cells of NAS-Bench-101. Rows are canonical forms, so every
    way to write a cell finds its row. Cells that `path` does not have are left out, and the note says so.

    Args:
        path: Folder of an imported `nb101`, or what `nb101` is imported from. The former takes
            seconds, a minute for the third subset.
        subset: 1, 2 or 3.

    Raises:
        BenchError: if there is no such subset, or the path is no NAS-Bench-101 or has none of the cells.
    Source: arXiv:2001.10422, section 3.
    """
    if int(subset) not in _SUBSETS:
        raise BenchError(f"a subset of NAS-Bench-1Shot1 must be 1, 2 or 3, but {subset} was given")
    source = _source(path)
    space = NasBench1Shot1(int(subset))
    cells = _cells(space)
    row_of = _rows(space, cells, source)
    if not row_of:
        raise refusal(path, _WHAT, f"it has none of the cells of subset {subset}")
    missing = len(cells) - len(row_of)
    note = f" {missing:,} of {len(cells):,} cells are not in it." if missing else ""
    provenance = replace(
        source.provenance,
        citation=f"{_CITATION}; results: {source.provenance.citation}",
        note=f"Cells of subset {subset} of NAS-Bench-1Shot1. {source.provenance.note}{note}",
    )
    rows = np.array(list(row_of.values()))
    outcomes = [_part(outcome, rows) for outcome in source.outcomes]
    measures = {name: np.asarray(column)[rows] for name, column in source.measures.items()}
    units = dict(source.units)
    return Imported(space.name, space, list(row_of), outcomes, provenance, measures, units, unique=True)


def _rows(space: NasBench1Shot1, cells: Sequence[Arch], source: Imported) -> dict[Arch, int]:
    """Return the row in `source` of each cell that is there."""
    whole = NasBench101()
    row_of = {tuple(genes): row for row, genes in enumerate(np.asarray(source.archs).tolist())}
    found = {cell: row_of.get(whole.canonical(space.as_nb101(cell)).genes) for cell in cells}
    return {cell: row for cell, row in found.items() if row is not None}


def _source(path: Path) -> Imported:
    """Return NAS-Bench-101 with its genes [N, 26] as `archs`."""
    if not (path / "bench.json").is_file():
        found = nb101.read(path)
        return replace(found, archs=np.array([arch.genes for arch in _archs(found)], dtype=np.int8))
    bench = Bench.open(path)
    if bench.space.name != "nb101" or not bench.is_unique:
        raise refusal(path, _WHAT, f"it is the benchmark {bench.name!r}")
    outcomes = list(bench.outcomes.values())
    return Imported(
        "nb101", bench.space, bench.genes, outcomes, bench.provenance, bench.measures, bench.units, unique=True
    )


def _archs(found: Imported) -> Sequence[Arch]:
    assert not isinstance(found.archs, np.ndarray)
    return found.archs


def _cells(space: NasBench1Shot1) -> list[Arch]:
    """Return the canonical form of every cell, sorted."""
    return sorted({space.canonical(arch) for arch in _pruned(space)})


def _pruned(space: NasBench1Shot1) -> Iterator[Arch]:
    """Yield points that together are all cells: blocks that nothing reads have their first operation and parents.

    Of the 1,312,200 points of the third subset these are 135,900.
    """
    n_ops = space.arities[0]
    wirings = {_reduced(space, choices) for choices in itertools.product(*map(range, space.arities[space.n_blocks :]))}
    for choices, read in sorted(wirings):
        options = (range(n_ops) if block in read else range(1) for block in range(1, space.n_blocks + 1))
        for ops in itertools.product(*options):
            yield Arch(space.name, (*ops, *choices))


def _reduced(space: NasBench1Shot1, choices: tuple[int, ...]) -> tuple[tuple[int, ...], frozenset[int]]:
    """Return the choices of parents, those of unread blocks set to the first one, and the blocks that are read."""
    parents = space.parents_of(Arch(space.name, (*(0,) * space.n_blocks, *choices)))
    read = {len(parents)}
    for vertex in range(len(parents), 0, -1):
        read |= set(parents[vertex - 1]) if vertex in read else set()
    # A vertex has a choice where it has more earlier vertices than parents; choices are in the order of vertices.
    choosers = [vertex for vertex, n in enumerate(space.n_parents, start=1) if n < vertex]
    kept = tuple(choice if vertex in read else 0 for vertex, choice in zip(choosers, choices, strict=True))
    return kept, frozenset(read)


def _part(outcome: Outcome, rows: npt.NDArray[np.int64]) -> Outcome:
    given = {split: array[rows] for split, array in outcome.arrays().items()}
    return replace(
        outcome,
        valid=given.get("valid"),
        test=given.get("test"),
        train=given.get("train"),
        seconds=given.get("seconds"),
    )
