"""What searches by a predictor found, beside random search and the best there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from archwright.coordinate.kept import make_folders
from archwright.coordinate.predictors.study import PredictorFolder, PredictorStudy
from archwright.core.files import write_atomically
from archwright.report.comparison_panels import case_title, measure
from archwright.report.comparison_tables import as_csv
from archwright.report.predictor_findings import Section, load_predictors
from archwright.report.predictor_tables import summary_of

__all__ = ["SearchReport", "SearchRow", "write_search"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SearchRow:
    """What one way to search found, in the unit of the reported metric.

    Args:
        case: Benchmark and outcome. `label`: who searched.
        kind: `found`: the candidate that is predicted to be the best. `queried`: the best by its label of that one and
            the training set. `random`: the best of as many random architectures. `candidates`: the best of all
            candidates. `space`: the best of the benchmark by the reported metric itself.
        train: Architectures that a predictor learns from; None where that does not matter.
        n: Searches. `mean`, `std`: over them. `low`, `high`: the worst and the best.
        decimals: Digits that tell results apart.
    """

    case: str
    label: str
    kind: str
    train: int | None
    n: int
    mean: float | None
    std: float | None
    low: float | None
    high: float | None
    decimals: int


@dataclass(frozen=True, eq=False)
class SearchReport:
    """Everything that was found.

    Args:
        files: What was written.
        tables: Rows for each case, under a title.
        notes: What a reader should know, in sentences.
    """

    files: tuple[Path, ...]
    tables: tuple[tuple[str, tuple[SearchRow, ...]], ...]
    notes: tuple[str, ...]

    @property
    def rows(self) -> list[SearchRow]:
        """The rows of all tables."""
        return [row for _, rows in self.tables for row in rows]


def write_search(path: Path) -> SearchReport:
    """Write `found.csv` and `searches.csv` of the study in a folder into its sub-folder `report`.

    Raises:
        RunError: if nothing is finished, or a file is damaged or cannot be written.
    """
    findings = load_predictors(PredictorFolder(path))
    tables = []
    for section in findings.sections:
        title = f"{case_title(section.case)}: {measure(section.case)} of what is found"
        tables.append((title, tuple(_rows(section, findings.study))))
    folder = path / "report"
    make_folders(folder, "")
    files = {
        "found.csv": (
            [each.name for each in fields(SearchRow)],
            [list(asdict(r).values()) for _, t in tables for r in t],
        ),
        "searches.csv": (["case", "predictor", "train", "search", *_KINDS], list(_searches(findings.sections))),
    }
    for name, (heads, lines) in files.items():
        write_atomically(folder / name, as_csv(heads, lines))
    return SearchReport(tuple(folder / name for name in files), tuple(tables), tuple(_notes(findings.sections)))


#: Values of a search, see `SearchRow`.
_KINDS = ("found", "queried", "random", "candidates")


def _rows(section: Section, study: PredictorStudy) -> Iterator[SearchRow]:
    case = section.case
    decimals = 2 if abs(case.best) >= 10 else 4
    for entry in section.entries:
        for k, size in enumerate(section.sizes):
            kinds = {"found": entry.label, "queried": f"{entry.label}, best of all queried"}
            for kind, label in kinds.items():
                row = _values(section, entry.found.get(kind), k, case.higher_is_better)
                yield SearchRow(case.name, label, kind, size, *row, decimals)
    for k, size in enumerate(section.sizes):
        row = _values(section, _joined(section, "random"), k, case.higher_is_better)
        yield SearchRow(case.name, f"random search, {size + 1:,} queries", "random", None, *row, decimals)
    row = _values(section, _joined(section, "candidates"), 0, case.higher_is_better)
    label = f"best of {study.rules.candidates:,} candidates"
    yield SearchRow(case.name, label, "candidates", None, *row, decimals)
    yield SearchRow(case.name, "best of the benchmark", "space", None, 1, case.best, None, None, None, decimals)


def _joined(section: Section, kind: str) -> Floats | None:
    """Return what does not depend on the predictor [K, R], from whoever has it."""
    tables = [entry.found[kind] for entry in section.entries if kind in entry.found]
    if not tables:
        return None
    joined = tables[0].copy()
    for table in tables[1:]:
        joined = np.where(np.isnan(joined), table, joined)
    return joined


def _values(
    section: Section, table: Floats | None, k: int, higher_is_better: bool
) -> tuple[int, float | None, float | None, float | None, float | None]:
    """Return number, mean, standard deviation, worst and best of the searches at one size."""
    row = np.full(len(section.runs), np.nan) if table is None else table[k]
    n, mean, std, low, high = summary_of(row)
    return (n, mean, std, low, high) if higher_is_better else (n, mean, std, high, low)


def _searches(sections: Sequence[Section]) -> Iterator[list[object]]:
    for section in sections:
        for entry in section.entries:
            for k, size in enumerate(section.sizes):
                for r in range(len(section.runs)):
                    values = [float(entry.found[kind][k, r]) if kind in entry.found else np.nan for kind in _KINDS]
                    if not np.isnan(values[0]):
                        yield [section.case.name, entry.label, size, r, *values]


def _notes(sections: Sequence[Section]) -> Iterator[str]:
    for section in sections:
        for entry in section.entries:
            missing = len(section.runs) * len(section.sizes) - sum(entry.finished)
            if missing:
                yield f"{section.case.name}: {missing:,} searches of {entry.label} are not finished yet."
            for why, n in entry.errors:
                yield f"{section.case.name}: {n:,} searches of {entry.label} failed: {why}"
