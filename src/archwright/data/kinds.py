"""Deciding what a raw column is, from its training rows: a number, a category, a date, or nothing to learn from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import DataError
from archwright.data.columns import MISSING_WORDS, Labels, as_labels, as_numbers, as_times, column_type
from archwright.data.feature import DATE_PARTS, Dropped, Feature, date_part

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["infer_feature", "mean_and_std"]

# Below this many rows nothing is called an identifier: all values differ by chance.
_MIN_ROWS_FOR_IDS = 50
# Strings: distinct values per row from which a column names its rows.
_ID_SHARE = 0.9
# Strings with this many words on average are text, if at least half of them differ.
_TEXT_WORDS, _TEXT_SHARE = 4.0, 0.5
# Words of a name that make whole numbers an identifier where most rows differ, and codes where they repeat.
_ID_WORDS = frozenset({"id", "ids", "uid", "uuid", "guid", "nbr", "key", "identifier"})
_ROW_WORDS = frozenset({"index", "no", "nr", "num", "number", "row", "rownum", "rowid", "unnamed"})
_CODE_WORDS = _ID_WORDS | {"code", "type", "zip", "zipcode", "postcode"}

_LEADING_ZERO = re.compile(r"[+-]?0\d")
_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}([ T]\d{1,2}:\d{2}.*)?")
_DATE_FORMATS = ("%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y")
_CLOCKS = ("", " %H:%M", " %H:%M:%S")


def infer_feature(series: pd.Series[Any], *, max_categories: int, kind: str | None = None) -> Feature | Dropped:
    """Return what a column becomes, or why it is dropped.

    Args:
        series: Its training rows.
        max_categories: The most frequent categories kept; the rest share the code of unseen values.
        kind: `numeric` or `category` decides instead of the guess.
    Raises:
        DataError: if `kind` is neither.
    """
    if kind not in (None, "numeric", "category"):
        raise DataError(f"a column is taken as 'numeric' or 'category', not as {kind!r}.")
    import pandas as pd

    name, dtype = str(series.name), column_type(series)
    if series.isna().all():
        return Dropped(name, "all its values are missing")
    if dtype == "other":
        return Dropped(name, "it holds lists, bytes or other objects")
    if kind == "numeric":
        return _numeric(series, dtype, guess=False)
    if kind == "category" or isinstance(series.dtype, pd.CategoricalDtype) or dtype == "bool":
        return _category(series, dtype, as_labels(series), max_categories, guess=kind is None)
    if dtype == "datetime":
        return _datetime(series, dtype, "")
    if dtype != "string":
        return _number_or_code(series, dtype, max_categories)
    return _string(series, max_categories)


def mean_and_std(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return mean and standard deviation of numbers without NaN, also where their squares would overflow."""
    scale = float(np.abs(values).max())
    if scale == 0:
        return 0.0, 0.0
    scaled = values / scale
    return float(scaled.mean()) * scale, float(scaled.std()) * scale


def _string(series: pd.Series[Any], max_categories: int) -> Feature | Dropped:
    labels = as_labels(series)
    if _are_numbers(labels.values):
        return _number_or_code(series, "string", max_categories)
    date_format = _date_format(labels.values)
    if date_format:
        return _datetime(series, "string", date_format)
    return _category(series, "string", labels, max_categories, guess=True)


def _number_or_code(series: pd.Series[Any], dtype: str, max_categories: int) -> Feature | Dropped:
    name = str(series.name)
    words = _words(name)
    values = as_numbers(series)
    values = values[~np.isnan(values)]
    if not len(values):
        return Dropped(name, "it has no finite number")
    whole = bool((values == np.round(values)).all())
    if not whole or len(series) <= _MIN_ROWS_FOR_IDS:
        return _numeric(series, dtype, guess=True)
    n_distinct = len(np.unique(values))
    reason = _id_reason(values, n_distinct, words)
    if reason:
        return Dropped(name, reason)
    if words & _CODE_WORDS and n_distinct > 2 and n_distinct <= _TEXT_SHARE * len(values):
        return _category(series, dtype, as_labels(series), max_categories, guess=True)
    return _numeric(series, dtype, guess=True)


def _id_reason(values: npt.NDArray[np.float64], n_distinct: int, words: frozenset[str]) -> str:
    if n_distinct == len(values):
        steps = np.diff(values)
        ordered = bool((steps > 0).all() or (steps < 0).all())
        # A split leaves gaps in a row number, but no more than about one in two.
        if ordered and abs(values[-1] - values[0]) < 3 * len(values):
            return "it numbers the rows"
        if words & (_ID_WORDS | _ROW_WORDS):
            return "it looks like an identifier: every row has another value"
    if words & _ID_WORDS and n_distinct > _TEXT_SHARE * len(values):
        return f"it looks like an identifier: {n_distinct} values in {len(values)} rows"
    return ""


def _numeric(series: pd.Series[Any], dtype: str, *, guess: bool) -> Feature | Dropped:
    name = str(series.name)
    values = as_numbers(series)
    missing = np.isnan(values)
    has_missing = bool(missing.any())
    if has_missing:
        values = values[~missing]
    if not len(values):
        return Dropped(name, "it has no finite number")
    mean, std = mean_and_std(values)
    if not std > 0 or (values == values[0]).all():
        if has_missing and guess:
            # Its one value says nothing, but whether it is there may.
            return _category(series, dtype, as_labels(series), 1, guess=False)
        return Dropped(name, f"it has one value only: {values[0]:g}")
    return Feature(name, "numeric", dtype, (mean,), (std,), has_missing=has_missing)


def _category(
    series: pd.Series[Any], dtype: str, labels: Labels, max_categories: int, *, guess: bool
) -> Feature | Dropped:
    name = str(series.name)
    boolean = dtype == "bool" or _are_booleans(labels.values)
    if boolean:
        dtype, labels = "bool", as_labels(series, boolean=True)
    counts = np.bincount(labels.codes[labels.codes >= 0], minlength=len(labels.values))
    n_present, n_rows = int(counts.sum()), len(labels.codes)
    used = np.flatnonzero(counts)
    if guess and dtype == "string":
        reason = _text_reason([labels.values[i] for i in used[:1000]], len(used), n_present)
        if reason:
            return Dropped(name, reason)
    has_missing = n_present < n_rows
    if len(used) == 1 and not has_missing:
        return Dropped(name, f"it has one value only: {labels.values[used[0]]!r}")
    # Rarer than this, an embedding of its own would only be noise; together these rows train the unknown code.
    enough = used[counts[used] >= max(1, min(5, n_rows // 1000))]
    kept = enough[np.argsort(-counts[enough], kind="stable")][:max_categories]
    if not len(kept):
        return Dropped(name, f"each of its {len(used)} values is too rare")
    categories = tuple(sorted({labels.values[i] for i in kept}))
    return Feature(name, "category", dtype, categories=categories, has_missing=has_missing)


def _text_reason(values: list[str], n_distinct: int, n_present: int) -> str:
    if n_present <= _MIN_ROWS_FOR_IDS:
        return ""
    share = n_distinct / n_present
    words = sum(len(value.split()) for value in values) / max(1, len(values))
    if words >= _TEXT_WORDS and share > _TEXT_SHARE:
        return f"it looks like free text: {words:.0f} words on average"
    if share > _ID_SHARE:
        return f"it looks like an identifier: {n_distinct} values in {n_present} rows"
    return ""


def _datetime(series: pd.Series[Any], dtype: str, date_format: str) -> Feature | Dropped:
    name = str(series.name)
    times = as_times(series, date_format=date_format)
    missing = times.isna().to_numpy()
    if missing.all():
        return Dropped(name, "none of its values is a date")
    means: list[float] = []
    stds: list[float] = []
    parts: list[str] = []
    for part in DATE_PARTS:
        values = date_part(times, part)[~missing]
        mean, std = mean_and_std(values)
        if std > 0 and not (values == values[0]).all():
            parts, means, stds = [*parts, part], [*means, mean], [*stds, std]
    if not parts:
        return Dropped(name, "it has one date only")
    return Feature(
        name,
        "datetime",
        dtype,
        tuple(means),
        tuple(stds),
        has_missing=bool(missing.any()),
        parts=tuple(parts),
        date_format=date_format,
    )


def _are_numbers(texts: tuple[str, ...]) -> bool:
    """Whether all texts are numbers or words for missing; codes with leading zeros are no numbers."""
    import pandas as pd

    # Most columns are decided by their first values.
    for some in (texts[:100], texts):
        told = [text.strip() for text in some if text.strip().lower() not in MISSING_WORDS]
        if any(_LEADING_ZERO.match(text) and "." not in text for text in told):
            return False
        if pd.to_numeric(pd.Series(told, dtype=object), errors="coerce").isna().any():
            return False
    return bool(told)


def _are_booleans(texts: tuple[str, ...]) -> bool:
    return 0 < len(texts) <= 6 and {text.lower() for text in texts} <= {"true", "false"}


def _date_format(texts: tuple[str, ...]) -> str:
    """Return the format by which all texts are dates, or an empty text. Day before month where both fit."""
    import pandas as pd

    if not texts or not all(_DATE.fullmatch(text.strip()) for text in texts[:100]):
        return ""
    if re.match(r"\d{4}-\d{2}-", texts[0]):
        candidates: tuple[str, ...] = ("ISO8601",)
    else:
        candidates = tuple(day + clock for day in _DATE_FORMATS for clock in _CLOCKS)
    column = pd.Series(texts, dtype=object)
    for candidate in candidates:
        # The first values decide cheaply against most formats.
        if all(not as_times(some, date_format=candidate).isna().any() for some in (column.head(20), column)):
            return candidate
    return ""


def _words(name: str) -> frozenset[str]:
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return frozenset(re.split(r"[^a-z0-9]+", split.lower()))
