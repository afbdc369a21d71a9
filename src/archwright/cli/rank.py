"""`archwright rank`: the most promising architectures of a space for some data, without training any."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from archwright.cli.network_options import PANEL, Init, Size, WeightsOption, read_scheme, read_sizes

if TYPE_CHECKING:
    from archwright.coordinate.rank_options import RankFolder
    from archwright.coordinate.ranked import Ranking
    from archwright.data.images import Split
    from archwright.report.ranking import BestRow, ProxyRow

__all__ = ["EXAMPLE", "rank"]

EXAMPLE = (
    "Example: archwright rank --space nb201 --data cifar-10-batches-bin --proxies synflow,nwot --sample 300 "
    "--size channels=8,cells=1 --out my-ranking"
)

_DATA, _HOW = "The data", "How it is done"
#: Columns of the printed table: more proxies than this are told by their names only.
_COLUMNS = 4


def rank(
    space: Annotated[str | None, Option(help="A space by name, or a YAML file.", show_default=False)] = None,
    data: Annotated[
        str | None,
        Option(
            help="Images: a folder with one per class, .npz, CIFAR's .bin or MNIST's idx files, sklearn:digits. For "
            "tabular MLPs a table, as for fit; for language models a .txt file.",
            show_default=False,
        ),
    ] = None,
    proxies: Annotated[str, Option(help="Proxies by name: A,B; or all that can be computed.")] = "all",
    sample: Annotated[str, Option(help="Architectures to score, or all.")] = "1000",
    top: Annotated[int, Option(help="Architectures to print.", min=1)] = 10,
    batch: Annotated[int, Option(help="Images or rows of a batch.", rich_help_panel=_DATA)] = 64,
    balanced: Annotated[
        bool, Option("--balanced", help="As many inputs of each class.", rich_help_panel=_DATA)
    ] = False,
    split: Annotated[
        str | None,
        Option(help="Which images, train or test; default train, where there are parts.", rich_help_panel=_DATA),
    ] = None,
    resize: Annotated[
        str | None,
        Option(help="Scale image files to so many pixels: 32, or 32x48 (height first).", rich_help_panel=_DATA),
    ] = None,
    target: Annotated[str, Option(help="Column of a table to predict.", rich_help_panel=_DATA)] = "target",
    size: Size = None,
    init: Init = "torch",
    weights: WeightsOption = "auto",
    repeats: Annotated[
        int, Option(help="Networks and batches per architecture; scores are means.", rich_help_panel=PANEL)
    ] = 1,
    seed: Annotated[int, Option(help="Seed of everything random.", rich_help_panel=_HOW)] = 0,
    workers: Annotated[
        int | None, Option(help="Worker processes; default one per core.", min=0, rich_help_panel=_HOW)
    ] = None,
    out: Annotated[
        Path | None, Option(help="Folder; default archwright-runs/rank-SPACE-TIME.", rich_help_panel=_HOW)
    ] = None,
    resume: Annotated[
        Path | None, Option(help="Folder of a ranking to go on with, in place of all else.", rich_help_panel=_HOW)
    ] = None,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Rank architectures by zero-cost proxies on your data: nothing is trained. The same command goes on."""
    from archwright.cli.bench_run import watching
    from archwright.coordinate.rank_options import RankFolder, default_folder
    from archwright.coordinate.ranking import rank as run_rank
    from archwright.coordinate.ranking import resume_ranking
    from archwright.coordinate.weights import read_weights
    from archwright.core.errors import RunError
    from archwright.report.ranking import write_ranking

    if resume is None and (space is None or data is None):
        raise RunError("a ranking needs --space and --data, or --resume with the folder of an earlier one")
    folder = RankFolder(resume or out or default_folder(str(space)))
    with watching("architectures") as watch, _going_on(folder):
        if resume is not None:
            ranking = resume_ranking(resume, workers=workers, watch=watch)
        else:
            ranking = run_rank(
                str(space),
                str(data),
                proxies=proxies,
                sample=_sample(sample),
                batch=batch,
                balanced=balanced,
                repeats=repeats,
                size=dict(read_sizes(size or [])),
                init=read_scheme(init),
                weights=read_weights(weights),
                target=target,
                split=_split(split),
                resize=_resize(resize),
                seed=seed,
                workers=workers,
                out=folder.path,
                watch=watch,
            )
    _show(folder, ranking, write_ranking(folder, ranking), top=top, json_output=json)


@contextmanager
def _going_on(folder: RankFolder) -> Iterator[None]:
    """Say after an interruption how to go on."""
    from archwright.cli.output import note

    try:
        yield
    except KeyboardInterrupt:
        if folder.exists():
            note(f"what is scored is kept: go on with archwright rank --resume {folder.path}")
        raise


def _sample(text: str) -> int | None:
    from archwright.core.errors import RunError

    if text == "all":
        return None
    if not text.isdigit():
        raise RunError(f"a sample must be a number of architectures or all, but {text!r} was given")
    return int(text)


def _split(text: str | None) -> Split:
    from archwright.core.errors import DataError

    if text is None or text == "train" or text == "test":
        return text  # type: ignore[return-value]
    raise DataError(f"the split must be train or test, but {text!r} was given")


def _resize(text: str | None) -> int | tuple[int, int] | None:
    from archwright.core.errors import DataError

    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdigit() for part in parts):
        raise DataError(f"images are resized to 32 or 32x48 pixels, for example, but {text!r} was given")
    return int(parts[0]) if len(parts) == 1 else (int(parts[0]), int(parts[1]))


def _show(folder: RankFolder, ranking: Ranking, page: Path, *, top: int, json_output: bool) -> None:
    """Print the best, what each proxy thinks best, what is left out, and where everything is."""
    from dataclasses import asdict

    from archwright.cli.output import as_json, note
    from archwright.report.ranking import best_rows, proxy_rows

    best, rows = best_rows(ranking, top), proxy_rows(ranking)
    failed, weights = sum(bool(error) for error in ranking.errors), folder.load()["settings"]["weights"]
    if json_output:
        value = {"out": str(folder.path), "space": ranking.space.name, "scored": len(ranking), "failed": failed}
        value["weights"] = weights
        files = {"report": str(page), "scores": str(folder.path / "scores.csv")}
        found = {
            "best": [asdict(row) for row in best],
            "proxies": [asdict(row) for row in rows],
            "left_out": dict(ranking.left_out),
        }
        print(as_json(value | found | files))
        return
    _print_tables(ranking, best, rows)
    for name, reason in ranking.left_out.items():
        note(f"note: {name} is left out: {reason}")
    if failed:
        note(f"note: {failed} of {len(ranking)} architectures lack a score by some proxy, see scores.csv")
    if weights == "shared":
        note("note: the networks share one draw of weights, and proxies are computed for many at once")
    print(f"report  {page}")
    print(f"scores  {folder.path / 'scores.csv'}, and scores.parquet")


def _print_tables(ranking: Ranking, best: list[BestRow], rows: list[ProxyRow]) -> None:
    """Print plain lines: an architecture's text is often longer than a table's column, and is there to be copied."""
    from archwright.report.ranking import number

    few = ranking.proxies if len(ranking.proxies) <= _COLUMNS else ()
    print(f"The best of {len(ranking):,} architectures of {ranking.space.name}, by their mean rank over the proxies")
    lines = [["place", "mean rank", *few, "architecture"]]
    lines += [
        [str(row.place), f"{row.overall:.1f}", *(number(row.values[name]) for name in few), row.shown] for row in best
    ]
    _print_aligned(lines)
    print("\nThe first by each proxy, and its place by mean rank")
    lines = [["proxy", "better is", "seconds", "score", "place", "architecture"]]
    lines += [
        [each.name, _way(each), f"{each.seconds:.2g}", number(each.value), str(each.place), each.best] for each in rows
    ]
    _print_aligned(lines)
    print()


def _way(row: ProxyRow) -> str:
    return "higher" if row.higher_is_better else "lower"


def _print_aligned(lines: list[list[str]]) -> None:
    """Print lines of cells below each other, numbers to the right; the last cell is as long as it is."""
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]) - 1)]
    words = [k for k in range(len(widths)) if lines[0][k] in ("proxy", "better is")]
    for line in lines:
        cells = [
            cell.ljust(width) if k in words else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(line, widths, strict=False))
        ]
        print("  ".join([*cells, line[-1]]))
