"""A space of one's own, composed of choices, integers, chains, copies and cells."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from archwright.core.arch import Arch
from archwright.core.errors import ArchError, SpaceError
from archwright.core.graph import Graph
from archwright.spaces.base import Space
from archwright.spaces.parts.base import Genes, Part, Ref, as_part
from archwright.spaces.parts.cell import Cell
from archwright.spaces.parts.limits import folded, require_known, require_small
from archwright.spaces.parts.net import JOIN, OUTPUT, Bundle, Net, input_name
from archwright.spaces.parts.options import Choice, Ints, Op
from archwright.spaces.parts.plain import Plain, require_name
from archwright.spaces.parts.series import Chain, Repeat
from archwright.spaces.parts.tally import Tally

__all__ = ["Cell", "Chain", "Choice", "Composed", "Ints", "Op", "Ref", "Repeat"]

#: Draws until a search for a valid neighbour walks through all of them.
_TRIES = 1000


@dataclass(frozen=True, slots=True)
class _Made:
    """One part of an architecture: where its decisions begin, what its own are, and the used parts inside.

    A shared part has a `name`, after which its numbers are called; others are called after their place in a chain.
    """

    part: Part
    at: int
    own: tuple[int, ...]
    slots: tuple[int, ...]
    inner: tuple[_Made, ...]
    name: str = ""

    def walk(self) -> Iterator[_Made]:
        yield self
        for made in self.inner:
            yield from made.walk()


class Composed(Space):
    """All settings of a part. An architecture is a list of decisions, and also a plain value of lists and dicts.

    Every decision of every part has its place among the genes, whether or not the choices above it use the part.
    A decision that nothing uses is inactive: it never changes the network, neighbours do not differ in it, it is
    remembered when the choice above it changes, and `canonical` sets it to 0, as it does decisions of a cell's
    nodes that lead nowhere.

    Args:
        name: What architectures of this space call it; no colon.
        root: The part that is the whole network.
        shared: Parts by name for `Ref`; each is decided once, and may refer to those before it.

    Raises:
        SpaceError: if a `Ref` has no part, or the space is too large: more than 2,000 decisions, 5,000 nodes in
            one network, or 10,000 operations.

    Example:
        >>> space = Composed("tiny", Chain({"stem": Choice(["conv3x3", "conv5x5"]), "width": Ints(16, 64, step=16)}))
        >>> arch = space.arch({"stem": "conv5x5", "width": 48})
        >>> str(arch), space.value(arch), space.size()
        ('tiny:1.2', {'stem': 'conv5x5', 'width': 48}, 8)
    """

    name: str = ""
    arities: tuple[int, ...] = ()
    op_names: tuple[str, ...] = ()

    def __init__(self, name: str, root: object, shared: Mapping[str, object] | None = None) -> None:
        require_name(name, "a space's name")
        if ":" in name:
            raise SpaceError(f"a space's name must have no colon, but {name!r} was given")
        self.name = name
        self.root = as_part(root)
        self.shared: dict[str, Part] = {}
        for key, part in (shared or {}).items():
            require_name(key, "the name of a shared part")
            self.shared[key] = as_part(part)
        parts = (self.root, *reversed(self.shared.values()))
        require_known(self.root, self.shared)
        require_small(self.root, self.shared)
        self.arities = tuple(arity for part in parts for arity in part.arities)
        inputs = [input_name(before) for before in range(self._n_inputs)]
        labels = [*self.root.labels(""), *(label for key, part in self.shared.items() for label in part.labels(key))]
        self.op_names = tuple(dict.fromkeys([*inputs, OUTPUT, JOIN, *labels]))
        if not self.arities:
            raise SpaceError("a space must have a decision, but none was given: use a choice, a range or a cell")

    def __repr__(self) -> str:
        shared = f", shared={self.shared!r}" if self.shared else ""
        return f"Composed({self.name!r}, {self.root!r}{shared})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Composed) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[str, Part, tuple[tuple[str, Part], ...]]:
        return (self.name, self.root, tuple(self.shared.items()))

    def value(self, arch: Arch) -> Plain:
        """Return `arch` as scalars, lists and dicts: what an objective of one's own reads.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        return _value(self._made(self.require(arch)))

    def arch(self, value: Plain) -> Arch:
        """Return the architecture with this plain value; decisions that it does not use are 0.

        Raises:
            ArchError: if there is none; the message names the place in `value`.
        """
        genes = [0] * len(self.arities)
        for place, gene in self._read(self.root, 0, value, "value").items():
            genes[place] = gene
        return self.require(Arch(self.name, tuple(genes)))

    def parse(self, text: str) -> Arch:
        """Return the architecture that `text` wrote, or whose plain value is given as JSON.

        Raises:
            ArchError: if it is neither, or not in this space.
        """
        if text.lstrip()[:1] not in ("{", "[", '"'):
            return super().parse(text)
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ArchError(f"a value must be JSON, but {text[:60]!r} is not: {error}") from error
        return self.arch(value)

    def check(self, arch: Arch) -> str | None:
        """Return why `arch` is not in this space: also an impossible cell that it uses."""
        reason = super().check(arch)
        if reason is not None:
            return reason
        return next((fault for made in self._made(arch).walk() if (fault := made.part.fault(made.own))), None)

    def active(self, arch: Arch) -> tuple[int, ...]:
        """Return the places of the decisions that the choices above them use, in order."""
        return tuple(sorted(_places(self._made(arch))))

    def settled(self, arch: Arch) -> Arch:
        """Return `arch` with 0 for decisions that nothing uses; its plain value is the same."""
        active = _places(self._made(arch))
        return Arch(self.name, tuple(gene if place in active else 0 for place, gene in enumerate(arch.genes)))

    def canonical(self, arch: Arch) -> Arch:
        """Return the settled architecture without nodes and edges of cells that lead nowhere."""
        genes = list(self.settled(arch).genes)
        self._tidy(self._made(arch), genes)
        return self.settled(Arch(self.name, tuple(genes)))

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the whole network as one graph, with everything that the output depends on."""
        net = Net(self._n_inputs)
        output = _grow(self._made(self.require(arch)), net, net.inputs, "")
        return (net.graph(output, self._op_of),)

    def random(self, *, rng: np.random.Generator) -> Arch:
        """Return one architecture: options equally likely in each decision, and equally likely cells without fault.

        Differs: from `Space`, where all architectures are equally likely. Here a choice of a large part is not
        likelier than one of a small part, and a depth not likelier because it has more decisions.
        """
        genes: list[int] = []
        for part in (self.root, *reversed(self.shared.values())):
            _draw(part, genes, rng)
        return Arch(self.name, tuple(genes))

    def mutate(self, arch: Arch, *, rng: np.random.Generator) -> Arch:
        """Return one of the neighbours of `arch`, all equally likely; `arch` itself if it has none."""
        places = self.active(arch)
        ends = np.cumsum([self.arities[place] - 1 for place in places])
        for _ in range(_TRIES if len(ends) and ends[-1] else 0):
            step = int(rng.integers(ends[-1]))
            which = int(np.searchsorted(ends, step, side="right"))
            place, gene = places[which], int(ends[which]) - step - 1
            neighbour = _changed(arch, place, gene if gene < arch.genes[place] else gene + 1)
            if self.check(neighbour) is None:
                return neighbour
        neighbours = list(self.neighbours(arch))
        return neighbours[int(rng.integers(len(neighbours)))] if neighbours else arch

    def neighbours(self, arch: Arch) -> Iterator[Arch]:
        """Yield the valid architectures that differ from `arch` in exactly one decision that it uses."""
        for place in self.active(arch):
            for gene in range(self.arities[place]):
                neighbour = _changed(arch, place, gene)
                if gene != arch.genes[place] and self.check(neighbour) is None:
                    yield neighbour

    def count(self) -> int:
        """Return the number of settled valid architectures: those that have different plain values. Exact, fast."""
        tally = _tally(self.root)
        for name in reversed(self.shared):
            tally = tally.expanded(name, _tally(self.shared[name]))
        return tally.total()

    def settled_archs(self) -> Iterator[Arch]:
        """Yield each of the `count` settled valid architectures once, in the order of `index`."""
        # Choices stand before what they choose between, and shared parts behind all that refer to them.
        genes = [0] * len(self.arities)
        while True:
            arch = Arch(self.name, tuple(genes))
            active = self.active(arch)
            if self.check(arch) is None:
                yield arch
            # The last used decision that can go up does; those after it begin anew, unused ones stay 0.
            place = next((p for p in reversed(active) if genes[p] + 1 < self.arities[p]), None)
            if place is None:
                return
            genes[place:] = [genes[place] + 1, *(0,) * (len(genes) - place - 1)]

    @cached_property
    def _op_of(self) -> dict[str, int]:
        return {name: op for op, name in enumerate(self.op_names)}

    @cached_property
    def _home(self) -> dict[str, tuple[Part, int]]:
        """Each shared part with the place of its first decision."""
        home, at = {}, len(self.root.arities)
        for name, part in reversed(self.shared.items()):
            home[name] = (part, at)
            at += len(part.arities)
        return home

    @cached_property
    def _n_inputs(self) -> int:
        return max(1, folded(self.root, self.shared, lambda part, inner: part.inputs_needed(inner)))

    def _made(self, arch: Arch) -> _Made:
        return self._make(self.root, 0, arch.genes)

    def _make(self, part: Part, at: int, genes: Sequence[int]) -> _Made:
        name = ""
        if isinstance(part, Ref):
            name = part.name
            part, at = self._home[name]
        own = tuple(genes[at : at + len(part.own)])
        slots = tuple(part.used(own))
        inner = tuple(self._make(part.slots[slot], at + part.starts[slot], genes) for slot in slots)
        return _Made(part, at, own, slots, inner, name)

    def _read(self, part: Part, at: int, value: Plain, where: str) -> Genes:
        if isinstance(part, Ref):
            part, at = self._home[part.name]

        def inner(slot: int, given: Plain, place: str) -> Genes:
            return self._read(part.slots[slot], at + part.starts[slot], given, place)

        reading = part.read(value, where, inner)
        genes = {at + k: gene for k, gene in enumerate(reading.own)}
        for inside in reading.inner:
            if any(genes.setdefault(place, gene) != gene for place, gene in inside.items()):
                raise ArchError(f"{where} must have equal values at all places of a shared part, but has not")
        return genes

    def _tidy(self, made: _Made, genes: list[int]) -> None:
        """Give cells in `genes` their tidied decisions, and what is inside dead nodes its simplest ones."""
        own, dead = made.part.tidy(made.own)
        genes[made.at : made.at + len(own)] = own
        for slot in dead:
            self._simplify(made.part.slots[slot], made.at + made.part.starts[slot], genes)
        for slot, inner in zip(made.slots, made.inner, strict=True):
            if slot not in dead and slot in made.part.used(own):
                self._tidy(inner, genes)

    def _simplify(self, part: Part, at: int, genes: list[int]) -> None:
        # Nothing is done to a shared part: another place may depend on it.
        own = part.first()
        genes[at : at + len(own)] = own
        for slot in part.used(own):
            self._simplify(part.slots[slot], at + part.starts[slot], genes)


def _value(made: _Made) -> Plain:
    return made.part.value(made.own, [_value(inner) for inner in made.inner])


def _places(made: _Made) -> set[int]:
    return {each.at + k for each in made.walk() for k in range(len(each.own))}


def _grow(made: _Made, net: Net, sources: tuple[Bundle, ...], key: str) -> Bundle:
    inside = dict(zip(made.slots, made.inner, strict=True))

    def grow(slot: int, outputs: tuple[Bundle, ...], name: str) -> Bundle:
        return _grow(inside[slot], net, outputs, name)

    return made.part.grow(made.own, grow, net, sources, made.name or key)


def _draw(part: Part, genes: list[int], rng: np.random.Generator) -> None:
    genes += part.draw(rng)
    for slot in part.slots:
        if slot.arities:
            _draw(slot, genes, rng)


def _tally(part: Part) -> Tally:
    return part.tally(lambda slot: _tally(part.slots[slot]))


def _changed(arch: Arch, place: int, gene: int) -> Arch:
    return Arch(arch.space, (*arch.genes[:place], gene, *arch.genes[place + 1 :]))
