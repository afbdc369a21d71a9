"""How results are printed: for people, or as one JSON object for machines."""

from __future__ import annotations

import json
import sys
from typing import Any

__all__ = ["as_json", "emit", "note"]


def as_json(value: object) -> str:
    """Return `value` as JSON text; what JSON does not know becomes its `str`."""
    return json.dumps(value, indent=1, default=str)


def emit(lines: list[str], value: dict[str, Any], *, json_output: bool) -> None:
    """Print `lines` for people, or `value` as JSON."""
    print(as_json(value) if json_output else "\n".join(lines))


def note(line: str) -> None:
    """Print one line for people beside the result: to standard error."""
    print(line, file=sys.stderr)
