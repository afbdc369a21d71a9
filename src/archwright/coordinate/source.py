"""Where a run's table comes from, how a resumed run knows it again, and the task that is made of it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from archwright.coordinate.options import TaskOptions
from archwright.data.tables import Table, read_table
from archwright.data.task import Task, make_task

__all__ = ["fingerprint", "place_of", "read_source", "task_of"]

#: Rows at each end of a table that its fingerprint looks at.
FINGERPRINT_ROWS = 100
#: Cells at each end, at most: ten thousand columns must not take seconds.
FINGERPRINT_CELLS = 50_000


def read_source(source: Any, *, limit_s: float | None, encoding: str | None) -> Table:
    """Return the table; one that was read already is taken as it is."""
    return source if isinstance(source, Table) else read_table(source, limit_s=limit_s, encoding=encoding)


def task_of(table: Table, target: str, options: TaskOptions, *, test: Table | None, seed: int) -> Task:
    """Return the task that `options` make of a table, and of a table of its own for the test where there is one.

    Raises:
        DataError: if the table cannot be learned from.
    """
    return make_task(
        table,
        target,
        test=test,
        test_fraction=options.test_fraction,
        valid_fraction=options.valid_fraction,
        split_column=options.split_column,
        group=options.group,
        ignore=options.ignore,
        weight=options.weight,
        positive=options.positive,
        kind=options.kind,
        metric=options.metric,
        balanced=options.balanced,
        seed=seed,
    )


def place_of(source: Any) -> str | None:
    """Return where a table can be read again, from any folder; None if it is in memory only."""
    if not isinstance(source, str | Path):
        return None
    path = Path(source)
    return str(path.resolve()) if path.exists() else str(source)


def fingerprint(table: Table) -> str:
    """Return a short text that changes with the rows, the columns, or the table's two ends."""
    frame = table.frame
    rows = max(1, min(FINGERPRINT_ROWS, FINGERPRINT_CELLS // max(1, frame.shape[1])))
    ends = [str(frame.shape), frame.head(rows).to_csv(), frame.tail(rows).to_csv()]
    return hashlib.blake2b("\n".join([*map(str, frame.columns), *ends]).encode(), digest_size=16).hexdigest()
