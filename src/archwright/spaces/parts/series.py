"""Parts one after the other: a chain of different ones, or copies of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

from archwright.core.errors import ArchError, SpaceError
from archwright.spaces.parts.base import Grow, Part, Read, Reading, as_part, take_names
from archwright.spaces.parts.net import Bundle, Net
from archwright.spaces.parts.options import Choice, Ints, scalars_of
from archwright.spaces.parts.plain import Plain, nearest, require_different, require_keys, whole
from archwright.spaces.parts.tally import NOTHING, ONE, Tally

__all__ = ["Chain", "Repeat"]

_MOST_COPIES = 1_000


@dataclass(frozen=True)
class Chain(Part):
    """Parts one after the other: each reads the output of the one before; a cell with k inputs those of k before.

    Args:
        parts: Scalars or parts. A mapping names them; the plain value is then a dict, otherwise a list.
        names: The names, where `parts` is no mapping.

    Raises:
        SpaceError: if there is no part, or two have one name.

    Example:
        >>> chain = Chain({"stem": "conv3x3", "body": Choice(["conv3x3", "conv5x5"])})
        >>> chain.names, chain.arities
        (('stem', 'body'), (2,))
    """

    parts: Sequence[Any] | Mapping[str, Any]
    names: Sequence[str] = ()

    def __post_init__(self) -> None:
        take_names(self, "parts")
        if not self.parts:
            raise SpaceError("a chain must have one part or more, but none was given")
        require_different(self.names, "the names in a chain")
        _ = self.slots

    @cached_property
    def slots(self) -> tuple[Part, ...]:
        """The parts."""
        return tuple(as_part(part) for part in self.parts)

    def value(self, own: Sequence[int], inner: Sequence[Plain]) -> Plain:
        """Return the values of the parts, by name if they have names."""
        return dict(zip(self.names, inner, strict=True)) if self.names else list(inner)

    def read(self, value: Plain, at: str, inner: Read) -> Reading:
        """Return the values of the parts."""
        if self.names:
            given = require_keys(value, self.names, at)
            return Reading(inner=tuple(inner(k, given[name], f"{at}.{name}") for k, name in enumerate(self.names)))
        if not isinstance(value, list | tuple) or len(value) != len(self.parts):
            raise ArchError(f"{at} must be a list of {len(self.parts)}, but {value!r} was given")
        return Reading(inner=tuple(inner(k, each, f"{at}[{k}]") for k, each in enumerate(value)))

    def grow(self, own: Sequence[int], grow: Grow, net: Net, sources: tuple[Bundle, ...], key: str) -> Bundle:
        """Add the parts in order."""
        keys = self.names or (key,) * len(self.slots)
        return _in_order(range(len(self.slots)), keys, grow, sources)

    def tally(self, inner: Callable[[int], Tally]) -> Tally:
        """Return the product over the parts."""
        return reduce(Tally.__mul__, map(inner, range(len(self.slots))), ONE)

    def labels(self, key: str) -> Iterator[str]:
        """Yield the names of the parts' nodes."""
        for slot, name in zip(self.slots, self.names or (key,) * len(self.slots), strict=True):
            yield from slot.labels(name)

    def inputs_needed(self, inner: Callable[[int], int]) -> int:
        """Return what the first part needs."""
        return inner(0)


@dataclass(frozen=True)
class Repeat(Part):
    """Copies of one part, one after the other: of variable number, equal or each decided for itself.

    The plain value is a list with one value per copy.

    Args:
        part: What is copied.
        times: Number of copies: a whole number, `Ints`, or a `Choice` of whole numbers. None at all is possible.
        shared: Whether all copies are equal, and so decided once.

    Raises:
        SpaceError: if a number of copies is not 0..1,000.

    Example:
        >>> Repeat(Choice(["conv3x3", "conv5x5"]), times=Ints(1, 3)).arities
        (3, 2, 2, 2)
        >>> Repeat(Choice(["conv3x3", "conv5x5"]), times=3, shared=True).arities
        (2,)
    """

    part: Any
    times: int | Ints | Choice
    shared: bool = False

    def __post_init__(self) -> None:
        numbers = scalars_of(self.times) or ()
        if not numbers or any(not isinstance(n, int) or not whole(n) or not 0 <= n <= _MOST_COPIES for n in numbers):
            raise SpaceError(
                f"times of a repeat must be whole numbers 0..{_MOST_COPIES:,}: a number, a range or a choice of "
                f"numbers, but {self.times!r} was given"
            )
        if not isinstance(self.shared, bool):
            raise SpaceError(f"shared of a repeat must be true or false, but {self.shared!r} was given")
        if max(self.numbers) == 0:
            raise SpaceError("a repeat must be able to make a copy, but its times are only 0")
        _ = self.slots

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of copies to choose from."""
        return tuple(number for number in scalars_of(self.times) or () if isinstance(number, int))

    @property
    def own(self) -> tuple[int, ...]:
        """One decision, how many copies, where that is one."""
        return (len(self.numbers),) if len(self.numbers) > 1 else ()

    @cached_property
    def slots(self) -> tuple[Part, ...]:
        """The copies that are decided for themselves."""
        return (as_part(self.part),) * (1 if self.shared else max(self.numbers))

    def used(self, own: Sequence[int]) -> Sequence[int]:
        """Return the copies that there are."""
        number = self.numbers[own[0]] if own else self.numbers[0]
        return (0,) * number if self.shared else range(number)

    def value(self, own: Sequence[int], inner: Sequence[Plain]) -> Plain:
        """Return the values of the copies."""
        return list(inner)

    def read(self, value: Plain, at: str, inner: Read) -> Reading:
        """Return the number of copies and the value of each."""
        if not isinstance(value, list | tuple):
            raise ArchError(f"{at} must be a list with one value per copy, but {value!r} was given")
        if len(value) not in self.numbers:
            raise ArchError(
                f"{at} must have a number of copies that the space has, but has {len(value)}. "
                f"{nearest(len(value), self.numbers)}"
            )
        own = (self.numbers.index(len(value)),) if self.own else ()
        return Reading(own, tuple(inner(0 if self.shared else k, each, f"{at}[{k}]") for k, each in enumerate(value)))

    def grow(self, own: Sequence[int], grow: Grow, net: Net, sources: tuple[Bundle, ...], key: str) -> Bundle:
        """Add the copies in order."""
        slots = self.used(own)
        return _in_order(slots, (key,) * len(slots), grow, sources)

    def tally(self, inner: Callable[[int], Tally]) -> Tally:
        """Return the sum over the numbers of copies."""
        if self.shared:
            some = sum(number > 0 for number in self.numbers)
            return inner(0).scaled(some) + (NOTHING if some == len(self.numbers) else ONE)
        return sum((inner(0) ** number for number in self.numbers), NOTHING)

    def labels(self, key: str) -> Iterator[str]:
        """Yield the names of one copy's nodes."""
        return self.slots[0].labels(key)

    def most_nodes(self, inner: Callable[[int], int]) -> int:
        """Return the copies' together."""
        return max(self.numbers) * inner(0)

    def inputs_needed(self, inner: Callable[[int], int]) -> int:
        """Return what the first copy needs."""
        return inner(0)


def _in_order(slots: Sequence[int], keys: Sequence[str], grow: Grow, sources: tuple[Bundle, ...]) -> Bundle:
    outputs = sources
    for slot, key in zip(slots, keys, strict=True):
        output = grow(slot, outputs, key)
        # A part that adds nothing is not there: a cell after it reads what was before it.
        outputs = outputs if output == outputs[-1] else (*outputs, output)
    return outputs[-1]
