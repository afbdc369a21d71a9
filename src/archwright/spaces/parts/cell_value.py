"""Cells as lists of operations and edges, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from archwright.core.errors import ArchError
from archwright.spaces.parts.base import Genes, Read, Reading, first_fit
from archwright.spaces.parts.plain import Plain, require_keys, whole

if TYPE_CHECKING:
    from archwright.spaces.parts.cell import Cell

__all__ = ["read", "value"]

_Edge = tuple[int, int]


def value(cell: Cell, own: Sequence[int], inner: Sequence[Plain]) -> Plain:
    """Return `{"ops": [...], "edges": [[source, target], ...]}`, or `{"edges": [[source, target, op], ...]}`."""
    links = cell.links(own)
    if cell.on_edge:
        return {"edges": [[link.source, link.target, inner[link.place or 0]] for link in links]}
    return {"ops": list(inner), "edges": [[link.source, link.target] for link in links]}


def read(cell: Cell, given: Plain, at: str, inner: Read) -> Reading:
    """Return the decisions of a cell that is written so.

    Raises:
        ArchError: if it is not written so, or the cell has no such edges.
    """
    keys = ("edges",) if cell.on_edge else ("ops", "edges")
    lists = require_keys(given, keys, at)
    for key in keys:
        if not isinstance(lists[key], list | tuple):
            raise ArchError(f"{at}.{key} must be a list, but {lists[key]!r} was given")
    edges = _edges(cell, lists["edges"], f"{at}.edges")
    places = _places(cell, edges, f"{at}.edges")
    if not cell.on_edge and len(lists["ops"]) != cell.nodes:
        raise ArchError(f"{at}.ops must have one operation for each of {cell.nodes} nodes, but has {len(lists['ops'])}")
    said = {places[edge]: op for edge, op in edges.items()} if cell.on_edge else dict(enumerate(lists["ops"]))
    ops, genes = [], []
    for place in range(cell.n_places):
        op, inside = _op(cell, place, said, f"{at}.{keys[0]}", inner)
        ops.append(op)
        genes.append(inside)
    return Reading((*ops, *_wiring(cell, edges)), tuple(genes))


def _op(cell: Cell, place: int, said: dict[int, Plain], at: str, inner: Read) -> tuple[int, Genes]:
    if place not in said:
        return cell.absent or 0, {}
    begin = place * len(cell.ops)
    return first_fit(cell.slots[begin : begin + len(cell.ops)], begin, said[place], f"{at}[{place}]", inner)


def _edges(cell: Cell, given: Iterable[Plain], at: str) -> dict[_Edge, Plain]:
    """Return the operation of each edge, None where operations are on nodes."""
    size = 3 if cell.on_edge else 2
    edges: dict[_Edge, Plain] = {}
    for k, each in enumerate(given):
        if not isinstance(each, list | tuple) or len(each) != size or not whole(each[0]) or not whole(each[1]):
            shape = "[source, target, operation]" if cell.on_edge else "[source, target]"
            raise ArchError(f"{at}[{k}] must be {shape}, but {each!r} was given")
        if (each[0], each[1]) in edges:
            raise ArchError(f"{at}[{k}] must be another edge than those before it, but {each!r} was given")
        edges[each[0], each[1]] = each[2] if cell.on_edge else None
    return edges


def _places(cell: Cell, edges: dict[_Edge, Plain], at: str) -> dict[_Edge, int]:
    """Return the number of each edge among the possible ones, or, with predecessors, among those chosen."""
    if cell.is_full:
        places = {pair: place for place, pair in enumerate(cell.pairs)}
        for edge in edges:
            if edge not in places:
                raise ArchError(f"{at} must lead from a node to a later one of the cell, but {list(edge)} was given")
        if cell.on_edge and cell.absent is None and len(edges) < len(places):
            raise ArchError(f"{at} must be all {len(places)} pairs of nodes, but has {len(edges)}")
        return places
    for k, picks in enumerate(cell.picks):
        sources = tuple(sorted(source for source, target in edges if target == cell.inputs + k))
        if sources not in picks:
            raise ArchError(
                f"{at} must give node {cell.inputs + k} {len(picks[0])} different earlier nodes, but gives it "
                f"{list(sources)}"
            )
    if any(not cell.inputs <= target < cell.inputs + cell.nodes for _, target in edges):
        raise ArchError(f"{at} must lead to nodes {cell.inputs}..{cell.inputs + cell.nodes - 1}, but one does not")
    return {edge: place for place, edge in enumerate(sorted(edges, key=lambda edge: (edge[1], edge[0])))}


def _wiring(cell: Cell, edges: dict[_Edge, Plain]) -> tuple[int, ...]:
    if not cell.is_full:
        sources = [
            tuple(sorted(source for source, target in edges if target == cell.inputs + k)) for k in range(cell.nodes)
        ]
        return tuple(picks.index(chosen) for picks, chosen in zip(cell.picks, sources, strict=True))
    return () if cell.on_edge else tuple(int(pair in edges) for pair in cell.pairs)
