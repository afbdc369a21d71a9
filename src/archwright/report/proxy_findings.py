"""What a study of proxies says: how well each one's scores agree with the outcomes of benchmarks."""

# N architectures, S seeds, P proxies, C cases

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from archwright.coordinate.experiment import Case
from archwright.coordinate.proxy_study import ProxyStudy, StudyFolder, sampled_rows
from archwright.coordinate.simulate import opened
from archwright.core.errors import RunError
from archwright.core.ranks import ranks
from archwright.report.correlation import RESAMPLES, Agreement, agreement

if TYPE_CHECKING:
    import pandas as pd

    from archwright.bench.table import Bench

__all__ = ["Entry", "Findings", "Section", "Target", "load_findings"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_PENDING = "not scored yet"


@dataclass(frozen=True, eq=False)
class Target:
    """What scores are compared with.

    Args:
        outcome: Name of the benchmark's outcome. `split`: `valid` or `test`.
        metric: What it measures. `unit`: of that.
        values: Of each architecture [N], in the metric's own direction; NaN where the benchmark has none.
        higher_is_better: Direction of the metric.
    """

    outcome: str
    split: str
    metric: str
    unit: str
    values: Floats
    higher_is_better: bool

    @property
    def label(self) -> str:
        """What it is, in words: `validation accuracy (percent)`."""
        split = {"valid": "validation", "test": "test"}[self.split]
        return f"{split} {self.metric.replace('_', ' ')}{f' ({self.unit})' if self.unit else ''}"

    @property
    def oriented(self) -> Floats:
        """The values [N], turned so that higher is better."""
        return self.values if self.higher_is_better else -self.values


@dataclass(frozen=True, eq=False)
class Entry:
    """One proxy on one case.

    Args:
        proxy: Its name. `direction`: 1 where a higher score should mean a better network, else -1.
        scores: Scores [S, N] as the proxy gives them; NaN where there is none.
        agreements: With each target of the section. Positive means that scores rise with quality, whatever the
            proxy's direction.
        seconds: Mean seconds of one score; None where nobody measured.
        left_out: Architectures without a score for every seed, counted by reason; the most frequent first.
    """

    proxy: str
    direction: int
    scores: Floats
    agreements: tuple[Agreement, ...]
    seconds: float | None
    left_out: tuple[tuple[str, int], ...]

    @property
    def n_left_out(self) -> int:
        """Architectures without a score for every seed."""
        return sum(n for _, n in self.left_out)


@dataclass(frozen=True, eq=False)
class Section:
    """All proxies on one case.

    Args:
        case: The outcome. `texts`: Architectures [N] as their community writes them.
        targets: Validation, and the test at the end, where they are known; the first one is what proxies are ranked by.
        entries: In the order in which proxies were named.
    """

    case: Case
    texts: tuple[str, ...]
    targets: tuple[Target, ...]
    entries: tuple[Entry, ...]

    def merits(self, target: int = 0) -> Floats:
        """Return Spearman's correlation [P] with a target, in the direction that each proxy declares."""
        return np.array([entry.direction * entry.agreements[target].rho.value for entry in self.entries])

    def ranks(self, target: int = 0) -> Floats:
        """Return the rank [P] of each proxy by `merits`; 1 is the best, equals share the mean of their ranks."""
        return ranks(self.merits(target), higher_is_better=True)

    @property
    def ordered(self) -> tuple[Entry, ...]:
        """The entries, the best by the first target first."""
        return tuple(self.entries[place] for place in np.argsort(self.ranks(), kind="stable").tolist())


@dataclass(frozen=True, eq=False)
class Findings:
    """A study with everything that was found."""

    study: ProxyStudy
    sections: tuple[Section, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The proxies, in the order in which they were named."""
        return self.study.proxies

    @cached_property
    def rank_table(self) -> Floats:
        """Ranks [C, P] of the proxies on each case."""
        return np.array([section.ranks() for section in self.sections]).reshape(len(self.sections), len(self.names))


def load_findings(folder: StudyFolder, *, n_resamples: int = RESAMPLES) -> Findings:
    """Return what a study's folder says; scores that are not computed yet are left out.

    Args:
        folder: Of the study.
        n_resamples: Resamples of the architectures for the intervals.

    Raises:
        RunError: if the folder holds no study, no score, or a damaged file.
    """
    study = folder.load()
    directions = _directions(study)
    sections = {}
    for group in study.groups():
        scores = folder.read(group)
        if not len(scores):
            continue
        cases = [case for case in study.cases if case.name in group.cases]
        rows = _rows(study, cases, scores)
        for case in cases:
            sections[case.name] = _section(case, scores, rows, study, directions, n_resamples=n_resamples)
    if not sections:
        raise RunError(
            f"{folder.path} holds no score yet: continue with `archwright bench proxies --out {folder.path}`"
        )
    return Findings(study, tuple(sections[case.name] for case in study.cases if case.name in sections))


def _rows(study: ProxyStudy, cases: Sequence[Case], scores: pd.DataFrame) -> Ints:
    """Return the rows [N] that were to be scored; of a foreign table, those that it scores."""
    if study.origin:
        return np.unique(scores["row"].to_numpy()).astype(np.int64)
    return sampled_rows(opened(cases[0].folder), cases, study.sample)


def _section(
    case: Case,
    scores: pd.DataFrame,
    rows: Ints,
    study: ProxyStudy,
    directions: Mapping[str, int],
    *,
    n_resamples: int,
) -> Section:
    bench = opened(case.folder)
    targets = _targets(bench, case, rows)
    entries = []
    for proxy in study.proxies:
        mine = scores[scores["proxy"] == proxy]
        table = _table(mine, rows, study.seeds)
        agreements = tuple(agreement(table, target.oriented, n_resamples=n_resamples) for target in targets)
        took = mine["seconds"].dropna()
        seconds = float(took.mean()) if len(took) else None
        entries.append(Entry(proxy, directions[proxy], table, agreements, seconds, _left_out(table, mine, rows)))
    texts = tuple(bench.space.text(arch) for arch in bench.archs(rows))
    return Section(case, texts, targets, tuple(entries))


def _table(scores: pd.DataFrame, rows: Ints, n_seeds: int) -> Floats:
    """Return one proxy's scores [S, N] of some rows, NaN where there is none."""
    table = np.full((n_seeds, len(rows)), np.nan)
    seeds, scored = scores["seed"].to_numpy(), scores["row"].to_numpy()
    place = np.minimum(np.searchsorted(rows, scored), len(rows) - 1)
    wanted = (rows[place] == scored) & (seeds < n_seeds)
    table[seeds[wanted], place[wanted]] = scores["value"].to_numpy()[wanted]
    return table


def _targets(bench: Bench, case: Case, rows: Ints) -> tuple[Target, ...]:
    wanted = dict.fromkeys(((case.outcome, case.searched), (case.report, case.split)))
    found = []
    for outcome, split in wanted:
        described = bench.outcome(outcome)
        values = bench.values(outcome, rows, split=split)
        found.append(Target(outcome, split, described.metric, described.unit, values, described.higher_is_better))
    return tuple(found)


def _left_out(table: Floats, scores: pd.DataFrame, rows: Ints) -> tuple[tuple[str, int], ...]:
    """Return why architectures have no score for every seed, and how many each reason costs."""
    missing = set(rows[np.isnan(table).any(axis=0)].tolist())
    if not missing:
        return ()
    failed = scores[scores["error"] != ""]
    why: dict[int, str] = {}
    for row, error in zip(failed["row"].tolist(), failed["error"].tolist(), strict=True):
        why.setdefault(row, error)
    return tuple(Counter(why.get(row, _PENDING) for row in sorted(missing)).most_common())


def _directions(study: ProxyStudy) -> dict[str, int]:
    """Return the direction of each proxy: what the catalogue's declares, 1 for others, -1 where the study says so."""
    from archwright.core.catalog import find, names

    known = set(names("proxy"))
    found = {name: int(find("proxy", name).direction) if name in known else 1 for name in study.proxies}
    return found | dict.fromkeys(study.lower, -1)
