"""Files in which work is kept: a record in JSON, results in Parquet. Each says its format, and damage is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from archwright.core.errors import NasError, RunError
from archwright.core.files import replacing

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["make_folders", "read_record", "read_results", "require_free", "write_results"]

T = TypeVar("T")


def require_free(path: Path, lock: Path, *, what: str) -> None:
    """Accept a folder that is new, or empty but for the lock.

    Args:
        path: The folder.
        lock: File that whoever works in it holds.
        what: What is to be kept there: `a new study`.

    Raises:
        RunError: if it holds something, or is no folder.
    """
    if path.exists() and not (path.is_dir() and all(file == lock for file in path.iterdir())):
        raise RunError(f"{what} needs a new or empty folder, but {path} holds something else")


def make_folders(path: Path, *inner: str) -> None:
    """Make the folders of this name in a folder, and the folder itself.

    Raises:
        RunError: if they cannot be made (exit code 1).
    """
    try:
        for name in inner:
            (path / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError.of_system(f"{path} must be writable, but: {error.strerror or error}") from None


def read_record(path: Path, make: Callable[[dict[str, Any]], T], *, format: int, missing: str) -> T:
    """Return what `make` makes of a record.

    Args:
        path: JSON file.
        make: Makes something of its values.
        format: Number that its `format` must have.
        missing: What to say if there is no such file.

    Raises:
        RunError: if there is no such file, it has another format, or it is damaged.
        NasError: what `make` raises of these.
    """
    try:
        said: dict[str, Any] = json.loads(path.read_bytes())
        if said["format"] != format:
            raise RunError(f"{path} has format {said['format']}, but this version reads {format}")
        return make(said)
    except FileNotFoundError:
        raise RunError(missing) from None
    except NasError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged: {_cause(error)}") from error


def write_results(path: Path, table: pa.Table, said: Mapping[str, Any], *, key: bytes) -> None:
    """Write a table in one step.

    Args:
        path: Parquet file.
        table: Its columns.
        said: JSON values that are kept beside the columns; `format` must be one.
        key: Under which they are kept.

    Raises:
        RunError: if it cannot be written (exit code 1).
    """
    import pyarrow.parquet as pq

    with replacing(path) as beside:
        pq.write_table(
            table.replace_schema_metadata({key: json.dumps(dict(said)).encode()}), beside, compression="zstd"
        )


def read_results(path: Path, make: Callable[[pa.Table, dict[str, Any]], T], *, key: bytes, format: int, lost: str) -> T:
    """Return what `make` makes of a table and of what is kept beside its columns.

    Args:
        path: Parquet file that `write_results` wrote.
        make: Makes something of both.
        key: Under which the values beside the columns are kept.
        format: Number that their `format` must have.
        lost: What happens after a damaged file is removed: "its runs are done again".

    Raises:
        RunError: if the file is damaged, no such file, or has another format.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        said: dict[str, Any] = json.loads((table.schema.metadata or {})[key])
        if said["format"] != format:
            raise RunError(f"{path} has format {said['format']}, but this version reads {format}: update archwright")
        return make(table, said)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged ({_cause(error)}); remove it, and {lost}") from error


def _cause(error: Exception) -> str:
    return " ".join(str(error).split())[:100]
