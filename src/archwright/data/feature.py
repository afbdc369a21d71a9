"""What one raw column became, and how its values turn into fields of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.data.columns import as_labels, as_numbers, as_times

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DATE_PARTS", "STANDARD_LIMIT", "Dropped", "Feature", "date_part"]

# Standardised numbers beyond this many deviations are cut, so that a value of 1e300 cannot become an infinity
# in float32. Far outside of anything that carries information.
STANDARD_LIMIT = 1e6

#: The numbers that a date gives, in this order; only those that vary in training are kept.
DATE_PARTS = ("timestamp", "year", "month", "day", "weekday", "hour")


@dataclass(frozen=True, slots=True)
class Dropped:
    """A column that is not learned from, and why, as the end of the sentence "dropped NAME: ..."."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Feature:
    """One raw column that is learned from.

    `numeric`: one numeric field, (x - mean) / std, missing is 0; and, if training had missing values, one
    categorical field (0 present, 1 missing). `category`: one categorical field; code 0 is what training did not see
    (or saw too rarely), code i is `categories[i - 1]`, and the last code is missing, if training had missing values.
    `datetime`: one numeric field per part, and the missing field as for `numeric`.

    Args:
        name: Of the raw column.
        kind: `numeric`, `category` or `datetime`.
        dtype: What the column held when it was seen: `float`, `int`, `bool`, `string` or `datetime`.
        means: Per numeric field, in the column's unit (dates: seconds since 1970, year, month, ...).
        stds: Per numeric field, always positive.
        categories: Text of each category.
        has_missing: Whether training had missing values.
        parts: Of a date, a part of `DATE_PARTS`.
        date_format: How a date is written in a string column, as pandas.to_datetime takes it.
    """

    name: str
    kind: str
    dtype: str
    means: tuple[float, ...] = ()
    stds: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    has_missing: bool = False
    parts: tuple[str, ...] = ()
    date_format: str = ""

    @property
    def numeric_fields(self) -> tuple[str, ...]:
        """Names of the numeric fields: `value`, or the parts of a date."""
        return {"numeric": ("value",), "datetime": self.parts, "category": ()}[self.kind]

    @property
    def categorical_fields(self) -> tuple[str, ...]:
        """Names of the categorical fields: `value` or `missing`, or none."""
        if self.kind == "category":
            return ("value",)
        return ("missing",) if self.has_missing else ()

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Number of codes of each categorical field."""
        if self.kind == "category":
            return (1 + len(self.categories) + self.has_missing,)
        return (2,) if self.has_missing else ()

    def encode_into(self, series: pd.Series[Any], *, num: npt.NDArray[np.float32], cat: npt.NDArray[np.int32]) -> None:
        """Write this column's fields.

        Args:
            series: The raw column, of any type that can be read as the feature's kind.
            num: Its numeric fields [N, len(numeric_fields)].
            cat: Its categorical fields [N, len(categorical_fields)].
        """
        if self.kind == "category":
            cat[:, 0] = self._codes(series)
            return
        if self.kind == "numeric":
            columns = [as_numbers(series)]
            missing = np.isnan(columns[0])
        else:
            times = as_times(series, date_format=self.date_format)
            missing = times.isna().to_numpy()
            columns = [date_part(times, part) for part in self.parts]
        for i, values in enumerate(columns):
            values = (values - self.means[i]) / self.stds[i]
            np.clip(values, -STANDARD_LIMIT, STANDARD_LIMIT, out=values)
            values[missing] = 0.0
            num[:, i] = values
        if self.has_missing:
            cat[:, 0] = missing

    def _codes(self, series: pd.Series[Any]) -> npt.NDArray[np.int32]:
        labels = as_labels(series, boolean=self.dtype == "bool")
        code_of = {text: i for i, text in enumerate(self.categories, start=1)}
        missing = len(self.categories) + 1 if self.has_missing else 0
        # The place after the last value is reached by code -1.
        table = np.array([*(code_of.get(text, 0) for text in labels.values), missing], dtype=np.int32)
        codes: npt.NDArray[np.int32] = table[labels.codes]
        return codes


def date_part(times: pd.Series[Any], part: str) -> npt.NDArray[np.float64]:
    """Return one part of each time as float64 [N]; NaN where the time is missing. `timestamp` is in seconds."""
    if part == "timestamp":
        missing = times.isna().to_numpy()
        seconds = times.to_numpy().astype("datetime64[s]").astype(np.int64).astype(np.float64)
        return np.where(missing, np.nan, seconds)
    values: npt.NDArray[np.float64] = getattr(times.dt, "day_of_week" if part == "weekday" else part).to_numpy(
        dtype=np.float64, na_value=np.nan
    )
    return values
