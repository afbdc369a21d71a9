"""Options of verbs that learn from a table: which rows and columns, and what of them is learned."""

from __future__ import annotations

from typing import Annotated

from typer import Option

__all__ = [
    "Balanced",
    "Encoding",
    "Group",
    "Ignore",
    "Kind",
    "Metric",
    "Positive",
    "SplitColumn",
    "Target",
    "Test",
    "TestFraction",
    "ValidFraction",
    "Weight",
    "read_names",
    "read_widths",
]

_PANEL = "The table"

Target = Annotated[str, Option(help="Column to predict.")]
Ignore = Annotated[str, Option(help="Columns to leave out: A,B,C.", rich_help_panel=_PANEL)]
Test = Annotated[str | None, Option(help="Table that is the test split.", rich_help_panel=_PANEL)]
TestFraction = Annotated[float, Option(help="Share of rows kept for the test.", rich_help_panel=_PANEL)]
ValidFraction = Annotated[float, Option(help="Share of the rest for validation.", rich_help_panel=_PANEL)]
SplitColumn = Annotated[str | None, Option(help="Column with values train, valid, test.", rich_help_panel=_PANEL)]
Group = Annotated[
    str | None, Option(help="Column whose equal values stay on one side of a split.", rich_help_panel=_PANEL)
]
Weight = Annotated[str | None, Option(help="Column with row weights.", rich_help_panel=_PANEL)]
Balanced = Annotated[bool, Option("--balanced", help="Weight classes equally.", rich_help_panel=_PANEL)]
Positive = Annotated[
    str | None, Option(help="Label that counts as positive, against all others.", rich_help_panel=_PANEL)
]
Kind = Annotated[str | None, Option(help="binary, classes or real; else inferred.", rich_help_panel=_PANEL)]
Metric = Annotated[
    str | None,
    Option(help="Metric of validation: auc, accuracy, log_loss, r2 or rmse; else by kind.", rich_help_panel=_PANEL),
]
Encoding = Annotated[str | None, Option(help="Text encoding of a CSV file.", rich_help_panel=_PANEL)]


def read_names(text: str) -> tuple[str, ...]:
    """Return the names in `A,B,C`."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def read_widths(text: str | None) -> tuple[int, ...] | None:
    """Return the widths in `8,16,32`; None where there are none.

    Raises:
        SpaceError: if one is no whole number.
    """
    from archwright.core.errors import SpaceError

    if text is None or not text.strip():
        return None
    try:
        return tuple(int(width) for width in read_names(text))
    except ValueError:
        raise SpaceError(f"widths must be whole numbers such as 8,16,32, but {text!r} was given") from None
