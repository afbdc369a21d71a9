"""`archwright bench`: benchmarks, listed, imported, checked and built."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from archwright.cli import bench_proxies, bench_report, bench_run
from archwright.cli.cluster_options import Address, Where
from archwright.cli.table_options import (
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

if TYPE_CHECKING:
    from collections.abc import Callable

    from archwright.coordinate.build_bench import BuildProgress

__all__ = ["app"]

app = typer.Typer(
    name="bench",
    help="Benchmarks: results of trainings that others made, or made here, as a folder that opens at once.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command(epilog=bench_run.EXAMPLE)(bench_run.run)
app.command(epilog=bench_report.EXAMPLE)(bench_report.report)
app.command(epilog=bench_proxies.EXAMPLE)(bench_proxies.proxies)

_TABLE, _SPACE, _DATA, _HOW = "For the kind `table`", "The search space", "The table", "How it is trained"


@app.command("list", epilog="Example: archwright bench list")
def list_(
    folder: Annotated[
        list[Path] | None, Option(help="Look here too for imported benchmarks. Repeatable.", show_default=False)
    ] = None,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the published benchmarks: size, tasks, what can be asked, where they come from, whether they are here."""
    from archwright.bench.home import bench_home
    from archwright.bench.registry import listing
    from archwright.cli.output import as_json

    rows = listing(folder or [])
    if json:
        print(as_json({"home": str(bench_home()), "benchmarks": rows}))
        return
    for row in rows:
        print(f"{row['name']}: {row['size']} architectures, tasks: {row['tasks']}")
        queries, kind = ", ".join(row["queries"]), row["importer"]
        if row["official"]:
            print(f"  {queries}; {row['official']}; {f'import kind {kind}' if kind else 'cannot be imported'}")
        if row["note"]:
            print(f"  {row['note']}")
        if row["here"]:
            print(f"  here: {', '.join(row['here'])}")
    print(f"Benchmarks are found by name in {bench_home()}.")


@app.command("import", epilog="Example: archwright bench import table results.csv --space nb201 --out my-bench")
def import_(
    kind: Annotated[
        str, typer.Argument(help="What it is: `archwright bench list` names the kinds.", show_default=False)
    ],
    path: Annotated[Path, typer.Argument(help="Official file or folder, or your own table.", show_default=False)],
    out: Annotated[
        Path | None, Option(help="Folder to write; by default where benchmarks are found by name.", show_default=False)
    ] = None,
    option: Annotated[
        list[str] | None, Option(help="Option of the importer: NAME=VALUE. Repeatable.", show_default=False)
    ] = None,
    space: Annotated[str | None, Option(help="A space by name, or a YAML file.", show_default=False)] = None,
    layers: Annotated[int | None, Option(help="Layers of tabular_mlp.", rich_help_panel=_TABLE)] = None,
    widths: Annotated[str | None, Option(help="Widths of tabular_mlp: 8,16,32.", rich_help_panel=_TABLE)] = None,
    arch: Annotated[str | None, Option(help="Column with the architecture.", rich_help_panel=_TABLE)] = None,
    score: Annotated[str | None, Option(help="Column with the score.", rich_help_panel=_TABLE)] = None,
    test: Annotated[str | None, Option(help="Column with the test score.", rich_help_panel=_TABLE)] = None,
    epoch: Annotated[str | None, Option(help="Column with the epoch.", rich_help_panel=_TABLE)] = None,
    cost: Annotated[str | None, Option(help="Column with training seconds.", rich_help_panel=_TABLE)] = None,
    seed: Annotated[str | None, Option(help="Column with the seed.", rich_help_panel=_TABLE)] = None,
    dataset: Annotated[str | None, Option(help="Column with the data set.", rich_help_panel=_TABLE)] = None,
    lower_is_better: Annotated[
        bool | None, Option("--lower-is-better", help="The score is an error.", rich_help_panel=_TABLE)
    ] = None,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Turn a published distribution, or your own table of results, into a benchmark."""
    from archwright.bench.importing import import_bench, typed_options
    from archwright.bench.table import Bench

    texts = {"space": space, "widths": widths, "arch": arch, "score": score, "test": test, "epoch": epoch}
    texts |= {"cost": cost, "seed": seed, "dataset": dataset}
    texts |= {"layers": None if layers is None else str(layers), "lower_is_better": "true" if lower_is_better else None}
    given = {name: value for name, value in texts.items() if value is not None} | _pairs(option or [])
    folder = import_bench(kind, path, out, **typed_options(kind, given))
    _show(Bench.open(folder), json_output=json)


@app.command(epilog="Example: archwright bench verify my-bench")
def verify(
    bench: Annotated[str, typer.Argument(help="Folder or name of a benchmark.", show_default=False)],
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare every file of a benchmark with its checksum, and print what it holds."""
    from archwright.bench.table import Bench

    _show(Bench.open(bench, verify=True), json_output=json)


@app.command(epilog="Example: archwright bench build data.csv --target y --layers 4 --widths 8,16,32,64 --out my-bench")
def build(
    data: Annotated[str, Option(help="CSV, Parquet, Feather or libsvm file, sklearn:NAME or openml:ID.")],
    out: Annotated[Path, Option(help="Folder to write.", show_default=False)],
    target: Target = "target",
    space: Annotated[
        str, Option(help="tabular_mlp with --layers and --widths, frappe, diabetes or criteo.", rich_help_panel=_SPACE)
    ] = "tabular_mlp",
    layers: Annotated[int | None, Option(help="Hidden layers; default 4.", rich_help_panel=_SPACE)] = None,
    widths: Annotated[str | None, Option(help="Widths: 8,16,32.", rich_help_panel=_SPACE)] = None,
    sample: Annotated[int | None, Option(help="Draw so many architectures.", rich_help_panel=_SPACE)] = None,
    ignore: Ignore = "",
    test: Test = None,
    test_fraction: TestFraction = 0.2,
    valid_fraction: ValidFraction = 0.2,
    split_column: SplitColumn = None,
    group: Group = None,
    weight: Weight = None,
    positive: Positive = None,
    kind: Kind = None,
    metric: Metric = None,
    encoding: Encoding = None,
    rows: Annotated[int | None, Option(help="Draw so many rows of the table.", rich_help_panel=_DATA)] = None,
    epochs: Annotated[int, Option(help="Epochs of every training.", rich_help_panel=_HOW)] = 10,
    seeds: Annotated[int, Option(help="Trainings of each architecture.", rich_help_panel=_HOW)] = 1,
    batch: Annotated[int | None, Option(help="Rows of a training step; default 512.", rich_help_panel=_HOW)] = None,
    epoch_steps: Annotated[
        int | None, Option(help="Steps of an epoch; default a pass over the table.", rich_help_panel=_HOW)
    ] = None,
    preset: Annotated[str, Option(help="default, or atlas (the paper's).", rich_help_panel=_HOW)] = "default",
    workers: Annotated[int | None, Option(help="Processes; default one per core.", rich_help_panel=_HOW)] = None,
    executor: Where = "pool",
    address: Address = None,
    seed: Annotated[int, Option(help="Seed of everything random.", rich_help_panel=_HOW)] = 0,
    name: Annotated[str | None, Option(help="Of the benchmark; default the table's.", show_default=False)] = None,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace what is there, begin anew.")] = False,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train every architecture of a space, or a sample, and keep all learning curves. The same call resumes."""
    from archwright.bench.space_spec import named_space
    from archwright.bench.table import Bench
    from archwright.cli.output import note
    from archwright.coordinate.build_bench import BuildOptions, build_bench
    from archwright.coordinate.options import TaskOptions

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
    )
    options = BuildOptions(
        sample=sample,
        epochs=epochs,
        seeds=seeds,
        rows=rows,
        batch=batch,
        epoch_steps=epoch_steps,
        preset=preset,
        workers=workers,
        seed=seed,
        executor=executor,
        address=address,
    )
    made = named_space(space, layers=layers, widths=read_widths(widths))
    try:
        with _watching() as watch:
            built = build_bench(
                out, data, target, made, task=task, options=options, name=name, overwrite=overwrite, watch=watch
            )
    except KeyboardInterrupt:
        note("archwright: interrupted; what is trained is kept, and the same call goes on")
        raise typer.Exit(130) from None
    for warning in built.warnings:
        note(f"warning: {warning}")
    if built.failed:
        note(f"warning: {built.failed} of {built.trainings} trainings failed and are missing")
    _show(Bench.open(built.folder), json_output=json)


def _show(bench: Any, *, json_output: bool) -> None:
    from dataclasses import asdict

    from archwright.cli.output import emit

    outcomes = [
        {
            "name": each.name,
            "metric": each.metric,
            "unit": each.unit,
            "higher_is_better": each.higher_is_better,
            "epochs": [each.epochs[0], each.epochs[-1]],
            "recorded_epochs": len(each.epochs),
            "seeds": next(iter(each.arrays().values())).shape[1],
            "splits": list(each.arrays()),
        }
        for each in bench.outcomes.values()
    ]
    lines = [
        f"{bench.name}: {len(bench):,} of {bench.space.size():,} points of space {bench.space.name}, {bench.folder}"
    ]
    lines += [_told(each) for each in outcomes]
    if bench.measures:
        names = dict.fromkeys(measure.partition("@")[0] for measure in bench.measures)
        lines.append(f"  measures: {', '.join(names)}")
    value = {
        "name": bench.name,
        "folder": str(bench.folder),
        "architectures": len(bench),
        "space": bench.space.name,
        "outcomes": outcomes,
        "measures": list(bench.measures),
        "provenance": asdict(bench.provenance),
    }
    emit(lines, value, json_output=json_output)


def _told(outcome: dict[str, Any]) -> str:
    unit = f" ({outcome['unit']})" if outcome["unit"] else ""
    epochs = f"{outcome['recorded_epochs']} epoch(s) up to {outcome['epochs'][1]}"
    what = f"{outcome['metric']}{unit}, {', '.join(outcome['splits'])}"
    return f"  {outcome['name']}: {what}; {outcome['seeds']} seed(s), {epochs}"


@contextmanager
def _watching() -> Iterator[Callable[[BuildProgress], None] | None]:
    """Give a function that shows progress, or None where nobody is looking."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (BarColumn(), TextColumn("{task.completed} of {task.total} trained"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        shown = bar.add_task("train", total=None)
        yield lambda progress: bar.update(shown, completed=progress.done, total=progress.total)


def _pairs(options: list[str]) -> dict[str, str]:
    from archwright.core.errors import BenchError

    pairs = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise BenchError(f"an option must read NAME=VALUE, but {option!r} was given")
        pairs[name.strip().replace("-", "_")] = value
    return pairs
