"""The one reader of pickles: it builds plain values and arrays itself, and executes nothing."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, cast

from archwright.bench.pickle_globals import ARRAYS, Builder, require_data
from archwright.bench.pickle_machine import Machine
from archwright.bench.pickle_source import Source
from archwright.core.errors import BenchError, NasError

__all__ = ["load_pickle", "open_file", "read_pickle", "source_of"]

EachDict = Callable[[dict[Any, Any]], bool]

#: A compressed file may grow by this factor; learning curves grow by 10 to 20, a bomb by 1,000 and more.
_GROWTH = 200
_SPARE = 64 << 20


def read_pickle(path: Path, *, each_dict: EachDict | None = None) -> Any:
    """Return what a pickle file holds: numbers, texts, bytes, lists, tuples, sets, dicts and numpy arrays.

    Files compressed by bz2 or gzip are decompressed on the way. Ordered dicts become dicts. A learning curve of 200
    epochs takes about 40 microseconds. A damaged file that asks for more memory than its size explains is refused.

    Args:
        path: The file.
        each_dict: Called with each dict when items were put into it. Where it says True the dict was used up: the
            dicts inside are forgotten, so that a file of gigabytes needs little memory.

    Raises:
        UnsafeFileError: if the pickle names a class or function that is not on the short list of plain ones, by name.
        BenchError: if the file is no pickle, or damaged.
    """
    with open_file(path) as file:
        return load_pickle(source_of(file, path), each_dict=each_dict)


def open_file(path: Path) -> IO[bytes]:
    """Return the file opened for reading, decompressed by what its first bytes say.

    Raises:
        BenchError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(3)
        if start == b"BZh":
            import bz2

            return bz2.open(path)
        if start[:2] == b"\x1f\x8b":
            import gzip

            return cast("IO[bytes]", gzip.open(path))
        return path.open("rb")
    except OSError as error:
        raise BenchError(f"{path} must be a readable file, but: {error.strerror or error}") from error


def source_of(file: IO[bytes], path: Path) -> Source:
    """Return the source of an opened file, bounded by the size of `path` on disk."""
    return Source(file, str(path), limit=_GROWTH * path.stat().st_size + _SPARE)


def load_pickle(
    source: Source,
    *,
    each_dict: EachDict | None = None,
    allowed: Mapping[str, Builder] = ARRAYS,
    persistent: Callable[[Any], Any] | None = None,
) -> Any:
    """Return the value of the pickle that starts at the source's place; see `read_pickle`.

    Args:
        source: Its bytes.
        each_dict: As there.
        allowed: `module.name` to what builds a value from the arguments that the pickle gives.
        persistent: Gives the value of a persistent id; without it such ids are refused.

    Raises:
        UnsafeFileError: as there.
        BenchError: as there.
    """
    machine = Machine(source, allowed=allowed, each_dict=each_dict, persistent=persistent)
    try:
        value = machine.run()
    except NasError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error) as error:
        problem = f"{type(error).__name__}: {error}"[:200]
        raise BenchError(
            f"{source.name} must be a pickle, but it cannot be read ({problem}); fetch it again"
        ) from error
    require_data(value)
    return value
