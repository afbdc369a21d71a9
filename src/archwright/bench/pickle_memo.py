"""What a pickle refers back to, kept small: long runs of equal keys are stored once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

__all__ = ["Memo"]


class Memo:
    """The numbered values of a pickle. A run of consecutive numbers costs one entry, and equal runs share it."""

    def __init__(self) -> None:
        self.count = 0
        self._items: dict[int, Any] = {}
        self._starts: list[int] = []
        self._runs: list[tuple[str, ...]] = []
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._dicts: list[int] = []

    def put(self, index: int, value: Any) -> None:
        """Remember `value` under `index`."""
        if index not in self._items:
            self.count += 1
        self._items[index] = value
        if type(value) is dict:
            self._dicts.append(index)

    def put_run(self, start: int, values: Sequence[str]) -> None:
        """Remember texts under `start`, `start + 1`, ...; runs must come in ascending order."""
        run = tuple(values)
        self._starts.append(start)
        self._runs.append(self._known.setdefault(run, run))
        self.count += len(run)

    def can_take_run(self, start: int) -> bool:
        """Return whether a run may start at `start`: behind all runs before."""
        return not self._starts or start >= self._starts[-1] + len(self._runs[-1])

    def get(self, index: int) -> Any:
        """Return the value under `index`.

        Raises:
            KeyError: if there is none, or it was forgotten.
        """
        if index not in self._items:
            return self.get_run(index, 1)[0]
        return self._items[index]

    def get_run(self, start: int, n: int) -> tuple[str, ...]:
        """Return `n` texts of one run from `start` on.

        Raises:
            KeyError: if they are not all in one run.
        """
        place = bisect_right(self._starts, start) - 1
        if place < 0:
            raise KeyError(start)
        offset = start - self._starts[place]
        texts = self._runs[place][offset : offset + n]
        if len(texts) != n:
            raise KeyError(start)
        return texts

    def forget_dicts(self, since: int) -> None:
        """Let go of the dicts that came under `since` and later numbers, so that their memory is free."""
        while self._dicts and self._dicts[-1] >= since:
            # The number stays taken: `count` goes on, and the number is not given again.
            self._items.pop(self._dicts.pop(), None)
