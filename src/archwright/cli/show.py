"""`archwright show`: the leaderboard of a run, or what a search space holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

__all__ = ["EXAMPLE", "show"]

EXAMPLE = "Example: archwright show my-run"


def show(
    what: Annotated[str, typer.Argument(help="Run folder, or the word `space`.", show_default=False)],
    name: Annotated[str | None, typer.Argument(help="After `space`: a space by name.", show_default=False)] = None,
    top: Annotated[int, Option(help="Rows of the leaderboard.", min=1)] = 20,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the leaderboard of a run, or describe a search space (`archwright show space frappe`)."""
    if what == "space" and not Path(what).is_dir():
        _show_space(name, json_output=json)
    else:
        _show_run(Path(what), top=top, json_output=json)


def _show_space(name: str | None, *, json_output: bool) -> None:
    from archwright.cli.output import emit
    from archwright.core.catalog import find, names
    from archwright.report.space import describe_space

    if name is None:
        spaces = [each for each in names("space") if each != "tabular_mlp"]
        emit([f"spaces: {', '.join(spaces)}"], {"spaces": spaces}, json_output=json_output)
        return
    made = find("space", name)
    described = describe_space(made())
    emit([f"{key:<10} {value}" for key, value in described.items()], described, json_output=json_output)


def _show_run(path: Path, *, top: int, json_output: bool) -> None:
    from dataclasses import asdict

    from archwright.cli.output import as_json
    from archwright.coordinate.record import RunFolder
    from archwright.report.table import leaderboard

    folder = RunFolder(path)
    record = folder.load()
    rows = leaderboard(folder)[:top]
    if json_output:
        best = {"status": record.status, "task": record.task, "best": record.best, "test": record.test}
        print(as_json(best | {"leaderboard": [asdict(row) for row in rows]}))
        return
    from rich.console import Console
    from rich.table import Table

    metric = record.task.get("metric", "score")
    table = Table(title=f"{path}: {record.status}, {record.used_s:.1f} s used", title_justify="left")
    for heading in ("rank", "widths", metric, "epochs", "parameters", "seconds"):
        table.add_column(heading, justify="left" if heading == "widths" else "right", no_wrap=True)
    for row in rows:
        table.add_row(
            str(row.rank),
            "-".join(map(str, row.widths)),
            f"{row.metric:.4f}",
            f"{row.epochs:.3g}",
            "" if row.params is None else f"{row.params:,.0f}",
            f"{row.cost_s:.1f}",
        )
    Console().print(table)
