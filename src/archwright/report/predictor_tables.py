"""The numbers of a study of predictors: rows for CSV files, for the terminal and for the page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from archwright.core.files import write_atomically
from archwright.report import text
from archwright.report.comparison_tables import as_csv
from archwright.report.predictor_findings import PredictorFindings, Section

__all__ = ["Paired", "Summary", "paired", "spread_text", "summaries", "summary_of", "write_tables"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Summary:
    """One metric of one predictor at one size of the training sets; None where nothing is known.

    Args:
        case: Benchmark and outcome. `signal`: what is foretold, where a study has several.
        train: Architectures in a training set.
        n: Trainings with a value.
        mean, std: Over these; std is that of a sample.
        low, high: The worst and the best of them.
    """

    case: str
    signal: str
    predictor: str
    train: int
    metric: str
    n: int
    mean: float | None
    std: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Paired:
    """How much better the first predictor is than another, over trainings with the same set and seed.

    Args:
        first, other: The two. `train`: architectures in a training set.
        n: Trainings compared. `wins`: those in which the first is better.
        mean, std: Of the difference in Kendall's tau; std is that of a sample, None of a single one.
        low, high: The least and the greatest difference.
    """

    case: str
    signal: str
    first: str
    other: str
    train: int
    n: int
    wins: int
    mean: float
    std: float | None
    low: float
    high: float


def summaries(section: Section, metrics: Sequence[str] | None = None) -> Iterator[Summary]:
    """Yield a row per predictor, size and metric; by default of all metrics."""
    for entry in section.entries:
        for metric in section.metrics if metrics is None else metrics:
            table = section.values(entry, metric)
            for size, row in zip(section.sizes, table, strict=True):
                yield Summary(section.case.name, section.signal, entry.label, size, metric, *summary_of(row))


def summary_of(row: Floats) -> tuple[int, float | None, float | None, float | None, float | None]:
    """Return the number of known values, their mean, standard deviation, least and greatest."""
    known = row[~np.isnan(row)]
    if not len(known):
        return 0, None, None, None, None
    std = float(known.std(ddof=1)) if len(known) > 1 else None
    return len(known), float(known.mean()), std, float(known.min()), float(known.max())


def paired(section: Section) -> list[Paired]:
    """Return a row per other predictor and size."""
    rows = []
    for gain in section.gains():
        n, mean, std, low, high = summary_of(gain.differences)
        assert mean is not None
        assert low is not None
        assert high is not None
        names = (section.case.name, section.signal, section.entries[0].label, gain.label)
        rows.append(Paired(*names, gain.size, n, gain.wins, mean, std, low, high))
    return rows


def spread_text(mean: float | None, std: float | None, *, decimals: int = 4, is_signed: bool = False) -> str:
    """Return `0.7731 ± 0.0049`; a dash for None, no spread where there is none."""
    if mean is None:
        return text.DASH
    said = f"{mean:{'+' if is_signed else ''}.{decimals}f}".replace("-", "\N{MINUS SIGN}")
    return said if std is None else f"{said} ± {std:.{decimals}f}"


def write_tables(folder: Path, findings: PredictorFindings) -> list[Path]:
    """Write `summary.csv`, `paired.csv` and `trainings.csv`; return their paths.

    Raises:
        RunError: if one cannot be written (exit code 1).
    """
    rows = [list(asdict(row).values()) for section in findings.sections for row in summaries(section)]
    pairs = [list(asdict(row).values()) for section in findings.sections for row in paired(section)]
    tables = {
        "summary.csv": ([each.name for each in fields(Summary)], rows),
        "paired.csv": ([each.name for each in fields(Paired)], pairs),
        "trainings.csv": _trainings(findings),
    }
    for name, (heads, lines) in tables.items():
        write_atomically(folder / name, as_csv(heads, lines))
    return [folder / name for name in tables]


def _trainings(findings: PredictorFindings) -> tuple[list[str], list[list[object]]]:
    """Return a line per finished training and signal with all its values."""
    metrics = list(dict.fromkeys(metric for section in findings.sections for metric in section.metrics))
    lines: list[list[object]] = []
    for section in findings.sections:
        for entry in section.entries:
            tables = [section.values(entry, metric).tolist() for metric in metrics]
            for k, size in enumerate(section.sizes):
                for r, (drawn, seed) in enumerate(section.runs):
                    values = [table[k][r] for table in tables]
                    if not all(map(math.isnan, values)):
                        start = [section.case.name, section.signal, entry.label, size, drawn, seed]
                        lines.append([*start, *("" if math.isnan(value) else value for value in values)])
    return ["case", "signal", "predictor", "train", "set", "seed", *metrics], lines
