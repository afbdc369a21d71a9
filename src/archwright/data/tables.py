"""Any table a user may hold, as one pandas DataFrame and what had to be said about reading it."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Table", "check_columns", "did_you_mean", "missing_file", "read_table"]

_DELIMITED = (".csv", ".tsv", ".txt")
_PACKED = (".gz", ".zst", ".bz2", ".xz")
_SPARSE = (".libsvm", ".libfm", ".svm")
_FORMATS = (
    f"{', '.join(_DELIMITED)} (also {', '.join(_PACKED)}), .parquet, .feather, .arrow, .arff, {', '.join(_SPARSE)}"
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table in memory. Rows are numbered from 0; column names are strings and all different.

    Args:
        frame: The columns.
        origin: Where it came from, for messages and the run record.
        truncated: Whether reading stopped early because its time was used.
        warnings: One line each, for the user.
    """

    frame: pd.DataFrame
    origin: str
    truncated: bool = False
    warnings: tuple[str, ...] = ()


def read_table(source: object, *, limit_s: float | None = None, encoding: str | None = None) -> Table:
    """Read a table from a file, a name or an object in memory.

    Args:
        source: A path (delimited text, Parquet, Feather/Arrow, ARFF, libsvm/libfm), `sklearn:NAME`, `openml:ID`,
            a pandas or polars DataFrame, a pyarrow Table, a 2-D NumPy array (columns x0, x1, ...), or a `Table`.
        limit_s: Seconds that reading a delimited or Parquet file may take; then it stops with the rows it has.
        encoding: Of delimited text; default UTF-8, with or without a byte order mark.
    Raises:
        DataError: if the source cannot be read, has no rows, or names a column twice.
    """
    if isinstance(source, str) and source.startswith("sklearn:"):
        from archwright.data.bundled import read_bundled

        table = read_bundled(source.removeprefix("sklearn:"))
    elif isinstance(source, str) and source.startswith("openml:"):
        from archwright.data.openml import read_openml

        table = read_openml(source.removeprefix("openml:"))
    elif isinstance(source, (str, Path)):
        table = _read_path(Path(source), limit_s=limit_s, encoding=encoding)
    else:
        table = _from_memory(source)
    if not len(table.frame):
        raise DataError(f"{table.origin} has a header but no rows.")
    return table


def check_columns(names: Iterable[object], origin: str) -> list[str]:
    """Return the names as strings.

    Raises:
        DataError: if there is none, or two are equal.
    """
    texts = [str(name).strip() for name in names]
    if not texts:
        raise DataError(f"{origin} has no columns.")
    twice = [name for name, n in Counter(texts).items() if n > 1]
    if twice:
        more = f" and {len(twice) - 1} more" if len(twice) > 1 else ""
        raise DataError(f"{origin} has more than one column named {twice[0]!r}{more}; rename them so that all differ.")
    return texts


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that offers the nearest known name, or lists the first of them."""
    names = [str(k) for k in known]
    folded = {k.lower(): k for k in reversed(names)}
    near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {folded[near[0]]!r}?"
    shown = ", ".join(names[:12])
    return f"There are: {shown}{', ...' if len(names) > 12 else ''}."


def missing_file(path: Path) -> DataError:
    """Return the error about a file or folder that is not there; it offers the nearest name beside it."""
    beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, beside, n=1, cutoff=0.5)
    hint = f"Did you mean {str(path.parent / near[0])!r}?" if near else "Check the path."
    return DataError(f"no file {str(path)!r}. {hint}")


def _read_path(path: Path, *, limit_s: float | None, encoding: str | None) -> Table:
    path = path.expanduser()
    _check_file(path)
    packed = path.suffix.lower() in _PACKED
    suffix = (path.with_suffix("") if packed else path).suffix.lower()
    try:
        if suffix in _DELIMITED:
            from archwright.data.delimited import read_delimited

            return read_delimited(path, limit_s=limit_s, encoding=encoding)
        if packed:
            raise DataError(f"{path}: only delimited text may be compressed; unpack it first.")
        return _read_typed(path, suffix, limit_s=limit_s)
    except (OSError, MemoryError) as error:
        raise DataError(f"cannot read {path}: {_one_line(error)}") from error


def _read_typed(path: Path, suffix: str, *, limit_s: float | None) -> Table:
    if suffix in (".parquet", ".pq", ".feather", ".arrow"):
        from archwright.data.columnar import read_columnar

        return read_columnar(path, limit_s=limit_s)
    if suffix in _SPARSE:
        from archwright.data.libsvm import read_libsvm

        return read_libsvm(path)
    if suffix == ".arff":
        from archwright.data.arff import read_arff

        return read_arff(path)
    raise DataError(f"{path}: the extension {suffix!r} says no format that can be read. Known: {_FORMATS}.")


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path} is a folder; give the file that holds the table.")
    if not path.exists():
        raise missing_file(path)
    if not path.stat().st_size:
        raise DataError(f"{path} is empty (0 bytes).")


def _from_memory(source: object) -> Table:
    import numpy as np
    import pandas as pd

    if isinstance(source, Table):
        return source
    if isinstance(source, pd.DataFrame):
        names = check_columns(source.columns, "the DataFrame")
        # A new frame over the same columns: the caller's names and index stay as they are.
        frame = source.reset_index(drop=True)
        frame.columns = pd.Index(names)
        return Table(frame, "DataFrame")
    if isinstance(source, np.ndarray):
        return _from_array(source)
    return _from_arrow(source)


def _from_array(array: Any) -> Table:
    import pandas as pd

    if array.ndim != 2:
        raise DataError(f"an array must have 2 dimensions (rows, columns); this one has {array.ndim}.")
    check_columns(range(array.shape[1]), "the array")
    return Table(pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])]), "array")


def _from_arrow(source: object) -> Table:
    import pyarrow as pa

    if isinstance(source, pa.Table):
        table = source
    elif hasattr(source, "__arrow_c_stream__"):
        table = pa.table(source)
    else:
        raise DataError(
            f"cannot read a table from a {type(source).__name__}; give a path, a pandas or polars DataFrame, "
            "a pyarrow Table or a 2-D NumPy array."
        )
    from archwright.data.columnar import to_frame

    origin = f"{type(source).__module__.partition('.')[0]} table"
    return Table(to_frame(table, origin), origin)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."
