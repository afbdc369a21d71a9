"""From trainings in a study to the arrays of a benchmark."""

# N architectures, S seeds, E epochs

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.bench.outcome import Outcome, Provenance
from archwright.core.arch import Arch
from archwright.core.trial import Result, Trial
from archwright.data.metrics import METRICS

if TYPE_CHECKING:
    from archwright.coordinate.build_bench import BuildOptions

__all__ = ["Built", "outcome_of", "provenance_of"]


@dataclass(frozen=True, eq=False)
class Built:
    """Arrays of a benchmark, and how many trainings have no score after the last epoch."""

    outcome: Outcome
    measures: dict[str, npt.NDArray[np.float64]]
    failed: int


def outcome_of(
    trials: Sequence[Trial], archs: Sequence[Arch], *, name: str, metric: str, options: BuildOptions
) -> Built:
    """Return what the trainings of `archs` gave; of two of one architecture and seed the later counts, if it is good.

    Args:
        trials: Results of `train.curves.CurveEvaluator`; notes of proposals end with the number of the seed.
        archs: N architectures, in the order of the rows.
        name: Of the outcome.
        metric: Name of the metric.
        options: Epochs and seeds.
    """
    shape = (len(archs), options.seeds, options.epochs)
    cubes = {split: np.full(shape, np.nan, dtype=np.float32) for split in ("valid", "test", "seconds")}
    measures = {key: np.full(len(archs), np.nan) for key in ("params", "flops")}
    row_of = {arch: row for row, arch in enumerate(archs)}
    sign = 1.0 if METRICS[metric].higher_is_better else -1.0
    for trial in sorted(trials, key=lambda trial: (trial.result.score is not None, trial.id)):
        row, seed = row_of[trial.proposal.arch], int(trial.proposal.note.rpartition(" ")[2])
        curve = trial.result.curve
        cubes["valid"][row, seed, : len(curve)] = [sign * score for score in curve]
        cubes["test"][row, seed] = _per_epoch(trial.result.hidden, "test", options.epochs)
        cubes["seconds"][row, seed] = _per_epoch(trial.result.measures, "seconds", options.epochs)
        _note_measures(measures, row, trial.result)
    outcome = Outcome(
        name,
        metric,
        "",
        tuple(range(1, options.epochs + 1)),
        valid=cubes["valid"],
        test=None if np.isnan(cubes["test"]).all() else cubes["test"],
        seconds=cubes["seconds"],
        higher_is_better=METRICS[metric].higher_is_better,
    )
    return Built(outcome, measures, int(np.isnan(cubes["valid"][:, :, -1]).sum()))


def provenance_of(settings: Mapping[str, Any], *, failed: int) -> Provenance:
    """Return where the numbers come from: every setting of the build."""
    from archwright import __version__

    note = f"{failed} trainings failed and are missing. " if failed else ""
    return Provenance(
        source=f"trained by archwright bench build on {settings['table']}",
        licence="that of the table",
        version=__version__,
        note=f"{note}Settings: {json.dumps(settings, sort_keys=True)}",
    )


def _note_measures(measures: dict[str, npt.NDArray[np.float64]], row: int, result: Result) -> None:
    for key, column in measures.items():
        if key in result.measures:
            column[row] = result.measures[key]


def _per_epoch(values: Mapping[str, float], what: str, epochs: int) -> list[float]:
    return [values.get(f"{what}@{epoch}", np.nan) for epoch in range(1, epochs + 1)]
