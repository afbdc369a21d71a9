"""Options of verbs that build networks: their sizes, and how their parameters are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typer import Option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archwright.nets.initialise import Scheme

__all__ = ["PANEL", "Init", "Size", "WeightsOption", "read_scheme", "read_sizes"]

PANEL = "The networks"

Size = Annotated[
    list[str] | None,
    Option(
        help="Size of the networks: channels=8,cells=1. Repeatable; else the benchmark's own.",
        rich_help_panel=PANEL,
        show_default=False,
    ),
]
Init = Annotated[str, Option(help="Weights: torch, kaiming, kaiming_fan_out, xavier or lecun.", rich_help_panel=PANEL)]

WeightsOption = Annotated[
    str,
    Option(
        help="Tabular MLPs: shared (one draw for all, scored together, much faster), own, or auto: shared where it "
        "can be.",
        rich_help_panel=PANEL,
    ),
]


def read_sizes(texts: Sequence[str]) -> tuple[tuple[str, int | float | bool], ...]:
    """Return sizes from `channels=8` or `channels=8,cells=1`, each name once.

    Raises:
        SpaceError: if one reads otherwise.
    """
    from archwright.core.errors import SpaceError

    sizes: dict[str, int | float | bool] = {}
    for text in (part.strip() for each in texts for part in each.split(",") if part.strip()):
        name, _, value = text.partition("=")
        try:
            sizes[name.strip().replace("-", "_")] = _number(value.strip())
        except ValueError:
            raise SpaceError(f"a size must read NAME=NUMBER, true or false, but {text!r} was given") from None
    return tuple(sizes.items())


def read_scheme(text: str) -> Scheme:
    """Return the name of an initialisation.

    Raises:
        UnknownNameError: if there is no such one.
    """
    from typing import get_args

    from archwright.core.catalog import suggestion
    from archwright.core.errors import UnknownNameError

    if text == "torch":  # Known without importing torch.
        return "torch"
    from archwright.nets.initialise import Scheme

    for name in get_args(Scheme):
        if name == text:
            known: Scheme = name
            return known
    raise UnknownNameError(f"no initialisation {text!r}. {suggestion(text, get_args(Scheme))}")


def _number(text: str) -> int | float | bool:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return int(text) if text.lstrip("+-").isdigit() else float(text)
