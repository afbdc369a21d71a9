"""A table made ready to learn from: what is predicted, from which fields, and the rows of each part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import DataError, RunError
from archwright.data.arrays import Arrays, Split, save_arrays
from archwright.data.metrics import find_metric
from archwright.data.schema import MAX_CATEGORIES, Schema
from archwright.data.split import Positions, Rows, rows_by_column, rows_by_fraction
from archwright.data.tables import Table, did_you_mean
from archwright.data.target import Target, fit_target, infer_target

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Task", "make_task"]

# A class rarer than this is worth a word: a network can reach a high accuracy without ever naming it.
_RARE_SHARE = 0.05


class Task:
    """A learning task. The test part is handed out once, at the end, by `open_test`.

    Attributes:
        schema: How columns became fields.
        metric: Name of what validation measures, see `archwright.data.metrics`.
        train: Rows to train on.
        valid: Rows to choose by.
        warnings: One line each, for the user.
    """

    def __init__(
        self,
        schema: Schema,
        metric: str,
        *,
        train: Split,
        valid: Split,
        test: Split | None = None,
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.schema, self.metric, self.warnings = schema, metric, warnings
        self.train, self.valid = train, valid
        self._test, self.has_test, self.n_test = test, test is not None, 0 if test is None else len(test)

    @property
    def kind(self) -> str:
        """`binary`, `classes` or `real`."""
        return self.schema.target.kind

    @property
    def n_outputs(self) -> int:
        """Numbers that a network must give for one row."""
        return self.schema.target.n_outputs

    @property
    def positive_rate(self) -> float | None:
        """Weighted share of the positive class among the training rows; None if the target is not binary."""
        return float(self.constant()) if self.kind == "binary" else None

    def constant(self) -> float | npt.NDArray[np.float64]:
        """Return the best prediction that looks at no column: positive rate, class frequencies [K], or 0 (the mean)."""
        y, weight = self.train.y, self.train.weight
        if self.kind == "classes":
            counts = np.bincount(y.astype(np.int64), weights=weight, minlength=self.n_outputs)
            shares: npt.NDArray[np.float64] = counts / counts.sum()
            return shares
        return float(np.average(y.astype(np.float64), weights=weight))

    def open_test(self) -> Split:
        """Return the test rows, once.

        Raises:
            RunError: if there are none, or they were opened before.
        """
        if not self.has_test:
            raise RunError("this task has no test rows; give a test table, a test fraction or a split column.")
        if self._test is None:
            raise RunError("the test rows were opened before; they may be looked at once, when the choice is made.")
        test, self._test = self._test, None
        return test

    def save_arrays(self, folder: Path) -> None:
        """Write the training and validation rows for `load_arrays`. The test rows stay here."""
        save_arrays(Path(folder), Arrays(self.train, self.valid))

    def describe(self) -> dict[str, Any]:
        """Return the task for the run's record, as JSON values."""
        target = self.schema.target
        return {
            "target": target.name,
            "kind": self.kind,
            "metric": self.metric,
            "classes": list(target.classes),
            "positive_rate": self.positive_rate,
            "target_mean": target.mean if self.kind == "real" else None,
            "target_std": target.std if self.kind == "real" else None,
            "train_rows": len(self.train),
            "valid_rows": len(self.valid),
            "test_rows": self.n_test,
            "columns": len(self.schema.features),
            "numeric_fields": self.schema.n_numeric,
            "categorical_fields": len(self.schema.cardinalities),
            "weighted": self.train.weight is not None,
        }


@dataclass(slots=True)
class _Draft:
    """What `make_task` knows so far."""

    frame: pd.DataFrame
    target: Target
    rows: Positions
    weight: str | None
    warnings: list[str]


def make_task(
    table: Table,
    target: str,
    *,
    test: Table | None = None,
    test_fraction: float = 0.0,
    valid_fraction: float = 0.2,
    split_column: str | None = None,
    group: str | None = None,
    ignore: Sequence[str] = (),
    weight: str | None = None,
    positive: str | None = None,
    kind: str | None = None,
    metric: str | None = None,
    kinds: Mapping[str, str] | None = None,
    balanced: bool = False,
    max_categories: int = MAX_CATEGORIES,
    seed: int,
) -> Task:
    """Make a task of a table. Deterministic in its arguments. The schema comes from the training rows only.

    Args:
        table: All rows, or all but the test rows.
        target: Column to predict.
        test: The test rows; then no other row becomes one.
        test_fraction: Share of the rows for the test part, if neither `test` nor the split column gives it.
        valid_fraction: Share of the other rows for validation, if the split column does not give it.
        split_column: Column with the values train, valid and test.
        group: Column whose equal values must not be divided by the split. It is not learned from.
        ignore: Columns to leave out.
        weight: Column with the weight of each row, 0 or more.
        positive: Label that is predicted against the rest.
        kind: `binary`, `classes` or `real`; default by looking at the target.
        metric: Name of a metric; default auc, accuracy or r2.
        kinds: Column to `numeric` or `category`, where the guess is wrong.
        balanced: Weight the classes of the training rows equally.
        max_categories: Per column; rarer ones share one code.
        seed: Of the run.
    Raises:
        DataError: if something named is not there, or the rows cannot be learned from.
    """
    frame = table.frame
    _check_names(frame, target, split_column=split_column, group=group, weight=weight, ignore=ignore)
    inferred = infer_target(frame[target], kind=kind, positive=positive)
    measured = find_metric(metric, inferred.target.kind).name
    draft = _Draft(frame, inferred.target, np.arange(len(frame)), weight, list(inferred.warnings))
    _drop_unknown(draft, "the table")
    rows = _split(draft, split_column, group, valid_fraction, test_fraction if test is None else 0.0, seed)
    rows = _without_new_classes(draft, rows)
    draft.target = fit_target(draft.target, frame[target].take(rows.train))
    special = [name for name in (split_column, group, weight) if name is not None]
    schema = Schema.infer(
        frame,
        target=draft.target,
        rows=rows.train,
        ignore=[*special, *ignore],
        kinds=kinds,
        max_categories=max_categories,
    )
    train, valid, tested = _encode(draft, schema, rows.train, rows.valid, rows.test)
    if test is not None:
        tested = _encode_table(draft, schema, test)
    _warn_of_classes(draft, train, valid)
    if balanced:
        train = _with_balance(draft, train)
    measured = _defined(draft, measured, valid)
    warnings = (*draft.warnings, *schema.warnings)
    return Task(schema, measured, train=train, valid=valid, test=tested if len(tested) else None, warnings=warnings)


def _check_names(
    frame: pd.DataFrame,
    target: str,
    *,
    split_column: str | None,
    group: str | None,
    weight: str | None,
    ignore: Sequence[str],
) -> None:
    roles = [("target", target), ("split", split_column), ("group", group), ("weight", weight)]
    known = set(frame.columns)
    for role, name in [*roles, *(("ignored", name) for name in ignore)]:
        if name is not None and name not in known:
            raise DataError(f"no column {name!r} ({role} column). {did_you_mean(name, frame.columns)}")
        if role != "target" and name == target:
            raise DataError(f"the column {target!r} is the target; it cannot be the {role} column too.")


def _drop_unknown(draft: _Draft, where: str) -> None:
    """Leave out the rows whose target is missing."""
    known = draft.target.known(draft.frame[draft.target.name])
    n = int((~known[draft.rows]).sum())
    if n:
        draft.warnings.append(f"{n} rows of {where} have no target {draft.target.name!r} and are left out.")
        draft.rows = draft.rows[known[draft.rows]]
    if len(draft.rows) < 2:
        raise DataError(f"{where} has {len(draft.rows)} rows with a target; at least 2 are needed.")


def _split(
    draft: _Draft,
    split_column: str | None,
    group: str | None,
    valid_fraction: float,
    test_fraction: float,
    seed: int,
) -> Rows:
    for name, share in (("valid", valid_fraction), ("test", test_fraction)):
        if not 0 <= share < 1:
            raise DataError(f"the {name} fraction must be at least 0 and below 1, not {share}.")
    given: Rows | None = None
    rows = draft.rows
    if split_column is not None:
        given = rows_by_column(rows, draft.frame[split_column].take(rows))
        if len(given.valid) and len(given.test):
            return given
        rows = given.train
        test_fraction = 0.0 if len(given.test) else test_fraction
    is_real = draft.target.kind == "real"
    classes = None if is_real else draft.target.encode(draft.frame[draft.target.name].take(rows)).astype(np.int64)
    groups = None if group is None else _group_codes(draft.frame[group].take(rows))
    if given is not None and len(given.valid):
        if not test_fraction:
            return given
        drawn = rows_by_fraction(rows, valid=test_fraction, test=0.0, seed=seed, classes=classes, groups=groups)
        return Rows(drawn.train, given.valid, drawn.valid)
    drawn = rows_by_fraction(rows, valid=valid_fraction, test=test_fraction, seed=seed, classes=classes, groups=groups)
    return drawn if given is None or not len(given.test) else replace(drawn, test=given.test)


def _group_codes(series: pd.Series[Any]) -> npt.NDArray[np.int64]:
    import pandas as pd

    codes = np.asarray(pd.factorize(series)[0], dtype=np.int64)
    # A row without a group is a group of its own.
    alone = codes < 0
    codes[alone] = codes.max() + 1 + np.arange(int(alone.sum()))
    return codes


def _without_new_classes(draft: _Draft, rows: Rows) -> Rows:
    """Forget the classes that no training row has, and leave out their rows elsewhere."""
    target = draft.target
    if target.kind == "real":
        return rows
    column = draft.frame[target.name]
    counts = np.bincount(target.encode(column.take(rows.train)).astype(np.int64), minlength=len(target.classes))
    absent = [repr(label) for label, n in zip(target.classes, counts, strict=True) if not n]
    if not absent:
        return rows
    if len(absent) > len(target.classes) - 2:
        raise DataError(
            f"the training rows hold one class only of the target {target.name!r}; there is nothing to learn."
        )
    kept = tuple(label for label, n in zip(target.classes, counts, strict=True) if n)
    draft.target = replace(target, classes=kept)
    known = draft.target.known(column)
    valid, test = rows.valid[known[rows.valid]], rows.test[known[rows.test]]
    n = len(rows.valid) + len(rows.test) - len(valid) - len(test)
    draft.warnings.append(
        f"no training row has the class {', '.join(absent[:5])} of {target.name!r}; {n} other rows are left out."
    )
    if not len(valid):
        raise DataError("no validation row has a class that the training rows hold.")
    return Rows(rows.train, valid, test)


def _encode(draft: _Draft, schema: Schema, *parts: Positions) -> list[Split]:
    column = draft.frame[schema.target.name]
    return [
        Split(encoded.num, encoded.cat, schema.encode_target(column.take(rows)), _weights(draft, rows))
        for rows, encoded in zip(parts, schema.encode_parts(draft.frame, parts), strict=True)
    ]


def _weights(draft: _Draft, rows: Positions) -> npt.NDArray[np.float32] | None:
    import pandas as pd

    if draft.weight is None or draft.weight not in draft.frame.columns:
        return None
    values = pd.to_numeric(draft.frame[draft.weight].take(rows), errors="coerce").to_numpy(np.float64, na_value=np.nan)
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
    if len(bad):
        found = draft.frame[draft.weight].iloc[rows[bad[0]]]
        raise DataError(f"the weights {draft.weight!r} must be 0 or more; row {rows[bad[0]]} has {found}.")
    if len(rows) and not values.sum() > 0:
        raise DataError(f"the weights {draft.weight!r} are all 0 in one part of the split.")
    return values.astype(np.float32)


def _encode_table(draft: _Draft, schema: Schema, test: Table) -> Split:
    name = schema.target.name
    if name not in test.frame.columns:
        raise DataError(f"{test.origin} has no target column {name!r}. {did_you_mean(name, test.frame.columns)}")
    part = _Draft(test.frame, schema.target, np.arange(len(test.frame)), draft.weight, draft.warnings)
    known = schema.target.known(test.frame[name])
    if not known.all():
        draft.warnings.append(
            f"{int((~known).sum())} test rows have no target, or a class that training does not know, and are left out."
        )
    if not known.any():
        raise DataError(f"no row of {test.origin} has a target {name!r} that training knows.")
    return _encode(part, schema, np.flatnonzero(known))[0]


def _warn_of_classes(draft: _Draft, train: Split, valid: Split) -> None:
    if draft.target.kind == "real":
        return
    classes = draft.target.classes
    n_train = np.bincount(train.y.astype(np.int64), minlength=len(classes))
    n_valid = np.bincount(valid.y.astype(np.int64), minlength=len(classes))
    unseen = [repr(label) for label, n in zip(classes, n_valid, strict=True) if not n]
    if unseen:
        shown = ", ".join(unseen[:5]) + (", ..." if len(unseen) > 5 else "")
        draft.warnings.append(f"the validation rows do not hold the class {shown}: too few rows have it.")
    rarest = int(n_train.argmin())
    if n_train[rarest] < _RARE_SHARE * n_train.sum() / (len(classes) / 2):
        share = n_train[rarest] / n_train.sum()
        draft.warnings.append(
            f"the classes are unbalanced: {classes[rarest]!r} is {share:.2%} of the training rows; `balanced` weights "
            "them equally."
        )


def _with_balance(draft: _Draft, train: Split) -> Split:
    if draft.target.kind != "real":
        return replace(train, weight=_balanced(train))
    draft.warnings.append(f"the target {draft.target.name!r} holds amounts, not classes: there is nothing to balance.")
    return train


def _defined(draft: _Draft, metric: str, valid: Split) -> str:
    """Return the metric, or the one to take its place where the validation rows all have one and the same target."""
    instead = {"auc": "log_loss", "r2": "rmse"}.get(metric)
    if instead is None or (valid.y != valid.y[:1]).any():
        return metric
    draft.warnings.append(
        f"{metric} is not defined on these {len(valid)} validation rows, which all have the same target: networks are "
        f"compared by {instead}."
    )
    return instead


def _balanced(train: Split) -> npt.NDArray[np.float32]:
    """Weights by which every class counts the same, with mean 1, times the rows' own weights."""
    index = train.y.astype(np.int64)
    own = np.ones(len(index)) if train.weight is None else train.weight.astype(np.float64)
    totals = np.bincount(index, weights=own)
    shares = own / np.where(totals > 0, totals, 1.0)[index]
    weights: npt.NDArray[np.float32] = (shares * len(index) / shares.sum()).astype(np.float32)
    return weights
