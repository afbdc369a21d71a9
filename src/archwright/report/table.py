"""The leaderboard of a run."""

from __future__ import annotations

from dataclasses import dataclass

from archwright.coordinate.record import RunFolder
from archwright.report.view import RunView

__all__ = ["Row", "leaderboard", "rows"]


@dataclass(frozen=True, slots=True)
class Row:
    """One trained architecture.

    Args:
        rank: 1 is the best.
        arch: The architecture's text form.
        widths: Its layer widths; empty where its space has none.
        score: Best validation score, higher is better (an error metric is negated).
        metric: The same in the metric's own sign, as people read it.
        epochs: Epochs of training in all rungs together.
        params: Parameters; None where not known.
        cost_s: Seconds of training on one worker, all rungs together.
    """

    rank: int
    arch: str
    widths: tuple[int, ...]
    score: float
    metric: float
    epochs: int
    params: int | None
    cost_s: float
    expressflow: float | None


def leaderboard(folder: RunFolder) -> list[Row]:
    """Return the trained architectures of a run, best first; failed ones are left out.

    Raises:
        RunError: if the folder is no run.
    """
    return rows(RunView.load(folder))


def rows(view: RunView) -> list[Row]:
    """Return the leaderboard of a run that is already read."""
    table: list[Row] = []
    for candidate in view.ok:
        if candidate.score is None:
            continue
        table.append(
            Row(
                rank=len(table) + 1,
                arch=candidate.arch,
                widths=candidate.widths,
                score=candidate.score,
                metric=view.shown.value(candidate.score),
                epochs=candidate.epochs,
                params=None if candidate.params is None else int(candidate.params),
                cost_s=candidate.cost_s,
                expressflow=candidate.expressflow,
            )
        )
    return table
