"""One raw pandas column, of whatever type, as numbers, as labels or as times."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MISSING_WORDS", "Labels", "as_labels", "as_numbers", "as_times", "column_type", "text_of"]

# What people write for "no value" where a number is expected. Read from delimited text, `None` stays a word:
# in the diabetes130 table, for one, it is the name of a test result.
MISSING_WORDS = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-", "--", "."})

_PLAIN_TYPES = {"f": "float", "i": "int", "u": "int", "b": "bool", "m": "float", "M": "datetime"}
_BOOLEAN = {"true": "True", "false": "False", "1": "True", "0": "False"}


@dataclass(frozen=True, slots=True)
class Labels:
    """A column as codes of its distinct values.

    Args:
        codes: Index into `values` [N]; -1 is missing.
        values: Distinct values as text. Not sorted; may hold values that no row has.
    """

    codes: npt.NDArray[np.int64]
    values: tuple[str, ...]


def column_type(series: pd.Series[Any]) -> str:
    """Return what a column holds: `float`, `int`, `bool`, `string`, `datetime`, or `other` (lists, bytes, ...)."""
    import pandas as pd

    types = pd.api.types
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in _PLAIN_TYPES:  # the common case, decided quickly
        return _PLAIN_TYPES[dtype.kind]
    if isinstance(dtype, pd.CategoricalDtype):
        return column_type(pd.Series(dtype.categories))
    if types.is_bool_dtype(dtype):
        return "bool"
    if types.is_integer_dtype(dtype):
        return "int"
    if types.is_float_dtype(dtype) or types.is_timedelta64_dtype(dtype):
        return "float"
    if types.is_datetime64_any_dtype(dtype):
        return "datetime"
    if types.is_object_dtype(dtype) or types.is_string_dtype(dtype):
        return _object_type(series)
    return "datetime" if "date" in str(dtype) or "timestamp" in str(dtype) else "other"


def as_numbers(series: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """Return the column as float64 [N]; what is missing, infinite or no number is NaN."""
    import pandas as pd

    if isinstance(series.dtype, np.dtype) and series.dtype.kind == "f":
        numbers = series.to_numpy().astype(np.float64, copy=False)
        finite = np.isfinite(numbers)
        return numbers if finite.all() else np.where(finite, numbers, np.nan)
    if isinstance(series.dtype, pd.CategoricalDtype):
        values = as_numbers(pd.Series(series.dtype.categories))
        return np.append(values, np.nan)[series.cat.codes.to_numpy()]
    if pd.api.types.is_timedelta64_dtype(series.dtype):
        return np.asarray(series.dt.total_seconds(), dtype=np.float64)
    if column_type(series) in ("string", "datetime", "other"):
        series = pd.to_numeric(series.astype(object), errors="coerce")
    numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
    finite = np.isfinite(numbers)
    return numbers if finite.all() else np.where(finite, numbers, np.nan)


def as_labels(series: pd.Series[Any], *, boolean: bool = False) -> Labels:
    """Return the column as labels.

    Args:
        series: The column.
        boolean: Write what stands for true and false (`true`, `TRUE`, `1`, ...) as `True` and `False`.
    """
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        codes, values = series.cat.codes.to_numpy().astype(np.int64), list(series.dtype.categories)
    else:
        try:
            codes, uniques = pd.factorize(series, use_na_sentinel=True)
        except TypeError:  # unhashable values: compare them by their text
            codes, uniques = pd.factorize(series.map(str, na_action="ignore"), use_na_sentinel=True)
        values = list(uniques)
    texts = [text_of(value) for value in values]
    if boolean:
        texts = [_BOOLEAN.get(text.lower(), text) for text in texts]
    return Labels(np.asarray(codes, dtype=np.int64), tuple(texts))


def as_times(series: pd.Series[Any], *, date_format: str = "") -> pd.Series[Any]:
    """Return the column as datetime64 without a time zone (UTC); what is missing or no date is NaT.

    Args:
        series: The column.
        date_format: How strings are written, in the words of `strptime`, or `ISO8601`.
    """
    import pandas as pd

    if pd.api.types.is_numeric_dtype(series.dtype):
        return pd.Series(np.full(len(series), np.datetime64("NaT", "ns")))
    if not pd.api.types.is_datetime64_any_dtype(series.dtype):
        series = series.astype(object)
    with warnings.catch_warnings():
        # pandas warns where it has to guess a format; here the format is known or the values are dates already.
        warnings.simplefilter("ignore", UserWarning)
        times = pd.to_datetime(series, errors="coerce", utc=True, format=date_format or None)
    return times.dt.tz_localize(None)


def text_of(value: object) -> str:
    """Return the text by which a category is known: `3` for 3 and 3.0, `True`, dates in ISO form, else `str`."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return str(int(number)) if number.is_integer() else repr(number)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return str(value)


def _object_type(series: pd.Series[Any]) -> str:
    import pandas as pd

    if pd.api.types.is_string_dtype(series.dtype) and not pd.api.types.is_object_dtype(series.dtype):
        return "string"
    found = pd.api.types.infer_dtype(series, skipna=True)
    if found in ("string", "empty"):
        return "string"
    if found in ("integer", "boolean"):
        return "int" if found == "integer" else "bool"
    if found in ("floating", "decimal", "mixed-integer-float"):
        return "float"
    if found in ("datetime", "datetime64", "date"):
        return "datetime"
    return "string" if _is_plain(series) else "other"


def _is_plain(series: pd.Series[Any]) -> bool:
    """Whether a mixed column holds only values that can be told apart by their text."""
    kinds = {type(value) for value in series.head(1000)}
    return not any(issubclass(kind, (bytes, bytearray, list, tuple, dict, set, np.ndarray)) for kind in kinds)
