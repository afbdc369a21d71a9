"""The report of a study of proxies: CSV tables, PNG charts, and one page that needs nothing else."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archwright.coordinate.proxy_study import StudyFolder
from archwright.core.errors import MissingExtraError, RunError
from archwright.core.files import write_atomically
from archwright.report import text
from archwright.report.comparison_figures import write_ranks_png
from archwright.report.comparison_html import p_value
from archwright.report.comparison_panels import case_title
from archwright.report.comparison_svg import ranks_svg
from archwright.report.correlation import RESAMPLES
from archwright.report.proxy_figures import write_bars_png, write_scatter_png
from archwright.report.proxy_findings import Findings, Section, load_findings
from archwright.report.proxy_panels import Axis, bars, correlation_text, scatters
from archwright.report.proxy_svg import STYLE, bars_svg, scatter_svg
from archwright.report.proxy_tables import Row, rows_of, write_tables
from archwright.report.significance import LEVEL, Overall, overall
from archwright.report.svg import STYLE as BASE_STYLE

__all__ = ["StudyReport", "correlation", "seconds_text", "write_study"]

_log = logging.getLogger(__name__)

_RANKED_BY = "Spearman's correlation"


@dataclass(frozen=True, eq=False)
class StudyReport:
    """What a report holds.

    Args:
        files: What was written; the page comes first.
        tables: For each case and target, a row per proxy, the best first.
        names: Proxies. `overall`: their ranks over outcomes, None with one outcome.
        notes: What a reader should know, in sentences.
    """

    files: tuple[Path, ...]
    tables: tuple[tuple[Row, ...], ...]
    names: tuple[str, ...]
    overall: Overall | None
    notes: tuple[str, ...]


def write_study(
    path: Path,
    *,
    png: bool = True,
    axis: Axis = "rank",
    n_resamples: int = RESAMPLES,
) -> StudyReport:
    """Write the report of the study in a folder into its sub-folder `report`; the study may be going on.

    Args:
        path: Folder of the study.
        png: Also write PNG files, where matplotlib is installed; the page has its own drawings.
        axis: Whether scatter plots show the rank of a score or its value.
        n_resamples: Resamples of the architectures for the intervals.

    Raises:
        RunError: if there is no score, or a file is damaged or cannot be written.
    """
    findings = load_findings(StudyFolder(path), n_resamples=n_resamples)
    folder = path / "report"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError.of_system(f"{folder} must be writable, but: {error.strerror or error}") from None
    ranked = overall(findings.rank_table) if len(findings.sections) > 1 else None
    files = write_tables(folder, findings, ranked)
    notes = _notes(findings)
    if png:
        try:
            files += _pngs(folder, findings, ranked, axis)
        except MissingExtraError as error:
            _log.info("no PNG files: %s", error)
            notes.append(str(error))
    page = folder / "report.html"
    write_atomically(page, _page(findings, ranked, notes, axis).encode())
    tables = tuple(tuple(rows) for section in findings.sections for rows in rows_of(section))
    return StudyReport((page, *files), tables, findings.names, ranked, tuple(notes))


def _pngs(folder: Path, findings: Findings, ranked: Overall | None, axis: Axis) -> list[Path]:
    made = []
    for section in findings.sections:
        title, caption = case_title(section.case), _caption(section, findings)
        made.append(folder / f"{section.case.name}.png")
        write_bars_png(made[-1], bars(section), title=title, caption=caption)
        plots = scatters(section, axis=axis)
        if plots:
            made.append(folder / f"{section.case.name}.scatter.png")
            beyond = max(plot.n_beyond for plot in plots)
            said = f"{caption} {_points(beyond)}"
            write_scatter_png(made[-1], plots, title=title, caption=said)
    if ranked is not None:
        made.append(folder / "ranks.png")
        write_ranks_png(made[-1], findings.names, findings.rank_table, ranked, by=_RANKED_BY)
    return made


def _points(n_beyond: int) -> str:
    edge = f" The worst {n_beyond:,} lie at the edge: they are beyond the vertical axis." if n_beyond else ""
    return f"A point is an architecture, scored with seed 0.{edge}"


def _page(findings: Findings, ranked: Overall | None, notes: list[str], axis: Axis) -> str:
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update({"count": text.count, "r": correlation, "p": p_value, "seconds": seconds_text})
    cases = [section.case.name for section in findings.sections]
    drawn = None
    if ranked is not None:
        drawn = Markup(ranks_svg(findings.names, cases, findings.rank_table, ranked, by=_RANKED_BY))
    return environment.get_template("proxies.html").render(
        style=Markup(BASE_STYLE + STYLE),
        title=_title(findings),
        sentence=_sentence(findings),
        sections=[_section(section, findings, axis) for section in findings.sections],
        overall=ranked,
        ranks=drawn,
        rank_rows=_rank_rows(findings, ranked),
        level=f"{LEVEL:.0%}",
        notes=notes,
    )


def _section(section: Section, findings: Findings, axis: Axis) -> dict[str, Any]:
    """Return what the page says of one case."""
    from markupsafe import Markup

    # Our own SVG: names in it are escaped where they are drawn.
    charts = [
        {
            "title": plot.title,
            "rho": correlation_text(plot.rho),
            "svg": Markup(scatter_svg(plot)),
            "caption": plot.caption,
        }
        for plot in scatters(section, axis=axis)
    ]
    return {
        "case": section.case,
        "title": case_title(section.case),
        "caption": _caption(section, findings),
        "targets": [f"{target.label} of {target.outcome}" for target in section.targets],
        "bars": Markup(bars_svg(bars(section))),
        "tables": rows_of(section),
        "charts": charts,
        "left_out": [(entry.proxy, n, why) for entry in section.ordered for why, n in entry.left_out],
    }


def _rank_rows(findings: Findings, ranked: Overall | None) -> list[tuple[str, float, list[float]]]:
    if ranked is None:
        return []
    rows = zip(findings.names, ranked.ranks.tolist(), findings.rank_table.T.tolist(), strict=True)
    return sorted(rows, key=lambda row: row[1])


def _title(findings: Findings) -> str:
    benches = list(dict.fromkeys(section.case.bench for section in findings.sections))
    n = len(findings.names)
    return f"{n} {'proxy' if n == 1 else 'proxies'} on {', '.join(benches)}"


def _sentence(findings: Findings) -> str:
    n = len(findings.sections)
    on = f"{n} benchmark outcomes" if n > 1 else "one benchmark outcome"
    return f"How well scores of untrained networks foretell what training reaches, on {on}."


def _caption(section: Section, findings: Findings) -> str:
    study = findings.study
    n = len(section.texts)
    known = f"{n:,} of the {section.case.n:,} architectures" if n < section.case.n else f"all {n:,} architectures"
    start = f"{known[0].upper()}{known[1:]} of {section.case.bench}"
    times = f", scored with {study.seeds} seeds each" if study.seeds > 1 else ", scored once each"
    if study.origin:
        return f"{start}{times if study.seeds > 1 else ''}; scores from {Path(study.origin).name}."
    inputs = study.inputs
    source = dict(study.sources).get(section.case.name, inputs.data)
    data = f"of {Path(source).name}" if source else "of Gaussian noise with random labels"
    sizes = ", ".join(f"{name} {value}" for name, value in inputs.size)
    nets = f"; networks with {sizes}" if sizes else ""
    nets += "; all networks of a seed are corners of one draw of weights" if inputs.weights == "shared" else ""
    return f"{start}{times}, on a batch of {inputs.batch} {data}{nets}."


def _notes(findings: Findings) -> list[str]:
    """Return what a reader should know before believing the figures."""
    notes = []
    study = findings.study
    for section in findings.sections:
        case, n = section.case, len(section.texts)
        if study.sample is not None and study.sample > n and not study.origin:
            notes.append(
                f"{case.name}: a sample of {study.sample:,} was asked for, and all {n:,} there are were taken."
            )
        missing = [entry for entry in section.entries if entry.left_out]
        if missing:
            said = ", ".join(f"{entry.proxy} {entry.n_left_out:,}" for entry in missing)
            notes.append(f"{case.name}: of {n:,} architectures are left out, as a score is missing: {said}.")
        for target in section.targets:
            unknown = sum(math.isnan(value) for value in target.values.tolist())
            if unknown:
                notes.append(f"{case.name}: {unknown:,} of {n:,} architectures have no {target.label}.")
        counts = {entry.agreements[0].n for entry in section.entries}
        if len(counts) > 1:
            notes.append(
                f"{case.name}: proxies are compared on different numbers of architectures ({min(counts):,} to "
                f"{max(counts):,}), so small differences between them mean nothing."
            )
    return notes


def correlation(value: float | None) -> str:
    """Return a correlation with three decimals; a dash for None."""
    return text.DASH if value is None else f"{value:.3f}".replace("-", "\N{MINUS SIGN}")


def seconds_text(value: float | None) -> str:
    """Return seconds with three figures: `0.0123`, `1.50`, `0.00002`; a dash for None."""
    if value is None:
        return text.DASH
    decimals = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:.{decimals}f}"
