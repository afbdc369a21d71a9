"""The numbers of a study of proxies: rows for CSV files, for the terminal and for the page."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from archwright.core.files import write_atomically
from archwright.core.ranks import ranks
from archwright.report.comparison_tables import as_csv
from archwright.report.proxy_findings import Entry, Findings, Section
from archwright.report.significance import Overall

__all__ = ["Row", "rows_of", "write_tables"]


@dataclass(frozen=True, slots=True)
class Row:
    """How one proxy agrees with one target; None where nothing can be said.

    Args:
        case: Benchmark and outcome that proxies are ranked on. `target`: what is compared here, in words.
        direction: `higher` or `lower`: which scores should mean better networks.
        rank: Among the proxies, by Spearman's correlation with this target in the direction of the proxy.
        n: Architectures compared. `left_out`: those without a score for every seed.
        unknown: Those that have scores, and no value of this target.
        seeds: Scorings of each architecture.
        spearman: Mean over seeds; positive where scores rise with quality. Its 95 % bootstrap interval over
            architectures is `spearman_low`..`spearman_high`, its standard deviation over seeds `spearman_std`.
        spearman_joint: Of the mean rank over all seeds.
        kendall: The same as tau-b.
        seconds: Mean seconds of one score.
    """

    case: str
    target: str
    proxy: str
    direction: str
    rank: float
    n: int
    left_out: int
    unknown: int
    seeds: int
    spearman: float | None
    spearman_low: float | None
    spearman_high: float | None
    spearman_std: float | None
    spearman_joint: float | None
    kendall: float | None
    kendall_low: float | None
    kendall_high: float | None
    kendall_std: float | None
    seconds: float | None


def rows_of(section: Section) -> list[list[Row]]:
    """Return a list per target, with a row per proxy, the best proxy first."""
    tables = []
    for place in range(len(section.targets)):
        ranked = zip(section.entries, section.ranks(place).tolist(), strict=True)
        rows = [_row(section, entry, place, rank) for entry, rank in ranked]
        tables.append(sorted(rows, key=lambda row: row.rank))
    return tables


def write_tables(folder: Path, findings: Findings, overall: Overall | None) -> list[Path]:
    """Write `correlations.csv`, `seeds.csv`, `scores.csv` and, over several outcomes, `ranks.csv`; return their paths.

    Raises:
        RunError: if one cannot be written (exit code 1).
    """
    rows = [list(asdict(row).values()) for section in findings.sections for rows in rows_of(section) for row in rows]
    tables = {
        "correlations.csv": ([each.name for each in fields(Row)], rows),
        "seeds.csv": (["case", "target", "proxy", "seed", "spearman", "kendall"], _seeds(findings)),
        "scores.csv": _scores(findings),
    }
    if overall is not None:
        heads = ["proxy", "mean rank", "mean rank by magnitude", *(each.case.name for each in findings.sections)]
        tables["ranks.csv"] = (heads, _ranks(findings, overall))
    for name, (heads, lines) in tables.items():
        write_atomically(folder / name, as_csv(heads, lines))
    return [folder / name for name in tables]


def _row(section: Section, entry: Entry, place: int, rank: float) -> Row:
    target, found = section.targets[place], entry.agreements[place]
    scored = ~np.isnan(entry.scores).any(axis=0)
    rho, tau = found.rho, found.tau
    return Row(
        case=section.case.name,
        target=f"{target.outcome}: {target.label}",
        proxy=entry.proxy,
        direction="higher" if entry.direction > 0 else "lower",
        rank=rank,
        n=found.n,
        left_out=entry.n_left_out,
        unknown=int((scored & np.isnan(target.values)).sum()),
        seeds=len(entry.scores),
        spearman=_known(rho.value),
        spearman_low=_known(rho.low),
        spearman_high=_known(rho.high),
        spearman_std=found.rho_std,
        spearman_joint=_known(found.joint),
        kendall=_known(tau.value),
        kendall_low=_known(tau.low),
        kendall_high=_known(tau.high),
        kendall_std=found.tau_std,
        seconds=entry.seconds,
    )


def _seeds(findings: Findings) -> list[list[object]]:
    lines: list[list[object]] = []
    for section in findings.sections:
        for entry in section.entries:
            for target, found in zip(section.targets, entry.agreements, strict=True):
                pairs = zip(found.rhos.tolist(), found.taus.tolist(), strict=True)
                start = [section.case.name, f"{target.outcome}: {target.label}", entry.proxy]
                lines += [[*start, seed, *map(_known, pair)] for seed, pair in enumerate(pairs)]
    return lines


def _scores(findings: Findings) -> tuple[list[str], list[list[object]]]:
    """Return a line per case, architecture and seed: what is known of it, and every proxy's score."""
    lines: list[list[object]] = []
    for section in findings.sections:
        known = [target.values.tolist() for target in section.targets]
        values = {target.split: column for target, column in zip(section.targets, known, strict=True)}
        empty = [math.nan] * len(section.texts)
        outcome = [values.get(split, empty) for split in ("valid", "test")]
        for seed in range(findings.study.seeds):
            scores = [entry.scores[seed].tolist() for entry in section.entries]
            columns = zip(section.texts, *outcome, *scores, strict=True)
            lines += [[section.case.name, seed, text, *map(_blank, rest)] for text, *rest in columns]
    return ["case", "seed", "arch", "valid", "test", *findings.names], lines


def _ranks(findings: Findings, overall: Overall) -> list[list[object]]:
    magnitudes = np.array([ranks(np.abs(section.merits(0)), higher_is_better=True) for section in findings.sections])
    by_magnitude = magnitudes.mean(axis=0).tolist()
    means, each = overall.ranks.tolist(), findings.rank_table.T.tolist()
    order = np.argsort(overall.ranks, kind="stable").tolist()
    return [[findings.names[k], means[k], by_magnitude[k], *each[k]] for k in order]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _blank(value: object) -> object:
    return "" if isinstance(value, float) and math.isnan(value) else value
