"""The report of an experiment: CSV tables, PNG charts, and one page that needs nothing else."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archwright.coordinate.experiment import Case, ExperimentFolder
from archwright.core.errors import MissingExtraError, RunError
from archwright.core.files import write_atomically
from archwright.report import text
from archwright.report.comparison import Comparison, Contest, load_comparison
from archwright.report.comparison_figures import write_contest_png, write_ranks_png
from archwright.report.comparison_panels import COLOURS, case_title, measure, panels
from archwright.report.comparison_svg import STYLE, panel_svg, ranks_svg
from archwright.report.comparison_tables import Final, figure, finals, write_tables
from archwright.report.significance import LEVEL, Overall, Pair, overall, pairs
from archwright.report.svg import STYLE as BASE_STYLE

__all__ = ["Made", "p_value", "write_comparison"]

_log = logging.getLogger(__name__)

#: Benchmarks of which at least so many are needed before mean ranks say anything.
_SEVERAL = 2
_RANKED_BY = "mean final value"


@dataclass(frozen=True, eq=False)
class Made:
    """What a report holds.

    Args:
        files: What was written; the page comes first.
        rows: Final results, all cases.
        names: Contestants. `overall`: their comparison over benchmarks, None with one benchmark.
        notes: What a reader should know, in sentences.
    """

    files: tuple[Path, ...]
    rows: tuple[Final, ...]
    names: tuple[str, ...]
    overall: Overall | None
    notes: tuple[str, ...]


def write_comparison(path: Path, *, out: Path | None = None, png: bool = True) -> Made:
    """Write the report of the experiment in a folder, over one that is there; it may be going on.

    Args:
        path: Folder of the experiment.
        out: Folder of the report; by default `report` in that folder.
        png: Also write PNG files, where matplotlib is installed; the page has its own drawings.

    Raises:
        RunError: if there is no finished run, or a file is damaged or cannot be written.
    """
    comparison = load_comparison(ExperimentFolder(path))
    folder = path / "report" if out is None else out
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError.of_system(f"{folder} must be writable, but: {error.strerror or error}") from None
    rows = [row for contest in comparison.contests for row in finals(contest, measure(contest.case))]
    tested = [(contest, pairs(contest)) for contest in comparison.contests]
    ranked = overall(comparison.rank_table) if len(comparison.complete) >= _SEVERAL else None
    told = [(contest.case.name, pair) for contest, found in tested for pair in found]
    files = write_tables(folder, comparison, rows=rows, pairs=told, overall=ranked)
    notes = _notes(comparison)
    if png:
        try:
            files += _pngs(folder, comparison, ranked)
        except MissingExtraError as error:
            _log.info("no PNG files: %s", error)
            notes.append(str(error))
    page = folder / "report.html"
    write_atomically(page, _page(comparison, tested, ranked, notes).encode())
    return Made((page, *files), tuple(rows), comparison.names, ranked, tuple(notes))


def _pngs(folder: Path, comparison: Comparison, ranked: Overall | None) -> list[Path]:
    made = []
    for contest in comparison.contests:
        made.append(folder / f"{contest.case.name}.png")
        write_contest_png(made[-1], contest, comparison, caption=_caption(contest, comparison))
    if ranked is not None:
        made.append(folder / "ranks.png")
        write_ranks_png(made[-1], comparison.names, comparison.rank_table, ranked, by=_RANKED_BY)
    return made


def _page(
    comparison: Comparison,
    tested: Sequence[tuple[Contest, Sequence[Pair]]],
    ranked: Overall | None,
    notes: Sequence[str],
) -> str:
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update({"count": text.count, "figure": figure, "p": p_value})
    colours = {name: place % len(COLOURS) for place, name in enumerate(comparison.names)}
    sections = [_section(contest, found, comparison) for contest, found in tested]
    return environment.get_template("comparison.html").render(
        style=Markup(BASE_STYLE + STYLE),
        title=_title(comparison),
        sentence=_sentence(comparison),
        sections=sections,
        colours=colours,
        names=comparison.names,
        overall=ranked,
        ranks=None if ranked is None else Markup(_ranks(comparison, ranked)),
        rank_rows=_rank_rows(comparison, ranked),
        complete=comparison.complete,
        level=f"{LEVEL:.0%}",
        notes=notes,
    )


def _section(contest: Contest, found: Sequence[Pair], comparison: Comparison) -> dict[str, Any]:
    """Return what the page says of one case."""
    from markupsafe import Markup

    # Our own SVG: names of contestants and outcomes in it are escaped where they are drawn.
    charts = [(panel.title, Markup(panel_svg(panel))) for panel in panels(contest, comparison.names)]
    return {
        "title": case_title(contest.case),
        "case": contest.case,
        "measure": measure(contest.case),
        "caption": _caption(contest, comparison),
        "charts": charts,
        "rows": finals(contest, measure(contest.case)),
        "pairs": sorted(found, key=lambda pair: pair.p_holm),
        "n_found": sum(pair.is_found for pair in found),
    }


def _ranks(comparison: Comparison, ranked: Overall) -> str:
    cases = [contest.case.name for contest in comparison.complete]
    return ranks_svg(comparison.names, cases, comparison.rank_table, ranked, by=_RANKED_BY)


def _rank_rows(comparison: Comparison, ranked: Overall | None) -> list[tuple[str, float, list[float]]]:
    if ranked is None:
        return []
    rows = zip(comparison.names, ranked.ranks.tolist(), comparison.rank_table.T.tolist(), strict=True)
    return sorted(rows, key=lambda row: row[1])


def _caption(contest: Contest, comparison: Comparison) -> str:
    counts = {len(entry.runs) for entry in contest.entries}
    n = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    reported = "what it is told" if contest.case.is_same_measure else measure(contest.case)
    return (
        f"Mean of {n} seeded runs; bands hold the middle half of them. The incumbent is the best so far by the score "
        f"that the searcher sees ({_searched(contest.case)}); shown is {reported}. Each run has {_budget(comparison)}."
    )


def _searched(case: Case) -> str:
    split = {"valid": "validation", "test": "test"}[case.searched]
    return f"{split} {case.score_metric.replace('_', ' ')} of {case.outcome}"


def _budget(comparison: Comparison) -> str:
    experiment = comparison.experiment
    time = "the simulated time of " if experiment.budget is None else ""
    workers = f" on {experiment.workers} simulated workers" if experiment.workers > 1 else ""
    return f"{time}{experiment.limits}{workers}"


def _title(comparison: Comparison) -> str:
    benches = list(dict.fromkeys(contest.case.bench for contest in comparison.contests))
    return f"{len(comparison.names)} searchers on {', '.join(benches)}"


def _sentence(comparison: Comparison) -> str:
    done = sum(len(entry.runs) for contest in comparison.contests for entry in contest.entries)
    wanted = len(list(comparison.experiment.cells())) * comparison.experiment.seeds
    state = "" if done >= wanted else f" of {text.count(wanted)} planned ones"
    n = len(comparison.contests)
    on = f"{n} benchmark outcomes" if n > 1 else "one benchmark outcome"
    return f"{text.count(done)} runs{state} on {on}, {_budget(comparison)} each; answers come from tables."


def _notes(comparison: Comparison) -> list[str]:
    """Return what a reader should know before believing the figures."""
    notes = []
    for contest in comparison.contests:
        case = contest.case
        counts = {entry.name: len(entry.runs) for entry in contest.entries}
        if len(set(counts.values())) > 1:
            said = ", ".join(f"{name} {n}" for name, n in counts.items())
            notes.append(f"{case.name}: the searchers have different numbers of finished runs ({said}).")
        if case.searched == "test":
            notes.append(f"{case.name} has no validation data: the searchers see test values.")
        elif case.is_same_measure:
            notes.append(f"{case.name} reports the validation values that the searchers see: no test is known.")
        unknown = {entry.name: int(np.isnan(entry.finals).sum()) for entry in contest.entries}
        if any(unknown.values()):
            said = ", ".join(f"{name} {n}" for name, n in unknown.items() if n)
            notes.append(f"{case.name}: runs that end without a reported value are left out of the means ({said}).")
    left_out = len(comparison.contests) - len(comparison.complete)
    if left_out:
        notes.append(f"Mean ranks leave out {left_out} benchmarks that not every searcher has runs on.")
    if comparison.experiment.continued:
        notes.append(
            "A training with more epochs continues the shorter one: only the added epochs take simulated time."
        )
    return notes


def p_value(value: float | None) -> str:
    """Return a p-value as a report shows it; a dash for None."""
    if value is None:
        return text.DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
