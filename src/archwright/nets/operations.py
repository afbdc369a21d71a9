"""Where the operations of an architecture are in its network, in the order in which encoders read them."""

# C cells of an architecture, M operations of a cell (nodes or edges), copies of a cell in a network

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from archwright.core.arch import Arch
from archwright.core.errors import SpaceError
from archwright.nets.edge_cells import SumCell
from archwright.nets.enas_dvae import LinkedLayers
from archwright.nets.nb101 import VertexCell
from archwright.nets.two_cells import CellStack
from archwright.spaces.base import Space
from archwright.spaces.enas_dvae import EnasDvae
from archwright.spaces.four_nodes import FourNodeSpace
from archwright.spaces.nb1shot1 import NasBench1Shot1
from archwright.spaces.nb101 import NasBench101
from archwright.spaces.nb_macro import NasBenchMacro
from archwright.spaces.two_cells import Nodes, TwoCells

__all__ = ["paths_of", "require_paths"]

#: Paths of the modules of one operation, one in each copy of its cell; empty if it has no module.
Paths = tuple[str, ...]
Cell = tuple[Paths, ...]

_Finder = Callable[[nn.Module, Arch, Any], tuple[Cell, ...]]


def paths_of(model: nn.Module, arch: Arch, space: Space) -> tuple[Cell, ...]:
    """Return where the M operations of each of the C cells of `arch` are in `model`, which `build` made of it.

    They are in the order of the edges of `space.cells(arch)` if the space has operations on edges, else of the nodes of
    `space.graphs(arch)`: the order of what encoders read. Paths are those of `named_modules`. Inputs, outputs and
    operations that give zero have no module, nor have the edges by which two-cell spaces concatenate. Projections of
    the input in NAS-Bench-101 belong to an edge, and the convolutions by which layers of `enas_dvae` join what they
    read to several; they are no operation's.

    Raises:
        SpaceError: if operations cannot be told apart in networks of this space, or `model` has no copy of a cell.
        ArchError: if `arch` is not in `space`.
    """
    return _finder(space)(model, space.require(arch), space)


def require_paths(space: Space) -> None:
    """Check that `paths_of` knows the networks of a space.

    Raises:
        SpaceError: if not.
    """
    _finder(space)


def _finder(space: Space) -> _Finder:
    for kind, find in _FINDERS:
        if isinstance(space, kind):
            return find
    raise SpaceError(
        f"operations can be found in networks of nb101, nb1shot1_1 to 3, nb201, transnas_micro, darts, nds_enas, "
        f"enas_dvae and nb_macro, but not of {space.name!r}; use symmetry breaking without saliencies there"
    )


def _on_four_nodes(model: nn.Module, arch: Arch, space: FourNodeSpace) -> tuple[Cell, ...]:
    copies = _copies(model, SumCell)
    # A cell makes no module of an edge that gives zero, and one of each other edge, in their order.
    numbers = itertools.count()
    modules = [None if op == space.none else next(numbers) for op in arch.genes]
    return (tuple(() if k is None else tuple(f"{copy}.edges.{k}" for copy in copies) for k in modules),)


def _on_vertices(model: nn.Module, arch: Arch, space: NasBench101 | NasBench1Shot1) -> tuple[Cell, ...]:
    (cell,) = space.graphs(arch)
    copies = _copies(model, VertexCell)
    inner = [tuple(f"{copy}.ops.{vertex}" for copy in copies) for vertex in range(1, len(cell.ops) - 1)]
    return (((), *inner, ()),)


def _in_two_cells(model: nn.Module, arch: Arch, space: TwoCells) -> tuple[Cell, ...]:
    ((stack_path, stack),) = ((path, part) for path, part in model.named_modules() if isinstance(part, CellStack))
    n_cells = len(stack.cells)
    reducing = {n_cells // 3, 2 * n_cells // 3}
    copies = [f"{stack_path}.cells.{place}" for place in range(n_cells)]
    normal = [copy for place, copy in enumerate(copies) if place not in reducing]
    if not normal:
        raise SpaceError(
            f"a network of {space.name!r} must have 3 cells or more to have a normal one, but has {n_cells}"
        )
    both = normal, [copies[place] for place in sorted(reducing)]
    return tuple(
        _edges_of(nodes, len(space.concat(nodes)), copies)
        for nodes, copies in zip(space.nodes(arch), both, strict=True)
    )


def _edges_of(nodes: Nodes, n_concatenated: int, copies: Sequence[str]) -> Cell:
    """Return the places of one cell; its modules are in the order of the genes, the edges by target, source and op."""
    operations = [(node, quad[k], quad[k + 1]) for node, quad in enumerate(nodes) for k in (0, 2)]
    order = sorted(range(len(operations)), key=lambda number: operations[number])
    return (*(tuple(f"{copy}.ops.{number}" for copy in copies) for number in order), *[()] * n_concatenated)


def _in_linked_layers(model: nn.Module, arch: Arch, space: EnasDvae) -> tuple[Cell, ...]:
    (layers,) = _copies(model, LinkedLayers)
    return (((), *((f"{layers}.ops.{number}",) for number in range(space.n_layers)), ()),)


def _in_macro_layers(model: nn.Module, arch: Arch, space: NasBenchMacro) -> tuple[Cell, ...]:
    return (((), *((f"body.layers.{number}",) for number in range(len(arch.genes))), ()),)


def _copies(model: nn.Module, kind: type[nn.Module]) -> list[str]:
    found = [path for path, part in model.named_modules() if isinstance(part, kind)]
    if not found:
        raise SpaceError(f"the network must be the one that `build` makes, with a {kind.__name__}, but it has none")
    return found


_FINDERS: tuple[tuple[type, _Finder], ...] = (
    (FourNodeSpace, _on_four_nodes),
    (NasBench101, _on_vertices),
    (NasBench1Shot1, _on_vertices),
    (TwoCells, _in_two_cells),
    (EnasDvae, _in_linked_layers),
    (NasBenchMacro, _in_macro_layers),
)
