"""Architectures whose operations have the same saliencies, up to their order, because they are the same network."""

from __future__ import annotations

from dataclasses import dataclass

from archwright.core.arch import Arch
from archwright.spaces.base import Space
from archwright.spaces.four_nodes import EDGES, FourNodeSpace
from archwright.spaces.nb1shot1 import NasBench1Shot1
from archwright.spaces.nb101 import NasBench101
from archwright.spaces.two_cells import TwoCells

__all__ = ["Alike", "representative"]

#: The places of the edges of a four-node cell when nodes 1 and 2 change their names: 02, 01, 12, 03, 23, 13.
_EXCHANGED = (1, 0, 2, 3, 5, 4)


@dataclass(frozen=True)
class Alike:
    """An architecture to measure for another one.

    Args:
        arch: The one to measure.
        space: Its space.
        numbers: For each operation of the other's one cell its number in the cell of `arch`, None if nothing flows
            through it to the output; or None if the operations of all cells are in the same order.
    """

    arch: Arch
    space: Space
    numbers: tuple[int | None, ...] | None = None


def representative(arch: Arch, space: Space) -> Alike:
    """Return the one architecture of all that are alike.

    These are: on four nodes, cells that differ in edges that are not on a way of operations other than `none` from the
    input to the output, or in the names of nodes 1 and 2 where nothing is between them; in NAS-Bench-101 and its
    subsets, cells that are isomorphic; of two cells, those with the two operations of a node exchanged. Isomorphic ones
    of two cells have the channels of their outputs in another order, and are not alike.

    Raises:
        ArchError: if `arch` is not in `space`.
    """
    arch = space.require(arch)
    if isinstance(space, FourNodeSpace):
        return _on_four_nodes(arch, space)
    if isinstance(space, NasBench101 | NasBench1Shot1):
        (cell,) = space.graphs(arch)
        whole = space if isinstance(space, NasBench101) else NasBench101()
        return Alike(whole.of_graph(cell.canonical()), whole, cell.places())
    return Alike(space.canonical(arch) if isinstance(space, TwoCells) else arch, space)


def _on_four_nodes(arch: Arch, space: FourNodeSpace) -> Alike:
    passable = [edge for edge, op in zip(EDGES, arch.genes, strict=True) if op != space.none]
    reached, needed = {0}, {3}
    for source, target in passable:
        reached |= {target} if source in reached else set()
    # Backwards an edge must come after all that leave its target, and so by source.
    for source, target in sorted(passable, reverse=True):
        needed |= {source} if target in needed else set()
    alive = [s in reached and t in needed for s, t in EDGES]
    genes = tuple(op if lives else space.none for op, lives in zip(arch.genes, alive, strict=True))
    exchanged = tuple(genes[place] for place in _EXCHANGED)
    turns = genes[EDGES.index((1, 2))] == space.none and exchanged < genes
    places = _EXCHANGED if turns else range(len(genes))
    numbers = tuple(place if lives else None for place, lives in zip(places, alive, strict=True))
    return Alike(Arch(space.name, exchanged if turns else genes), space, numbers)
