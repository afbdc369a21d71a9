"""The recurrent cells of NAS-Bench-NLP, of up to twelve nodes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence

import numpy as np

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.graph import Graph
from archwright.spaces import recipe
from archwright.spaces.base import Space
from archwright.spaces.recipe import INPUTS, N_HIDDEN, OPERATIONS, Cell, Slot

__all__ = ["NasBenchNlp"]

_MAX_NODES = 12

#: One input `x` and one hidden state leave room for ten operations.
_SLOTS = _MAX_NODES - 2

#: Draws of the benchmark's generator until it is given up; with three hidden states one in sixty is a valid cell.
_TRIES = 10_000


class NasBenchNlp(Space):
    """Recurrent cells: operations on the input `x` and on one to three hidden states, which they also renew.

    A cell has at most 12 nodes, its inputs included: `x`, as many old hidden states as it makes new ones, and its
    operations. Rules: `x`, which has another width than the rest, enters linear layers only; every input is read;
    every operation is read by another or is a new hidden state.

    Genes: for each of ten slots its operation (0: none) and three inputs (0: none, 1: `x`, 2..4: old hidden states,
    5 + s: slot s); then the slot (1..10) of each of three new hidden states (0: none). Filled slots come first, in
    an order in which operations read earlier ones. A change of one gene keeps the number of operations. `canonical`
    numbers the slots and sorts the inputs of all operations but `blend`, z * a + (1 - z) * b, whose inputs differ.

    Source: arXiv:2006.07116 (NAS-Bench-NLP), sec. 3, its public generator and its logs; the limit of 12 nodes:
    arXiv:2111.03602 (NAS-Bench-x11), sec. 4, for NAS-Bench-NLP11.
    Differs: NLP11 counts four inputs in every cell, so its cells have at most 8 operations, and gives 10^22 for the
    number of cells; how that was found is not public and it is not reproduced here. `random` draws as the
    benchmark's generator does, with one to three hidden states where that has two, so not all cells are equally
    likely. Grid points are mostly invalid, and `size` counts them.

    Example:
        >>> space = NasBenchNlp()
        >>> arch = space.parse('{"h_new_0": {"op": "linear", "input": ["x", "h_prev_0"]}}')
        >>> space.cell(arch)
        Cell(slots=((6, 1, 2, 0),), hidden=(1,))
    """

    name: str = "nlp"
    max_nodes: int = _MAX_NODES
    op_names: tuple[str, ...] = (*OPERATIONS, *INPUTS, *(f"h_new_{n}" for n in range(N_HIDDEN)))
    arities: tuple[int, ...] = (
        *itertools.chain(*((1 + len(OPERATIONS), *(1 + len(INPUTS) + slot,) * 3) for slot in range(_SLOTS))),
        *(1 + _SLOTS,) * N_HIDDEN,
    )

    def check(self, arch: Arch) -> str | None:
        """Return why `arch` is not in this space; None if it is."""
        return super().check(arch) or recipe.fault(*_split(arch.genes), max_nodes=_MAX_NODES)

    def cell(self, arch: Arch) -> Cell:
        """Return the operations and new hidden states of `arch`.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        slots, hidden = _split(self.require(arch).genes)
        return Cell(tuple(slot for slot in slots if slot[0]), tuple(gene for gene in hidden if gene))

    def canonical(self, arch: Arch) -> Arch:
        """Return the representative of the cells that differ in the order of operations or of like inputs."""
        return self._arch(recipe.canonical(self.cell(arch)))

    def random(self, *, rng: np.random.Generator) -> Arch:
        """Return a cell of the benchmark's generator, with one to three hidden states. See `Differs`.

        Raises:
            ArchError: if ten thousand draws found no valid cell.
        """
        n_hidden = 1 + int(rng.integers(N_HIDDEN))
        for _ in range(_TRIES):
            drawn = recipe.drawn(n_hidden, max_nodes=_MAX_NODES, rng=rng)
            arch = None if drawn is None else self._arch(drawn)
            if arch is not None and self.check(arch) is None:
                return arch
        raise ArchError(f"space {self.name!r} has no valid architecture among {_TRIES} drawn")

    def enumerate(self) -> Iterator[Arch]:
        """Yield every valid architecture, in the order of `index`; there are far too many to see them all."""
        for slots in self._extended(()):
            for hidden in recipe.new_states(slots, max_nodes=_MAX_NODES):
                yield self._arch(Cell(slots, hidden))

    def _extended(self, slots: tuple[Slot, ...]) -> Iterator[tuple[Slot, ...]]:
        """Yield `slots`, and `slots` with more of them, as far as they can become a cell; in the order of genes."""
        if slots:
            yield slots
        if len(slots) == _SLOTS:
            return
        for slot in recipe.extensions(slots, max_nodes=_MAX_NODES):
            yield from self._extended((*slots, slot))

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the cell: inputs, operations, and a node behind each operation that is a new hidden state.

        The graph does not say which input of a `blend` is which.
        """
        cell = self.cell(arch)
        n_inputs, n_ops = 1 + len(cell.hidden), len(OPERATIONS)
        place = {code: code - 1 for code in range(1, 1 + n_inputs)}
        place |= {1 + len(INPUTS) + slot: n_inputs + slot for slot in range(len(cell.slots))}
        ops = [*range(n_ops, n_ops + n_inputs), *(slot[0] - 1 for slot in cell.slots)]
        edges = {(place[i], n_inputs + n) for n, (_, *inputs) in enumerate(cell.slots) for i in inputs if i}
        edges |= {(n_inputs + slot - 1, len(ops) + n) for n, slot in enumerate(cell.hidden)}
        ops += [n_ops + len(INPUTS) + n for n in range(len(cell.hidden))]
        return (Graph(tuple(ops), frozenset(edges)),)

    def text(self, arch: Arch) -> str:
        """Return the recipe of `arch` as JSON, with operations named `node_0`, `node_1`, ... and `h_new_0`, ..."""
        return json.dumps(recipe.written(self.cell(arch)))

    def parse(self, text: str) -> Arch:
        """Return the architecture in `text`, a recipe as JSON. Names and the order of its nodes are free.

        Raises:
            ArchError: if `text` is no recipe, or not in this space, for example because it has too many nodes.
        """
        stripped = text.strip()
        if stripped.startswith(f"{self.name}:"):
            return super().parse(stripped)
        cell = recipe.read(stripped)
        if len(cell.slots) > _SLOTS:
            n_nodes = 1 + len(cell.hidden) + len(cell.slots)
            raise ArchError(f"a cell of {self.name!r} must have at most {_MAX_NODES} nodes, but has {n_nodes}")
        return self.require(self._arch(cell))

    def _arch(self, cell: Cell) -> Arch:
        empty = (0,) * (4 * (_SLOTS - len(cell.slots)))
        none = (0,) * (N_HIDDEN - len(cell.hidden))
        return Arch(self.name, (*itertools.chain(*cell.slots), *empty, *cell.hidden, *none))


def _split(genes: Sequence[int]) -> tuple[tuple[Slot, ...], tuple[int, ...]]:
    """Return the ten slots and the three hidden states in `genes`."""
    slots = tuple(tuple(genes[start : start + 4]) for start in range(0, 4 * _SLOTS, 4))
    return slots, tuple(genes[4 * _SLOTS :])
