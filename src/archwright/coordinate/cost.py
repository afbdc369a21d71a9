"""What one epoch of an architecture takes, learned from the epochs that were timed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.spaces.tabular_mlp import TabularMlp

__all__ = ["EpochCost", "Timed", "features"]

#: Seconds per training row: a constant for dispatch, then per unit of width (elementwise work) and per
#: multiply-add (matrix products). Orders of magnitude of one core of a 2024 server; only their ratio matters,
#: and only until three architectures have been timed.
PRIOR = np.array([3e-6, 4e-9, 1.2e-10])
#: The last few timings weigh more than old ones, so that a neighbour on the machine is noticed.
RECENT = 8


@dataclass(frozen=True, slots=True)
class Timed:
    """One timing: seconds that one epoch of `arch` took."""

    arch: Arch
    epoch_s: float


def features(space: TabularMlp, genes: npt.NDArray[np.int64], *, n_inputs: int) -> npt.NDArray[np.float64]:
    """Return what an epoch's time depends on, [B, 3]: one, total width, multiply-adds per row.

    Args:
        space: The space that `genes` index.
        genes: Architectures, [B, L].
        n_inputs: Width of the first layer's input.
    """
    widths = np.asarray(space.widths, dtype=np.float64)[genes]
    before = np.concatenate([np.full((len(widths), 1), float(n_inputs)), widths[:, :-1]], axis=1)
    macs = (before * widths).sum(axis=1) + widths[:, -1]
    return np.stack([np.ones(len(widths)), widths.sum(axis=1) + n_inputs, macs], axis=1)


@dataclass(slots=True)
class EpochCost:
    """Predicts seconds per epoch for every architecture of a space.

    A non-negative linear model in three features, fitted to relative errors. With fewer than three different
    architectures timed it is a scaled prior.

    Args:
        space: The space of the architectures.
        n_inputs: Width of the first layer's input.
        rows: Training rows of one epoch; scales the prior.
    """

    space: TabularMlp
    n_inputs: int
    rows: int
    timed: list[Timed] = field(default_factory=list)
    _weights: npt.NDArray[np.float64] | None = None

    def add(self, timings: Sequence[Timed]) -> None:
        """Learn from further timings."""
        self.timed.extend(timing for timing in timings if timing.epoch_s > 0)
        self._weights = None

    def seconds(self, archs: Sequence[Arch]) -> npt.NDArray[np.float64]:
        """Return predicted seconds of one epoch, [B]."""
        return self.seconds_of(np.array([arch.genes for arch in archs], dtype=np.int64))

    def seconds_of(self, genes: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return predicted seconds of one epoch for genes [B, L]."""
        if self._weights is None:
            self._weights = self._fit()
        predicted: npt.NDArray[np.float64] = features(self.space, genes, n_inputs=self.n_inputs) @ self._weights
        return np.maximum(predicted, 1e-6)

    def _fit(self) -> npt.NDArray[np.float64]:
        prior = PRIOR * max(self.rows, 1)
        if not self.timed:
            return prior
        genes = np.array([timing.arch.genes for timing in self.timed], dtype=np.int64)
        x = features(self.space, genes, n_inputs=self.n_inputs)
        y = np.array([timing.epoch_s for timing in self.timed])
        weights = prior * float(np.median(y / (x @ prior)))
        if len(np.unique(genes, axis=0)) >= 3:
            weights = _non_negative(x / y[:, None])
        recent = slice(max(0, len(y) - RECENT), None)
        return weights * float(np.median(y[recent] / np.maximum(x[recent] @ weights, 1e-12)))


def _non_negative(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the weights >= 0 for which `x @ weights` is nearest to one, by trying each set of features."""
    best, best_error = np.zeros(x.shape[1]), np.inf
    for size in range(1, x.shape[1] + 1):
        for chosen in combinations(range(x.shape[1]), size):
            fitted, *_ = np.linalg.lstsq(x[:, chosen], np.ones(len(x)), rcond=None)
            error = float(((x[:, chosen] @ fitted - 1.0) ** 2).sum())
            if (fitted >= 0).all() and error < best_error:
                best, best_error = np.zeros(x.shape[1]), error
                best[list(chosen)] = fitted
    return best
