"""`archwright resume`: more time for a run that is already there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

__all__ = ["EXAMPLE", "resume"]

EXAMPLE = "Example: archwright resume my-run --budget 5m"


def resume(
    run: Annotated[Path, typer.Argument(help="Run folder.", show_default=False)],
    budget: Annotated[str, Option(help="Further time, from start to end: 60s, 5m, 1h30m.")] = "60s",
    data: Annotated[str | None, Option(help="The table, if it is not where it was.")] = None,
    workers: Annotated[int | None, Option(help="Worker processes; default as before.")] = None,
    export: Annotated[str | None, Option(help="Also write the model as onnx.")] = None,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Continue a run: scores, trained networks and timings are reused, and the best never gets worse."""
    from archwright.run.clock import Clock

    clock = Clock.process_start()
    from archwright.cli.progress import watching
    from archwright.cli.result import finishers, show_result
    from archwright.coordinate.fit import resume as run_resume
    from archwright.coordinate.record import RunFolder
    from archwright.core.budget import seconds

    budget_s = seconds(budget)
    folder = RunFolder(run)
    finish = finishers(export)
    with watching(budget_s) as watch:
        record = run_resume(
            folder, budget_s=budget_s, clock=clock, table=data, workers=workers, finish=finish, watch=watch
        )
    show_result(folder, record, json_output=json)
