"""Long runs of equal instructions in a pickle, read at once: learning curves are nothing else."""

# A run is `key value key value ...` of a dict's items, or `value value ...` of a list's, all values 64 bit floats.

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.bench.pickle_memo import Memo
from archwright.bench.pickle_source import Source

__all__ = ["RUN_STARTS", "read_run"]

#: The shortest run worth the regular expression, and what a run of 1,000 items (one batch of a pickler) needs at most.
_LOOK = 1 << 17

# K: small integer; M: two bytes; G: float; j: memo entry of four bytes; \x8c and X: text; \x94, q, r: into the memo.
_FLOATS = re.compile(rb"(?:G[\s\S]{8}){8,}+")
_SMALL = re.compile(rb"(?:K[\s\S]G[\s\S]{8}){8,}+")
_WIDE = re.compile(rb"(?:M[\s\S]{2}G[\s\S]{8}){8,}+")
_BACK = re.compile(rb"(?:j[\s\S]{4}G[\s\S]{8}){8,}+")
# Keys as `x-valid@12`: they end in digits, so that what follows cannot be a part of them.
_ITEM = rb"(%s)([a-z-]{1,16}@[0-9]{1,4})(%s)G([\s\S]{8})"
_TEXT_4 = _ITEM % (rb"\x8c[\s\S]", rb"\x94")
_TEXT_2 = _ITEM % (rb"X[\s\S]\x00\x00\x00", rb"q[\s\S]|r[\s\S]{4}")


def _repeated(item: bytes) -> re.Pattern[bytes]:
    return re.compile(b"(?:" + item.replace(b"(", b"(?:") + b"){8,}+")


_TEXTS = {0x8C: (_repeated(_TEXT_4), re.compile(_TEXT_4)), 0x58: (_repeated(_TEXT_2), re.compile(_TEXT_2))}
#: Fixed pattern, bytes of one item, and how the key's bytes are read.
_FIXED = {0x4B: (_SMALL, 11, "u1"), 0x4D: (_WIDE, 12, "<u2"), 0x6A: (_BACK, 14, "<u4"), 0x47: (_FLOATS, 9, "")}
RUN_STARTS = frozenset({*_TEXTS, *_FIXED})


def read_run(source: Source, memo: Memo, stack: list[Any]) -> bool:
    """Push a run of items if one starts here; False, and nothing done, if none does."""
    source.ensure(_LOOK)
    if source.place >= len(source.window):
        return False
    first = source.window[source.place]
    if first in _TEXTS:
        return _read_texts(source, memo, stack, *_TEXTS[first])
    if first in _FIXED:
        return _read_fixed(source, memo, stack, *_FIXED[first])
    return False


def _read_fixed(source: Source, memo: Memo, stack: list[Any], pattern: re.Pattern[bytes], width: int, key: str) -> bool:
    found = pattern.match(source.window, source.place)
    if found is None:
        return False
    length = found.end() - found.start()
    items = np.frombuffer(source.window, np.uint8, length, source.place).reshape(-1, width)
    values = _floats(items[:, -8:])
    keys: Sequence[Any] = ()
    if key:
        numbers = np.ascontiguousarray(items[:, 1:-9]).view(key).ravel()
        keys = _from_memo(memo, numbers) if key == "<u4" else numbers.tolist()
        if len(keys) != len(values):
            return False
    source.place = found.end()
    _push(stack, keys, values)
    return True


def _read_texts(
    source: Source, memo: Memo, stack: list[Any], pattern: re.Pattern[bytes], item: re.Pattern[bytes]
) -> bool:
    found = pattern.match(source.window, source.place)
    if found is None:
        return False
    heads, names, places, floats = zip(*item.findall(found.group()), strict=True)
    start = memo.count
    as_said = [head[1] for head in heads] == list(map(len, names))
    if not as_said or not _in_order(places, start) or not memo.can_take_run(start):
        return False
    keys = b"\n".join(names).decode("ascii").split("\n")
    memo.put_run(start, keys)
    source.place = found.end()
    _push(stack, keys, np.frombuffer(b"".join(floats), ">f8").tolist())
    return True


def _in_order(places: Sequence[bytes], start: int) -> bool:
    """Return whether memo numbers are the next free ones."""
    if set(places) == {b"\x94"}:
        return True  # numbered by their order
    numbers = [int.from_bytes(place[1:], "little") for place in places]
    return numbers == list(range(start, start + len(numbers)))


def _from_memo(memo: Memo, numbers: npt.NDArray[np.uint32]) -> Sequence[Any]:
    """Return what the numbers stand for; nothing where one of them stands for nothing."""
    first, n = int(numbers[0]), len(numbers)
    try:
        if int(numbers[-1]) - first == n - 1 and bool((np.diff(numbers.astype(np.int64)) == 1).all()):
            return memo.get_run(first, n)
    except KeyError:
        pass
    try:
        return [memo.get(int(number)) for number in numbers]
    except KeyError:
        return ()


def _floats(columns: npt.NDArray[np.uint8]) -> list[float]:
    values: list[float] = np.ascontiguousarray(columns).view(">f8").ravel().tolist()
    return values


def _push(stack: list[Any], keys: Sequence[Any], values: list[float]) -> None:
    if not keys:
        stack.extend(values)
        return
    flat: list[Any] = [None] * (2 * len(values))
    flat[::2], flat[1::2] = keys, values
    stack.extend(flat)
