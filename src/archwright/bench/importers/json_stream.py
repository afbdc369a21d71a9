"""Large JSON files, entry by entry: the file is never in memory as a whole."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from archwright.bench.restricted import open_file

__all__ = ["entries"]

_BLOCK = 1 << 20
_SPACE = " \t\r\n"
#: What may follow a value.
_ENDS = frozenset(_SPACE + ",:]}")


def entries(path: Path, *, depth: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield (keys, value) for everything that lies `depth` objects deep, in the order of the file.

    Args:
        path: A file of objects in objects, compressed or not. Only one entry at a time is in memory.
        depth: Number of keys that lead to a value, at least one.

    Raises:
        ValueError: if it is not such a file, or ends in the middle.
    """
    with open_file(path) as file:
        text = _Text(file)
        yield from _object(text, (), depth)
        text.skip()
        if text.peek():
            raise ValueError(f"expected the end of the file, not {text.peek()!r}")


class _Text:
    """A window on the file's text that moves forward."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decode = codecs.getincrementaldecoder("utf-8")()
        self._window = ""
        self._place = 0
        self._ended = False

    def peek(self) -> str:
        """Return the next character; the empty text at the end."""
        while self._place >= len(self._window) and not self._ended:
            self._read()
        return self._window[self._place : self._place + 1]

    def skip(self) -> None:
        """Go on behind spaces."""
        while (character := self.peek()) and character in _SPACE:
            self._place += 1

    def take(self, wanted: str) -> str:
        """Return the next character that is no space, and go on behind it."""
        self.skip()
        found = self.peek()
        if not found or found not in wanted:
            raise ValueError(f"expected one of {' '.join(wanted)}, not {found or 'the end of the file'!r}")
        self._place += 1
        return found

    def value(self) -> Any:
        """Return the next whole value; reads on until it is complete."""
        self.skip()
        self.peek()
        while True:
            try:
                value, end = json.JSONDecoder().raw_decode(self._window, self._place)
            except json.JSONDecodeError:
                if self._ended:
                    raise
            else:
                # What looks like the number 1 may go on behind the window's edge, as 1.5 or 1e5.
                if self._ended or self._window[end : end + 1] in _ENDS:
                    self._place = end
                    return value
            self._read()

    def _read(self) -> None:
        kept = self._window[self._place :]
        block = self._file.read(max(_BLOCK, len(kept)))
        self._ended = not block
        self._window = kept + self._decode.decode(block, final=self._ended)
        self._place = 0


def _object(text: _Text, keys: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    text.take("{")
    text.skip()
    if text.peek() == "}":
        text.take("}")
        return
    while True:
        key = text.value()
        if not isinstance(key, str):
            raise ValueError(f"expected a key, not {key!r}")
        text.take(":")
        inner = (*keys, key)
        if len(inner) == depth:
            yield inner, text.value()
        else:
            yield from _object(text, inner, depth)
        if text.take(",}") == "}":
            return
