"""`archwright fit`: a table in, the best network inside the time budget out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from archwright.cli.table_options import (
    Balanced,
    Encoding,
    Group,
    Ignore,
    Kind,
    Metric,
    Positive,
    SplitColumn,
    Target,
    Test,
    TestFraction,
    ValidFraction,
    Weight,
    read_names,
    read_widths,
)

__all__ = ["EXAMPLE", "fit"]

EXAMPLE = "Example: archwright fit data.csv --target y --budget 60s --out my-run"

_SEARCH, _OUT = "The search", "The result"


def fit(
    table: Annotated[
        str, typer.Argument(help="CSV, Parquet, Feather or libsvm file, sklearn:NAME or openml:ID.", show_default=False)
    ],
    budget: Annotated[str, Option(help="All the time there is, from start to end: 60s, 5m, 1h30m.")] = "60s",
    target: Target = "target",
    ignore: Ignore = "",
    test: Test = None,
    test_fraction: TestFraction = 0.2,
    valid_fraction: ValidFraction = 0.2,
    split_column: SplitColumn = None,
    group: Group = None,
    weight: Weight = None,
    balanced: Balanced = False,
    positive: Positive = None,
    kind: Kind = None,
    metric: Metric = None,
    encoding: Encoding = None,
    explore: Annotated[
        str, Option(help="whole (rank all), sampled (evolution) or random (baseline).", rich_help_panel=_SEARCH)
    ] = "whole",
    space: Annotated[
        str | None, Option(help="A space by name: frappe, diabetes or criteo.", rich_help_panel=_SEARCH)
    ] = None,
    layers: Annotated[int, Option(help="Hidden layers.", rich_help_panel=_SEARCH)] = 4,
    widths: Annotated[str, Option(help="Widths to choose from: 8,16,32.", rich_help_panel=_SEARCH)] = "",
    preset: Annotated[
        str, Option(help="Training settings: default, or atlas (the paper's).", rich_help_panel=_SEARCH)
    ] = "default",
    unit: Annotated[int, Option(help="U, fewest epochs of a rung of halving.", rich_help_panel=_SEARCH)] = 2,
    eta: Annotated[
        int | None, Option(help="One of so many survives a rung; default 4, atlas 2.", rich_help_panel=_SEARCH)
    ] = None,
    max_epochs: Annotated[int | None, Option(help="Most epochs for one network.", rich_help_panel=_SEARCH)] = None,
    max_trials: Annotated[int | None, Option(help="Stop after so many trainings.", rich_help_panel=_SEARCH)] = None,
    members: Annotated[
        int | None,
        Option(help="Most networks that answer together; default 8, atlas 1.", rich_help_panel=_SEARCH),
    ] = None,
    seed: Annotated[int, Option(help="Seed of everything random.", rich_help_panel=_SEARCH)] = 0,
    workers: Annotated[
        int | None, Option(help="Worker processes; default one per core.", rich_help_panel=_SEARCH)
    ] = None,
    device: Annotated[str, Option(help="auto, cpu, cuda, cuda:1 or mps.", rich_help_panel=_SEARCH)] = "auto",
    out: Annotated[
        Path | None, Option(help="Run folder; default archwright-runs/NAME-TIME.", rich_help_panel=_OUT)
    ] = None,
    overwrite: Annotated[
        bool, Option("--overwrite", help="Replace a run that is already there.", rich_help_panel=_OUT)
    ] = False,
    export: Annotated[str | None, Option(help="Also write the model as onnx.", rich_help_panel=_OUT)] = None,
    json: Annotated[bool, Option("--json", help="Print one JSON object.", rich_help_panel=_OUT)] = False,
) -> None:
    """Search, train and save the best network for a table inside a time budget."""
    from archwright.run.clock import Clock

    clock = Clock.process_start()
    from archwright.cli.progress import watching
    from archwright.cli.result import finishers, show_result
    from archwright.coordinate.fit import fit as run_fit
    from archwright.coordinate.folder import new_folder
    from archwright.coordinate.options import SearchOptions, TaskOptions
    from archwright.core.budget import seconds

    budget_s = seconds(budget)
    task = TaskOptions(
        test=test,
        test_fraction=test_fraction,
        valid_fraction=valid_fraction,
        split_column=split_column,
        group=group,
        ignore=read_names(ignore),
        weight=weight,
        positive=positive,
        kind=kind,
        metric=metric,
        encoding=encoding,
        balanced=balanced,
    )
    search = SearchOptions(
        explore=explore,
        space=space,
        layers=layers,
        widths=read_widths(widths),
        preset=preset,
        unit=unit,
        eta=eta,
        workers=workers,
        device=device,
        seed=seed,
        max_trials=max_trials,
        max_epochs=max_epochs,
        members=members,
    )
    finish = finishers(export)
    folder = new_folder(out, table, overwrite=overwrite)
    with watching(budget_s) as watch:
        record = run_fit(
            table,
            target,
            budget_s=budget_s,
            clock=clock,
            folder=folder,
            task=task,
            search=search,
            finish=finish,
            watch=watch,
        )
    show_result(folder, record, json_output=json)
