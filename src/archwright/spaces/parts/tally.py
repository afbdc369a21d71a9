"""Numbers of settings that remember which shared parts the settings use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["NOTHING", "ONE", "Tally"]


@dataclass(frozen=True)
class Tally:
    """How many settings use exactly which shared parts; a shared part that is used twice is decided once.

    Sums are for alternatives, products for what is decided together.

    Example:
        >>> (Tally.of(3) + Tally.of(1, "cell") * Tally.of(2, "cell")).counts
        {frozenset(): 3, frozenset({'cell'}): 2}
    """

    counts: Mapping[frozenset[str], int] = field(default_factory=dict)

    @classmethod
    def of(cls, number: int, *shared: str) -> Tally:
        """Return `number` settings that use the shared parts with these names."""
        return cls({frozenset(shared): number})

    def __add__(self, other: Tally) -> Tally:
        return Tally(dict(Counter(self.counts) + Counter(other.counts)))

    def __mul__(self, other: Tally) -> Tally:
        product: Counter[frozenset[str]] = Counter()
        for mine, number in self.counts.items():
            for theirs, times in other.counts.items():
                product[mine | theirs] += number * times
        return Tally(dict(product))

    def __pow__(self, times: int) -> Tally:
        power, square = ONE, self
        while times:
            power = power * square if times & 1 else power
            times >>= 1
            square = square * square if times else square
        return power

    def scaled(self, number: int) -> Tally:
        """Return this many times as many settings."""
        return Tally({shared: count * number for shared, count in self.counts.items()})

    def expanded(self, name: str, inside: Tally) -> Tally:
        """Return the tally in which each setting that uses the shared part `name` also decides what is inside it."""
        using = Tally({shared: count for shared, count in self.counts.items() if name in shared})
        others = Tally({shared: count for shared, count in self.counts.items() if name not in shared})
        return others + using * inside

    def total(self) -> int:
        """Return the number of settings."""
        return sum(self.counts.values())


NOTHING = Tally()
ONE = Tally.of(1)
