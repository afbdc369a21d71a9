"""`archwright bench run`: many seeded searches on benchmarks, in simulated time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from archwright.cli.cluster_options import Address, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from archwright.coordinate.contest import Progress
    from archwright.coordinate.experiment import Case, Experiment

__all__ = ["EXAMPLE", "named_cases", "run", "watching"]

EXAMPLE = (
    "Example: archwright bench run --bench nb201:cifar10-e12:cifar10 --searchers random,evolution --trials 300 "
    "--seeds 100 --out my-experiment"
)

_TRIALS, _SEEDS = 300, 100
_LIMITS, _HOW = "The budget of each run", "How it is done"


def run(
    out: Annotated[Path, Option(help="Folder of the experiment; one that is there is continued.", show_default=False)],
    bench: Annotated[
        list[str] | None,
        Option(
            help="Benchmark as NAME, NAME:OUTCOME or NAME:OUTCOME:REPORTED; OUTCOME may be A,B or all. Repeatable.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[str, Option(help="Outcome to search on where --bench names none: A,B or all.")] = "",
    report_outcome: Annotated[str, Option(help="Outcome to report where --bench names none.")] = "",
    searchers: Annotated[
        str, Option(help="Searchers by name: random,evolution:population=20:sample=10")
    ] = "random,evolution",
    seeds: Annotated[int, Option(help="Runs of each searcher on each benchmark.", min=1)] = _SEEDS,
    trials: Annotated[
        int | None, Option(help=f"Trials; {_TRIALS} where nothing limits a run.", rich_help_panel=_LIMITS)
    ] = None,
    seconds: Annotated[str | None, Option(help="Simulated time: 12000s, 200m, 3h.", rich_help_panel=_LIMITS)] = None,
    trainings: Annotated[
        float | None,
        Option(help="In place of these: simulated time of so many full trainings.", rich_help_panel=_LIMITS),
    ] = None,
    epochs: Annotated[float | None, Option(help="Epochs in total.", rich_help_panel=_LIMITS)] = None,
    simulated_workers: Annotated[
        int, Option(help="Workers of each run, in simulated time.", min=1, rich_help_panel=_HOW)
    ] = 1,
    continue_trainings: Annotated[
        bool,
        Option("--continue-trainings", help="More epochs cost only what they add.", rich_help_panel=_HOW),
    ] = False,
    jobs: Annotated[int | None, Option(help="Processes; default one per core.", min=1, rich_help_panel=_HOW)] = None,
    executor: Where = "pool",
    address: Address = None,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare searchers on benchmarks: every one, on every outcome, with every seed. Resumable."""
    from archwright.cli.output import emit
    from archwright.coordinate.contest import run_experiment
    from archwright.coordinate.contestant import Contestant
    from archwright.coordinate.experiment import Experiment, ExperimentFolder
    from archwright.core.budget import Budget
    from archwright.core.budget import seconds as read_seconds

    if bench:
        if all(limit is None for limit in (trials, seconds, epochs, trainings)):
            trials = _TRIALS
        is_limited = any(limit is not None for limit in (trials, seconds, epochs))
        limit_s = None if seconds is None else read_seconds(seconds)
        budget = Budget(seconds=limit_s, trials=trials, epochs=epochs) if is_limited else None
        named = tuple(dict.fromkeys(Contestant.parse(text.strip()) for text in searchers.split(",") if text.strip()))
        wanted = Experiment(
            named_cases(bench, dataset=dataset, report=report_outcome),
            named,
            seeds,
            budget,
            trainings=trainings,
            workers=simulated_workers,
            continued=continue_trainings,
        )
    else:
        wanted = ExperimentFolder(out).load()
    with watching("runs") as watch:
        done = run_experiment(out, wanted, jobs=jobs, executor=executor, address=address, watch=watch)
    n_cells = len(list(done.cells()))
    line = f"{n_cells} cells x {done.seeds} seeds in {out}; see `archwright bench report {out}`"
    emit([line], _summary(out, done), json_output=json)


def named_cases(benches: Sequence[str], *, dataset: str, report: str) -> tuple[Case, ...]:
    """Return the cases that texts of the form NAME, NAME:OUTCOME or NAME:OUTCOME:REPORTED name.

    Args:
        benches: The texts.
        dataset: Outcome where a text names none: A,B or all.
        report: Outcome to report where a text names none.

    Raises:
        BenchError: if a text has another form, there is no such benchmark or outcome, or one is named twice.
    """
    from archwright.coordinate.experiment import open_cases
    from archwright.core.errors import BenchError

    cases: dict[str, Case] = {}
    for text in benches:
        name, *rest = text.split(":")
        if len(rest) > 2 or not name:
            raise BenchError(
                f"a benchmark must read NAME, NAME:OUTCOME or NAME:OUTCOME:REPORTED, but {text!r} was given"
            )
        outcomes = rest[0] if rest else dataset
        reported = rest[1] if len(rest) > 1 else report
        chosen = [each.strip() for each in outcomes.split(",") if each.strip()]
        for case in open_cases(name, chosen, report=reported or None):
            if case.name in cases:
                raise BenchError(f"each outcome must be given once, but {case.name} was given twice")
            cases[case.name] = case
    return tuple(cases.values())


def _summary(out: Path, done: Experiment) -> dict[str, object]:
    return {
        "out": str(out),
        "cases": [case.name for case in done.cases],
        "searchers": [str(contestant) for contestant in done.contestants],
        "seeds": done.seeds,
        "runs": len(list(done.cells())) * done.seeds,
    }


@contextmanager
def watching(unit: str) -> Iterator[Callable[[Progress], None] | None]:
    """Give a function that shows a bar of so many `unit`, or None where nobody is looking."""
    if not sys.stderr.isatty() or os.environ.get("CI") or os.environ.get("TERM") == "dumb":
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        BarColumn(28),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    console = Console(stderr=True, no_color="NO_COLOR" in os.environ)
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def watch(progress: Progress) -> None:
            bar.update(task, completed=progress.done, total=progress.wanted, description=progress.cell)

        yield watch
