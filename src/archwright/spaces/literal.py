"""Python literals that communities write architectures with, read without running anything."""

from __future__ import annotations

import ast

from archwright.core.errors import ArchError

__all__ = ["integers", "read_literal", "shown"]

#: Characters of a text that an error message repeats.
_SHOWN = 80

#: The longest native text of any space here has about 2,000 characters; deeper or longer ones are no architectures.
_LONGEST = 20_000


def read_literal(text: str, form: str) -> object:
    """Return the lists, tuples, dicts, numbers and texts that `text` writes, in Python's or JSON's way.

    Args:
        text: What was given.
        form: What it must look like, for the message.

    Raises:
        ArchError: if `text` is not a literal.
    """
    try:
        if len(text) > _LONGEST:
            raise ValueError
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise ArchError(f"an architecture must read {form}, but {shown(text)} was given") from None


def integers(value: object) -> tuple[int, ...] | None:
    """Return `value` as a tuple if it is a list or tuple of integers; None if it is something else."""
    if not isinstance(value, list | tuple) or not all(type(item) is int for item in value):
        return None
    return tuple(value)


def shown(text: object) -> str:
    """Return `text` in quotes, cut to one short line, for a message."""
    whole = repr(text)
    return whole if len(whole) <= _SHOWN else f"{whole[:_SHOWN]}..."
