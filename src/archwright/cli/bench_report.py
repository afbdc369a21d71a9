"""`archwright bench report`: what an experiment says, as CSV tables, PNG charts and one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

if TYPE_CHECKING:
    from archwright.report.comparison_html import Made

__all__ = ["EXAMPLE", "report"]

EXAMPLE = "Example: archwright bench report my-experiment"


def report(
    experiment: Annotated[Path, typer.Argument(help="Folder of `archwright bench run`.", show_default=False)],
    out: Annotated[Path | None, Option(help="Folder to write; default: `report` in the experiment's folder.")] = None,
    png: Annotated[bool, Option(help="Also write PNG files; needs matplotlib.")] = True,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write best-so-far curves, final regret, ranks and tests of an experiment; it may be going on."""
    from dataclasses import asdict

    from archwright.cli.output import as_json, note
    from archwright.report.comparison_html import write_comparison

    made = write_comparison(experiment, out=out, png=png)
    if json:
        ranks = {} if made.overall is None else dict(zip(made.names, made.overall.ranks.tolist(), strict=True))
        finals = [asdict(row) for row in made.rows]
        files = [str(path) for path in made.files]
        print(as_json({"report": files[0], "files": files, "final": finals, "mean_ranks": ranks, "notes": made.notes}))
        return
    _show(made)
    for line in made.notes:
        note(line)
    print(f"report in {made.files[0]}, and {len(made.files) - 1} CSV and PNG files beside it")


def _show(made: Made) -> None:
    """Print final results per benchmark, and mean ranks over benchmarks."""
    from rich.console import Console
    from rich.table import Table

    from archwright.report.comparison_tables import figure

    console = Console()
    for case in dict.fromkeys(row.case for row in made.rows):
        rows = [row for row in made.rows if row.case == case]
        table = Table(title=f"{case}: {rows[0].metric}", title_justify="left")
        for heading in ("rank", "searcher", "mean", "std", "n", "median", "regret", "best found"):
            table.add_column(heading, justify="left" if heading == "searcher" else "right", no_wrap=True)
        for row in rows:
            numbers = [figure(each) for each in (row.mean, row.std)]
            rest = [figure(row.median), figure(row.regret), f"{row.optimal:.0%}"]
            table.add_row(f"{row.rank:g}", row.searcher, *numbers, str(row.n), *rest)
        console.print(table)
    if made.overall is None:
        return
    print(f"Mean rank over {made.overall.n} benchmark outcomes:")
    table = Table()
    table.add_column("searcher", no_wrap=True)
    table.add_column("mean rank", justify="right")
    for rank, name in sorted(zip(made.overall.ranks.tolist(), made.names, strict=True)):
        table.add_row(name, f"{rank:.2f}")
    console.print(table)
    if made.overall.difference is not None:
        p = "" if made.overall.p is None else f"; Friedman p = {made.overall.p:.2g}"
        print(f"critical difference {made.overall.difference:.2f} (Nemenyi, 5 %){p}")
