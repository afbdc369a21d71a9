"""Parts that decide between options: a choice, a whole number, an operation with settings."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from archwright.core.errors import ArchError, SpaceError
from archwright.spaces.parts.base import Grow, Leaf, Part, Read, Reading, as_part, first_fit, take_names
from archwright.spaces.parts.net import Bundle, Net
from archwright.spaces.parts.plain import (
    Plain,
    Scalar,
    label,
    nearest,
    require_different,
    require_keys,
    require_name,
    require_options,
    same,
    whole,
)
from archwright.spaces.parts.tally import NOTHING, Tally

__all__ = ["Choice", "Ints", "Op", "scalars_of"]

#: An operation with more kinds than this would give encoders a vocabulary that nothing can be learned on.
_MOST_KINDS = 1_000


@dataclass(frozen=True)
class Ints(Part):
    """A whole number from `start` to `stop`, both included, in steps of `step`.

    Raises:
        SpaceError: if these are not whole numbers, or the steps do not hit `stop`.

    Example:
        >>> list(Ints(16, 64, step=16).numbers)
        [16, 32, 48, 64]
    """

    start: int
    stop: int
    step: int = 1

    def __post_init__(self) -> None:
        given = (self.start, self.stop, self.step)
        if not all(map(whole, given)):
            raise SpaceError(f"start, stop and step of a range must be whole numbers, but {given} was given")
        if self.step < 1 or self.stop < self.start or (self.stop - self.start) % self.step:
            raise SpaceError(
                f"a range must go from start up to stop in whole steps, stop included, but start {self.start}, "
                f"stop {self.stop}, step {self.step} was given"
            )
        require_options(len(self.numbers))

    @property
    def numbers(self) -> range:
        """The numbers to choose from."""
        return range(self.start, self.stop + 1, self.step)

    @property
    def own(self) -> tuple[int, ...]:
        """One decision: which number."""
        return (len(self.numbers),)

    def value(self, own: Sequence[int], inner: Sequence[Plain]) -> Plain:
        """Return the number."""
        return self.numbers[own[0]]

    def read(self, value: Plain, at: str, inner: Read) -> Reading:
        """Return the number's place."""
        if not whole(value) or value not in self.numbers:
            steps = f" in steps of {self.step}" if self.step > 1 else ""
            raise ArchError(f"{at} must be a whole number {self.start}..{self.stop}{steps}, but {value!r} was given")
        return Reading((self.numbers.index(value),))

    def grow(self, own: Sequence[int], grow: Grow, net: Net, sources: tuple[Bundle, ...], key: str) -> Bundle:
        """Add one node that is named after the number."""
        return net.add(label(self.numbers[own[0]], key), sources[-1])

    def tally(self, inner: Callable[[int], Tally]) -> Tally:
        """Return how many numbers there are."""
        return Tally.of(len(self.numbers))

    def labels(self, key: str) -> Iterator[str]:
        """Yield one name per number."""
        return (label(number, key) for number in self.numbers)

    def most_nodes(self, inner: Callable[[int], int]) -> int:
        """Return one."""
        return 1


@dataclass(frozen=True)
class Choice(Part):
    """One of several options. What is decided inside an option counts only while the option is chosen.

    Args:
        options: Scalars or parts. A mapping names them, and the plain value is then `{name: value}`. Without names
            it is the option's own value, and reading takes the first option that fits.
        names: The names, where `options` is no mapping.

    Raises:
        SpaceError: if there is no option, or two are equal.

    Example:
        >>> Choice(["conv3x3", "conv5x5", None]).own
        (3,)
    """

    options: Sequence[Any] | Mapping[str, Any]
    names: Sequence[str] = ()

    def __post_init__(self) -> None:
        take_names(self, "options")
        if not self.options:
            raise SpaceError("a choice must have one option or more, but none was given")
        require_options(len(self.options))
        require_different(self.names or [_identity(slot) for slot in self.slots], "the options of a choice")

    @property
    def own(self) -> tuple[int, ...]:
        """One decision: which option."""
        return (len(self.options),)

    @cached_property
    def slots(self) -> tuple[Part, ...]:
        """The options."""
        return tuple(map(as_part, self.options))

    def used(self, own: Sequence[int]) -> Sequence[int]:
        """Return the chosen option."""
        return (own[0],)

    def value(self, own: Sequence[int], inner: Sequence[Plain]) -> Plain:
        """Return the option's value, below its name if it has one."""
        return {self.names[own[0]]: inner[0]} if self.names else inner[0]

    def read(self, value: Plain, at: str, inner: Read) -> Reading:
        """Return the option with the name given; without names, the first that fits."""
        if not self.names:
            slot, genes = first_fit(self.slots, 0, value, at, inner)
            return Reading((slot,), (genes,))
        if not isinstance(value, Mapping) or len(value) != 1:
            raise ArchError(f"{at} must be one of {', '.join(self.names)} with a value, but {value!r} was given")
        ((name, given),) = value.items()
        if name not in self.names:
            raise ArchError(f"{at} has no option {name!r}. {nearest(name, self.names)}")
        slot = list(self.names).index(name)
        return Reading((slot,), (inner(slot, given, f"{at}.{name}"),))

    def grow(self, own: Sequence[int], grow: Grow, net: Net, sources: tuple[Bundle, ...], key: str) -> Bundle:
        """Add the chosen option."""
        return grow(own[0], sources, key)

    def tally(self, inner: Callable[[int], Tally]) -> Tally:
        """Return the sum over the options."""
        return sum(map(inner, range(len(self.slots))), NOTHING)

    def most_nodes(self, inner: Callable[[int], int]) -> int:
        """Return the largest option's."""
        return max(map(inner, range(len(self.slots))))

    def inputs_needed(self, inner: Callable[[int], int]) -> int:
        """Return the most that an option needs."""
        return max(map(inner, range(len(self.slots))))


@dataclass(frozen=True)
class Op(Part):
    """One operation with settings: one node, however many settings.

    Args:
        name: What the operation is called.
        settings: Mapping of each setting's name to a scalar, `Ints`, or a `Choice` of scalars without names.

    Raises:
        SpaceError: if a setting is something else, or the settings make more than 1,000 kinds of the operation.

    Example:
        >>> list(Op("conv", {"kernel": Choice([3, 5])}).labels(""))
        ['conv(kernel=3)', 'conv(kernel=5)']
    """

    name: str
    settings: Any = ()

    def __post_init__(self) -> None:
        require_name(self.name, "an operation's name")
        pairs = self.settings.items() if isinstance(self.settings, Mapping) else self.settings
        object.__setattr__(self, "settings", tuple(pairs))
        require_different([key for key, _ in self.settings], f"the settings of operation {self.name!r}")
        kinds = math.prod(map(len, self._choices.values()))
        if kinds > _MOST_KINDS:
            raise SpaceError(
                f"operation {self.name!r} must have at most {_MOST_KINDS:,} kinds, but its settings make {kinds:,}: "
                "make some of them members of a chain"
            )

    @cached_property
    def _choices(self) -> dict[str, Sequence[Scalar]]:
        """The scalars to choose from, by setting."""
        choices: dict[str, Sequence[Scalar]] = {}
        for key, given in self.settings:
            require_name(key, f"a setting's name in operation {self.name!r}")
            scalars = scalars_of(given)
            if scalars is None or key in ("op", "name"):
                raise SpaceError(
                    f"a setting of operation {self.name!r} must not be called 'op' or 'name' and be a number, a text, "
                    f"a range, or a choice of these without names, but {key!r} is {given!r}"
                )
            choices[key] = scalars
        return choices

    @cached_property
    def own(self) -> tuple[int, ...]:
        """One decision for each setting that has a choice."""
        return tuple(len(scalars) for scalars in self._choices.values() if len(scalars) > 1)

    def value(self, own: Sequence[int], inner: Sequence[Plain]) -> Plain:
        """Return `{"op": name, setting: scalar, ...}`."""
        decided = iter(own)
        picked = {key: each[next(decided) if len(each) > 1 else 0] for key, each in self._choices.items()}
        return {"op": self.name, **picked}

    def read(self, value: Plain, at: str, inner: Read) -> Reading:
        """Return the places of the settings."""
        given = require_keys(value, ("op", *self._choices), at)
        if given["op"] != self.name:
            raise ArchError(f"{at}.op must be {self.name!r}, but {given['op']!r} was given")
        own = []
        for key, scalars in self._choices.items():
            places = [place for place, scalar in enumerate(scalars) if same(scalar, given[key])]
            if not places:
                raise ArchError(f"{at}.{key} has no option {given[key]!r}. {nearest(given[key], scalars)}")
            own += places if len(scalars) > 1 else []
        return Reading(tuple(own))

    def grow(self, own: Sequence[int], grow: Grow, net: Net, sources: tuple[Bundle, ...], key: str) -> Bundle:
        """Add one node that is named after the operation and its settings."""
        settings = self.value(own, ())
        del settings["op"]
        return net.add(self._label(settings), sources[-1])

    def tally(self, inner: Callable[[int], Tally]) -> Tally:
        """Return the number of kinds."""
        return Tally.of(math.prod(self.own))

    def labels(self, key: str) -> Iterator[str]:
        """Yield one name per kind."""
        for picked in itertools.product(*self._choices.values()):
            yield self._label(dict(zip(self._choices, picked, strict=True)))

    def most_nodes(self, inner: Callable[[int], int]) -> int:
        """Return one."""
        return 1

    def _label(self, settings: Mapping[str, Scalar]) -> str:
        said = (f"{key}={label(scalar)}" for key, scalar in settings.items())
        return f"{self.name}({','.join(said)})" if settings else self.name


def scalars_of(given: object) -> Sequence[Scalar] | None:
    """Return the scalars that a part chooses from; None where it is more than that."""
    if isinstance(given, Ints):
        return given.numbers
    if isinstance(given, Choice):
        leaves = [slot.scalar for slot in given.slots if isinstance(slot, Leaf)]
        return leaves if len(leaves) == len(given.slots) and not given.names else None
    if given is None or isinstance(given, Part):
        return None
    leaf = as_part(given)
    return [leaf.scalar] if isinstance(leaf, Leaf) else None


def _identity(part: Part) -> object:
    return part.scalar if isinstance(part, Leaf) else part
