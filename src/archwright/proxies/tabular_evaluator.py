"""Proxies of a width space as an evaluator, for a searcher or a ranking that asks for one architecture at a time."""

# Legend: B rows, d inputs.

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.core.catalog import find
from archwright.core.errors import ArchError
from archwright.core.trial import Proposal, Result
from archwright.proxies.tabular_draw import Init, SharedDraw

if TYPE_CHECKING:
    from archwright.spaces.tabular_mlp import TabularMlp

__all__ = ["TabularProxies"]


class TabularProxies:
    """Scores one architecture per call from weights shared by all; picklable.

    The result's measures hold every proxy that is defined for the network, with its own sign. The score is the first
    one times its direction, so higher is better; where it is not defined, the result has an error and no score.
    Everything follows from `seed` and the architecture, not from the trial; fidelity is ignored. Costs 0.5 to 2 ms for
    all gradient proxies at 4 x 150, where `score_many` shares work between networks besides.

    Args:
        space: Width space, of any size.
        x: Rows [B, d] as they enter the first dense layer, see `tabular_batch.embedded_batch`.
        y: Targets [B]; None for proxies that need none.
        proxies: Names out of `tabular.TABULAR`, all different.
        seed: Of the weights.
        n_outputs: Outputs of the head.
        init: Bounds of the weights.
        frozen: For the tangent kernels, see `tabular.score_space`.

    Raises:
        ProxyError: if a proxy has no version here, or the batch does not fit.
    """

    def __init__(
        self,
        space: TabularMlp,
        x: npt.NDArray[np.floating],
        y: npt.NDArray[Any] | None,
        proxies: Sequence[str],
        *,
        seed: int,
        n_outputs: int = 1,
        init: Init = "torch",
        frozen: bool = False,
    ) -> None:
        import torch

        from archwright.proxies.base import Batch
        from archwright.proxies.tabular import score_drawn

        self.space, self.proxies, self.frozen = space, tuple(proxies), frozen
        self._batch = Batch(torch.tensor(x), None if y is None else torch.tensor(y))
        self._draw = SharedDraw(space, int(x.shape[1]), n_outputs=n_outputs, seed=seed, init=init)
        # What cannot be computed for any network is told here, and not in each result.
        score_drawn(self._draw, [space.at(0)], self._batch, self.proxies, frozen=frozen)

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Return all values of `proposal.arch`; an architecture of another space gives a result with an error."""
        from archwright.proxies.tabular import score_drawn

        start_s = time.monotonic()
        try:
            found = score_drawn(self._draw, [proposal.arch], self._batch, self.proxies, frozen=self.frozen)
        except ArchError as error:
            return Result(None, time.monotonic() - start_s, error=str(error))
        measures = {name: float(values[0]) for name, values in found.items() if np.isfinite(values[0])}
        cost_s, first = time.monotonic() - start_s, self.proxies[0]
        if first not in measures:
            return Result(None, cost_s, measures=measures, error=f"{first} is not defined for this network and batch")
        return Result(measures[first] * find("proxy", first).direction, cost_s, measures=measures)
