"""Writing a file so that a reader, or a crash, finds the old content or the new, never a part."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from archwright.core.errors import RunError

__all__ = ["replacing", "write_atomically"]


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Give a path beside `path` to write to; when the block ends well, what is there is renamed over `path`.

    Args:
        path: File to write; a file that is there is replaced.
        durable: Also wait until the disk has it, so that a power cut cannot lose it. Costs a few milliseconds.
    Raises:
        RunError: if the file cannot be written (exit code 1: the system failed, not the input).
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield beside
        if durable:
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
        beside.replace(path)
    except BaseException as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise RunError.of_system(f"{path} must be writable, but: {error.strerror or error}") from error
        raise


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write the whole file in one step; see `replacing`.

    Raises:
        RunError: if the file cannot be written (exit code 1).
    """
    with replacing(path, durable=durable) as beside:
        beside.write_bytes(data)
