"""ARFF files, the text format of Weka and OpenML (dense ones; sparse ones are refused)."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archwright.core.errors import DataError
from archwright.data.tables import Table, check_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_arff"]

_ATTRIBUTE = re.compile(r"@attribute\s+('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\S+)\s*(.*)", re.IGNORECASE)


def read_arff(path: Path) -> Table:
    """Read a dense ARFF file: numeric attributes as numbers, nominal ones as categories, `?` as missing.

    Raises:
        DataError: if the file is no dense ARFF.
    """
    try:
        header, found, body = path.read_text(encoding="utf-8").replace("\r\n", "\n").partition(_data_line(path))
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8: byte {error.start} is no part of a character.") from error
    attributes = [_ATTRIBUTE.match(line.strip()) for line in header.split("\n") if _is_attribute(line)]
    if not found or not attributes or not all(attributes):
        raise DataError(f"{path} is no ARFF file: it needs @attribute lines and a @data line.")
    if body.lstrip().startswith("{"):
        raise DataError(f"{path} is a sparse ARFF file; only dense ones can be read.")
    names = check_columns([_unquoted(one[1]) for one in attributes if one], str(path))
    kinds = [one[2].strip() for one in attributes if one]
    return Table(_frame(body, names, kinds, path), str(path))


def _data_line(path: Path) -> str:
    """Return the `@data` line as the file writes it."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip().lower() == "@data":
                return "\n" + line.rstrip("\r\n") + "\n"
    raise DataError(f"{path} is no ARFF file: it has no @data line.")


def _is_attribute(line: str) -> bool:
    return line.strip().lower().startswith("@attribute")


def _frame(body: str, names: list[str], kinds: list[str], path: Path) -> pd.DataFrame:
    import pandas as pd

    # Nominal values may be quoted on one side and bare on the other: the parser removes the quotes of the data.
    try:
        frame = pd.read_csv(
            io.StringIO(body),
            header=None,
            names=names,
            dtype=dict.fromkeys(names, object),
            index_col=False,
            quotechar="'" if "'" in body else '"',
            escapechar="\\",
            skipinitialspace=True,
            na_values=["?"],
            keep_default_na=False,
            comment="%",
        )
    except (ValueError, pd.errors.ParserWarning) as error:
        raise DataError(f"{path}: {str(error).splitlines()[0]}") from error
    columns: dict[str, Any] = {}
    for name, kind in zip(names, kinds, strict=True):
        column = frame.pop(name)
        if kind.lower().startswith(("numeric", "real", "integer")):
            numbers = pd.to_numeric(column, errors="coerce")
            columns[name] = numbers.astype(np.float64)
        else:
            columns[name] = column.astype("category") if kind.startswith("{") else column
    return pd.DataFrame(columns, copy=False)


def _unquoted(name: str) -> str:
    if name[:1] in ("'", '"'):
        return re.sub(r"\\(.)", r"\1", name[1:-1])
    return name
