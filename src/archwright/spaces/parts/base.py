"""What every part of a composed space says about itself, and the two simplest parts."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from archwright.core.errors import ArchError, SpaceError
from archwright.spaces.parts.net import Bundle, Net
from archwright.spaces.parts.plain import Plain, Scalar, label, nearest, require_name, require_scalar, same
from archwright.spaces.parts.tally import ONE, Tally

__all__ = ["Genes", "Grow", "Leaf", "Part", "Read", "Reading", "Ref", "as_part", "first_fit", "take_names"]

#: Adds the part in a slot to a network: (slot, outputs that it may read, its name in its chain) -> its output.
Grow: TypeAlias = Callable[[int, "tuple[Bundle, ...]", str], Bundle]


#: Decisions as {place in an architecture: gene}.
Genes: TypeAlias = "dict[int, int]"

#: Reads the plain value of the part in a slot: (slot, value, where it stands) -> its decisions.
Read: TypeAlias = Callable[[int, Plain, str], Genes]


@dataclass(frozen=True)
class Reading:
    """What a plain value says about a part: its own decisions, and those of each used slot."""

    own: tuple[int, ...] = ()
    inner: tuple[Genes, ...] = ()


class Part(ABC):
    """One part of a composed space: a small frozen value.

    It names its own decisions, the parts inside it (`slots`), and which of those a setting of its own decisions
    uses. `Composed` does the rest once for all kinds of part.
    """

    @property
    def own(self) -> tuple[int, ...]:
        """Number of options of each decision that belongs to the part itself."""
        return ()

    @property
    def slots(self) -> tuple[Part, ...]:
        """The parts inside, whether a setting uses them or not."""
        return ()

    def used(self, own: Sequence[int]) -> Sequence[int]:
        """Return the slots that a setting of the own decisions uses, in order; a shared one several times."""
        return range(len(self.slots))

    @abstractmethod
    def value(self, own: Sequence[int], inner: Sequence[Plain]) -> Plain:
        """Return the plain value, given the plain values of the used slots."""

    @abstractmethod
    def read(self, value: Plain, at: str, inner: Read) -> Reading:
        """Return the inverse of `value`; `inner` reads the parts inside.

        Raises:
            ArchError: if no setting has this value; `at` names the place.
        """

    @abstractmethod
    def grow(self, own: Sequence[int], grow: Grow, net: Net, sources: tuple[Bundle, ...], key: str) -> Bundle:
        """Add the part to `net` and return its output. `sources` are the outputs before it, the latest last."""

    @abstractmethod
    def tally(self, inner: Callable[[int], Tally]) -> Tally:
        """Return the number of settings, given those of the slots."""

    def labels(self, key: str) -> Iterator[str]:
        """Yield the names of the nodes that the part may add; numbers in a chain are named after their `key`."""
        for slot in self.slots:
            yield from slot.labels(key)

    def most_nodes(self, inner: Callable[[int], int]) -> int:
        """Return a bound on the number of nodes, given those of the slots."""
        return sum(map(inner, range(len(self.slots))))

    def inputs_needed(self, inner: Callable[[int], int]) -> int:
        """Return how many outputs of parts before it the part reads, at most, given those of the slots."""
        return 1

    def fault(self, own: Sequence[int]) -> str | None:
        """Return why own decisions do not go together; None if they do."""
        return None

    def draw(self, rng: np.random.Generator) -> tuple[int, ...]:
        """Return a random setting of the own decisions without fault, all equally likely."""
        return tuple(rng.integers(self.own).tolist()) if self.own else ()

    def first(self) -> tuple[int, ...]:
        """Return the simplest setting of the own decisions without fault."""
        return (0,) * len(self.own)

    def tidy(self, own: Sequence[int]) -> tuple[tuple[int, ...], frozenset[int]]:
        """Return own decisions that make the same network, as few as can be, and the slots it does not depend on."""
        return tuple(own), frozenset()

    @cached_property
    def arities(self) -> tuple[int, ...]:
        """Number of options of every decision: the own ones first, then those of each slot."""
        return (*self.own, *itertools.chain.from_iterable(slot.arities for slot in self.slots))

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Where the decisions of each slot begin, counted from the part's first."""
        sizes = (len(slot.arities) for slot in self.slots)
        return tuple(itertools.accumulate(sizes, initial=len(self.own)))[:-1]


@dataclass(frozen=True)
class Leaf(Part):
    """A part without decisions: an operation by name, a number, or None for nothing. Written as just that."""

    scalar: Scalar

    def __post_init__(self) -> None:
        require_scalar(self.scalar)

    def value(self, own: Sequence[int], inner: Sequence[Plain]) -> Plain:
        """Return the scalar."""
        return self.scalar

    def read(self, value: Plain, at: str, inner: Read) -> Reading:
        """Return no decisions."""
        if not same(value, self.scalar):
            raise ArchError(f"{at} must be {self.scalar!r}, but {value!r} was given")
        return Reading()

    def grow(self, own: Sequence[int], grow: Grow, net: Net, sources: tuple[Bundle, ...], key: str) -> Bundle:
        """Add one node; none for None."""
        return sources[-1] if self.scalar is None else net.add(label(self.scalar, key), sources[-1])

    def tally(self, inner: Callable[[int], Tally]) -> Tally:
        """Return one."""
        return ONE

    def labels(self, key: str) -> Iterator[str]:
        """Yield the node's name."""
        if self.scalar is not None:
            yield label(self.scalar, key)

    def most_nodes(self, inner: Callable[[int], int]) -> int:
        """Return one."""
        return 1


@dataclass(frozen=True)
class Ref(Part):
    """A place of a shared part, which `Composed` knows by this name: equal at all its places, decided once.

    Raises:
        SpaceError: if the name is no text.
    """

    name: str

    def __post_init__(self) -> None:
        require_name(self.name, "the name of a shared part")

    def value(self, own: Sequence[int], inner: Sequence[Plain]) -> Plain:
        """Never called: `Composed` goes on to the shared part."""
        raise NotImplementedError

    def read(self, value: Plain, at: str, inner: Read) -> Reading:
        """Never called, as `value`."""
        raise NotImplementedError

    def grow(self, own: Sequence[int], grow: Grow, net: Net, sources: tuple[Bundle, ...], key: str) -> Bundle:
        """Never called, as `value`."""
        raise NotImplementedError

    def tally(self, inner: Callable[[int], Tally]) -> Tally:
        """Return one setting that uses the shared part."""
        return Tally.of(1, self.name)


def as_part(given: object) -> Part:
    """Return `given` if it is a part, and the part without decisions if it is a scalar.

    Raises:
        SpaceError: if it is neither.
    """
    if isinstance(given, Part):
        return given
    if given is None or isinstance(given, str | int | float):
        return Leaf(given)
    raise SpaceError(
        f"a part must be a text, a number, None, or one of Choice, Ints, Op, Chain, Repeat, Cell, Ref, "
        f"but {given!r} was given"
    )


def first_fit(slots: Sequence[Part], begin: int, value: Plain, at: str, inner: Read) -> tuple[int, Genes]:
    """Return the first of the options in `slots` that can have `value`, with its decisions.

    `begin` is the slot of the first option.

    Raises:
        ArchError: if none fits.
    """
    refused: ArchError | None = None
    for k, slot in enumerate(slots):
        try:
            return k, inner(begin + k, value, at)
        except ArchError as error:
            # What the first option with an inside says about a value with an inside is worth more than "none fits".
            refused = refused or (None if isinstance(slot, Leaf) else error)
    if refused is not None and isinstance(value, Mapping | list | tuple):
        raise refused
    scalars = [slot.scalar for slot in slots if isinstance(slot, Leaf)]
    hint = nearest(value, scalars) if scalars else "Its options are no scalars"
    raise ArchError(f"{at} has no option {value!r}. {hint}")


def take_names(part: Part, field: str) -> None:
    """Replace a mapping in `field` by a tuple of its values, and put its keys into `part.names`.

    Raises:
        SpaceError: if there are not as many names as values, or `field` is no sequence.
    """
    given: Any = getattr(part, field)
    names: Any = getattr(part, "names", ())
    if isinstance(given, Mapping):
        given, names = tuple(given.values()), tuple(given)
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise SpaceError(f"{field} must be a list or a mapping, but {given!r} was given")
    if names and len(names) != len(given):
        raise SpaceError(f"there must be one name for each of {len(given)} {field}, but there are {len(names)}")
    for name in names:
        require_name(name, f"a name among {field}")
    # A frozen value is finished here, in its own __post_init__, and never changed again.
    object.__setattr__(part, field, tuple(given))
    object.__setattr__(part, "names", tuple(names))
