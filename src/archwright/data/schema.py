"""How the raw columns of a table become the fields of a network, and its outputs labels. Inferred once, then fixed."""

# N rows, M numeric fields, C categorical fields.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from archwright.core.errors import DataError
from archwright.data.feature import Dropped, Feature
from archwright.data.kinds import infer_feature
from archwright.data.leaks import copies_target
from archwright.data.tables import did_you_mean
from archwright.data.target import Target

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MAX_CATEGORIES", "Encoded", "Schema"]

# A row of an embedding costs 10 numbers; beyond a thousand the rare ones see too few rows to learn from.
MAX_CATEGORIES = 1000


@dataclass(frozen=True, slots=True)
class Encoded:
    """The fields of some rows: numbers `num` [N, M] float32 and codes `cat` [N, C] int32."""

    num: npt.NDArray[np.float32]
    cat: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Schema:
    """What is known of a table: a value that JSON can hold.

    Args:
        features: The columns that are learned from, in the order of their fields.
        target: What is predicted.
        dropped: The columns that are not learned from, and why.
        notes: What else was noticed, one line each.
    """

    features: tuple[Feature, ...]
    target: Target
    dropped: tuple[Dropped, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def infer(
        cls,
        frame: pd.DataFrame,
        *,
        target: Target,
        rows: npt.NDArray[np.int64] | None = None,
        ignore: Sequence[str] = (),
        kinds: Mapping[str, str] | None = None,
        max_categories: int = MAX_CATEGORIES,
    ) -> Self:
        """Return the schema of a table, from its training rows only.

        Args:
            frame: The whole table, target included.
            target: What is predicted; every training row must have it.
            rows: Positions of the training rows; default all.
            ignore: Columns to leave out without a word (besides the target).
            kinds: Column to `numeric` or `category`, instead of the guess.
            max_categories: Per column.
        Raises:
            DataError: if no column is left to learn from.
        """
        encoded_target = target.encode(_take(frame[target.name], rows))
        features: list[Feature] = []
        dropped: list[Dropped] = []
        notes: list[str] = []
        left_out = {target.name, *ignore}
        for name in frame.columns:
            if name in left_out:
                continue
            series = _take(frame[name], rows)
            found = infer_feature(series, max_categories=max_categories, kind=(kinds or {}).get(name))
            notes += _infinities(series)
            if isinstance(found, Dropped):
                dropped.append(found)
                continue
            features.append(found)
            if copies_target(found, series, target.kind, encoded_target):
                notes.append(f"the column {name!r} looks like the target itself; ignore it if it is not known in use.")
        if not features:
            reasons = "; ".join(f"{one.name!r}: {one.reason}" for one in dropped[:3])
            raise DataError(f"no column is left to learn from{f' ({reasons})' if reasons else ''}.")
        return cls(tuple(features), target, tuple(dropped), tuple(notes))

    @property
    def n_numeric(self) -> int:
        """Number of numeric fields, M."""
        return sum(len(feature.numeric_fields) for feature in self.features)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Number of codes of each categorical field [C]."""
        return tuple(size for feature in self.features for size in feature.cardinalities)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return one line per dropped column, then the notes."""
        return (*(f"dropped {one.name!r}: {one.reason}." for one in self.dropped), *self.notes)

    def fields(self) -> tuple[tuple[str, str], ...]:
        """Return (column, field) for the numeric fields in order, then for the categorical fields in order.

        For example ("age", "value"), ("when", "month"), ("job", "value"), ("age", "missing").
        """
        numeric = [(one.name, field) for one in self.features for field in one.numeric_fields]
        return (*numeric, *((one.name, field) for one in self.features for field in one.categorical_fields))

    def encode(self, frame: pd.DataFrame, *, rows: npt.NDArray[np.int64] | None = None) -> Encoded:
        """Return the fields of some rows. Column order and further columns do not matter; the target is not needed.

        Args:
            frame: The raw columns.
            rows: Positions of the rows to encode; default all.
        Raises:
            DataError: if a column is missing.
        """
        return self.encode_parts(frame, [np.arange(len(frame)) if rows is None else rows])[0]

    def encode_parts(self, frame: pd.DataFrame, parts: Sequence[npt.NDArray[np.int64]]) -> list[Encoded]:
        """Return the fields of several parts of a table, reading each column once; see `encode`.

        Args:
            frame: The raw columns.
            parts: Positions of the rows of each part.
        Raises:
            DataError: if a column is missing.
        """
        self._check(frame)
        shape = (self.n_numeric, len(self.cardinalities))
        encoded = [
            Encoded(np.empty((len(rows), shape[0]), np.float32), np.empty((len(rows), shape[1]), np.int32))
            for rows in parts
        ]
        i, j = 0, 0
        for feature in self.features:
            num = np.empty((len(frame), len(feature.numeric_fields)), dtype=np.float32)
            cat = np.empty((len(frame), len(feature.categorical_fields)), dtype=np.int32)
            feature.encode_into(frame[feature.name], num=num, cat=cat)
            for rows, part in zip(parts, encoded, strict=True):
                part.num[:, i : i + num.shape[1]] = num[rows]
                part.cat[:, j : j + cat.shape[1]] = cat[rows]
            i, j = i + num.shape[1], j + cat.shape[1]
        return encoded

    def encode_target(self, series: pd.Series[Any]) -> npt.NDArray[np.generic]:
        """Return the targets as numbers; see `Target.encode`."""
        return self.target.encode(series)

    def decode(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return predictions in the target's own form; see `Target.decode`."""
        return self.target.decode(values)

    def to_json(self) -> dict[str, Any]:
        """Return the schema as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the schema that `to_json` wrote.

        Raises:
            DataError: if the values are no schema.
        """
        try:
            features = tuple(Feature(**_tuples(one)) for one in values["features"])
            dropped = tuple(Dropped(**one) for one in values["dropped"])
            return cls(features, Target(**_tuples(values["target"])), dropped, tuple(values.get("notes", ())))
        except (KeyError, TypeError) as error:
            raise DataError(f"this is no schema of archwright: {error}") from error

    def _check(self, frame: pd.DataFrame) -> None:
        have = set(frame.columns)
        missing = [one.name for one in self.features if one.name not in have]
        if missing:
            shown = ", ".join(repr(name) for name in missing[:5]) + (", ..." if len(missing) > 5 else "")
            free = sorted(str(name) for name in have - {one.name for one in self.features})
            hint = f" {did_you_mean(missing[0], free)}" if free else ""
            raise DataError(f"the table lacks {len(missing)} of the columns that the model needs: {shown}.{hint}")


def _take(series: pd.Series[Any], rows: npt.NDArray[np.int64] | None) -> pd.Series[Any]:
    return series if rows is None else series.take(rows)


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, (list, tuple)) else value for key, value in values.items()}


def _infinities(series: pd.Series[Any]) -> list[str]:
    if series.dtype.kind != "f":
        return []
    n = int(np.isinf(series.to_numpy(dtype=np.float64, na_value=np.nan)).sum())
    return [f"the column {series.name!r} has {n} infinite values; they count as missing."] if n else []
