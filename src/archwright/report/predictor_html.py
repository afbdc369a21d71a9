"""The report of a study of predictors: CSV tables, PNG charts, and one page that needs nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archwright.coordinate.kept import make_folders
from archwright.coordinate.predictors.judging import BEST, LAST_EPOCHS, PRECISION
from archwright.coordinate.predictors.study import PredictorFolder
from archwright.core.errors import MissingExtraError
from archwright.core.files import write_atomically
from archwright.report import text
from archwright.report.comparison_figures import write_panels_png
from archwright.report.comparison_panels import Panel, case_title
from archwright.report.comparison_svg import STYLE, panel_svg
from archwright.report.predictor_findings import MAIN, PredictorFindings, Section, load_predictors
from archwright.report.predictor_panels import agreement_panel, precision_panel
from archwright.report.predictor_tables import (
    Paired,
    Summary,
    paired,
    spread_text,
    summaries,
    write_tables,
)
from archwright.report.svg import STYLE as BASE_STYLE

__all__ = ["PredictorReport", "metric_title", "write_predictors"]

_log = logging.getLogger(__name__)

#: Metrics of the page's details: what they are called, and decimals.
_DETAILS = {
    "kendall": ("Kendall", 4),
    "spearman": ("Spearman", 4),
    "pearson": ("Pearson", 4),
    f"{PRECISION}10": ("P@10", 3),
    f"{PRECISION}100": ("P@100", 3),
    f"{BEST}5": ("N@5", 1),
    f"{BEST}10": ("N@10", 1),
    "mse": ("MSE", 4),
    "r2": ("R2", 3),
    "fit_s": ("training s", 2),
    "query_s": ("query s", 3),
}


@dataclass(frozen=True, eq=False)
class PredictorReport:
    """What a report holds.

    Args:
        files: What was written; the page comes first.
        sections: What was found, for each case and signal.
        notes: What a reader should know, in sentences.
    """

    files: tuple[Path, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]


def write_predictors(path: Path, *, png: bool = True) -> PredictorReport:
    """Write the report of the study in a folder into its sub-folder `report`; the study may be going on.

    Args:
        path: Folder of the study.
        png: Also write PNG files, where matplotlib is installed; the page has its own drawings.

    Raises:
        RunError: if nothing is finished, or a file is damaged or cannot be written.
    """
    findings = load_predictors(PredictorFolder(path))
    folder = path / "report"
    make_folders(folder, "")
    files = write_tables(folder, findings)
    notes = list(_notes(findings))
    if png:
        try:
            files += _pngs(folder, findings)
        except MissingExtraError as error:
            _log.info("no PNG files: %s", error)
            notes.append(str(error))
    page = folder / "report.html"
    write_atomically(page, _page(findings, notes).encode())
    return PredictorReport((page, *files), findings.sections, tuple(notes))


def metric_title(metric: str) -> str:
    """Return a short name of a metric: `P@10`."""
    return _DETAILS[metric][0]


def _pngs(folder: Path, findings: PredictorFindings) -> list[Path]:
    made = []
    for section in findings.sections:
        if panels := _panels(section):
            suffix = f".{section.signal}" if section.signal else ""
            made.append(folder / f"{section.case.name}{suffix}.png")
            caption = _caption(section, findings)
            write_panels_png(
                made[-1], panels, n_names=len(findings.labels), title=_section_title(section), caption=caption
            )
    return made


def _panels(section: Section) -> list[Panel]:
    made = [agreement_panel(section), *(precision_panel(section, size) for size in section.sizes)]
    return [panel for panel in made if panel is not None]


def _page(findings: PredictorFindings, notes: Sequence[str]) -> str:
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update({"count": text.count, "gain": _gain, "signed": _signed})
    n = len(findings.labels)
    benches = list(dict.fromkeys(section.case.bench for section in findings.sections))
    return environment.get_template("predictors.html").render(
        style=Markup(BASE_STYLE + STYLE),
        title=f"{n} {'predictor' if n == 1 else 'predictors'} on {', '.join(benches)}",
        sentence="How well predictors rank architectures that they have not seen, by what they learn from.",
        labels=findings.labels,
        sections=[_section(section, findings) for section in findings.sections],
        notes=notes,
    )


def _section(section: Section, findings: PredictorFindings) -> dict[str, Any]:
    """Return what the page says of one signal of one case."""
    from markupsafe import Markup

    rows = list(summaries(section, [MAIN]))
    known = [name for name in _DETAILS if name in section.metrics]
    # Our own SVG: names in it are escaped where they are drawn.
    charts = [{"title": panel.title, "svg": Markup(panel_svg(panel))} for panel in _panels(section)]
    return {
        "title": _section_title(section),
        "caption": _caption(section, findings),
        "sizes": section.sizes,
        "n_runs": len(section.runs),
        "table": [(entry.label, list(_cells(entry.label, rows))) for entry in section.entries],
        "charts": charts,
        "paired": paired(section),
        "heads": [metric_title(name) for name in known],
        "details": list(_details(section, known)),
        "failed": [(entry.label, n, why) for entry in section.entries for why, n in entry.errors],
    }


def _cells(label: str, rows: Sequence[Summary]) -> Iterator[dict[str, object]]:
    best: dict[int, float] = {}
    for row in rows:
        if row.mean is not None:
            best[row.train] = max(row.mean, best.get(row.train, row.mean))
    for row in rows:
        if row.predictor == label:
            yield {"text": spread_text(row.mean, row.std), "is_best": row.mean == best.get(row.train, float("nan"))}


def _details(section: Section, metrics: Sequence[str]) -> Iterator[tuple[str, int, list[str]]]:
    """Yield label, size and the mean of each metric."""
    found = {(row.predictor, row.train, row.metric): row.mean for row in summaries(section, metrics)}
    for entry in section.entries:
        for size in section.sizes:
            cells = [(found[entry.label, size, name], _DETAILS[name][1]) for name in metrics]
            yield entry.label, size, [spread_text(mean, None, decimals=decimals) for mean, decimals in cells]


def _section_title(section: Section) -> str:
    return case_title(section.case) + (f", {section.signal}" if section.signal else "")


def _caption(section: Section, findings: PredictorFindings) -> str:
    rules, task = findings.study.rules, section.task
    signal, truth = task.signals[section.place], task.truths[section.place]
    learned = f"Learned from the {signal.label}"
    if truth != signal:
        learned += f", judged by the {truth.label}"
    how = "the first rows" if rules.pool == "first" else "drawn at random"
    n = min(rules.sets or findings.study.seeds, findings.study.seeds)
    sets = "One training set" if n == 1 else f"{n} training sets"
    return (
        f"{learned}; judged on {len(task.test):,} architectures. {sets} of each size, from a pool of "
        f"{len(task.pool):,}, {how}. Neural predictors: mean over the last {LAST_EPOCHS} epochs."
    )


def _notes(findings: PredictorFindings) -> Iterator[str]:
    """Yield what a reader should know before believing the figures."""
    seen = set()
    for section in findings.sections:
        if section.case.name in seen:
            continue
        seen.add(section.case.name)
        wanted = len(section.runs) * len(section.sizes)
        missing = [(entry.label, wanted - sum(entry.finished)) for entry in section.entries]
        if any(n for _, n in missing):
            said = ", ".join(f"{label} {n:,}" for label, n in missing if n)
            yield f"{section.case.name}: of {wanted:,} trainings each some are not finished yet: {said}."
        failed = ", ".join(f"{entry.label} {entry.n_failed:,}" for entry in section.entries if entry.n_failed)
        if failed:
            yield f"{section.case.name}: trainings failed and are left out: {failed}."
        left = len(section.task.rows) - len(section.task.pool) - len(section.task.test)
        if left:
            yield f"{section.case.name}: {left:,} architectures are neither in pool nor test; --test takes more."


def _gain(row: Paired) -> str:
    return spread_text(row.mean, row.std, is_signed=True)


def _signed(value: float) -> str:
    return spread_text(value, None, is_signed=True)
