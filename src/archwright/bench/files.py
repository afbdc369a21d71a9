"""The folder of a benchmark: `bench.json`, and one raw `.npy` file per array, each with its checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import BenchError
from archwright.core.files import replacing, write_atomically

__all__ = ["FORMAT", "load_folder", "save_folder", "verify_folder"]

#: Of the folder. A newer one is refused; an older one would be read as it was.
FORMAT = 1

_META, _STAMP = "bench.json", ".verified.json"

#: Folders up to this size are hashed on the first opening; larger ones where it is asked for.
_HASHED_BYTES = 64 << 20

Array = npt.NDArray[Any]


def save_folder(folder: Path, meta: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write the arrays, then `bench.json`; a folder without that last file is no benchmark.

    Raises:
        BenchError: if the folder holds something else than a benchmark.
        RunError: if it cannot be written (exit code 1).
    """
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / _META).is_file())):
        raise BenchError(f"{folder} must be a new or empty folder, or an older benchmark; give another one")
    with _system_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _META).unlink(missing_ok=True)
        (folder / _STAMP).unlink(missing_ok=True)
        for old in folder.glob("*.npy"):
            old.unlink()
    files = {name: _save(folder / f"{name}.npy", array) for name, array in arrays.items()}
    content = {"format": FORMAT, **meta, "files": files}
    content["checksum"] = _checksum(content)
    write_atomically(folder / _META, json.dumps(content, indent=1).encode())
    _stamp(folder, files)


def load_folder(folder: Path, *, verify: bool | None = None) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return `bench.json` and the arrays, mapped into memory.

    Checks always: the format, the checksum of `bench.json`, and size, type and shape of every array.

    Args:
        folder: What `save_folder` wrote.
        verify: Also hash the arrays. None hashes them if they are small and have changed their time or size since
            they were last found good.

    Raises:
        BenchError: if the folder is no benchmark, or is damaged.
    """
    meta = _read_meta(folder)
    files: dict[str, dict[str, Any]] = meta["files"]
    for name, entry in files.items():
        _check_size(folder / f"{name}.npy", entry)
    is_small = sum(entry["bytes"] for entry in files.values()) <= _HASHED_BYTES
    if verify or (verify is None and is_small and not _is_stamped(folder, files)):
        verify_folder(folder, files)
    return meta, {name: _open(folder / f"{name}.npy", entry) for name, entry in files.items()}


def verify_folder(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Compare the checksum of every array with the recorded one. Reads everything.

    Raises:
        BenchError: if one differs.
    """
    for name, entry in files.items():
        path = folder / f"{name}.npy"
        _check_size(path, entry)
        if _sha256(path) != entry["sha256"]:
            raise BenchError(f"{path} was changed after it was written: its checksum differs; import it again")
    _stamp(folder, files)


def _read_meta(folder: Path) -> dict[str, Any]:
    path = folder / _META
    if not path.is_file():
        raise BenchError(
            f"a benchmark must be a folder with {_META}, but {folder} is none; see `archwright bench list`"
        )
    try:
        meta = json.loads(path.read_bytes())
        version, checksum = meta["format"], meta.pop("checksum")
    except (ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{path} is damaged ({error}); import the benchmark again") from error
    if version != FORMAT:
        raise BenchError(f"{path} has format {version!r}, but this version reads {FORMAT}; import the benchmark again")
    if checksum != _checksum(meta):
        raise BenchError(f"{path} was changed after it was written: its checksum differs; import the benchmark again")
    return dict(meta)


def _check_size(path: Path, entry: Mapping[str, Any]) -> None:
    try:
        found = path.stat().st_size
    except OSError:
        raise BenchError(f"{path} is missing; import the benchmark again") from None
    if found != entry["bytes"]:
        raise BenchError(f"{path} must have {entry['bytes']} bytes, but has {found}; import the benchmark again")


def _open(path: Path, entry: Mapping[str, Any]) -> Array:
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BenchError(f"{path} is damaged ({error}); import the benchmark again") from error
    if array.dtype.str != entry["dtype"] or list(array.shape) != entry["shape"]:
        raise BenchError(f"{path} must be {entry['dtype']} {entry['shape']}, but is {array.dtype.str} {array.shape}")
    return array


def _save(path: Path, array: Array) -> dict[str, Any]:
    array = np.ascontiguousarray(array)
    with replacing(path) as beside, beside.open("wb") as file:
        np.save(file, array, allow_pickle=False)
    return {
        "dtype": array.dtype.str,
        "shape": list(array.shape),
        "bytes": path.stat().st_size,
        "sha256": _sha256(path),
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksum(meta: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(meta, sort_keys=True).encode()).hexdigest()


def _times(folder: Path, files: Mapping[str, Any]) -> dict[str, list[int]]:
    found = {name: (folder / f"{name}.npy").stat() for name in files}
    return {name: [stat.st_mtime_ns, stat.st_size] for name, stat in found.items()}


def _stamp(folder: Path, files: Mapping[str, Any]) -> None:
    """Note that these files were found good; a folder that cannot be written is hashed again the next time."""
    try:
        (folder / _STAMP).write_text(json.dumps(_times(folder, files)))
    except OSError:
        return


def _is_stamped(folder: Path, files: Mapping[str, Any]) -> bool:
    try:
        return bool(json.loads((folder / _STAMP).read_bytes()) == _times(folder, files))
    except (OSError, ValueError):
        return False


@contextmanager
def _system_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BenchError.of_system(f"{path} must be writable, but: {error.strerror or error}") from error
