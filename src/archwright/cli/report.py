"""`archwright report`: the HTML page of a run, made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

__all__ = ["EXAMPLE", "report"]

EXAMPLE = "Example: archwright report my-run"


def report(
    run: Annotated[Path, typer.Argument(help="Run folder.", show_default=False)],
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write the report of a run as one self-contained HTML file."""
    from archwright.cli.output import emit
    from archwright.coordinate.record import RunFolder
    from archwright.report.html import write_report

    path = write_report(RunFolder(run))
    emit([f"report in {path}"], {"report": str(path)}, json_output=json)
