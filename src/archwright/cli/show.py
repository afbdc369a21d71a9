"""`archwright show`: the leaderboard of a run, or what a search space holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from archwright.core.errors import RunError

if TYPE_CHECKING:
    from archwright.spaces.base import Space

__all__ = ["EXAMPLE", "show"]

EXAMPLE = "Example: archwright show my-run, or: archwright show space nb201 --draw cell.svg"


def show(
    what: Annotated[str, typer.Argument(help="Run folder, or the word `space`.", show_default=False)],
    name: Annotated[
        str | None, typer.Argument(help="After `space`: a space by name, or its YAML file.", show_default=False)
    ] = None,
    top: Annotated[int, Option(help="Rows of the leaderboard.", min=1)] = 20,
    arch: Annotated[
        str | None, Option(help="Of a space: the architecture to show, as the space writes it.", show_default=False)
    ] = None,
    draw: Annotated[
        Path | None, Option(help="Of a space: draw the architecture into this .svg or .png.", show_default=False)
    ] = None,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the leaderboard of a run, or describe a search space (`archwright show space frappe`)."""
    if what == "space" and not Path(what).is_dir():
        if name is None:
            _list_spaces(arch, draw, json_output=json)
        else:
            _show_space(name, arch, draw, json_output=json)
        return
    if name is not None or arch is not None or draw is not None:
        raise RunError("a second name, --arch and --draw go with a space: archwright show space NAME --draw cell.svg")
    _show_run(Path(what), top=top, json_output=json)


def _list_spaces(arch: str | None, draw: Path | None, *, json_output: bool) -> None:
    from archwright.cli.output import emit
    from archwright.report.space import list_lines, list_spaces

    if arch is not None or draw is not None:
        raise RunError("--arch and --draw need a space: archwright show space NAME --draw cell.svg")
    spaces = list_spaces()
    emit(list_lines(spaces), {"spaces": spaces}, json_output=json_output)


def _show_space(name: str, arch: str | None, draw: Path | None, *, json_output: bool) -> None:
    from archwright.cli.output import emit
    from archwright.report.cell_drawing import save_drawing
    from archwright.report.space import describe_space, lines

    space = _space(name)
    shown = None if arch is None else space.parse(arch)
    facts = describe_space(space, shown)
    said = lines(facts)
    if draw is not None:
        facts["drawing"] = str(save_drawing(space, space.parse(facts["example"]), draw))
        said.append(f"{'drawing':<11} {facts['drawing']}")
    emit(said, facts, json_output=json_output)


def _space(name: str) -> Space:
    """Return a space of the catalogue, or the one that a YAML file describes."""
    from archwright.core.catalog import find, names
    from archwright.spaces.yaml_space import load_space

    if name not in names("space") and (Path(name).suffix in (".yaml", ".yml") or Path(name).is_file()):
        return load_space(name)
    made: Space = find("space", name)()
    return made


def _show_run(path: Path, *, top: int, json_output: bool) -> None:
    from dataclasses import asdict

    from archwright.cli.output import as_json
    from archwright.cli.result import found
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
    print("\n".join(found(record)))
