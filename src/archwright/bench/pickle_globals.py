"""The short list of names that a pickle may mention, and what is built for each: plain values, from plain values."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import BenchError, UnsafeFileError

__all__ = ["ARRAYS", "PLAIN_KEYS", "Builder", "DType", "Name", "require_data", "set_state"]

Builder = Callable[..., Any]

#: Types of keys of dicts and of members of sets, besides tuples of these.
PLAIN_KEYS = frozenset({str, int, float, bool, bytes, type(None)})
#: Types of values with nothing inside that could be anything but data.
_LEAVES = frozenset({*PLAIN_KEYS, complex, bytearray, set, frozenset, np.ndarray})
#: Codes of numbers and texts of fixed size; `O`, an object, is not one of them.
_CODE = re.compile(r"[<>|=]?(?:[biufc][0-9]{1,2}|[?]|[SU][0-9]{1,6})")


class Name:
    """A class or function that a pickle mentioned. Nothing was imported; `build` makes a plain value instead."""

    def __init__(self, text: str, build: Builder) -> None:
        self.text = text
        self.build = build


class DType:
    """A numpy type that a pickle describes in two steps: its code, then its byte order."""

    def __init__(self, code: object, *_: object) -> None:
        if not isinstance(code, str) or not _CODE.fullmatch(code):
            raise UnsafeFileError(f"arrays in a file must hold numbers or texts, but one has dtype {str(code)[:40]!r}")
        self.dtype = np.dtype(code)

    def set_state(self, state: object) -> None:
        """Take the byte order from what numpy writes: (version, order, ...)."""
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise BenchError("the byte order of a numpy dtype must be one of < > | =, but another one was given")
        if any(part is not None for part in state[2:5]):
            raise UnsafeFileError("arrays in a file must hold numbers or texts, but one has a dtype with fields")
        self.dtype = self.dtype.newbyteorder(state[1])


def require_data(value: Any) -> None:
    """Check that what a pickle gave is data to the bottom, and no stand-in of a name or of a type was left in it.

    Raises:
        UnsafeFileError: if one was.
    """
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Name | DType):
            what = f"the name {each.text!r}" if isinstance(each, Name) else f"the dtype {each.dtype.str!r}"
            raise UnsafeFileError(f"a pickle must hold data only, but {what} is one of its values; refused")
        if isinstance(each, dict | list | tuple) and id(each) not in seen:
            seen.add(id(each))
            inside = each.values() if isinstance(each, dict) else each
            waiting += [part for part in inside if type(part) not in _LEAVES]


class _NdArray:
    """Only mentioned, as the class that `_reconstruct` is asked for."""


def set_state(value: Any, state: Any) -> None:
    """Do what a pickle's BUILD asks for, where the value is an array, a dtype, or a dict with attributes.

    Raises:
        UnsafeFileError: if it is anything else.
    """
    if isinstance(value, DType):
        value.set_state(state)
    elif isinstance(value, np.ndarray):
        _fill(value, *state)
    elif isinstance(value, dict) and isinstance(state, dict):
        return  # attributes of an OrderedDict, as torch's `_metadata`: no data of a benchmark
    else:
        raise UnsafeFileError(
            f"a pickle may only set the state of arrays, but it sets that of a {type(value).__name__}"
        )


def _fill(array: npt.NDArray[Any], _version: object, shape: Any, dtype: Any, by_column: object, data: Any) -> None:
    if not isinstance(dtype, DType) or not isinstance(data, bytes):
        raise UnsafeFileError("arrays in a file must hold numbers or texts, but one holds objects")
    _require_size(shape, dtype.dtype, len(data))
    array.__setstate__((1, shape, dtype.dtype, bool(by_column), data))  # type: ignore[arg-type]


def _require_size(shape: Any, dtype: np.dtype[Any], n_bytes: int) -> None:
    if not isinstance(shape, tuple) or not all(type(side) is int and side >= 0 for side in shape):
        raise BenchError("the shape of an array must be whole numbers, but others were given")
    if math.prod(shape) * dtype.itemsize != n_bytes:
        raise BenchError(f"an array of shape {shape} must have as many bytes, but has {n_bytes}")


def _reconstruct(kind: Any, shape: Any, _code: Any) -> npt.NDArray[Any]:
    if not isinstance(kind, Name) or kind.build is not _NdArray or shape != (0,):
        raise UnsafeFileError("a pickle may only make numpy arrays this way, but it asks for another class")
    return np.empty(0, dtype=np.int8)


def _scalar(dtype: Any, data: Any) -> Any:
    if not isinstance(dtype, DType) or not isinstance(data, bytes):
        raise UnsafeFileError("numpy scalars in a file must be numbers or texts, but one is an object")
    _require_size((), dtype.dtype, len(data))
    return np.frombuffer(data, dtype.dtype)[0].item()


def _from_buffer(data: Any, dtype: Any, shape: Any, order: Any) -> npt.NDArray[Any]:
    if not isinstance(dtype, DType) or not isinstance(data, bytes | bytearray) or order not in ("C", "F"):
        raise UnsafeFileError("arrays in a file must hold numbers or texts, but one holds something else")
    _require_size(shape, dtype.dtype, len(data))
    return np.frombuffer(bytes(data), dtype.dtype).reshape(shape, order=order)


def _encoded(text: Any, encoding: Any) -> bytes:
    """Return bytes that pickle protocol 2 wrote as text."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise UnsafeFileError("a pickle may only encode text as latin1, but it asks for something else")
    return text.encode("latin-1")


def _ordered(items: Any = ()) -> dict[Any, Any]:
    if not isinstance(items, list | tuple) or not all(type(key) in PLAIN_KEYS for key, _ in items):
        raise BenchError("an ordered dict must be made of pairs with plain keys, but others were given")
    return dict(items)


def _empty_bytes() -> bytes:
    return b""


def _set(items: Any = ()) -> set[Any]:
    return set(_plain_items(items))


def _frozen_set(items: Any = ()) -> frozenset[Any]:
    return frozenset(_plain_items(items))


def _plain_items(items: Any) -> list[Any] | tuple[Any, ...]:
    if not isinstance(items, list | tuple) or not all(type(item) in PLAIN_KEYS for item in items):
        raise BenchError("a set must be made of plain numbers and texts, but others were given")
    return items


#: What every benchmark's pickle may mention.
ARRAYS: Mapping[str, Builder] = {
    "collections.OrderedDict": _ordered,
    "_codecs.encode": _encoded,
    "numpy.dtype": DType,
    "numpy.ndarray": _NdArray,
    **{
        f"{builtins}.{name}": build
        for builtins in ("builtins", "__builtin__")
        for name, build in (("bytes", _empty_bytes), ("set", _set), ("frozenset", _frozen_set))
    },
    **{
        f"numpy.{core}.{name}": build
        for core in ("core", "_core")
        for name, build in (
            ("multiarray._reconstruct", _reconstruct),
            ("multiarray.scalar", _scalar),
            ("numeric._frombuffer", _from_buffer),
        )
    },
}
