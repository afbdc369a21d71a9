"""A cell: a small graph of nodes and operations, of which both are decided."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from archwright.core.errors import SpaceError
from archwright.spaces.parts import cell_value
from archwright.spaces.parts.base import Grow, Leaf, Part, Read, Reading, as_part
from archwright.spaces.parts.net import Bundle, Net, united
from archwright.spaces.parts.options import Choice
from archwright.spaces.parts.plain import Plain, nearest, require_options, whole
from archwright.spaces.parts.tally import NOTHING, Tally
from archwright.spaces.parts.wirings import Wirings, weighted

__all__ = ["ABSENT", "Cell", "Link"]

#: The operation that means "no edge", where operations are on edges.
ABSENT = "none"

_MOST_NODES, _MOST_INPUTS = 16, 8


@dataclass(frozen=True, slots=True)
class Link:
    """One edge that is there, with the place of its operation where operations are on edges."""

    source: int
    target: int
    place: int | None = None


@dataclass(frozen=True)
class Cell(Part):
    """Nodes that read earlier ones, with operations on the nodes or on the edges.

    Node numbers: the inputs first, then the nodes, and last, where operations are on nodes and there is no limit
    of predecessors, the output. Inputs are the outputs of the parts before the cell.

    - Without `predecessors`, each pair of nodes may have an edge. Operations on nodes: there is an edge or not, and
      the output reads what edges into it say (as NAS-Bench-101). Operations on edges: each pair has an operation,
      of which `"none"` means no edge, and the last node is the output (as NAS-Bench-201).
    - With `predecessors` k, each node reads k different earlier ones, or all where there are fewer (as DARTS and ENAS).

    The plain value is `{"ops": [one per node], "edges": [[source, target], ...]}`, or with operations on edges
    `{"edges": [[source, target, op], ...]}`.

    Args:
        ops: Operations to choose from; each may be a part.
        nodes: Number of nodes, 1..16, without inputs and output.
        inputs: Number of inputs, 1..8.
        ops_on: `"node"` or `"edge"`.
        edges: The most edges there may be, those to the output included. Only without `predecessors`.
        predecessors: How many earlier ones each node reads.
        output: With `predecessors`, what the cell's output collects: `"loose"` nodes that no other reads (the
            default), `"all"` nodes, or the `"last"` one.

    Raises:
        SpaceError: if these do not go together.

    Example:
        >>> Cell(["conv3x3", "pool"], nodes=2, edges=4).arities
        (2, 2, 2, 2, 2, 2, 2, 2)
        >>> Cell(["conv", "skip", "none"], nodes=3, ops_on="edge").arities
        (3, 3, 3, 3, 3, 3)
        >>> Cell(["conv", "skip"], nodes=2, inputs=2, ops_on="edge", predecessors=2, output="all").arities
        (2, 2, 2, 2, 1, 3)
    """

    ops: Sequence[Any]
    nodes: int
    inputs: int = 1
    ops_on: str = "node"
    edges: int | None = None
    predecessors: int | None = None
    output: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.ops, Mapping):
            raise SpaceError("the operations of a cell must be a list, but a mapping was given")
        object.__setattr__(self, "ops", Choice(self.ops).options)
        _require_between(self.nodes, 1, _MOST_NODES, "nodes")
        _require_between(self.inputs, 1, _MOST_INPUTS, "inputs")
        _require_known(self.ops_on, ("node", "edge"), "ops_on")
        if self.predecessors is not None:
            _require_between(self.predecessors, 1, self.inputs + self.nodes - 1, "predecessors")
            for picks in self.picks:
                require_options(len(picks))
        if self.output is not None:
            _require_known(self.output, ("loose", "all", "last"), "output")
        self._require_together()

    def _require_together(self) -> None:
        if None in self.ops:
            raise SpaceError("an operation of a cell must have a name, such as 'skip', but None was given")
        if self.on_edge and self.ops == (ABSENT,):
            raise SpaceError(f"a cell must have an operation other than {ABSENT!r}")
        if self.on_edge and not self.is_full and ABSENT in self.ops:
            raise SpaceError(f"with predecessors every edge is chosen, so {ABSENT!r} must not be among the operations")
        if self.is_full and self.output is not None:
            raise SpaceError("output goes with predecessors only: without them, edges lead to the output")
        if self.edges is None:
            return
        if not self.is_full:
            raise SpaceError("give either edges or predecessors: predecessors fix the number of edges")
        _require_between(self.edges, 1, len(self.pairs), "edges")
        if self.on_edge and self.absent is None and self.edges < len(self.pairs):
            raise SpaceError(f"a limit of edges needs an operation {ABSENT!r}, which means that there is no edge")

    @property
    def on_edge(self) -> bool:
        """Whether operations are on edges."""
        return self.ops_on == "edge"

    @property
    def is_full(self) -> bool:
        """Whether each pair of nodes may have an edge."""
        return self.predecessors is None

    @cached_property
    def absent(self) -> int | None:
        """The place of `"none"` among the operations, where it means that there is no edge."""
        return list(self.ops).index(ABSENT) if self.on_edge and self.is_full and ABSENT in self.ops else None

    @cached_property
    def wirings(self) -> Wirings:
        """The possible sets of edges of a cell without `predecessors`."""
        return Wirings(self.inputs, self.nodes if self.on_edge else self.nodes + 1)

    @cached_property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The possible edges of a cell without `predecessors`."""
        return self.wirings.pairs

    @cached_property
    def picks(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """For each node the sets of earlier ones that it may read."""
        most = self.predecessors or 0
        before = range(self.inputs, self.inputs + self.nodes)
        for node in before:
            require_options(math.comb(node, min(most, node)))
        return tuple(tuple(itertools.combinations(range(node), min(most, node))) for node in before)

    @cached_property
    def n_places(self) -> int:
        """How many operations are decided."""
        if not self.on_edge:
            return self.nodes
        return len(self.pairs) if self.is_full else sum(len(picks[0]) for picks in self.picks)

    @cached_property
    def own(self) -> tuple[int, ...]:
        """Operations first; then yes or no for each pair, or the set of predecessors of each node."""
        ops = (len(self.ops),) * self.n_places
        if not self.is_full:
            return (*ops, *map(len, self.picks))
        return ops if self.on_edge else (*ops, *(2,) * len(self.pairs))

    @cached_property
    def slots(self) -> tuple[Part, ...]:
        """Every operation at every place: place 0 first."""
        return tuple(map(as_part, self.ops)) * self.n_places

    def slot(self, own: Sequence[int], place: int) -> int:
        """Return the slot of the operation chosen for a place."""
        return place * len(self.ops) + own[place]

    def used(self, own: Sequence[int]) -> Sequence[int]:
        """Return the operation chosen for each place."""
        return [self.slot(own, place) for place in range(self.n_places)]

    def links(self, own: Sequence[int]) -> list[Link]:
        """Return the edges that there are, by target."""
        if self.is_full and self.on_edge:
            return [Link(*pair, k) for k, pair in enumerate(self.pairs) if own[k] != self.absent]
        rest = own[self.n_places :]
        if self.is_full:
            return [Link(*pair) for pair, there in zip(self.pairs, rest, strict=True) if there]
        chosen = (
            (source, self.inputs + k)
            for k, (picks, pick) in enumerate(zip(self.picks, rest, strict=True))
            for source in picks[pick]
        )
        return [Link(*pair, place if self.on_edge else None) for place, pair in enumerate(chosen)]

    def ends(self, links: Sequence[Link]) -> tuple[int, ...]:
        """Return the nodes whose values leave the cell."""
        nodes = range(self.inputs, self.inputs + self.nodes)
        if self.is_full:
            return (self.pairs[-1][1],)
        if self.output == "last":
            return (nodes[-1],)
        read = {link.source for link in links} if self.output != "all" else set()
        return tuple(node for node in nodes if node not in read)

    def alive(self, links: Sequence[Link]) -> set[int]:
        """Return the nodes on a way from an input to the output, and the inputs."""
        reached = set(range(self.inputs))
        for link in links:
            reached |= {link.target} if link.source in reached else set()
        needed = set(self.ends(links))
        for link in reversed(links):
            needed |= {link.source} if link.target in needed else set()
        return (reached & needed) | set(range(self.inputs))

    def fault(self, own: Sequence[int]) -> str | None:
        """Return why the edges do not go together."""
        links = self.links(own)
        if self.edges is not None and len(links) > self.edges:
            return f"a cell has {len(links)} edges, more than {self.edges}"
        if not self.alive(links).issuperset(self.ends(links)):
            return "no edges lead from an input of a cell to its output"
        return None

    def tidy(self, own: Sequence[int]) -> tuple[tuple[int, ...], frozenset[int]]:
        """Return the cell without nodes and edges that nothing depends on."""
        links = self.links(own)
        alive = self.alive(links)
        dead = {link.place for link in links if not {link.source, link.target} <= alive and link.place is not None}
        if not self.on_edge:
            dead = {node - self.inputs for node in range(self.inputs, self.inputs + self.nodes) if node not in alive}
        tidied = [(self.absent or 0) if place in dead else own[place] for place in range(self.n_places)]
        if not self.is_full:
            rest = own[self.n_places :]
            tidied += [pick if self.inputs + k in alive else 0 for k, pick in enumerate(rest)]
        elif not self.on_edge:
            kept = {(link.source, link.target) for link in links if {link.source, link.target} <= alive}
            tidied += [int(pair in kept) for pair in self.pairs]
        return tuple(tidied), frozenset(place * len(self.ops) + tidied[place] for place in dead)

    def first(self) -> tuple[int, ...]:
        """Return the cell of one edge, from the latest input to the output, where edges are free."""
        simplest = [0] * len(self.own)
        only = self.pairs.index((self.inputs - 1, self.pairs[-1][1])) if self.is_full else 0
        if self.is_full and not self.on_edge:
            simplest[self.n_places + only] = 1
        elif self.absent is not None:
            simplest = [self.absent] * len(simplest)
            simplest[only] = int(self.absent == 0)
        return tuple(simplest)

    def draw(self, rng: np.random.Generator) -> tuple[int, ...]:
        """Return a random cell without fault, all equally likely."""
        if not self.is_full or (self.on_edge and self.absent is None):
            return super().draw(rng)
        if self.edges is None:
            # At least every second setting of free edges leads to the output.
            while self.fault(own := super().draw(rng)) is not None:
                pass
            return own
        ops = rng.integers(len(self.ops), size=self.n_places).tolist()
        kinds = len(self.ops) - 1 if self.on_edge else 1
        weights = [self.wirings.number(k) * kinds**k for k in range(self.edges + 1)]
        edges = self.wirings.draw(weighted(weights, rng), rng)
        if not self.on_edge:
            return (*ops, *(int(pair in edges) for pair in self.pairs))
        present = [op for op in range(len(self.ops)) if op != self.absent]
        picked = rng.integers(len(present), size=len(self.pairs)).tolist()
        absent = self.absent or 0
        return tuple(present[pick] if pair in edges else absent for pair, pick in zip(self.pairs, picked, strict=True))

    def tally(self, inner: Callable[[int], Tally]) -> Tally:
        """Return the number of cells without fault."""
        ops = [inner(slot) for slot in range(len(self.ops))]
        every = sum(ops, NOTHING)
        if not self.is_full:
            return (every**self.n_places).scaled(math.prod(map(len, self.picks)))
        most = len(self.pairs) if self.edges is None else self.edges
        if not self.on_edge:
            return (every**self.nodes).scaled(sum(map(self.wirings.number, range(most + 1))))
        if self.absent is None:
            return every ** len(self.pairs)
        present = sum((each for op, each in enumerate(ops) if op != self.absent), NOTHING)
        return sum(((present**k).scaled(self.wirings.number(k)) for k in range(most + 1)), NOTHING)

    def grow(self, own: Sequence[int], grow: Grow, net: Net, sources: tuple[Bundle, ...], key: str) -> Bundle:
        """Add the nodes that matter."""
        links = self.links(own)
        alive = self.alive(links)
        # Where there are fewer outputs than inputs, the first inputs read the earliest output.
        read = (sources[0],) * (self.inputs - len(sources)) + sources[-self.inputs :]
        held = dict(enumerate(map(net.joined, read)))
        for node in range(self.inputs, self.inputs + self.nodes + (self.is_full and not self.on_edge)):
            into = [link for link in links if link.target == node and link.source in alive] if node in alive else []
            if self.on_edge:
                edges = ((self.slot(own, link.place or 0), (held[link.source],)) for link in into)
                held[node] = united(grow(slot, read, "") for slot, read in edges)
            elif into:
                bundle = united(held[link.source] for link in into)
                place = node - self.inputs
                held[node] = grow(self.slot(own, place), (bundle,), "") if place < self.nodes else bundle
        return united(held[end] for end in self.ends(links))

    def labels(self, key: str) -> Iterator[str]:
        """Yield the names of the operations' nodes."""
        for op, slot in enumerate(self.slots[: len(self.ops)]):
            if op != self.absent:
                yield from slot.labels("")

    def most_nodes(self, inner: Callable[[int], int]) -> int:
        """Return a bound: the largest operation at every place, and a join for each input."""
        return self.n_places * max(map(inner, range(len(self.ops)))) + self.inputs

    def inputs_needed(self, inner: Callable[[int], int]) -> int:
        """Return the number of inputs."""
        return self.inputs

    def value(self, own: Sequence[int], inner: Sequence[Plain]) -> Plain:
        """Return the operations and edges as lists."""
        return cell_value.value(self, own, inner)

    def read(self, value: Plain, at: str, inner: Read) -> Reading:
        """Return the decisions of a cell that is written as lists."""
        return cell_value.read(self, value, at, inner)

    @property
    def has_plain_ops(self) -> bool:
        """Whether every operation is just a name or a number."""
        return all(isinstance(slot, Leaf) for slot in self.slots[: len(self.ops)])


def _require_between(given: object, low: int, high: int, what: str) -> None:
    if not whole(given) or not isinstance(given, int) or not low <= given <= high:
        raise SpaceError(f"{what} of a cell must be a whole number {low}..{high}, but {given!r} was given")


def _require_known(given: object, known: Sequence[str], what: str) -> None:
    if given not in known:
        raise SpaceError(f"{what} of a cell cannot be {given!r}. {nearest(given, known)}")
