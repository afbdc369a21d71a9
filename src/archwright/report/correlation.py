"""How well one ordering of architectures agrees with another: Spearman's rho and Kendall's tau-b, with intervals."""

# N architectures, S seeds, R resamples

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from archwright.core.ranks import mid_ranks
from archwright.core.rng import derive

__all__ = ["LEVEL", "RESAMPLES", "Agreement", "Interval", "agreement", "kendall", "resamples", "spearman"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: What an interval is meant to hold.
LEVEL = 0.95
#: Resamples of the architectures: the ends of an interval then move by about a twentieth of its width.
RESAMPLES = 1000
#: Numbers held at once while resamples are looked at.
_BLOCK = 1 << 22
#: Points that are compared one by one rather than by sorting.
_SMALL = 32
#: Architectures that a correlation needs to be more than a coin toss.
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class Interval:
    """A correlation in -1..1, and the ends of its interval; NaN where nothing can be said."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Agreement:
    """How S score columns of N architectures agree with one outcome.

    Args:
        n: Architectures compared: those with a score for every seed, and an outcome.
        rho: Spearman's rank correlation, the mean over seeds. `tau`: Kendall's tau-b, likewise.
        rhos: Spearman's correlation of each seed [S]. `taus`: tau-b of each.
        joint: Spearman's correlation of the mean rank over seeds: what scoring with all S seeds gains.
    """

    n: int
    rho: Interval
    tau: Interval
    rhos: Floats
    taus: Floats
    joint: float

    @property
    def rho_std(self) -> float | None:
        """Standard deviation of Spearman's correlation over seeds, that of a sample; None with one seed."""
        return _std(self.rhos)

    @property
    def tau_std(self) -> float | None:
        """Standard deviation of tau-b over seeds, that of a sample; None with one seed."""
        return _std(self.taus)


def agreement(scores: Floats, outcome: Floats, *, seed: int = 0, n_resamples: int = RESAMPLES) -> Agreement:
    """Return how scores [S, N] agree with an outcome [N]; architectures with a NaN anywhere are left out.

    Intervals are bootstrap intervals over architectures: they say what another sample of architectures could show, and
    all seeds share the resamples. Those of rho are percentiles of R full recomputations; those of tau are from R
    resamples of each architecture's linear influence on tau, taken on Fisher's scale (atanh), where it is nearly
    normal. Infinite scores count as the highest or lowest.

    Args:
        scores: A row per seed; rows that are equal cost nothing.
        outcome: What the scores should foretell.
        seed: Of the resampling.
        n_resamples: R.
    """
    known = ~(np.isnan(scores).any(axis=0) | np.isnan(outcome))
    scores, outcome = scores[:, known], outcome[known]
    n = len(outcome)
    # A proxy that looks at no random number gives the same row for every seed.
    place_of: dict[bytes, int] = {}
    row_of = np.array([place_of.setdefault(row.tobytes(), len(place_of)) for row in scores], dtype=np.int64)
    rows = [scores[row_of.tolist().index(place)] for place in range(len(place_of))]
    rhos = np.array([spearman(row, outcome) for row in rows])[row_of]
    told = [_kendall(row, outcome) for row in rows]
    taus = np.array([each.tau for each in told])[row_of]
    joint = spearman(np.mean([mid_ranks(row) for row in scores], axis=0), outcome) if len(scores) else float("nan")
    shares = np.bincount(row_of, minlength=len(rows)) / max(1, len(row_of))
    if n < _FEWEST or np.isnan(rhos).any():
        return Agreement(n, _unknown(rhos), _unknown(taus), rhos, taus, joint)
    counts = resamples(n, n_resamples, seed=seed)
    drawn = sum(share * _resampled_rho(row, outcome, counts) for share, row in zip(shares, rows, strict=True))
    influence = sum(share * each.influence for share, each in zip(shares, told, strict=True))
    assert isinstance(drawn, np.ndarray)
    assert isinstance(influence, np.ndarray)
    return Agreement(
        n,
        _percentiles(float(rhos.mean()), drawn),
        _of_influence(float(taus.mean()), influence, counts),
        rhos,
        taus,
        joint,
    )


def spearman(a: Floats, b: Floats) -> float:
    """Return Spearman's rank correlation; equal values share the mean of their ranks. NaN where one never varies.

    Example:
        >>> spearman(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 4.0, 3.0]))
        0.8
    """
    if len(a) < 2:
        return float("nan")
    ours, theirs = mid_ranks(a), mid_ranks(b)
    ours -= ours.mean()
    theirs -= theirs.mean()
    scale = float(np.sqrt((ours @ ours) * (theirs @ theirs)))
    return float("nan") if scale == 0 else float(np.clip(ours @ theirs / scale, -1.0, 1.0))


def kendall(a: Floats, b: Floats) -> float:
    """Return Kendall's tau-b: pairs in the same order less those in the other, equal values allowed for.

    Costs N (log N)^2. NaN where one never varies.

    Example:
        >>> round(kendall(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 4.0, 3.0])), 3)
        0.667

    Source: M. G. Kendall, Biometrika 33 (1945): the treatment of ties.
    """
    return _kendall(a, b).tau


@lru_cache(maxsize=2)
def resamples(n: int, n_resamples: int, *, seed: int) -> npt.NDArray[np.int32]:
    """Return how often each of N architectures is drawn in each of R resamples [R, N]; rows sum to N."""
    rng = derive(seed, "resamples", n)
    drawn = rng.integers(n, size=(n_resamples, n)) + np.arange(n_resamples)[:, None] * n
    counts = np.bincount(drawn.ravel(), minlength=n * n_resamples).reshape(n_resamples, n).astype(np.int32)
    counts.flags.writeable = False  # Every caller gets the same one.
    return counts


def _resampled_rho(a: Floats, b: Floats, counts: npt.NDArray[np.int32]) -> Floats:
    """Return Spearman's correlation in each resample [R]; NaN where one draws equal values only."""
    step = max(1, _BLOCK // len(a))
    parts = [_rho_of(a, b, counts[start : start + step]) for start in range(0, len(counts), step)]
    return np.concatenate(parts)


def _rho_of(a: Floats, b: Floats, counts: npt.NDArray[np.int32]) -> Floats:
    n = len(a)
    ours, theirs = (_resampled_ranks(each, counts) - (n + 1) / 2 for each in (a, b))
    # Midranks of a resample of n have the mean (n + 1) / 2, whatever is drawn.
    weighted = counts * ours
    products = np.einsum("rn,rn->r", weighted, theirs)
    scale = np.sqrt(np.einsum("rn,rn->r", weighted, ours) * np.einsum("rn,rn,rn->r", counts, theirs, theirs))
    rho: Floats = np.divide(products, scale, out=np.full(len(counts), np.nan), where=scale > 0)
    return rho


def _resampled_ranks(values: Floats, counts: npt.NDArray[np.int32]) -> Floats:
    """Return the midrank [R, N] that each architecture has in each resample, without sorting R times.

    An architecture that is drawn `c` times is `c` equal values. With draws 2, 0, 1 of values 5, 7, 9 the ranks are
    1.5 (of 1 and 2) and 3: what lies below, and half of what is equal and one.
    """
    _, place = np.unique(values, return_inverse=True)
    place = place.reshape(-1)
    order = np.argsort(place, kind="stable")
    starts = np.flatnonzero(np.diff(place[order], prepend=-1))
    in_group = np.add.reduceat(counts[:, order], starts, axis=1).astype(np.float64)
    ranks: Floats = (np.cumsum(in_group, axis=1) - (in_group - 1) / 2)[:, place]
    return ranks


@dataclass(frozen=True, eq=False)
class _Kendall:
    """tau-b, and what one more draw of each architecture [N] adds to it, to first order."""

    tau: float
    influence: Floats


def _kendall(a: Floats, b: Floats) -> _Kendall:
    n = len(a)
    ours, ties_a = _dense(a)
    theirs, ties_b = _dense(b)
    # Ordered pairs that differ, in a and in b.
    pairs_a, pairs_b = (float(n * n - ties.sum()) for ties in (ties_a, ties_b))
    if pairs_a == 0 or pairs_b == 0:
        return _Kendall(float("nan"), np.full(n, np.nan))
    agreeing = (_below_both(ours, theirs) + _below_both(-ours, -theirs)).astype(np.float64)
    agreeing -= _below_both(ours, -theirs) + _below_both(-ours, theirs)
    scale = np.sqrt(pairs_a * pairs_b)
    tau = float(np.clip(agreeing.sum() / scale, -1.0, 1.0))
    # The derivative of (sum of c_i c_j s_ij) / sqrt((n^2 - sum of C_a^2) (n^2 - sum of C_b^2)) in the draws c_i, where
    # C_a is how often a value of a is drawn.
    influence = 2 * agreeing / scale + tau * (ties_a / pairs_a + ties_b / pairs_b)
    return _Kendall(tau, influence)


def _dense(values: Floats) -> tuple[Ints, Floats]:
    """Return places [N] among the different values, and how many equal each one, itself included."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    place = place.reshape(-1)
    return place.astype(np.int64), counts[place].astype(np.float64)


def _below_both(a: Ints, b: Ints) -> Ints:
    """Return for each point how many others are below it in both coordinates.

    Points are put in order of `a`, equal ones by falling `b`, so that "earlier, and below in b" is what is counted.
    Pairs in a small block are compared directly; every other pair meets once, where the two halves of a larger block
    are merged: log N sorts of N keys.
    """
    n = len(a)
    order = np.lexsort((-b, a))
    heights = b[order] - b.min() if n else b
    span = int(heights.max()) + 1 if n else 1
    place = np.arange(n)
    found = _earlier_and_below(heights)
    half = _SMALL
    while half < n:
        keys = (place // (2 * half)) * span + heights
        by_key = np.argsort(keys, kind="stable")
        is_left = (place // half) % 2 == 0
        left_before = np.concatenate(([0], np.cumsum(is_left[by_key])))
        ordered = keys[by_key]
        right = np.flatnonzero(~is_left)
        # Members of left halves: with lower keys at all, less those of earlier blocks.
        first_of_block = np.searchsorted(ordered, (right // (2 * half)) * span)
        below = np.searchsorted(ordered, keys[right])
        found[right] += left_before[below] - left_before[first_of_block]
        half *= 2
    result = np.empty(n, dtype=np.int64)
    result[order] = found
    return result


def _earlier_and_below(heights: Ints) -> Ints:
    """Return for each height how many are lower among those before it in its block of `_SMALL`."""
    n = len(heights)
    n_blocks = -(-n // _SMALL)
    # What fills the last block is higher than everything.
    filled = np.full(n_blocks * _SMALL, np.iinfo(np.int64).max)
    filled[:n] = heights
    blocks = filled.reshape(n_blocks, _SMALL)
    is_lower = np.tril(blocks[:, None, :] < blocks[:, :, None], -1)
    return np.asarray(is_lower.sum(axis=2, dtype=np.int64).ravel()[:n])


def _percentiles(value: float, drawn: Floats) -> Interval:
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    return Interval(value, low, high)


def _of_influence(value: float, influence: Floats, counts: npt.NDArray[np.int32]) -> Interval:
    slope = 1 - value * value
    if slope <= 0:
        return Interval(value, value, value)
    moved = (counts @ influence - influence.sum()) / slope
    low, high = np.quantile(np.tanh(np.arctanh(value) + moved), [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    return Interval(value, low, high)


def _unknown(values: Floats) -> Interval:
    known = values[~np.isnan(values)]
    value = float(known.mean()) if len(known) and len(known) == len(values) else float("nan")
    return Interval(value, float("nan"), float("nan"))


def _std(values: Floats) -> float | None:
    return float(values.std(ddof=1)) if len(values) > 1 else None
