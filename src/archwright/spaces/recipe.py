"""Recipes of recurrent cells: what NAS-Bench-NLP calls the JSON objects that describe them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from archwright.core.errors import ArchError
from archwright.core.graph import Graph
from archwright.spaces.literal import read_literal, shown

__all__ = [
    "ARITY",
    "INPUTS",
    "N_HIDDEN",
    "OPERATIONS",
    "Cell",
    "Slot",
    "canonical",
    "drawn",
    "extensions",
    "fault",
    "new_states",
    "read",
    "slot_fault",
    "written",
]

#: In the order of NASLib's codes, 1..7 there and among the genes.
OPERATIONS = (
    "activation_sigm",
    "activation_tanh",
    "activation_leaky_relu",
    "elementwise_sum",
    "elementwise_prod",
    "linear",
    "blend",
)

#: Fewest and most inputs of each operation.
ARITY = ((1, 1), (1, 1), (1, 1), (2, 2), (2, 2), (2, 3), (3, 3))

INPUTS = ("x", "h_prev_0", "h_prev_1", "h_prev_2")

N_HIDDEN = 3

_X, _LINEAR, _BLEND = 1, 1 + OPERATIONS.index("linear"), 1 + OPERATIONS.index("blend")

#: Operations that the benchmark's generator draws, and how often; activations come behind linear layers.
_MAIN = (_LINEAR, _BLEND, 1 + OPERATIONS.index("elementwise_prod"), 1 + OPERATIONS.index("elementwise_sum"))
_MAIN_WEIGHTS = (0.5, 1 / 6, 1 / 6, 1 / 6)

#: Numbers of the nodes in front of the inputs of a `blend`, and of those behind new hidden states.
_PORT = len(OPERATIONS) + len(INPUTS)
_NEW = _PORT + 3

#: The code of the first slot among inputs.
_FIRST = 1 + len(INPUTS)

_FORM = """'{"node_0": {"op": "linear", "input": ["x", "h_prev_0"]}, "h_new_0": {...}}'"""

#: An operation (1..7) and three inputs: 1..4 are `INPUTS`, 5 + s is slot s, 0 is none.
Slot = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """Operations in an order in which each reads earlier ones, and the slots (from 1) of the new hidden states."""

    slots: tuple[Slot, ...]
    hidden: tuple[int, ...]


def slot_fault(slot: Slot) -> str | None:
    """Return why no cell can have the operation `slot`; None if one can. Says nothing of an empty slot."""
    op, *inputs = slot
    if not op:
        return "an empty slot must have no inputs" if any(inputs) else None
    read = [code for code in inputs if code]
    low, high = ARITY[op - 1]
    name = OPERATIONS[op - 1]
    if inputs != [*read, *(0,) * (len(inputs) - len(read))]:
        return "the inputs of an operation must stand before its empty places"
    if not low <= len(read) <= high:
        return f"{name!r} must have {low}..{high} inputs, but has {len(read)}"
    if len(set(read)) < len(read):
        return f"the inputs of {name!r} must differ"
    if _X in read and op != _LINEAR:
        return f"'x' must enter 'linear' only, but enters {name!r}"
    return None


def fault(slots: Sequence[Slot], hidden: Sequence[int], *, max_nodes: int) -> str | None:
    """Return why `slots` and `hidden`, both filled up with zeros, are no cell; None if they are one."""
    filled = [slot for slot in slots if slot[0]]
    new = [slot for slot in hidden if slot]
    if list(slots[: len(filled)]) != filled or list(hidden[: len(new)]) != new:
        return "filled slots and hidden states must stand before empty ones"
    reason = next((reason for slot in slots if (reason := slot_fault(slot)) is not None), None)
    if reason is not None:
        return reason
    if not new or max(new) > len(filled) or len(set(new)) < len(new):
        return "new hidden states must be one or more different operations of the cell"
    if 1 + len(new) + len(filled) > max_nodes:
        return f"a cell must have at most {max_nodes} nodes, but has {1 + len(new) + len(filled)}"
    read = {code for _, *inputs in filled for code in inputs if code}
    wanted = set(range(1, 2 + len(new)))
    if read & set(range(1, _FIRST)) != wanted:
        names = ", ".join(INPUTS[code - 1] for code in sorted(wanted))
        return f"a cell with {len(new)} new hidden states must read just the inputs {names}"
    idle = [n for n in range(1, 1 + len(filled)) if _FIRST + n - 1 not in read and n not in new]
    return f"operation {idle[0] - 1} is neither read nor a new hidden state" if idle else None


@cache
def _settings(n: int) -> tuple[Slot, ...]:
    """Return all that a slot with `n` slots before it can hold, ascending. At most 4,000."""
    codes = range(_FIRST + n)
    slots = ((op, *inputs) for op in range(1, 1 + len(OPERATIONS)) for inputs in itertools.product(codes, repeat=3))
    return tuple(slot for slot in slots if slot_fault(slot) is None)


def extensions(slots: Sequence[Slot], *, max_nodes: int) -> Iterator[Slot]:
    """Yield what may follow `slots`, the beginning of a cell, so that all that is to be read can still be read."""
    # Sets of inputs are bits of integers here: thousands of slots are looked at for each that is found.
    read = 0
    for _, *inputs in slots:
        read |= _bits(inputs)
    for slot in _settings(len(slots)):
        if _can_grow(read | _bits(slot[1:]), 1 + len(slots), max_nodes):
            yield slot


def new_states(slots: Sequence[Slot], *, max_nodes: int) -> Iterator[tuple[int, ...]]:
    """Yield what can be the new hidden states of a cell with just these `slots`, ascending."""
    read = {code for _, *inputs in slots for code in inputs if code}
    n_hidden = len(read & set(range(1 + _X, _FIRST)))
    whole = read & set(range(1, _FIRST)) == set(range(1, 2 + n_hidden))
    idle = {n for n in range(1, 1 + len(slots)) if _FIRST + n - 1 not in read}
    if not n_hidden or not whole or 1 + n_hidden + len(slots) > max_nodes or len(idle) > n_hidden:
        return
    for hidden in itertools.permutations(range(1, 1 + len(slots)), n_hidden):
        if idle <= set(hidden):
            yield hidden


def _bits(inputs: Iterable[int]) -> int:
    bits = 0
    for code in inputs:
        bits |= 1 << code
    return bits


def _can_grow(read: int, n: int, max_nodes: int) -> bool:
    """Return whether `n` slots that read the inputs `read` may be the beginning of a cell; False if surely not."""
    idle = n - (read >> _FIRST).bit_count()
    for n_hidden in range(1, 1 + N_HIDDEN):
        left = max_nodes - 1 - n_hidden - n
        wanted = (2 << (1 + n_hidden)) - 2
        strange = read & ((1 << _FIRST) - 2) & ~wanted
        missing = (wanted & ~read).bit_count()
        # An operation reads three others at most and is one more that wants to be read.
        if left >= 0 and not strange and missing <= 3 * left and idle + missing <= n_hidden + 2 * left:
            return True
    return False


def canonical(cell: Cell) -> Cell:
    """Return the one cell that all cells share which differ in the order of slots or of like inputs."""
    graph = _graph(cell).canonical()
    sources: list[list[int]] = [[] for _ in graph.ops]
    for i, j in sorted(graph.edges):
        sources[j].append(i)
    code_of: dict[int, int] = {}
    slots: list[Slot] = []
    hidden = [0] * len(cell.hidden)
    # The nodes of a canonical graph come in an order in which each reads earlier ones.
    for node, op in enumerate(graph.ops):
        if op < len(OPERATIONS):
            ports = sorted(sources[node], key=lambda n: graph.ops[n]) if op == _BLEND - 1 else []
            read = [code_of[n] for n in ports] or sorted(code_of[n] for n in sources[node])
            code_of[node] = _FIRST + len(slots)
            slots.append((op + 1, *read, *(0,) * (3 - len(read))))
        elif op < _PORT:
            code_of[node] = op - len(OPERATIONS) + 1
        elif op < _NEW:
            code_of[node] = code_of[sources[node][0]]
        else:
            hidden[op - _NEW] = code_of[sources[node][0]] - _FIRST + 1
    return Cell(tuple(slots), tuple(hidden))


def _graph(cell: Cell) -> Graph:
    """Return the cell with a node behind each new hidden state, and one in front of each input of a `blend`."""
    ops = [len(OPERATIONS) + n for n in range(1 + len(cell.hidden))]
    node_of = {code: code - 1 for code in range(1, 1 + len(ops))}
    edges = set()
    for n, (op, *inputs) in enumerate(cell.slots):
        read = [node_of[code] for code in inputs if code]
        if op == _BLEND:
            edges |= {(source, len(ops) + place) for place, source in enumerate(read)}
            read = [len(ops) + place for place in range(len(read))]
            ops += [_PORT + place for place in range(len(read))]
        edges |= {(source, len(ops)) for source in read}
        node_of[_FIRST + n] = len(ops)
        ops.append(op - 1)
    for n, slot in enumerate(cell.hidden):
        edges.add((node_of[_FIRST + slot - 1], len(ops)))
        ops.append(_NEW + n)
    return Graph(tuple(ops), frozenset(edges))


def drawn(n_hidden: int, *, max_nodes: int, rng: np.random.Generator) -> Cell | None:
    """Return a cell drawn as NAS-Bench-NLP draws its cells; None if the draw leads to none.

    Fills all nodes that there are with weighted operations, an activation behind each linear layer, makes some of
    them the new hidden states, and drops what these do not need. Old hidden states must not enter new ones directly.
    """
    slots = _drawn_slots(max_nodes - 1 - n_hidden, n_hidden, rng)
    hidden = tuple(1 + int(slot) for slot in rng.choice(len(slots), n_hidden, replace=False))
    if any(1 < code < _FIRST for slot in hidden for code in slots[slot - 1][1:]):
        return None
    needed, todo = set(hidden), list(hidden)
    while todo:
        sources = {code - _FIRST + 1 for code in slots[todo.pop() - 1][1:] if code >= _FIRST} - needed
        needed |= sources
        todo += sources
    new_of = {_FIRST + slot - 1: _FIRST + n for n, slot in enumerate(sorted(needed))}
    kept = (slots[slot - 1] for slot in sorted(needed))
    return Cell(
        tuple((op, *(new_of.get(code, code) for code in inputs)) for op, *inputs in kept),
        tuple(new_of[_FIRST + slot - 1] - _FIRST + 1 for slot in hidden),
    )


def _drawn_slots(n: int, n_hidden: int, rng: np.random.Generator) -> list[Slot]:
    base = list(range(1, 2 + n_hidden))
    slots: list[Slot] = []
    active: list[int] = []
    while len(slots) < n:
        op = int(rng.choice(_MAIN, p=_MAIN_WEIGHTS))
        if op == _LINEAR:
            count = min(int(rng.choice((2, 3), p=(0.8, 0.2))), len(base) + len(active))
            slots.append(_slot(op, rng.choice(base + active, count, replace=False)))
            if len(slots) < n:
                slots.append(_slot(int(rng.integers(1, 4)), [_FIRST + len(slots) - 1]))
                active.append(_FIRST + len(slots) - 1)
            continue
        candidates = base[1:] + [_FIRST + slot for slot in range(len(slots))]
        count = ARITY[op - 1][0]
        if count <= len(candidates):
            slots.append(_slot(op, rng.choice(candidates, count, replace=False)))
    return slots


def _slot(op: int, inputs: Iterable[int]) -> Slot:
    read = [int(code) for code in inputs]
    return (op, *read, *(0,) * (3 - len(read)))


def written(cell: Cell) -> dict[str, dict[str, object]]:
    """Return the recipe of `cell`: for each operation by name, `op` and `input`."""
    new = {slot - 1: f"h_new_{n}" for n, slot in enumerate(cell.hidden)}
    names = [new.get(slot, f"node_{slot}") for slot in range(len(cell.slots))]
    read = ["", *INPUTS, *names]
    return {
        name: {"op": OPERATIONS[op - 1], "input": [read[code] for code in inputs if code]}
        for name, (op, *inputs) in zip(names, cell.slots, strict=True)
    }


def read(text: str) -> Cell:
    """Return the cell of the recipe in `text`, a JSON object. Its nodes may come in any order, of any names.

    Raises:
        ArchError: if `text` is no recipe, or describes no cell at all: an unknown operation or input, a circle, new
            hidden states with a gap. What `fault` tells is not looked at.
    """
    nodes = _nodes(read_literal(text, _FORM))
    code_of = {name: code for code, name in enumerate(INPUTS, start=1)}
    slots: list[Slot] = []
    todo = dict(nodes)
    while todo:
        ready = next((name for name, (_, inputs) in todo.items() if set(inputs) <= code_of.keys()), None)
        if ready is None:
            raise ArchError(f"inputs of a recipe's nodes must be nodes, without a circle, but {shown(text)} was given")
        op, inputs = todo.pop(ready)
        slots.append(_slot(1 + OPERATIONS.index(op), [code_of[name] for name in inputs]))
        code_of[ready] = _FIRST + len(slots) - 1
    # A digit makes a new hidden state: the benchmark's own LSTM has operations called h_new_1_act, for example.
    new = sorted(name for name in nodes if name.startswith("h_new_") and name.removeprefix("h_new_").isdigit())
    if new != [f"h_new_{n}" for n in range(len(new))] or not 1 <= len(new) <= N_HIDDEN:
        raise ArchError(f"new hidden states of a recipe must be h_new_0..h_new_{N_HIDDEN - 1}, but are {new}")
    return Cell(tuple(slots), tuple(code_of[name] - _FIRST + 1 for name in new))


def _nodes(value: object) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return the operation and the inputs of each node of the recipe `value`."""
    if not isinstance(value, Mapping) or not value:
        raise ArchError(f"a recipe must read {_FORM}, but {shown(value)} was given")
    nodes = {}
    for name, node in value.items():
        op, inputs = (node.get("op"), node.get("input")) if isinstance(node, Mapping) else (None, None)
        if not isinstance(name, str) or name in INPUTS or not isinstance(inputs, list | tuple):
            raise ArchError(f"a node of a recipe must have `op` and `input`, but {shown({name: node})} was given")
        if op not in OPERATIONS:
            raise ArchError(f"operations of a recipe are {', '.join(OPERATIONS)}, but {shown(op)} was given")
        if len(inputs) > 3 or not all(isinstance(source, str) for source in inputs):
            raise ArchError(f"a node must read up to three nodes by name, but {shown(inputs)} was given")
        nodes[name] = (str(op), tuple(inputs))
    return nodes
