"""Several proxies as one: ranks added up, or votes over pairs. N architectures, P proxies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from archwright.core.catalog import find, names
from archwright.core.errors import ProxyError

__all__ = ["directed", "mean_rank", "vote"]

Floats = npt.NDArray[np.float64]


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


def mean_rank(scores: Mapping[str, npt.ArrayLike], *, directions: Mapping[str, int] | None = None) -> Floats:
    """Return the mean rank [N] over the proxies, from 1, the best. Lower is better.

    Equal scores share their mean rank; an architecture without a score has the worst rank there.

    Raises:
        ProxyError: as `directed`.

    Source: TEG-NAS, arXiv:2108.11939, section 3.3 (the sum of ranks).
    """
    values = directed(scores, directions)
    filled = np.where(np.isnan(values), -np.inf, values)
    below = (filled[:, None, :] > filled[:, :, None]).sum(axis=2)
    equal = (filled[:, None, :] == filled[:, :, None]).sum(axis=2)
    ranks: Floats = (below + (equal + 1) / 2).mean(axis=0)
    return ranks


def vote(scores: Mapping[str, npt.ArrayLike], *, directions: Mapping[str, int] | None = None) -> Floats:
    """Return the share [N] of the other architectures that most proxies find worse, ties as a half. Higher is better.

    Raises:
        ProxyError: as `directed`.

    Source: arXiv:2101.08134, section 4 (vote: of two networks the one that most of the proxies prefer).
    """
    values = directed(scores, directions)
    filled = np.where(np.isnan(values), -np.inf, values)
    n = filled.shape[1]
    votes = np.zeros((n, n))
    for row in filled:
        votes += (row[:, None] > row).astype(float) - (row[:, None] < row)
    wins = (votes > 0) + 0.5 * (votes == 0)
    np.fill_diagonal(wins, 0)
    return np.asarray(wins.sum(axis=1) / max(1, n - 1), dtype=np.float64)
