"""`archwright export`: the best network of a run in a format that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

__all__ = ["EXAMPLE", "export"]

EXAMPLE = "Example: archwright export my-run --format onnx --out model.onnx"


def export(
    run: Annotated[Path, typer.Argument(help="Run folder, or a model.safetensors file.", show_default=False)],
    format: Annotated[str, Option(help="onnx, torch, torchscript or safetensors.")] = "onnx",
    out: Annotated[Path | None, Option(help="File to write; default: in the run folder.")] = None,
    data: Annotated[str | None, Option(help="Table to check the export on; default: the run's own.")] = None,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write the best network with its preprocessing, checked against our own predictions."""
    from archwright.cli.output import emit
    from archwright.coordinate.exporting import export_run

    made = export_run(run, format=format, out=out, data=data)
    lines = [f"{made['format']} model in {made['path']}"]
    if made.get("max_difference") is not None:
        lines.append(
            f"checked on {made['rows_checked']} rows: largest difference to our own predictions "
            f"{made['max_difference']:.1e}"
        )
    lines += [f"feed {name!r} as {kind}: {how}" for name, kind, how in made.get("inputs", [])]
    lines += list(made.get("notes", []))
    emit(lines, made, json_output=json)
