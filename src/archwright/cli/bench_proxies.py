"""`archwright bench proxies`: how well zero-cost proxies foretell what benchmarks recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Option

from archwright.cli.network_options import Init, Size, WeightsOption, read_scheme, read_sizes
from archwright.cli.table_options import read_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archwright.coordinate.experiment import Case
    from archwright.coordinate.proxy_study import ProxyStudy
    from archwright.report.proxy_html import StudyReport

__all__ = ["EXAMPLE", "proxies"]

EXAMPLE = (
    "Example: archwright bench proxies --bench nb201:cifar10 --proxies params,synflow,nwot --data cifar-10-batches-bin "
    "--sample 300 --out my-study"
)

_SAMPLE, _SEEDS, _BATCH = 2000, 5, 64
_SEEN, _FOREIGN, _HOW = "What the networks see", "Scores that were computed elsewhere", "How it is done"


def proxies(
    out: Annotated[Path, Option(help="Folder of the study; one that is there is continued.", show_default=False)],
    bench: Annotated[
        list[str] | None,
        Option(
            help="Benchmark as NAME, NAME:OUTCOME or NAME:OUTCOME:REPORTED; OUTCOME may be A,B or all. Without a colon "
            "also NAME,NAME. Repeatable.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[str, Option(help="Outcome where --bench names none: A,B or all.")] = "",
    report_outcome: Annotated[
        str, Option(help="Outcome whose test is reported, where --bench names none; by default the same.")
    ] = "",
    proxies: Annotated[str, Option(help="Proxies by name: A,B or all.")] = "all",
    sample: Annotated[int, Option(help="Architectures drawn from each benchmark.", min=1)] = _SAMPLE,
    seeds: Annotated[int, Option(help="Scorings of each: other weights and another batch.", min=1)] = _SEEDS,
    data: Annotated[
        list[str] | None,
        Option(
            help="Images or a table for all outcomes, or OUTCOME=SOURCE for some. Repeatable. Else Gaussian noise.",
            rich_help_panel=_SEEN,
            show_default=False,
        ),
    ] = None,
    target: Annotated[str, Option(help="Column to predict, where the data is a table.", rich_help_panel=_SEEN)] = "",
    batch: Annotated[int, Option(help="Inputs of a batch.", min=1, rich_help_panel=_SEEN)] = _BATCH,
    balanced: Annotated[
        bool, Option("--balanced", help="As many inputs of each class.", rich_help_panel=_SEEN)
    ] = False,
    size: Size = None,
    init: Init = "torch",
    weights: WeightsOption = "auto",
    from_: Annotated[
        Path | None,
        Option(
            "--from",
            help="CSV or Parquet table with columns arch and one per proxy; nothing is scored then.",
            rich_help_panel=_FOREIGN,
            show_default=False,
        ),
    ] = None,
    lower_is_better: Annotated[
        str, Option(help="Proxies A,B of which a lower score is better.", rich_help_panel=_FOREIGN)
    ] = "",
    workers: Annotated[int | None, Option(help="Processes; default one per core.", min=1, rich_help_panel=_HOW)] = None,
    axis: Annotated[str, Option(help="Scatter plots show the rank or the value of a score.", rich_help_panel=_HOW)] = (
        "rank"
    ),
    png: Annotated[bool, Option(help="Also write PNG files; needs matplotlib.", rich_help_panel=_HOW)] = True,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say how well proxies rank a benchmark's architectures: correlations, intervals, seconds, charts. Resumable."""
    from archwright.cli.bench_run import watching
    from archwright.coordinate.proxy_scoring import import_scores, score_study
    from archwright.coordinate.proxy_study import Inputs, ProxyStudy, StudyFolder
    from archwright.coordinate.rank_options import proxy_names
    from archwright.coordinate.session import cores
    from archwright.coordinate.simulate import opened
    from archwright.coordinate.weights import chosen_weights, read_weights
    from archwright.core.catalog import require_known
    from archwright.report.proxy_html import write_study

    shown = _axis(axis)
    if bench:
        cases = _cases(bench, dataset=dataset, report=report_outcome)
        source, sources = _sources(data or [], cases)
        sizes, scheme = read_sizes(size or []), read_scheme(init)
        spaces = [opened(case.folder).space for case in cases]
        shared = chosen_weights(read_weights(weights), spaces, init=scheme, size=dict(sizes))
        inputs = Inputs(source, target, batch, sizes, balanced, scheme, shared)
        chosen = _names(proxies) if from_ else proxy_names(proxies)
        if not from_:
            require_known("proxy", chosen)
        wanted = ProxyStudy(cases, chosen, seeds, sample, inputs, sources, lower=_names(lower_is_better))
    else:
        wanted = StudyFolder(out).load()
    if from_ is not None:
        done = import_scores(out, wanted, from_)
    elif wanted.origin:
        done = wanted
    else:
        with watching("scored") as watch:
            done = score_study(out, wanted, jobs=workers or cores(), watch=watch)
    _show(out, done, write_study(out, png=png, axis=shown), json_output=json)


def _cases(benches: Sequence[str], *, dataset: str, report: str) -> tuple[Case, ...]:
    from archwright.cli.bench_run import named_cases

    # A comma after a colon separates outcomes.
    texts = [part for text in benches for part in ([text] if ":" in text else _names(text))]
    return named_cases(texts, dataset=dataset, report=report)


def _sources(data: Sequence[str], cases: Sequence[Case]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the source for all outcomes, and those of single cases."""
    from archwright.core.catalog import suggestion
    from archwright.core.errors import BenchError

    known = {case.outcome for case in cases}
    common, single = "", {}
    for text in data:
        name, equals, source = text.partition("=")
        if not equals or Path(text).exists():
            if common:
                raise BenchError(
                    f"one source must serve all outcomes, but {common!r} and {text!r} were given; write "
                    "OUTCOME=SOURCE for single ones"
                )
            common = text
        elif name not in known:
            raise BenchError(f"no outcome {name!r} for data {source!r}. {suggestion(name, known)}")
        else:
            single[name] = source
    return common, tuple((case.name, single[case.outcome]) for case in cases if case.outcome in single)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(read_names(text)))


def _axis(text: str) -> Literal["rank", "value"]:
    from archwright.core.errors import RunError

    if text not in ("rank", "value"):
        raise RunError(f"the axis must be rank or value, but {text!r} was given")
    return "rank" if text == "rank" else "value"


def _show(out: Path, done: ProxyStudy, made: StudyReport, *, json_output: bool) -> None:
    from dataclasses import asdict

    from archwright.cli.output import as_json, note

    if json_output:
        ranks = {} if made.overall is None else dict(zip(made.names, made.overall.ranks.tolist(), strict=True))
        rows = [asdict(row) for table in made.tables for row in table]
        files = [str(path) for path in made.files]
        value = {"out": str(out), "report": files[0], "files": files, "proxies": done.proxies, "seeds": done.seeds}
        print(as_json(value | {"correlations": rows, "mean_ranks": ranks, "notes": made.notes}))
        return
    _print_tables(made)
    for line in made.notes:
        note(line)
    print(f"report in {made.files[0]}, and {len(made.files) - 1} CSV and PNG files beside it")


def _print_tables(made: StudyReport) -> None:
    """Print correlations per outcome, and mean ranks over outcomes."""
    from rich.console import Console
    from rich.table import Table

    from archwright.report.proxy_html import correlation, seconds_text

    console = Console()
    for rows in made.tables:
        table = Table(title=f"{rows[0].case}, against {rows[0].target}", title_justify="left")
        # Columns that say nothing would cost the others their room.
        several, timed = rows[0].seeds > 1, any(row.seconds is not None for row in rows)
        heads = ["rank", "proxy", "Spearman", "95 %", *["std"] * several, "Kendall", "n", *["s"] * timed]
        for heading in heads:
            table.add_column(heading, justify="left" if heading == "proxy" else "right", no_wrap=True)
        for row in rows:
            ends = f"{correlation(row.spearman_low)}…{correlation(row.spearman_high)}"
            std, seconds = [correlation(row.spearman_std)] * several, [seconds_text(row.seconds)] * timed
            numbers = [correlation(row.spearman), ends, *std, correlation(row.kendall), f"{row.n:,}", *seconds]
            table.add_row(f"{row.rank:g}", row.proxy, *numbers)
        console.print(table)
    if made.overall is None:
        return
    print(f"Mean rank over {made.overall.n} benchmark outcomes:")
    table = Table()
    table.add_column("proxy", no_wrap=True)
    table.add_column("mean rank", justify="right")
    for rank, name in sorted(zip(made.overall.ranks.tolist(), made.names, strict=True)):
        table.add_row(name, f"{rank:.2f}")
    console.print(table)
