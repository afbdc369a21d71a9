"""What every importer must do with files that are not the official ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archwright.bench.importing import import_bench
from archwright.core.errors import NasError


def refusal(kind: str, path: Path, **options: Any) -> str:
    """Return the message with which an import ends; checks that it is one line, for the user, and names the file."""
    out = path.parent / "refused"
    with pytest.raises(NasError) as caught:
        import_bench(kind, path, out, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message, message
    assert caught.value.exit_code == 2
    assert not (out / "bench.json").exists()
    return message


def truncated(path: Path, part: float = 0.6) -> Path:
    """Return a copy of a file that ends in the middle."""
    content = path.read_bytes()
    copy = path.with_name(f"cut-{path.name}")
    copy.write_bytes(content[: int(part * len(content))])
    return copy
