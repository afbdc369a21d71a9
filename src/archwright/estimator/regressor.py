"""`NasRegressor`. N rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import validate_data

from archwright.estimator.base import TabularNas
from archwright.estimator.rows import checked_weights, kept_rows

__all__ = ["NasRegressor"]


class NasRegressor(RegressorMixin, TabularNas):  # type: ignore[misc]
    """Regressor whose network is searched for within a time budget.

    Parameters and attributes are those of `NasClassifier`, without `class_weight` and `classes_`; `metric` is
    `r2` or `rmse`.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True)
        >>> found = NasRegressor(20, workers=0, max_trials=2, layers=1, widths=(16,), random_state=0).fit(X, y)
        >>> found.predict(X[:2]).shape
        (2,)
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Search, train and keep the best network; see `NasClassifier.fit`. `y` holds numbers [N].

        Raises:
            DataError: if there is nothing to learn, such as one value only.
        """
        values = validate_data(self, X="no_validation", y=y, y_numeric=True).astype(np.float64)
        frame = self._columns(X, reset=True)
        check_consistent_length(frame, values)
        target = pd.Series(values, name=getattr(y, "name", None))
        rows = kept_rows(frame, target=target, weight=checked_weights(sample_weight, n=len(frame)), groups=groups)
        self._search(rows.pop("frame"), rows, kind="real")
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the predicted value of each row [N]."""
        return self._values(X)
