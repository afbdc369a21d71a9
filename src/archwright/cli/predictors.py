"""`archwright predictors`: how well performance predictors rank what they have not seen, and what they find."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from archwright.cli.table_options import read_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.table import Table

    from archwright.coordinate.predictors.study import PredictorStudy
    from archwright.report.predictor_findings import Section
    from archwright.report.predictor_html import PredictorReport
    from archwright.report.predictor_search import SearchReport

__all__ = ["app"]

app = typer.Typer(
    name="predictors",
    help="Performance predictors: scores of networks, learned from those of others.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_EXAMPLE = (
    "Example: archwright predictors compare --bench nb201 --dataset cifar10 --predictors ta_gates,gates,xgboost "
    "--train 78,390,781 --out my-study"
)
_SEARCH_EXAMPLE = (
    "Example: archwright predictors search --bench nb201 --dataset cifar10 --predictor ta_gates,gates --train 78 "
    "--out my-search"
)
_PREDICTORS = "ta_gates,gates,lstm,gcn,mlp,xgboost,nasbowl"
_SEEDS, _SETS, _TEST, _CANDIDATES = 9, 3, 10_000, 200
_PIPE = 200
_LEARNED, _DRAWN, _HOW = "What is learned", "What it is learned from", "How it is done"

Out = Annotated[Path, Option(help="Folder of the study; one that is there is continued.", show_default=False)]
Benches = Annotated[
    list[str] | None,
    Option(
        help="Benchmark as NAME, NAME:OUTCOME or NAME:OUTCOME:REPORTED; OUTCOME may be A,B or all. Repeatable.",
        show_default=False,
    ),
]
Dataset = Annotated[str, Option(help="Outcome where --bench names none: A,B or all.")]
Settings = Annotated[
    Path | None,
    Option(help="YAML file of settings: LABEL: {predictor: NAME, KEY: VALUE}.", show_default=False),
]
Labels = Annotated[str, Option(help="Split to learn: valid or test; else valid, if any.", rich_help_panel=_LEARNED)]
Epoch = Annotated[
    int | None, Option(help="Epoch to learn; default the last.", min=1, rich_help_panel=_LEARNED, show_default=False)
]
Preset = Annotated[str, Option(help="Settings of the neural ones: paper or code.", rich_help_panel=_HOW)]
Workers = Annotated[int | None, Option(help="Processes; default one per core.", min=1, rich_help_panel=_HOW)]
Json = Annotated[bool, Option("--json", help="Print one JSON object.")]


@app.command(epilog=_EXAMPLE)
def compare(
    out: Out,
    bench: Benches = None,
    dataset: Dataset = "",
    report_outcome: Annotated[
        str, Option(help="Outcome to judge by, where --bench names none; by default the one learned.")
    ] = "",
    predictors: Annotated[
        str, Option(help=f"Predictors by name, or label of --settings: {_PREDICTORS}, NAME:KEY=VALUE:KEY=VALUE.")
    ] = "",
    settings: Settings = None,
    train: Annotated[str, Option(help="Sizes of training sets: 78,390,781 or 1%,5%,10% of the pool.")] = "1%,5%,10%",
    seeds: Annotated[int, Option(help="Trainings of each predictor at each size.", min=1)] = _SEEDS,
    sets: Annotated[
        int, Option(help="Training sets of each size, taken in turn.", min=1, rich_help_panel=_DRAWN)
    ] = _SETS,
    labels: Labels = "",
    epoch: Epoch = None,
    anytime: Annotated[
        str, Option(help="Learn several: A,B of half, final, epochs, outcomes.", rich_help_panel=_LEARNED)
    ] = "",
    pool: Annotated[
        str, Option(help="Training sets are drawn from a random part, or the first one.", rich_help_panel=_DRAWN)
    ] = "random",
    pool_size: Annotated[
        int | None,
        Option(help="Architectures of that part; default half.", min=2, rich_help_panel=_DRAWN, show_default=False),
    ] = None,
    test: Annotated[
        int, Option(help="Architectures to judge on, of the others, at most.", min=2, rich_help_panel=_DRAWN)
    ] = _TEST,
    preset: Preset = "",
    workers: Workers = None,
    png: Annotated[bool, Option(help="Also write PNG files; needs matplotlib.", rich_help_panel=_HOW)] = True,
    json: Json = False,
) -> None:
    """Train predictors on parts of a benchmark, and say how well they rank the rest: table, charts. Resumable."""
    from archwright.report.predictor_html import write_predictors

    signals = _signals(epoch, anytime)
    done = _run(
        out,
        bench,
        dataset=dataset,
        report=report_outcome,
        predictors=predictors or ("" if settings else _PREDICTORS),
        settings=settings,
        train=train,
        seeds=seeds,
        workers=workers,
        rules={
            "signals": signals,
            "labels": labels,
            "pool": pool,
            "pool_size": pool_size,
            "test": test,
            "sets": sets,
            "preset": preset,
        },
    )
    _show(out, done, write_predictors(out, png=png), json_output=json)


@app.command(epilog=_SEARCH_EXAMPLE)
def search(
    out: Out,
    bench: Benches = None,
    dataset: Dataset = "",
    report_outcome: Annotated[
        str, Option(help="Outcome whose test is reported, where --bench names none; by default the one learned.")
    ] = "",
    predictor: Annotated[
        str, Option(help="Predictors by name, or label of --settings: A,B or NAME:KEY=VALUE.")
    ] = "ta_gates",
    settings: Settings = None,
    train: Annotated[str, Option(help="Architectures to learn from: 78, or several sizes A,B.")] = "78",
    candidates: Annotated[int, Option(help="Others to choose the best of, by prediction.", min=2)] = _CANDIDATES,
    seeds: Annotated[int, Option(help="Searches, each with architectures of its own.", min=1)] = _SEEDS,
    labels: Labels = "",
    epoch: Epoch = None,
    preset: Preset = "",
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Learn from random architectures, predict others, take the best: what is found, beside random search."""
    from archwright.report.predictor_search import write_search

    done = _run(
        out,
        bench,
        dataset=dataset,
        report=report_outcome,
        predictors=predictor,
        settings=settings,
        train=train,
        seeds=seeds,
        workers=workers,
        rules={
            "signals": _signals(epoch, ""),
            "labels": labels,
            "sets": None,
            "preset": preset,
            "candidates": candidates,
        },
    )
    _show_search(out, done, write_search(out), json_output=json)


def _signals(epoch: int | None, anytime: str) -> tuple[str, ...]:
    from archwright.core.errors import RunError

    if not anytime:
        return ("final",) if epoch is None else (str(epoch),)
    if epoch is not None:
        raise RunError("either --epoch or --anytime says what is learned, but both were given")
    if len(named := read_names(anytime)) < 2:
        raise RunError(f"--anytime must name two or more, as half,final, but {anytime!r} was given")
    return named


def _run(
    out: Path,
    bench: list[str] | None,
    *,
    dataset: str,
    report: str,
    predictors: str,
    settings: Path | None,
    train: str,
    seeds: int,
    workers: int | None,
    rules: dict[str, Any],
) -> PredictorStudy:
    """Do what is missing of the study that the options describe, or without a benchmark of the one that is there."""
    from archwright.cli.bench_run import named_cases, watching
    from archwright.coordinate.predictors.entrant import read_entrants
    from archwright.coordinate.predictors.running import run_predictors
    from archwright.coordinate.predictors.study import PredictorFolder, PredictorStudy, Rules
    from archwright.coordinate.session import cores
    from archwright.core.errors import RunError

    if bench:
        cases = named_cases(bench, dataset=dataset, report=report)
        entrants = read_entrants(read_names(predictors), settings)
        sizes = tuple(dict.fromkeys(read_names(train)))
        wanted = PredictorStudy(cases, entrants, sizes, seeds, Rules(**rules))
    else:
        wanted = PredictorFolder(out).load()
    if bool(wanted.rules.candidates) != bool(rules.get("candidates")):
        verb = "search" if wanted.rules.candidates else "compare"
        raise RunError(f"{out} holds a study of `archwright predictors {verb}`; choose another folder with --out")
    with watching("trainings") as watch:
        return run_predictors(out, wanted, jobs=workers or cores(), watch=watch)


def _show(out: Path, done: PredictorStudy, made: PredictorReport, *, json_output: bool) -> None:
    from dataclasses import asdict

    from archwright.cli.output import as_json, note
    from archwright.report.predictor_tables import paired, summaries

    if json_output:
        files = [str(path) for path in made.files]
        labels = [entrant.label for entrant in done.entrants]
        value = {"out": str(out), "report": files[0], "files": files, "predictors": labels, "seeds": done.seeds}
        rows = [asdict(row) for section in made.sections for row in summaries(section)]
        pairs = [asdict(row) for section in made.sections for row in paired(section)]
        print(as_json(value | {"summary": rows, "paired": pairs, "notes": made.notes}))
        return
    for section in made.sections:
        _print_section(section)
    for line in made.notes:
        note(line)
    print(f"report in {made.files[0]}, and {len(made.files) - 1} CSV and PNG files beside it")


def _print_section(section: Section) -> None:
    """Print Kendall's tau by predictor and size, and what the first one has before the others."""
    from archwright.report.comparison_panels import case_title
    from archwright.report.predictor_findings import MAIN
    from archwright.report.predictor_tables import paired, spread_text, summaries

    console = _console()
    name = case_title(section.case) + (f", {section.signal}" if section.signal else "")
    sizes = [f"{size:,}" for size in section.sizes]
    rows: dict[str, list[str]] = {}
    for row in summaries(section, [MAIN]):
        rows.setdefault(row.predictor, [row.predictor]).append(spread_text(row.mean, row.std))
    print(f"{name}: Kendall's tau, by size of the training set")
    console.print(_table("predictor", sizes, [*rows.values()]))
    pairs = [
        [row.other, f"{row.train:,}", spread_text(row.mean, row.std, is_signed=True), f"{row.wins} of {row.n}"]
        for row in paired(section)
    ]
    if pairs:
        print(f"{section.entries[0].label} minus the others, over trainings with the same set and seed")
        console.print(_table("other", ["trained on", "difference", "better in"], pairs))


def _show_search(out: Path, done: PredictorStudy, made: SearchReport, *, json_output: bool) -> None:
    from dataclasses import asdict

    from archwright.cli.output import as_json, note
    from archwright.report.predictor_tables import spread_text

    if json_output:
        files = [str(path) for path in made.files]
        found = [asdict(row) for row in made.rows]
        print(as_json({"out": str(out), "files": files, "seeds": done.seeds, "found": found, "notes": made.notes}))
        return
    console = _console()
    for title, rows in made.tables:
        heads = ["trained on", "value", "worst", "best", "n"]
        # A label may be there once for each size.
        lines = [
            [
                row.label,
                "" if row.train is None else f"{row.train:,}",
                spread_text(row.mean, row.std, decimals=row.decimals),
                spread_text(row.low, None, decimals=row.decimals),
                spread_text(row.high, None, decimals=row.decimals),
                str(row.n),
            ]
            for row in rows
        ]
        print(title)
        console.print(_table("who", heads, lines))
    for line in made.notes:
        note(line)
    print(f"all searches in {made.files[0]}")


def _console() -> Console:
    from rich.console import Console

    # A pipe has no width; nothing shall be cut there.
    return Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE)


def _table(first: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    from rich.table import Table

    table = Table()
    table.add_column(first, no_wrap=True)
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for cells in rows:
        table.add_row(*cells)
    return table
