"""`NasClassifier`. N rows, K classes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from archwright.core.errors import DataError
from archwright.data.columns import text_of
from archwright.estimator.base import TabularNas
from archwright.estimator.rows import checked_weights, kept_rows

if TYPE_CHECKING:
    from archwright.nets.recipe import Recipe

__all__ = ["NasClassifier"]


class NasClassifier(ClassifierMixin, TabularNas):  # type: ignore[misc]
    """Classifier whose network is searched for within a time budget.

    Takes tables (pandas, polars, pyarrow) with columns of any kind, and arrays of numbers; missing values are
    welcome. With `max_trials`, and time enough for them, the same `random_state` gives the same network on one
    machine; else the clock decides how far the search gets.

    Args:
        time_budget: Seconds for `fit`, or text such as `"5m"`.
        metric: What validation maximises: `auc`, `accuracy` or `log_loss`; None takes the default for the target.
        explore: `whole` ranks every architecture before training, `sampled` explores by evolution, `random`
            trains random architectures.
        space: Name of a search space; None makes one of `layers` and `widths`.
        layers: Hidden layers.
        widths: Widths to choose from; None takes the twenty of the ATLAS paper.
        preset: Training settings: `default`, or `atlas` for the paper's.
        recipe: Training settings in full, instead of a preset.
        validation_fraction: Share of the rows that networks are compared on; the others are trained on.
        workers: Worker processes; None takes one per core, 0 trains inside this process, which saves the seconds
            that worker processes need to start.
        device: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.
        run_folder: Folder in which every fit makes a run folder of its own (`fit-1`, `fit-2`, ...), for
            `archwright show` and the like; None takes a temporary one that goes with this object.
        max_trials: Most trainings; None leaves it to the clock.
        max_epochs: Most epochs for one network; None takes the training settings'.
        members: Most networks that answer together; 1 wants a single one, None takes 8, or 1 with the preset `atlas`.
        class_weight: Weight of each class as a dict, or `balanced`.
        random_state: Seed of the search.
        verbose: 1 writes a line to stderr now and then.

    Attributes:
        classes_: Labels, sorted.
        model_: The network with its preprocessing.
        leaderboard_: One row per trained architecture, best first.
        run_: Record of the run: budget, phases, plans, versions.
        run_folder_: Where the run lies.
        n_features_in_: Columns that `fit` saw.
        feature_names_in_: Their names, if all are text.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> found = NasClassifier(20, workers=0, max_trials=2, layers=1, widths=(16,), random_state=0).fit(X, y)
        >>> found.predict(X[:2]).shape, found.predict_proba(X[:2]).shape
        ((2,), (2, 3))
    """

    def __init__(
        self,
        time_budget: float | str = 60,
        *,
        metric: str | None = None,
        explore: str = "whole",
        space: str | None = None,
        layers: int = 4,
        widths: Sequence[int] | None = None,
        preset: str = "default",
        recipe: Recipe | None = None,
        validation_fraction: float = 0.2,
        workers: int | None = None,
        device: str = "auto",
        run_folder: str | os.PathLike[str] | None = None,
        max_trials: int | None = None,
        max_epochs: int | None = None,
        members: int | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            time_budget,
            metric=metric,
            explore=explore,
            space=space,
            layers=layers,
            widths=widths,
            preset=preset,
            recipe=recipe,
            validation_fraction=validation_fraction,
            workers=workers,
            device=device,
            run_folder=run_folder,
            max_trials=max_trials,
            max_epochs=max_epochs,
            members=members,
            random_state=random_state,
            verbose=verbose,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Search, train and keep the best network.

        Args:
            X: Table or array [N, columns].
            y: Labels [N].
            sample_weight: Weight of each row [N], not negative; rows of weight 0 are left out.
            groups: Group of each row [N]; rows of one group never fall on both sides of the validation split.
        Raises:
            DataError: if there is nothing to learn, such as one class only.
        """
        labels = validate_data(self, X="no_validation", y=y)
        check_classification_targets(labels)
        frame = self._columns(X, reset=True)
        check_consistent_length(frame, labels)
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise DataError(f"a classifier needs at least 2 classes, but y holds one class only: {self.classes_[0]!r}")
        weight = checked_weights(sample_weight, n=len(frame))
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, labels)
            weight = by_class if weight is None else weight * by_class
        target = pd.Series(labels, name=getattr(y, "name", None))
        rows = kept_rows(frame, target=target, weight=weight, groups=groups)
        self._search(rows.pop("frame"), rows, kind="binary" if len(self.classes_) == 2 else "classes")
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each class [N, K], in the order of `classes_`."""
        values = self._values(X)
        shares = np.column_stack([1 - values, values]) if values.ndim == 1 else values
        texts = [text_of(label) for label in self.model_.schema.target.classes]
        known = [texts.index(text_of(label)) for label in self.classes_]
        return shares[:, known]

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable label of each row [N]."""
        index = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[index]
        return labels
