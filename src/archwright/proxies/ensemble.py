"""Several proxies as one: ranks added up, or votes over pairs. N architectures, P proxies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from archwright.core.catalog import find, names
from archwright.core.errors import ProxyError
from archwright.core.ranks import ranks

__all__ = ["directed", "mean_rank", "rank_sum", "vote"]

Floats = npt.NDArray[np.float64]

#: Architectures that are compared with all others at once: 16 MB of votes for a space of 15,625.
_BLOCK = 256


def directed(scores: Mapping[str, npt.ArrayLike], directions: Mapping[str, int] | None = None) -> Floats:
    """Return scores [P, N] that are better when higher.

    Args:
        scores: Values [N] by the name of the proxy; NaN where there is none.
        directions: 1 or -1 by name; by default what the catalogue's proxies declare, and 1 for other names.

    Raises:
        ProxyError: if there is no proxy, or the numbers of values differ.
    """
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in scores.items()}
    if not arrays or len({array.shape for array in arrays.values()}) != 1 or next(iter(arrays.values())).ndim != 1:
        raise ProxyError("an ensemble needs one list of scores per proxy, all of the same length")
    known = set(names("proxy"))

    def direction(name: str) -> int:
        if directions is not None and name in directions:
            return directions[name]
        return int(find("proxy", name).direction) if name in known else 1

    return np.stack([direction(name) * array for name, array in arrays.items()])


def rank_sum(scores: Mapping[str, npt.ArrayLike], *, directions: Mapping[str, int] | None = None) -> Floats:
    """Return the sum [N] over the proxies of an architecture's ranks, from 1, the best. Lower is better.

    Equal scores share their mean rank; architectures without a score share the last ranks there.

    Raises:
        ProxyError: as `directed`.

    Source: TEG-NAS, arXiv:2108.11939, section 3.3.
    """
    rows = directed(scores, directions)
    return np.asarray(sum(ranks(row, higher_is_better=True) for row in rows), dtype=np.float64)


def mean_rank(scores: Mapping[str, npt.ArrayLike], *, directions: Mapping[str, int] | None = None) -> Floats:
    """Return the mean [N] over the proxies of an architecture's ranks, from 1, the best. Lower is better.

    Orders architectures as `rank_sum` does.

    Raises:
        ProxyError: as `directed`.
    """
    ranks: Floats = rank_sum(scores, directions=directions) / len(scores)
    return ranks


def vote(scores: Mapping[str, npt.ArrayLike], *, directions: Mapping[str, int] | None = None) -> Floats:
    """Return the share [N] of the other architectures that most proxies find worse, ties as a half. Higher is better.

    An architecture without a score loses to those that have one. Costs P N^2 comparisons.

    Raises:
        ProxyError: as `directed`.

    Source: arXiv:2101.08134, section 4 (vote: of two networks the one that most of the proxies prefer).
    """
    values = directed(scores, directions)
    values = np.where(np.isnan(values), -np.inf, values)
    n = values.shape[1]
    wins = np.empty(n)
    for start in range(0, n, _BLOCK):
        rows = slice(start, start + _BLOCK)
        votes = np.zeros((len(values[0, rows]), n), dtype=np.int32)
        for row in values:
            votes += row[rows, None] > row
            votes -= row[rows, None] < row
        # Each ties with itself, which is no vote.
        wins[rows] = (votes > 0).sum(axis=1) + ((votes == 0).sum(axis=1) - 1) / 2
    wins /= max(1, n - 1)
    return wins
