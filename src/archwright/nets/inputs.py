"""What a network must know of a task: its fields, its outputs, the bin edges of its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from archwright.nets.recipe import Recipe

if TYPE_CHECKING:
    from archwright.data.task import Task

__all__ = ["Inputs"]

#: Rows that quantiles are computed from. 100,000 rows put an edge within 0.2 % of its rank (one binomial
#: standard deviation), and sorting more of them would be paid by every run.
_EDGE_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Inputs:
    """Shape of a task as a network sees it. A value that JSON can hold.

    Args:
        n_numeric: Numeric fields M.
        cardinalities: Codes of each of the C categorical fields; code 0 is the unknown.
        n_outputs: Outputs of the head: 1 for binary and real targets, else the number of classes.
        edges: Strictly increasing bin edges of each numeric field, two or more; empty for `linear`.
        target_std: Standard deviation of a real target in its own units, as the target was divided by it.
    """

    n_numeric: int
    cardinalities: tuple[int, ...]
    n_outputs: int
    edges: tuple[tuple[float, ...], ...] = ()
    target_std: float = 1.0

    @property
    def n_fields(self) -> int:
        """Embedded fields M + C; the first layer sees this many times the embedding width."""
        return self.n_numeric + len(self.cardinalities)

    @property
    def n_rows(self) -> int:
        """Rows of the table of all categorical fields."""
        return sum(self.cardinalities)

    @classmethod
    def of(cls, task: Task, recipe: Recipe) -> Self:
        """Return the inputs of `task`; edges come from its training rows only. Deterministic."""
        num = task.train.num
        step = max(1, -(-len(num) // _EDGE_ROWS))
        edges: tuple[tuple[float, ...], ...] = ()
        if recipe.encoding != "linear":
            rows = np.asarray(num[::step])
            find = _ple_edges if recipe.encoding == "ple" else _quantile_edges
            edges = tuple(tuple(map(float, find(rows[:, i], recipe.bins))) for i in range(rows.shape[1]))
        return cls(
            n_numeric=int(num.shape[1]),
            cardinalities=tuple(map(int, task.schema.cardinalities)),
            n_outputs=int(task.n_outputs),
            edges=edges,
            target_std=float(getattr(task.schema.target, "std", None) or 1.0),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the values as JSON can hold them."""
        # Not `asdict`: it copies every number by itself, seconds for ten thousand columns.
        return {
            "n_numeric": self.n_numeric,
            "cardinalities": list(self.cardinalities),
            "n_outputs": self.n_outputs,
            "edges": [list(edges) for edges in self.edges],
            "target_std": self.target_std,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return the inputs that `to_json` wrote."""
        return cls(
            n_numeric=int(values["n_numeric"]),
            cardinalities=tuple(map(int, values["cardinalities"])),
            n_outputs=int(values["n_outputs"]),
            edges=tuple(tuple(map(float, edges)) for edges in values["edges"]),
            target_std=float(values["target_std"]),
        )


def _ple_edges(column: npt.NDArray[np.float32], bins: int) -> npt.NDArray[np.float32]:
    """Return edges for a piecewise-linear encoding; the last edge is the largest value.

    With few distinct values every one of them is an edge, so that each has an encoding of its own.
    """
    values = np.unique(column)
    return _widened(values if len(values) <= bins + 1 else _quantiles(column, bins))


def _quantile_edges(column: npt.NDArray[np.float32], bins: int) -> npt.NDArray[np.float32]:
    """Return edges for a lookup by bin; with few distinct values there is one bin for each.

    Only the inner edges separate, so the outer two are the ends of the column.
    """
    values = np.unique(column)
    if len(values) > bins:
        return _widened(_quantiles(column, bins))
    middles = (values[:-1] + values[1:]) / 2
    return _widened(np.unique(np.concatenate([values[:1], middles, values[-1:]]).astype(np.float32)))


def _quantiles(column: npt.NDArray[np.float32], bins: int) -> npt.NDArray[np.float32]:
    """Return the edges of at most `bins` bins with about as many rows each.

    A value that fills a bin by itself is an edge of its own, and the other bins are shared out among the other
    rows. Plain quantiles would all fall on it: of adult's `capital_gain`, 92 % zeros and 123 values in all,
    they make 3 bins out of 32.
    """
    values, counts = np.unique(column, return_counts=True)
    heavy = values[counts * bins > len(column)]
    others = column[~np.isin(column, heavy)]
    shares = np.linspace(0, 1, max(1, bins - len(heavy)) + 1)
    edges = np.quantile(others, shares).astype(np.float32) if len(others) else others
    return np.unique(np.concatenate([heavy, edges]))


def _widened(edges: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    # A constant (or empty) column has one edge or none; a bin needs two.
    if len(edges) == 0:
        return np.array([0.0, 1.0], dtype=np.float32)
    return edges if len(edges) > 1 else np.array([edges[0], np.nextafter(edges[0], np.inf) + 1], dtype=np.float32)
