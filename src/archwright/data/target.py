"""What is to be predicted: its kind, its classes or its scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import DataError
from archwright.data.columns import MISSING_WORDS, as_labels, as_numbers, column_type, text_of
from archwright.data.tables import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KINDS", "InferredTarget", "Target", "fit_target", "infer_target"]

KINDS = ("binary", "classes", "real")

# Whole numbers with at most this many values may be class codes.
_MAX_CODES = 20
_MAX_CLASSES = 1000


@dataclass(frozen=True, slots=True)
class Target:
    """The target column.

    Args:
        name: Of the column.
        kind: `binary`, `classes` or `real`.
        classes: The labels in their original form (text, whole number, number or boolean); of a binary target the
            second is the positive one.
        against_rest: Binary only: whatever is not the positive label counts as the first class.
        mean: Of the training rows (real only).
        std: Of the training rows (real only), positive.
    """

    name: str
    kind: str
    classes: tuple[Any, ...] = ()
    against_rest: bool = False
    mean: float = 0.0
    std: float = 1.0

    @property
    def n_outputs(self) -> int:
        """Numbers that a network must give for one row."""
        return len(self.classes) if self.kind == "classes" else 1

    def known(self, series: pd.Series[Any]) -> npt.NDArray[np.bool_]:
        """Whether each row has a target that can be encoded [N]."""
        if self.kind == "real":
            return ~np.isnan(as_numbers(series))
        codes: npt.NDArray[np.bool_] = self._codes(series) >= 0
        return codes

    def encode(self, series: pd.Series[Any]) -> npt.NDArray[np.generic]:
        """Return 0/1 float32, class index int64, or the standardised value float32 [N].

        Raises:
            DataError: if a value is missing or is no known class.
        """
        if self.kind == "real":
            values = as_numbers(series)
            self._must(~np.isnan(values), series)
            return ((values - self.mean) / self.std).astype(np.float32)
        codes = self._codes(series)
        self._must(codes >= 0, series)
        return codes.astype(np.float32) if self.kind == "binary" else codes

    def decode(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return predictions in the target's own form.

        Args:
            values: Binary: probability of the positive class [N]. Classes: probabilities [N, K]. Real: [N],
                standardised.
        """
        if self.kind == "real":
            units: npt.NDArray[Any] = np.asarray(values, dtype=np.float64) * self.std + self.mean
            return units
        values = np.asarray(values)
        index = values.argmax(axis=1) if values.ndim == 2 else (values > 0.5).astype(np.int64)
        labels: npt.NDArray[Any] = self.labels()[index]
        return labels

    def labels(self) -> npt.NDArray[Any]:
        """Return the classes as an array: of numbers or booleans where all are, else of objects."""
        one_type = len({type(label) for label in self.classes}) == 1
        if one_type and not isinstance(self.classes[0], str):
            return np.array(self.classes)
        labels = np.empty(len(self.classes), dtype=object)
        labels[:] = self.classes
        return labels

    def _codes(self, series: pd.Series[Any]) -> npt.NDArray[np.int64]:
        boolean = all(isinstance(label, bool) for label in self.classes)
        found = as_labels(series, boolean=boolean)
        code_of = {text_of(label): i for i, label in enumerate(self.classes)}
        other = 0 if self.against_rest else -1
        table = [*(code_of.get(text, other) for text in found.values), -1]
        codes: npt.NDArray[np.int64] = np.array(table, dtype=np.int64)[found.codes]
        return codes

    def _must(self, good: npt.NDArray[np.bool_], series: pd.Series[Any]) -> None:
        if not good.all():
            row = int(np.flatnonzero(~good)[0])
            what = "a number" if self.kind == "real" else f"one of {_shown(self.classes)}"
            raise DataError(f"the target {self.name!r} must be {what}; row {row} has {series.iloc[row]!r}.")


@dataclass(frozen=True, slots=True)
class InferredTarget:
    """A target and what has to be said about how it was found."""

    target: Target
    warnings: tuple[str, ...] = ()


def infer_target(series: pd.Series[Any], *, kind: str | None = None, positive: str | None = None) -> InferredTarget:
    """Decide what is to be predicted. Mean and standard deviation come later, from the training rows (`fit_target`).

    Strings, booleans and categories are classes; floats are real; whole numbers are classes where there are two
    of them, or at most 20 that run from 0 or 1 as codes do.

    Args:
        series: The target column, with missing values.
        kind: `binary`, `classes` or `real` overrides the guess.
        positive: This label against the rest.
    Raises:
        DataError: if there is nothing to learn: all missing, one class, too many classes; or the kind does not fit.
    """
    name = str(series.name)
    if kind is not None and kind not in KINDS:
        raise DataError(f"no kind of target {kind!r}; there are: {', '.join(KINDS)}.")
    if series.isna().all():
        raise DataError(f"the target {name!r} is missing in every row.")
    dtype = column_type(series)
    if dtype in ("other", "datetime"):
        raise DataError(
            f"the target {name!r} holds {'dates' if dtype == 'datetime' else 'lists or bytes'}; "
            "it must be numbers or labels."
        )
    if positive is not None:
        if kind not in (None, "binary"):
            raise DataError(f"a positive label makes the target binary; leave it out for kind {kind!r}.")
        return InferredTarget(_one_label(series, positive))
    is_number = _all_numbers(series, dtype)
    if kind == "real" and not is_number:
        raise DataError(f"the target {name!r} holds labels, not numbers; a real target needs numbers.")
    warnings: tuple[str, ...] = ()
    if kind is None and is_number:
        kind, warnings = _kind_of_numbers(series)
    if kind == "real":
        return InferredTarget(_real(series), warnings)
    return InferredTarget(_classes(series, kind), warnings)


def fit_target(target: Target, series: pd.Series[Any]) -> Target:
    """Return the target with mean and standard deviation of these (training) rows, where it is real.

    Raises:
        DataError: if all values are the same.
    """
    if target.kind != "real":
        return target
    values = as_numbers(series)
    scale = float(np.abs(values).max()) or 1.0
    mean, std = float((values / scale).mean()) * scale, float((values / scale).std()) * scale
    if not std > 0:
        raise DataError(f"the target {target.name!r} has one value only in the training rows: {values[0]:g}.")
    return Target(target.name, "real", mean=mean, std=std)


def _all_numbers(series: pd.Series[Any], dtype: str) -> bool:
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype) or dtype == "bool":
        return False
    if dtype != "string":
        return True
    texts = [text.strip() for text in as_labels(series).values]
    numbers = as_numbers(pd.Series(texts, dtype=object))
    return all(np.isfinite(n) or t.lower() in MISSING_WORDS for n, t in zip(numbers, texts, strict=True))


def _kind_of_numbers(series: pd.Series[Any]) -> tuple[str, tuple[str, ...]]:
    values = as_numbers(series)
    distinct = np.unique(values[~np.isnan(values)])
    whole = bool((distinct == np.round(distinct)).all())
    if len(distinct) <= 2 and (whole or len(distinct) < 2):
        return ("binary" if len(distinct) == 2 else "classes"), ()
    few = whole and len(distinct) <= _MAX_CODES and distinct[0] in (0, 1)
    if few and distinct[-1] - distinct[0] < 2 * len(distinct) and len(values) >= 5 * len(distinct):
        note = (
            f"the target {str(series.name)!r} holds whole numbers from {distinct[0]:g} to {distinct[-1]:g}: taken as "
            f"{len(distinct)} classes; give the kind `real` if they are amounts."
        )
        return "classes", (note,)
    if whole and len(distinct) <= _MAX_CODES and len(values) >= 5 * len(distinct):
        note = (
            f"the target {str(series.name)!r} holds {len(distinct)} different whole numbers: taken as amounts; "
            "give the kind `classes` if they are labels."
        )
        return "real", (note,)
    return "real", ()


def _real(series: pd.Series[Any]) -> Target:
    values = as_numbers(series)
    values = values[~np.isnan(values)]
    if not len(values):
        raise DataError(f"the target {str(series.name)!r} has no finite number.")
    if (values == values[0]).all():
        raise DataError(
            f"the target {str(series.name)!r} has one value only: {values[0]:g}; there is nothing to learn."
        )
    return Target(str(series.name), "real")


def _classes(series: pd.Series[Any], kind: str | None) -> Target:
    name, labels = str(series.name), _distinct(series)
    if len(labels) < 2:
        raise DataError(f"the target {name!r} has one class only: {_shown(labels)}; there is nothing to learn.")
    if kind == "binary" and len(labels) > 2:
        raise DataError(
            f"the target {name!r} has {len(labels)} classes: {_shown(labels)}; name the positive one, or use the "
            "kind `classes`."
        )
    if len(labels) > _MAX_CLASSES:
        raise DataError(
            f"the target {name!r} has {len(labels)} classes; at most {_MAX_CLASSES} can be learned. Is it an "
            "identifier, or a number written as text?"
        )
    return Target(name, "binary" if len(labels) == 2 and kind != "classes" else "classes", labels)


def _one_label(series: pd.Series[Any], positive: str) -> Target:
    name, labels = str(series.name), _distinct(series)
    chosen = [label for label in labels if text_of(label) == text_of(positive)]
    if not chosen:
        texts = [text_of(label) for label in labels]
        raise DataError(
            f"the target {name!r} has no label {text_of(positive)!r}. {did_you_mean(text_of(positive), texts)}"
        )
    rest = [label for label in labels if label is not chosen[0]]
    if not rest:
        raise DataError(f"the target {name!r} has one class only: {chosen[0]!r}; there is nothing to learn.")
    other = rest[0] if len(rest) == 1 else f"not {text_of(chosen[0])}"
    return Target(name, "binary", (other, chosen[0]), against_rest=len(rest) > 1)


def _distinct(series: pd.Series[Any]) -> tuple[Any, ...]:
    """The labels that rows have, sorted, as plain Python values."""
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.cat.remove_unused_categories()
        values = list(series.dtype.categories)  # type: ignore[union-attr]
    else:
        values = list(series.dropna().unique())
    # An infinite target is as good as a missing one.
    finite = [value for value in values if not (isinstance(value, float) and np.isinf(value))]
    plain = {text_of(value): _plain(value) for value in finite}
    try:
        return tuple(sorted(plain.values()))
    except TypeError:  # text and numbers mixed
        return tuple(plain[text] for text in sorted(plain))


def _plain(value: object) -> str | bool | int | float:
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return int(number) if number.is_integer() else number
    return int(value) if isinstance(value, (int, np.integer)) else str(value)


def _shown(labels: tuple[Any, ...]) -> str:
    return ", ".join(repr(label) for label in labels[:6]) + (", ..." if len(labels) > 6 else "")
