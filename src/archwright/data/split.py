"""Which rows are trained on, validated on and tested on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import DataError
from archwright.core.rng import derive
from archwright.data.columns import text_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Positions", "Rows", "rows_by_column", "rows_by_fraction"]

Positions = npt.NDArray[np.int64]

_PARTS = {
    "train": "train", "training": "train", "learn": "train",
    "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid",
    "test": "test", "testing": "test", "holdout": "test",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rows:
    """Positions of the rows of each part, ascending, with no row in two parts."""

    train: Positions
    valid: Positions
    test: Positions


def rows_by_fraction(
    rows: Positions,
    *,
    valid: float,
    test: float,
    seed: int,
    classes: npt.NDArray[np.int64] | None = None,
    groups: npt.NDArray[np.int64] | None = None,
) -> Rows:
    """Draw a split.

    Args:
        rows: Positions of the rows to divide [N], ascending.
        valid: Share of the rows outside the test part.
        test: Share of all rows; 0 for no test part.
        seed: Of the run.
        classes: Class of each row [N]: each class is divided in these shares, and keeps a row to train on.
        groups: Group of each row [N]: a group is never divided, so shares are met about.
    Raises:
        DataError: if there are too few rows or groups.
    """
    index = np.arange(len(rows))
    tested = _draw(index, test, derive(seed, "split", "test"), classes, groups) if test else index[:0]
    rest = np.setdiff1d(index, tested, assume_unique=True)
    validated = _draw(
        rest,
        valid,
        derive(seed, "split", "valid"),
        None if classes is None else classes[rest],
        None if groups is None else groups[rest],
    )
    trained = np.setdiff1d(rest, validated, assume_unique=True)
    if not len(validated) or not len(trained):
        raise DataError(
            f"{len(rows)} rows are too few to hold some out for validation; give more rows or a larger share."
        )
    return Rows(rows[trained], rows[validated], rows[tested])


def rows_by_column(rows: Positions, parts: pd.Series[Any]) -> Rows:
    """Read a split from a column with the values train, valid and test (or validation, val, dev, ...).

    Args:
        rows: Positions of the rows to divide [N], ascending.
        parts: The column, for these rows [N].
    Raises:
        DataError: if a value is something else, or no row is for training.
    """
    known = {value: _PARTS.get(str(value).strip().lower()) for value in parts.unique()}
    bad = [value for value, part in known.items() if part is None]
    if bad:
        shown = ", ".join(repr(text_of(value)) for value in bad[:3])
        raise DataError(f"the split column {parts.name!r} must hold train, valid or test; it also holds {shown}.")
    names = parts.map(known).to_numpy(dtype=object)
    found = {part: rows[names == part] for part in ("train", "valid", "test")}
    if not len(found["train"]):
        raise DataError(f"the split column {parts.name!r} marks no row with a target as train.")
    return Rows(found["train"], found["valid"], found["test"])


def _draw(
    index: Positions,
    share: float,
    rng: np.random.Generator,
    classes: npt.NDArray[np.int64] | None,
    groups: npt.NDArray[np.int64] | None,
) -> Positions:
    strata = np.zeros(len(index), dtype=np.int64) if classes is None else classes
    if groups is not None:
        return np.sort(index[_draw_groups(strata, groups, share, rng)])
    # Walk through the rows class by class, in random order inside, and take every (1 / share)-th: each class gives
    # its share to within one row.
    order = np.lexsort((rng.random(len(index)), strata))
    steps = np.floor((np.arange(len(index) + 1) + rng.random()) * share)
    taken = np.zeros(len(index), dtype=bool)
    taken[order] = steps[1:] > steps[:-1]
    if classes is not None:
        _keep_one(taken, strata, order)
    if not taken.any() and len(index) > 1:
        # A share of less than one row still has to give one, of the largest class: it can spare it.
        largest = np.flatnonzero(strata[order] == np.bincount(strata).argmax())
        taken[order[largest[0]]] = len(largest) > 1
    return index[taken]


def _keep_one(taken: npt.NDArray[np.bool_], strata: npt.NDArray[np.int64], order: Positions) -> None:
    """Give back one row of every class that would have none left."""
    n_strata = int(strata.max()) + 1
    left = np.bincount(strata[~taken], minlength=n_strata)
    present = np.bincount(strata, minlength=n_strata)
    gone = np.flatnonzero((left == 0) & (present > 0))
    if len(gone):
        _, first = np.unique(strata[order], return_index=True)
        taken[order[first[np.searchsorted(np.flatnonzero(present), gone)]]] = False


def _draw_groups(
    strata: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], share: float, rng: np.random.Generator
) -> Positions:
    """Return positions of the rows of whole groups that make about `share` of the rows in every class.

    A group counts to the class of most of its rows. Groups much larger than the part that is drawn stay out.
    """
    ids, inverse = np.unique(groups, return_inverse=True)
    if len(ids) < 2:
        raise DataError("the groups must be at least 2 (3 with a test part) to keep some apart for validation.")
    sizes = np.bincount(inverse)
    label = _most_common(inverse, strata, len(ids))
    order = np.lexsort((rng.random(len(ids)), label))
    quota = share * len(groups)
    order = order[sizes[order] <= max(1.5 * quota, sizes.min())]
    starts = np.flatnonzero(np.r_[True, np.diff(label[order]) != 0])
    ends = np.cumsum(sizes[order])
    before = np.repeat(ends[starts] - sizes[order[starts]], np.diff(np.r_[starts, len(order)]))
    stratum_rows = np.bincount(label, weights=sizes)[label[order]]
    middle = ends - before - sizes[order] / 2
    chosen = order[middle <= share * stratum_rows]
    if not len(chosen):
        chosen = order[:1]
    if len(chosen) == len(ids):
        chosen = chosen[1:]
    positions: Positions = np.flatnonzero(np.isin(inverse, chosen))
    return positions


def _most_common(inverse: npt.NDArray[np.int64], strata: npt.NDArray[np.int64], n_groups: int) -> npt.NDArray[np.int64]:
    """Return the class with most rows in each group [n_groups], by one pass over (group, class) pairs."""
    n_strata = int(strata.max()) + 1
    pairs, counts = np.unique(inverse * n_strata + strata, return_counts=True)
    label = np.empty(n_groups, dtype=np.int64)
    # Later assignments win: the pairs with most rows come last.
    order = np.argsort(counts, kind="stable")
    label[pairs[order] // n_strata] = pairs[order] % n_strata
    return label
