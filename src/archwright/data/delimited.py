"""Delimited text: CSV, TSV and their kin, plain or compressed."""

from __future__ import annotations

import codecs
import csv
import io
import lzma
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.core.errors import DataError
from archwright.data.tables import Table, check_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_delimited"]

_DELIMITERS = ",;\t|"
_SAMPLE_BYTES = 1 << 16
_SAMPLE_LINES = 20
_HEAD_ROWS = 1000
_BLOCK_BYTES = 1 << 22
# Turning text into numbers takes about as long as cutting it into fields.
_PARSE_SHARE = 0.5

# Words for "no value" in any column, with the blank that often follows a delimiter. `None` is not one of them:
# it is a common category.
_MISSING = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "<NA>", "?")
_NULLS = [word for missing in _MISSING for word in (missing, f" {missing}")]
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_RAGGED = re.compile(r"(?:Row #(\d+): )?Expected (\d+) columns, got (\d+)")


def read_delimited(path: Path, *, limit_s: float | None = None, encoding: str | None = None) -> Table:
    """Read delimited text whose first line names the columns. The delimiter is one of `, ; tab |`.

    Args:
        path: The file; `.gz`, `.zst`, `.bz2` and `.xz` are unpacked on the way.
        limit_s: Seconds; the rows that can be read in them are returned.
        encoding: Default UTF-8, or UTF-16 where the file says so by its first bytes.
    Raises:
        DataError: if the file is empty, ragged, not in its encoding, or damaged.
    """
    import pyarrow as pa

    started_s = time.monotonic()
    try:
        with _open(path) as stream:
            head = stream.read(_SAMPLE_BYTES)
        if not head.strip():
            raise DataError(f"{path} is empty.")
        encoding = encoding or next((name for bom, name in _BOMS if head.startswith(bom)), "utf-8")
        lines = _lines(path, head, encoding)
        delimiter = _sniff(lines, path)
        names = check_columns(next(csv.reader(lines, delimiter=delimiter)), str(path))
        deadline = None if limit_s is None else started_s + _PARSE_SHARE * limit_s
        text, complete = _parse(path, names, delimiter, encoding, deadline)
    except pa.ArrowException as error:
        raise DataError(_explain(path, error, encoding or "utf-8")) from error
    except (EOFError, OSError, lzma.LZMAError) as error:
        raise DataError(f"cannot read {path}: {' '.join(str(error).split())[:200]}") from error
    columns = list(zip(text.column_names, text.columns, strict=True))
    del text
    frame = _typed(columns, decimal_comma=delimiter == ";")
    warnings = (
        () if complete else (f"{path}: read the first {len(frame)} rows only, for the time for reading was used.",)
    )
    return Table(frame, str(path), not complete, warnings)


def _open(path: Path) -> Any:
    import pyarrow as pa

    if path.suffix.lower() == ".xz":
        return lzma.open(path)
    return pa.input_stream(str(path), compression="detect")


def _lines(path: Path, head: bytes, encoding: str) -> list[str]:
    """Return the first lines; the last one, which the sample may have cut, only if it is the only one."""
    try:
        text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head).removeprefix("\ufeff")
    except LookupError as error:
        raise DataError(f"no text encoding {encoding!r}; common ones are utf-8, latin-1, cp1252 and utf-16.") from error
    if "\x00" in text:
        raise DataError(f"{path} is no text: it holds zero bytes. If it is UTF-16, give the encoding `utf-16`.")
    lines = [line for line in io.StringIO(text, newline=None).read().split("\n") if line.strip()]
    if not lines:
        raise DataError(f"{path} is empty.")
    return lines[:-1] if len(head) == _SAMPLE_BYTES and len(lines) > 1 else lines


def _sniff(lines: list[str], path: Path) -> str:
    """Return the delimiter that cuts the first lines into the most fields, equally many in each."""
    sample = lines[:_SAMPLE_LINES]
    best, best_fields = "\t" if ".tsv" in path.name.lower() else ",", 1
    for delimiter in _DELIMITERS:
        counts = [len(row) for row in csv.reader(sample, delimiter=delimiter)]
        header = counts[0]
        agreeing = sum(count == header for count in counts) / len(counts)
        if header > best_fields and agreeing > 0.5:
            best, best_fields = delimiter, header
    return best


def _parse(path: Path, names: list[str], delimiter: str, encoding: str, deadline: float | None) -> tuple[Any, bool]:
    """Return the table as columns of text, and whether it is complete."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    # Every column as text first: types are found when all rows are known, the same way for a part and for the whole.
    schema = pa.schema([(str(i), pa.string()) for i in range(len(names))])
    with _open(path) as stream:
        source = _recoded(stream, encoding)
        reader = arrow_csv.open_csv(
            source,
            arrow_csv.ReadOptions(block_size=_BLOCK_BYTES, skip_rows=0, column_names=schema.names),
            arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            arrow_csv.ConvertOptions(column_types=schema, null_values=_NULLS, strings_can_be_null=True),
        )
        with reader:
            batches, complete = _batches(reader, deadline)
    table = pa.Table.from_batches(batches, schema).slice(1)
    return table.rename_columns(names), complete


def _batches(reader: Any, deadline: float | None) -> tuple[list[Any], bool]:
    """Return what the reader gives until the deadline, and whether that is all."""
    batches = []
    for batch in reader:
        batches.append(batch)
        if deadline is not None and time.monotonic() > deadline:
            return batches, _at_end(reader)
    return batches, True


def _recoded(stream: Any, encoding: str) -> Any:
    import pyarrow as pa

    file = stream if isinstance(stream, pa.NativeFile) else pa.PythonFile(stream, mode="r")
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        return file
    return pa.transcoding_input_stream(file, encoding, "utf-8")


def _at_end(reader: Any) -> bool:
    try:
        reader.read_next_batch()
    except StopIteration:
        return True
    return False


def _typed(text: list[tuple[str, Any]], *, decimal_comma: bool) -> pd.DataFrame:
    """Return a frame with numbers where all texts of a column are numbers; one column at a time, which is used up."""
    import pandas as pd
    import pyarrow as pa

    # What is freed goes back to the system at once: the text of a table of numbers is twice as large as the table.
    pool = pa.default_memory_pool()
    columns: dict[str, Any] = {}
    freed = 0
    while text:
        name, column = text.pop(0)
        freed += column.nbytes
        columns[name] = _column(column.combine_chunks(), decimal_comma).to_pandas()
        del column
        if freed > _BLOCK_BYTES:
            # Not after every column: for ten thousand short ones that takes a second.
            pool.release_unused()
            freed = 0
    return pd.DataFrame(columns, copy=False)


def _column(column: Any, decimal_comma: bool) -> Any:
    import pyarrow.compute as pc

    if column.null_count == len(column):
        return column
    numbers = _numbers(column)
    if numbers is None and decimal_comma:
        numbers = _numbers(pc.replace_substring(column, ",", "."))
    if numbers is not None:
        return numbers
    column = pc.utf8_trim_whitespace(column)
    numbers = _numbers(column)
    return column if numbers is None else numbers


def _numbers(column: Any) -> Any | None:
    """Return the texts as int64 or float64, or None if one is no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # "007" is a code, and would lose its zeros.
    if pc.any(pc.match_substring_regex(column.slice(0, _HEAD_ROWS), r"^0[0-9]+$")).as_py():
        return None
    for kind in (pa.int64(), pa.float64()):
        try:
            if len(column) > _HEAD_ROWS:
                # Most columns are decided by their first values.
                pc.cast(column.slice(0, _HEAD_ROWS), kind)
            found = pc.cast(column, kind)
        except pa.ArrowInvalid:
            continue
        padded = pc.and_(pc.starts_with(column, "0"), pc.greater(pc.binary_length(column), 1))
        return found if pa.types.is_floating(kind) or not pc.any(padded).as_py() else None
    return None


def _explain(path: Path, error: Exception, encoding: str) -> str:
    text = " ".join(str(error).split())
    ragged = _RAGGED.search(text)
    if ragged:
        where = f"row {int(ragged[1]) - 1}" if ragged[1] else "a row"
        return (
            f"{path}: {where} (after the header) has {ragged[3]} fields where {ragged[2]} are expected; "
            "correct it, or quote fields that hold the delimiter."
        )
    if "UTF8" in text or "UTF-8" in text or "decod" in text:
        return _explain_encoding(path, encoding)
    return f"{path} cannot be read: {text[:200]}"


def _explain_encoding(path: Path, encoding: str) -> str:
    """Find the first byte that is not in the encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    before = 0
    with _open(path) as stream:
        while True:
            block = stream.read(_BLOCK_BYTES)
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                where = before - pending + error.start
                return (
                    f"{path} is not {encoding}: byte {where} is no part of a character. Save it as UTF-8, or give its "
                    "encoding, for example `--encoding latin-1`."
                )
            if not block:
                return f"{path} is not {encoding}; save it as UTF-8, or give its encoding."
            before += len(block)
