"""The bytes of a pickle: read in large blocks, looked at by position, bounded."""

from __future__ import annotations

from typing import IO

from archwright.core.errors import BenchError

__all__ = ["Source"]

_BLOCK = 1 << 20
#: The longest line of the old text opcodes; numbers and names are far shorter.
_LINE = 1 << 16


class Source:
    """A stream of bytes with a window that a regular expression can search.

    Args:
        file: Where the bytes come from.
        name: What messages call it.
        limit: Bytes after which reading stops: a small compressed file must not fill the memory.
    """

    def __init__(self, file: IO[bytes], name: str, *, limit: int) -> None:
        self.name = name
        self.window = b""
        self.place = 0
        self._file = file
        self._left = limit
        self._limit = limit

    def ensure(self, n: int) -> bool:
        """Read on until the window holds `n` bytes from its place on; False if the file ends before."""
        missing = n - (len(self.window) - self.place)
        if missing <= 0:
            return True
        blocks = [self.window[self.place :]]
        while missing > 0:
            block = self._read(max(_BLOCK, min(missing, 16 * _BLOCK)))
            if not block:
                break
            blocks.append(block)
            missing -= len(block)
        self.window, self.place = b"".join(blocks), 0
        return missing <= 0

    def take(self, n: int) -> bytes:
        """Return the next `n` bytes.

        Raises:
            BenchError: if the file ends before, or is no pickle's source at all.
        """
        if not self.ensure(n):
            raise BenchError(f"{self.name} must be complete, but it ends in the middle; fetch it again")
        start = self.place
        self.place = start + n
        return self.window[start : self.place]

    def line(self) -> bytes:
        """Return the bytes up to the next line feed, which is read and left out.

        Raises:
            BenchError: if there is none within 64 KiB.
        """
        self.ensure(_LINE)
        end = self.window.find(b"\n", self.place, self.place + _LINE)
        if end < 0:
            raise BenchError(f"{self.name} must be a pickle, but a line in it does not end")
        line, self.place = self.window[self.place : end], end + 1
        return line

    def _read(self, n: int) -> bytes:
        try:
            block = self._file.read(n)
        except (EOFError, OSError, ValueError) as error:
            raise BenchError(f"{self.name} must be readable, but: {error}; fetch it again") from error
        self._left -= len(block)
        if self._left < 0:
            raise BenchError(f"{self.name} must hold at most {self._limit} bytes, but it holds more; refused")
        return block
