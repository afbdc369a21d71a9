"""Whether differences between searchers may be chance."""

# K contestants, B benchmarks, R runs

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from archwright.report.comparison import Contest

__all__ = ["LEVEL", "Overall", "Pair", "holm", "nemenyi_difference", "overall", "pairs"]

Floats = npt.NDArray[np.float64]

#: Differences whose chance is below this count as found.
LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Pair:
    """Two contestants on one case.

    Args:
        a: The one with the better mean. `b`: the other.
        difference: How much better, in the metric's unit; never negative.
        n: Seeds compared.
        p: Two-sided p-value. `p_holm`: the same, corrected for all pairs of the case.
    """

    a: str
    b: str
    difference: float
    n: int
    p: float
    p_holm: float

    @property
    def is_found(self) -> bool:
        """Whether the difference is unlikely to be chance."""
        return self.p_holm < LEVEL


@dataclass(frozen=True, eq=False)
class Overall:
    """All contestants over B benchmarks.

    Args:
        ranks: Mean rank of each contestant [K]; 1 is the best.
        n: Benchmarks.
        p: Of Friedman's test that all contestants are alike; None with fewer than three of them, or one benchmark.
        difference: Mean ranks that differ by less may be equal (Nemenyi); None with one benchmark.
    """

    ranks: Floats
    n: int
    p: float | None
    difference: float | None


def pairs(contest: Contest) -> list[Pair]:
    """Return every pair of contestants with Wilcoxon's signed-rank test over seeds, corrected by Holm's method."""
    sign = 1.0 if contest.case.higher_is_better else -1.0
    found = []
    for a, b in combinations(contest.entries, 2):
        ours, theirs = contest.paired(a, b)
        known = ~(np.isnan(ours) | np.isnan(theirs))
        gain = sign * (ours - theirs)[known]
        mean = float(gain.mean()) if len(gain) else 0.0
        better, worse = (a.name, b.name) if mean >= 0 else (b.name, a.name)
        found.append((better, worse, abs(mean), len(gain), _wilcoxon(gain)))
    corrected = holm([p for *_, p in found])
    return [Pair(*each, p_holm) for each, p_holm in zip(found, corrected, strict=True)]


def overall(rank_table: Floats) -> Overall | None:
    """Return the comparison over benchmarks from ranks [B, K]; None without any benchmark.

    Source: Demsar, JMLR 7 (2006): Friedman's test, in the form of Iman and Davenport, and Nemenyi's difference.
    """
    n, k = rank_table.shape
    if not n or not k:
        return None
    difference = nemenyi_difference(k, n) if n > 1 and k > 1 else None
    return Overall(rank_table.mean(axis=0), n, _friedman(rank_table) if n > 1 and k > 2 else None, difference)


def nemenyi_difference(k: int, n: int) -> float:
    """Return the difference of mean ranks of `k` contestants over `n` benchmarks that chance reaches at `LEVEL`.

    Example:
        >>> round(nemenyi_difference(4, 14), 2)    # Demsar 2006, section 3.2.2: 1.25
        1.25
    """
    from scipy.stats import studentized_range

    return float(studentized_range.ppf(1 - LEVEL, k, np.inf) / np.sqrt(2) * np.sqrt(k * (k + 1) / (6 * n)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's step-down method; at most 1.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    corrected, worst = [0.0] * len(p_values), 0.0
    for step, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        worst = max(worst, min(1.0, (len(p_values) - step) * p_values[place]))
        corrected[place] = worst
    return corrected


def _wilcoxon(gain: Floats) -> float:
    """Return the two-sided p-value; 1 where nothing differs."""
    from scipy.stats import wilcoxon

    if not gain.any():
        return 1.0
    # Equal results say nothing about which is better, so they are split (Pratt's method ranks them first).
    return float(wilcoxon(gain, zero_method="zsplit", method="asymptotic").pvalue)


def _friedman(rank_table: Floats) -> float:
    """Return the p-value of Friedman's test by the F distribution, which is less timid than the chi-squared one."""
    from scipy.stats import f

    n, k = rank_table.shape
    means = rank_table.mean(axis=0)
    # Ties lower the spread of ranks; the divisor is what it is, not what it would be without ties.
    spread = ((rank_table - (k + 1) / 2) ** 2).sum() / (n * (k - 1))
    if spread == 0:
        return 1.0
    chi = n * ((means - (k + 1) / 2) ** 2).sum() / spread
    if chi >= n * (k - 1) - 1e-9:
        return 0.0
    return float(f.sf((n - 1) * chi / (n * (k - 1) - chi), k - 1, (k - 1) * (n - 1)))
