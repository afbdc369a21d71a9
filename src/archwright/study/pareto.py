"""Which trials no other trial beats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archwright.core.trial import Trial

__all__ = ["front"]


def front(trials: Sequence[Trial], smaller: Sequence[str]) -> list[Trial]:
    """Return the non-dominated ones of `trials`, highest score first.

    A trial is dominated if another is at least as good in score and in every measure of `smaller` (where less is
    better), and better in one. Trials without a score or one of the measures do not take part. Equal trials
    all stay. Costs O(n x size of the front).
    """
    known = [trial for trial in trials if trial.result.score is not None and trial.result.measures.keys() >= {*smaller}]
    if not known:
        return []
    costs = np.array([[-(t.result.score or 0.0), *(t.result.measures[name] for name in smaller)] for t in known])
    order = np.lexsort(costs.T[::-1])
    kept: list[int] = []
    # In lexicographic order nothing later can dominate something earlier.
    for row in order:
        others = costs[kept]
        beaten = (others <= costs[row]).all(axis=1) & (others < costs[row]).any(axis=1)
        if not beaten.any():
            kept.append(int(row))
    return [known[row] for row in kept]
