"""The numbers of an experiment: rows for CSV files and for the page."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from archwright.core.files import write_atomically
from archwright.report import text
from archwright.report.comparison import Comparison, Contest, Entry
from archwright.report.significance import Overall, Pair

__all__ = ["Final", "as_csv", "figure", "finals", "write_tables"]


@dataclass(frozen=True, slots=True)
class Final:
    """What a contestant's runs on one case end with, in the unit of `metric`; None where nothing is known.

    Args:
        n: Finished runs. `failed`: those of them that found nothing, or nothing with a reported value; the rest
            of the row is without them.
        mean, std: Of the final value; std is that of a sample.
        q25, median, q75: Its quartiles.
        regret: Mean distance to the benchmark's best.
        optimal: Share of the runs that end with the best architecture, or an equal one.
        rank: Among the contestants of this case, by the mean; 1 is the best.
        trials: Mean number of trials of a run.
        seconds: Mean simulated seconds of a run.
    """

    case: str
    searcher: str
    metric: str
    n: int
    failed: int
    mean: float | None
    std: float | None
    q25: float | None
    median: float | None
    q75: float | None
    regret: float | None
    optimal: float
    rank: float
    trials: float
    seconds: float


def figure(value: float | None) -> str:
    """Return a result with as many decimals as tell searchers apart; a dash for None."""
    if value is None:
        return text.DASH
    decimals = 2 if abs(value) >= 10 else 3 if abs(value) >= 1 else 4
    return f"{value:,.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def finals(contest: Contest, metric: str) -> list[Final]:
    """Return a row per contestant, the best first."""
    rows = [_final(entry, metric, float(rank)) for entry, rank in zip(contest.entries, contest.ranks, strict=True)]
    return sorted(rows, key=lambda row: row.rank)


def write_tables(
    folder: Path,
    comparison: Comparison,
    *,
    rows: Sequence[Final],
    pairs: Sequence[tuple[str, Pair]],
    overall: Overall | None,
) -> list[Path]:
    """Write `final.csv`, `pairs.csv`, `curves.csv` and, over several benchmarks, `ranks.csv`; return their paths.

    Raises:
        RunError: if one cannot be written (exit code 1).
    """
    paired = [{"case": case, **asdict(pair)} for case, pair in pairs]
    tables = {
        "final.csv": ([each.name for each in fields(Final)], [list(asdict(row).values()) for row in rows]),
        "pairs.csv": (["case", *(each.name for each in fields(Pair))], [list(row.values()) for row in paired]),
        "curves.csv": (["case", "searcher", "axis", "x", "mean", "q25", "q75"], _curves(comparison)),
    }
    if overall is not None:
        heads = ["searcher", "mean rank", *(contest.case.name for contest in comparison.complete)]
        tables["ranks.csv"] = (heads, _ranks(comparison, overall))
    for name, (heads, lines) in tables.items():
        write_atomically(folder / name, as_csv(heads, lines))
    return [folder / name for name in tables]


def _final(entry: Entry, metric: str, rank: float) -> Final:
    known = entry.finals[~np.isnan(entry.finals)]
    regrets = entry.regrets[~np.isnan(entry.regrets)]
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75]).tolist() if len(known) else (None, None, None)
    return Final(
        case=entry.case.name,
        searcher=entry.name,
        metric=metric,
        n=len(entry.runs),
        failed=len(entry.runs) - len(known),
        mean=float(known.mean()) if len(known) else None,
        std=float(known.std(ddof=1)) if len(known) > 1 else None,
        q25=low,
        median=middle,
        q75=high,
        regret=float(regrets.mean()) if len(regrets) else None,
        optimal=float((regrets == 0).sum() / len(entry.runs)),
        rank=rank,
        trials=float(np.mean([len(run.value) for run in entry.runs])),
        seconds=float(np.mean([run.finished_s[-1] if len(run.finished_s) else 0.0 for run in entry.runs])),
    )


def _curves(comparison: Comparison) -> list[list[object]]:
    lines: list[list[object]] = []
    for contest in comparison.contests:
        for entry in contest.entries:
            for axis, curve in (("trials", entry.over_trials()), ("seconds", entry.over_time())):
                if curve is not None:
                    columns = (curve.x, curve.mean, curve.low, curve.high)
                    points = zip(*(column.tolist() for column in columns), strict=True)
                    lines += [[contest.case.name, entry.name, axis, *point] for point in points]
    return lines


def _ranks(comparison: Comparison, overall: Overall) -> list[list[object]]:
    means = overall.ranks.tolist()
    order = np.argsort(overall.ranks, kind="stable").tolist()
    return [[comparison.names[k], means[k], *comparison.rank_table[:, k].tolist()] for k in order]


def as_csv(heads: Sequence[str], lines: Sequence[Sequence[object]]) -> bytes:
    """Return a CSV file with a header; numbers have nine digits, None is empty."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(heads)
    writer.writerows([_short(value) for value in line] for line in lines)
    return file.getvalue().encode()


def _short(value: object) -> object:
    # Nine digits are all that 32-bit results have, and half of the file.
    return f"{value:.9g}" if isinstance(value, float) else value
