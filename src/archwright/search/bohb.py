"""BOHB: Hyperband whose candidates come from densities of good and of bad architectures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from archwright.core.arch import Arch
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.trial import Proposal, Trial
from archwright.search.hyperband import Hyperband
from archwright.search.kde import Kde, bandwidths
from archwright.search.settings import require_whole
from archwright.spaces.base import Space

__all__ = ["Bohb", "Tpe"]


@dataclass(frozen=True)
class Tpe:
    """Draws the candidate that is likeliest among good architectures, compared with bad ones.

    With probability `random_fraction`, and before there are enough observations, it is a random architecture. Else
    `samples` candidates are drawn from the density of the good ones, and the one with the highest ratio of the two
    densities is taken. The observations are those of the largest fidelity that has at least
    `min_points` + 2. Failed trials count as worst.

    Args:
        space: Where architectures come from.
        min_points: Fewest observations of each density; None means decisions + 1.
        random_fraction: Share of random architectures.
        samples: Candidates drawn for one answer.
        bandwidth_factor: Widens the bandwidths for drawing, not for the ratio.
        min_bandwidth: Lower bound of every bandwidth.
        top: Share of the observations that are good.
        reference: Bandwidths as in the authors' code; see `bandwidths`. On NAS-Bench-201 this is what makes BOHB
            weaker than random search in published comparisons. The factor is not used then, as it is not there
            for choices.

    Raises:
        SearchError: if a number is out of its range.

    Source: Falkner, Klein and Hutter, arXiv:1807.01774, sections 3 and 4, equations 2 and 3.
    Differs: see `bandwidths`, unless `reference`. All decisions are unordered choices.
    """

    space: Space
    min_points: int | None = None
    random_fraction: float = 1 / 3
    samples: int = 64
    bandwidth_factor: float = 3.0
    min_bandwidth: float = 1e-3
    top: float = 0.15
    reference: bool = False

    def __post_init__(self) -> None:
        in_range = 0 <= self.random_fraction <= 1 and 0 < self.top < 1 and 0 < self.min_bandwidth < 1
        if not in_range or not self.bandwidth_factor > 0:
            raise SearchError(
                "bohb needs 0 <= random_fraction <= 1, bandwidth_factor > 0, 0 < min_bandwidth < 1 and 0 < top < 1, "
                f"but {self.random_fraction}, {self.bandwidth_factor}, {self.min_bandwidth} and {self.top} were given"
            )
        require_whole("bohb", samples=self.samples)
        require_whole("bohb", min_points=self.min_points, least=2)

    def __call__(self, history: History, rng: np.random.Generator) -> Arch:
        """Return one architecture."""
        if rng.random() >= self.random_fraction and (known := self._observations(history)):
            good, bad = self._densities(known)
            factor = 1.0 if self.reference else self.bandwidth_factor
            points = good.draw(self.samples, rng=rng, factor=factor)
            ratio = good.log_density(points) - bad.log_density(points)
            for place in np.argsort(-ratio, kind="stable"):
                arch = Arch(self.space.name, tuple(points[place].tolist()))
                if self.space.check(arch) is None:
                    return arch
        return self.space.random(rng=rng)

    def _points(self) -> int:
        return len(self.space.arities) + 1 if self.min_points is None else self.min_points

    def _observations(self, history: History) -> Sequence[Trial]:
        """Return the trials at the largest fidelity that has enough of them; empty if none has."""
        for fidelity in sorted(history.fidelities(), key=lambda epochs: np.inf if epochs is None else epochs)[::-1]:
            trials = history.at(fidelity)
            if len(trials) >= self._points() + 2:
                return trials
        return []

    def _densities(self, trials: Sequence[Trial]) -> tuple[Kde, Kde]:
        genes = np.array([trial.proposal.arch.genes for trial in trials])
        scores = np.array([-np.inf if (score := trial.result.score) is None else score for trial in trials])
        ranked = genes[np.argsort(-scores, kind="stable")]
        n_good = max(self._points(), int(self.top * len(trials)))
        n_bad = max(self._points(), len(trials) - n_good)
        return self._density(ranked[:n_good]), self._density(ranked[-n_bad:])

    def _density(self, genes: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Kde:
        arities = np.array(self.space.arities)
        widths = bandwidths(genes, arities, least=self.min_bandwidth, reference=self.reference)
        return Kde(genes, arities, widths)


@dataclass(frozen=True)
class Bohb:
    """Hyperband with the candidates of `Tpe`.

    Args:
        space: Where candidates come from.
        max_epochs: Epochs of the last rung of each bracket. None, for a benchmark with one fidelity only, leaves
            `Tpe` at the evaluator's full amount.
        min_epochs: Fewest epochs of a rung.
        eta: From rung to rung, epochs grow by this factor and candidates shrink by it.
        batch: Proposals per question.
        tpe: How candidates are drawn; None means the paper's settings.

    Raises:
        SearchError: as `Hyperband` and `Tpe`.

    Source: Falkner, Klein and Hutter, arXiv:1807.01774.
    """

    space: Space
    max_epochs: int | None = None
    min_epochs: int = 1
    eta: int = 3
    batch: int = 1
    tpe: Tpe | None = None
    _walk: Hyperband = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.tpe is not None and not isinstance(self.tpe, Tpe):
            raise SearchError(f"bohb needs a Tpe as tpe, but {self.tpe!r} was given")
        draw = Tpe(self.space) if self.tpe is None else self.tpe
        walk = Hyperband(self.space, self.max_epochs, self.min_epochs, self.eta, self.batch, draw)
        object.__setattr__(self, "_walk", walk)

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        """Return up to `n` proposals of the first rung that has something to start."""
        return self._walk.propose(history, n, rng=rng)
