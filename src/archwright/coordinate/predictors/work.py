"""One training of a study of predictors: fitted, judged, and written down."""

# N architectures, S signals

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.coordinate.predictors.judging import Fitted, fit_watched, judge
from archwright.coordinate.predictors.making import make
from archwright.coordinate.predictors.study import Cell, Found, PredictorFolder, PredictorStudy
from archwright.coordinate.predictors.task import Task, task_of
from archwright.core.errors import PredictorError
from archwright.core.protocols import Predictor
from archwright.core.rng import derive
from archwright.predict.saliency import OperationSaliencies

__all__ = ["FIT", "QUERY", "do_cell", "make_entrant", "measure", "rows_of", "value_name"]

Ints = npt.NDArray[np.int64]

#: Names of the seconds of a training, and of a prediction of all architectures of the test.
FIT, QUERY = "fit_s", "query_s"


def value_name(task: Task, metric: str, place: int) -> str:
    """Return the name of a metric of one signal: `kendall`, or `kendall@half` where a study has several."""
    return metric if len(task.signals) == 1 else f"{metric}@{task.signals[place].name}"


def do_cell(folder: PredictorFolder, study: PredictorStudy, cell: Cell) -> None:
    """Do one training and write down what it came to; a predictor that refuses its data is a result as well.

    Raises:
        NasError: if the benchmark cannot be opened, the predictor not be made, or the file not be written.
    """
    task = task_of(cell.case, study.rules)
    try:
        values = _search(folder, study, cell, task) if study.rules.candidates else _compare(folder, study, cell, task)
        found = Found(values)
    except PredictorError as error:
        found = Found({}, " ".join(str(error).split()))
    folder.keep(cell, found)


def make_entrant(folder: PredictorFolder, study: PredictorStudy, cell: Cell) -> Predictor:
    """Return the predictor of a cell, not fitted.

    Raises:
        NasError: if the benchmark cannot be opened, or the predictor cannot be made.
    """
    rules = study.rules
    space = task_of(cell.case, rules).space
    return make(cell.entrant, space, preset=rules.preset, is_anytime=len(rules.signals) > 1, cache=folder.cache)


def rows_of(study: PredictorStudy, cell: Cell) -> tuple[Ints, Ints]:
    """Return the rows that a training learns from, and those that it predicts: the test, or candidates.

    Raises:
        NasError: as `task_of`.
    """
    task = task_of(cell.case, study.rules)
    if not study.rules.candidates:
        return task.training(cell.size, cell.set), task.test
    order = derive(cell.set, "search", task.bench.name, len(task.bench)).permutation(task.rows)
    # From the end, so that training sets of all sizes meet the same candidates.
    return order[: cell.size], order[len(order) - study.rules.candidates :]


def measure(folder: PredictorFolder, study: PredictorStudy, cell: Cell, rows: Sequence[int]) -> None:
    """Measure the saliencies of operations that the predictor of a cell reads, and keep them.

    Raises:
        NasError: as `make_entrant`; or if an architecture cannot be measured.
    """
    saliency = getattr(make_entrant(folder, study, cell), "saliency", None)
    assert isinstance(saliency, OperationSaliencies)
    saliency.raw(task_of(cell.case, study.rules).bench.archs(rows))
    saliency.save()


def _compare(folder: PredictorFolder, study: PredictorStudy, cell: Cell, task: Task) -> dict[str, float]:
    """Return how well a predictor foretells the test."""
    rows, test = rows_of(study, cell)
    values = {FIT: 0.0, QUERY: 0.0}
    # Who learns all signals at once is fitted once; of others there is one for each signal.
    for places in _shares(make_entrant(folder, study, cell), len(task.signals)):
        predictor = make_entrant(folder, study, cell)
        fitted = _fit(predictor, task, rows, test, cell, places)
        for column, place in enumerate(places):
            predicted = [each[:, column] for each in fitted.predictions]
            rated = judge(predicted, task.truth[test, place], has_unit=_has_unit(predictor))
            values |= {value_name(task, name, place): value for name, value in rated.items()}
        values[FIT] += fitted.fit_s
        values[QUERY] += fitted.query_s
    return values


def _shares(predictor: Any, n: int) -> list[list[int]]:
    """Return which signals are learned together."""
    is_one = n == 1 or not hasattr(predictor, "predict_all") or getattr(predictor, "heads", "") == "one"
    return [[place] for place in range(n)] if is_one else [list(range(n))]


def _fit(predictor: Predictor, task: Task, rows: Ints, examined: Ints, cell: Cell, places: Sequence[int]) -> Fitted:
    rng = derive(cell.seed, "fit", cell.set, cell.size)
    evidence = task.examined if examined is task.test else task.evidence(examined)
    return fit_watched(predictor, task.evidence(rows), task.labels[rows][:, places], evidence, rng=rng)


def _has_unit(predictor: object) -> bool:
    """Whether predictions are scores, and not only in their order."""
    training: Any = getattr(predictor, "training", None)
    return getattr(training, "loss", "") != "hinge"


def _search(folder: PredictorFolder, study: PredictorStudy, cell: Cell, task: Task) -> dict[str, float]:
    """Return what is found by choosing, among candidates, the one that is predicted to be the best.

    `found` is its reported value. The others are those of the best by its label: `queried`, of it and the training set;
    `random`, of as many random architectures; `candidates`, of all candidates, which is what a perfect predictor finds.
    """
    rows, candidates = rows_of(study, cell)
    predictor = make_entrant(folder, study, cell)
    fitted = _fit(predictor, task, rows, candidates, cell, [0])
    predicted = fitted.predictions[-1][:, 0]
    # What a training that diverged says of an architecture is no reason to take it.
    chosen = candidates[[int(np.argmax(np.where(np.isfinite(predicted), predicted, -np.inf)))]]
    reported = task.bench.values(cell.case.report, slice(None), split=cell.case.split)
    best = {
        "found": chosen,
        "queried": np.concatenate([rows, chosen]),
        # Candidates are random architectures themselves.
        "random": np.concatenate([rows, candidates[:1]]),
        "candidates": candidates,
    }
    labels = task.labels[:, 0]
    values = {name: float(reported[these[np.argmax(labels[these])]]) for name, these in best.items()}
    return values | {FIT: fitted.fit_s, QUERY: fitted.query_s}
