"""Writing a file so that a reader finds the old content or the new, never a part."""

from __future__ import annotations

import os
from pathlib import Path

from archwright.core.errors import RunError

__all__ = ["write_whole"]


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` beside its place, then rename it over `path`.

    Raises:
        RunError: if the file cannot be written (exit code 1: the system failed, not the input).
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise RunError.of_system(f"{path} cannot be written: {error.strerror or error}") from error
