"""An architecture as a small frozen value."""

from __future__ import annotations

from dataclasses import dataclass

from archwright.core.errors import ArchError

__all__ = ["Arch"]


@dataclass(frozen=True, slots=True, order=True)
class Arch:
    """One point of a search space. Equal archs are the same point; hashable and picklable.

    Args:
        space: Name of the space, without a colon.
        genes: One non-negative integer per decision, in the order of the space's `arities`.

    Example:
        >>> str(Arch("nb201", (0, 3, 1, 4, 2, 0)))
        'nb201:0.3.1.4.2.0'
    """

    space: str
    genes: tuple[int, ...]

    def __hash__(self) -> int:
        # Spaces are seldom mixed in one table, and searchers hash architectures all the time.
        return hash(self.genes)

    def __str__(self) -> str:
        return f"{self.space}:{'.'.join(map(str, self.genes))}"

    @classmethod
    def parse(cls, text: str) -> Arch:
        """Return the architecture that `str(arch)` wrote.

        Raises:
            ArchError: if `text` is not of the form `space:int.int...`.
        """
        space, colon, genes = text.partition(":")
        parts = genes.split(".")
        if not colon or not space or not all(part.isascii() and part.isdigit() for part in parts):
            raise ArchError(f"an architecture must read 'space:int.int...', but {text!r} was given")
        return cls(space, tuple(map(int, parts)))
