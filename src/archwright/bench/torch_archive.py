"""Reads what `torch.save` wrote, in both of its formats, without torch and without running anything."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from archwright.bench.pickle_globals import ARRAYS, Builder, Name
from archwright.bench.pickle_source import Source
from archwright.bench.restricted import EachDict, load_pickle, source_of
from archwright.core.errors import BenchError, UnsafeFileError

__all__ = ["read_torch"]

#: What the older format begins with, and the version of it that follows. Source: torch/serialization.py.
_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_DTYPES = {
    "Double": "f8",
    "Float": "f4",
    "Half": "f2",
    "Long": "i8",
    "Int": "i4",
    "Short": "i2",
    "Char": "i1",
    "Byte": "u1",
    "Bool": "?",
}
#: An entry of a zip file may grow by this factor; torch does not compress at all.
_GROWTH = 200
_SPARE = 64 << 20


def read_torch(path: Path, *, each_dict: EachDict | None = None) -> Any:
    """Return what a `.pth` file holds, tensors as numpy arrays.

    Both formats are read: the zip files of torch 1.6 and newer, and the older row of pickles.

    Args:
        path: The file.
        each_dict: As in `read_pickle`.

    Raises:
        UnsafeFileError: if it names a class or function that is no plain data, by name; nothing is run.
        BenchError: if it is no such file, or damaged.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) == b"PK\x03\x04":
                return _read_zip(path, each_dict)
            file.seek(0)
            return _read_row(file, path, each_dict)
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise BenchError(f"{path} must be complete, but it is no whole zip file ({error}); fetch it again") from error
    except OSError as error:
        raise BenchError(f"{path} must be a readable file, but: {error.strerror or error}") from error


class _Storage:
    """The name of a type of storage, `torch.FloatStorage`."""

    def __init__(self, code: str) -> None:
        self.dtype = np.dtype(code).newbyteorder("<")


def _read_zip(path: Path, each_dict: EachDict | None) -> Any:
    with zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise BenchError(f"{path} must be a file of torch.save, but it has no data.pkl")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise BenchError(f"{path} must be written on a little-endian machine, but it says otherwise")
        made: dict[str, npt.NDArray[Any]] = {}

        def storage(id: Any) -> npt.NDArray[Any]:
            dtype, key, n = _storage_id(id, path)
            if key not in made:
                made[key] = _entry(archive, f"{folder}data/{key}", dtype, n, path)
            return made[key]

        with archive.open(pickles[0]) as file:
            source = Source(file, str(path), limit=_allowance(archive.getinfo(pickles[0])))
            return load_pickle(source, each_dict=each_dict, allowed=_TENSORS, persistent=storage)


def _allowance(entry: zipfile.ZipInfo) -> int:
    return _GROWTH * entry.compress_size + _SPARE


def _entry(archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], n: int, path: Path) -> npt.NDArray[Any]:
    try:
        entry = archive.getinfo(name)
    except KeyError:
        raise BenchError(f"{path} must be complete, but {name} is missing in it; fetch it again") from None
    wanted = n * dtype.itemsize
    if not wanted <= entry.file_size <= _allowance(entry):
        raise BenchError(f"{path} must hold {wanted} bytes in {name}, but it claims {entry.file_size}")
    with archive.open(entry) as file:
        data = file.read(wanted)
    if len(data) != wanted:
        raise BenchError(f"{path} must be complete, but {name} in it ends early; fetch it again")
    return np.frombuffer(data, dtype)


def _read_row(file: IO[bytes], path: Path, each_dict: EachDict | None) -> Any:
    """Read the older format: magic number, version, system, the value, names of storages, and their bytes."""
    source = source_of(file, path)
    left = path.stat().st_size
    made: dict[str, npt.NDArray[Any]] = {}

    def storage(id: Any) -> npt.NDArray[Any]:
        # The bytes come after the pickle, so the array is made now and filled later. Its size is only a claim.
        nonlocal left
        dtype, key, n = _storage_id(id, path)
        if key not in made:
            left -= n * dtype.itemsize
            if left < 0:
                raise BenchError(f"{path} must be complete, but its tensors claim more bytes than it has")
            made[key] = np.zeros(n, dtype)
        return made[key]

    if load_pickle(source) != _MAGIC or load_pickle(source) != _VERSION:
        raise BenchError(f"{path} must be a file of torch.save, but it does not begin like one")
    load_pickle(source)
    value = load_pickle(source, each_dict=each_dict, allowed=_TENSORS, persistent=storage)
    for key in load_pickle(source):
        if key not in made:
            raise BenchError(f"{path} must be complete, but nothing refers to storage {str(key)[:40]!r} in it")
        n = int.from_bytes(source.take(8), "little", signed=True)
        if n != len(made[key]):
            raise BenchError(f"{path} must hold {len(made[key])} numbers in storage {key}, but it says {n}")
        made[key][:] = np.frombuffer(source.take(n * made[key].itemsize), made[key].dtype)
    return value


def _storage_id(id: Any, path: Path) -> tuple[np.dtype[Any], str, int]:
    """Return dtype, key and length of ("storage", type, key, device, length, ...)."""
    well_formed = isinstance(id, tuple) and len(id) >= 5 and id[0] == "storage"
    if not well_formed or not isinstance(id[1], Name) or not isinstance(id[2], str) or type(id[4]) is not int:
        raise UnsafeFileError(f"{path} must refer to tensors only, but it refers to {str(id)[:60]!r}; refused")
    kind = id[1].build()
    if not isinstance(kind, _Storage) or id[4] < 0 or (len(id) > 5 and id[5] is not None):
        raise UnsafeFileError(f"{path} must refer to storages of numbers, but it refers to {id[1].text!r}; refused")
    return kind.dtype, id[2], id[4]


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> npt.NDArray[Any]:
    """Return the view of a storage that `torch._utils._rebuild_tensor_v2` would make."""
    numbers = [offset, *size, *stride]
    if not isinstance(storage, np.ndarray) or not all(type(number) is int and number >= 0 for number in numbers):
        raise BenchError("a tensor must be a view of a storage, but its place, size or strides are no whole numbers")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if math.prod(size) and last >= len(storage):
        raise BenchError(f"a tensor of size {size} must lie in its storage of {len(storage)} numbers")
    if math.prod(size) > len(storage):
        raise BenchError(f"a tensor of size {size} must not repeat numbers of its storage")
    steps = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], shape=tuple(size), strides=steps, writeable=False)


def _parameter(data: Any, *_: Any) -> Any:
    return data


def _size(sides: Any = ()) -> tuple[Any, ...]:
    return tuple(sides)


def _storage_kind(code: str) -> Builder:
    return lambda: _Storage(code)


_TENSORS: Mapping[str, Builder] = {
    **ARRAYS,
    **{f"torch.{name}Storage": _storage_kind(code) for name, code in _DTYPES.items()},
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.Size": _size,
}
