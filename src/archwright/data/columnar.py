"""Parquet, Feather and Arrow files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.core.errors import DataError
from archwright.data.tables import Table, check_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_columnar", "to_frame"]

# Arrow's memory becomes pandas' memory at about the speed of reading; so reading gets half of the time.
_READ_SHARE = 0.5
_BATCH_ROWS = 65_536


def read_columnar(path: Path, *, limit_s: float | None = None) -> Table:
    """Read a `.parquet`, `.feather` or `.arrow` file.

    Args:
        path: The file.
        limit_s: Seconds for a Parquet file; it is then read in batches, as many as fit.
    Raises:
        DataError: if the file is damaged or names a column twice.
    """
    import pyarrow as pa

    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return _read_parquet(path, limit_s)
        return Table(to_frame(_read_ipc(path), str(path)), str(path))
    except pa.ArrowException as error:
        first = str(error).splitlines()[0]
        raise DataError(f"{path} cannot be read as {path.suffix.lower()[1:]}: {first}") from error


def to_frame(table: Any, origin: str) -> pd.DataFrame:
    """Return an arrow table as a DataFrame with checked names; the arrow table may be used up."""
    import pandas as pd

    names = check_columns(table.column_names, origin)
    # One block per column, freed on the arrow side as it is converted: never two copies of the whole table.
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True, ignore_metadata=True)
    frame.columns = pd.Index(names)
    return frame


def _read_parquet(path: Path, limit_s: float | None) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    check_columns(file.schema_arrow.names, str(path))
    if limit_s is None:
        return Table(to_frame(file.read(), str(path)), str(path))
    deadline = time.monotonic() + _READ_SHARE * limit_s
    batches = []
    for batch in file.iter_batches(_BATCH_ROWS):
        batches.append(batch)
        if time.monotonic() > deadline:
            break
    table = pa.Table.from_batches(batches, file.schema_arrow)
    n_read, n_rows = table.num_rows, file.metadata.num_rows
    del batches
    warnings = (
        (f"{path}: read {n_read} of {n_rows} rows because the time for reading was used.",) if n_read < n_rows else ()
    )
    return Table(to_frame(table, str(path)), str(path), n_read < n_rows, warnings)


def _read_ipc(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import feather

    try:
        return feather.read_table(path, memory_map=False)
    except pa.ArrowInvalid:
        # `.arrow` is used for both arrow formats: the file (which Feather is) and the stream.
        with pa.OSFile(str(path)) as handle, pa.ipc.open_stream(handle) as stream:
            return stream.read_all()
