"""libsvm and libfm files: one line per row, `label field:value field:value ...`."""

# N rows, k entries per row.

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import DataError
from archwright.data.tables import Table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_libsvm"]

# A sparse file becomes a dense table; beyond this it would not fit.
_MAX_CELLS = 400_000_000
_LABEL = "label"


@dataclass(frozen=True, slots=True)
class _Entries:
    """All `id:value` pairs of a file, row by row; row r has those from starts[r] to starts[r + 1]."""

    labels: npt.NDArray[np.float64]
    starts: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]


def read_libsvm(path: Path) -> Table:
    """Read a libsvm or libfm file. The target column is named `label`.

    Where every row has the same number k of entries, they are positional, as in the files of ARM-Net and ATLAS:
    columns `field_0` ... `field_{k-1}`, a category (the id) where all values of the position are 1, else a number
    (the value). Otherwise the ids name sparse columns `f{id}`, 0 where a row lacks them.

    Raises:
        DataError: if a line is not of that form, or the sparse columns are too many.
    """
    entries = _read(path)
    lengths = np.diff(entries.starts)
    if lengths.size and (lengths == lengths[0]).all() and lengths[0]:
        frame = _positional(entries, int(lengths[0]))
    else:
        frame = _sparse(entries, path)
    return Table(frame, str(path))


def _read(path: Path) -> _Entries:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        lines = pa.array(path.read_text(encoding="utf-8").splitlines(), pa.large_string())
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text: byte {error.start} is not UTF-8.") from error
    lines = pc.utf8_trim_whitespace(pc.replace_substring_regex(lines, r"(#.*$)|(\bqid:\S+)", ""))
    lines = lines.filter(pc.not_equal(lines, ""))
    if not len(lines):
        raise DataError(f"{path} has no rows.")
    parts = pc.utf8_split_whitespace(lines)
    tokens = parts.values
    offsets = parts.offsets.to_numpy().astype(np.int64)
    at_label = np.zeros(len(tokens), dtype=bool)
    at_label[offsets[:-1]] = True
    pairs = pc.split_pattern(tokens.filter(pa.array(~at_label)), ":")
    if len(pairs) and not pc.all(pc.equal(pc.list_value_length(pairs), 2)).as_py():
        raise DataError(f"{path}: every entry after the label must be `field:value`.")
    try:
        labels = pc.cast(tokens.filter(pa.array(at_label)), pa.float64()).to_numpy(zero_copy_only=False)
        ids = pc.cast(pc.list_element(pairs, 0), pa.int64()).to_numpy(zero_copy_only=False)
        values = pc.cast(pc.list_element(pairs, 1), pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid as error:
        raise DataError(f"{path} is no libsvm file: {str(error).splitlines()[0]}") from error
    starts = offsets - np.arange(len(offsets))
    return _Entries(labels, starts, ids, values)


def _positional(entries: _Entries, k: int) -> pd.DataFrame:
    import pandas as pd

    columns: dict[str, Any] = {_LABEL: _labels(entries)}
    ids, values = entries.ids.reshape(-1, k), entries.values.reshape(-1, k)
    for j in range(k):
        is_category = bool((values[:, j] == 1).all())
        varies = bool((ids[:, j] != ids[0, j]).any())
        if is_category or varies:
            columns[f"field_{j}"] = pd.Categorical(ids[:, j])
        if not is_category:
            columns[f"field_{j}_value" if varies else f"field_{j}"] = values[:, j]
    return pd.DataFrame(columns, copy=False)


def _sparse(entries: _Entries, path: Path) -> pd.DataFrame:
    import pandas as pd

    known, column = np.unique(entries.ids, return_inverse=True)
    n_rows = len(entries.labels)
    if n_rows * len(known) > _MAX_CELLS:
        raise DataError(f"{path} has {len(known)} sparse columns and {n_rows} rows: too many for a dense table.")
    dense = np.zeros((n_rows, len(known)))
    dense[np.repeat(np.arange(n_rows), np.diff(entries.starts)), column] = entries.values
    frame = pd.DataFrame(dense, columns=[f"f{i}" for i in known], copy=False)
    frame.insert(0, _LABEL, _labels(entries))
    return frame


def _labels(entries: _Entries) -> npt.NDArray[np.generic]:
    whole = (entries.labels == np.round(entries.labels)).all()
    return entries.labels.astype(np.int64) if whole else entries.labels
