"""Options of verbs whose work may be done on a cluster."""

from __future__ import annotations

from typing import Annotated

from typer import Option

__all__ = ["Address", "Where"]

_PANEL = "Where it is done"

Where = Annotated[
    str,
    Option(
        help="pool (processes here), or ray (a cluster whose machines share these folders).", rich_help_panel=_PANEL
    ),
]
Address = Annotated[
    str | None,
    Option(help="Of a running Ray cluster: HOST:PORT or auto; else one starts here.", rich_help_panel=_PANEL),
]
