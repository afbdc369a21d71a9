"""A kernel density of choices: how likely each architecture is among those that were good."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Kde", "bandwidths"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: Stands for a density of zero or less before the logarithm is taken.
_SMALLEST = 1e-32

# N observations, D decisions, B points that are asked about.


def bandwidths(genes: IntArray, arities: IntArray, *, least: float = 1e-3, reference: bool = False) -> FloatArray:
    """Return one bandwidth [D] per decision from observations [N, D], by the normal reference rule.

    The rule is 1.06 sigma N^(-1 / (4 + D)). For unordered choices, sigma^2 is the probability that two observations
    differ, 1 - sum of the squared shares, so that the numbering of choices does not matter. Each bandwidth lies
    between `least` and (A - 1) / A, where A is the number of choices; the latter is the uniform distribution.

    Args:
        genes: Observations, N >= 1.
        arities: Number of choices A of each decision [D].
        least: Lower bound.
        reference: As in BOHB's own code: sigma is the standard deviation of the choices' numbers, and nothing
            bounds it above. With five choices it often exceeds one, and then what was observed becomes unlikely.

    Source: the rule is statsmodels' `normal_reference`, used by BOHB, arXiv:1807.01774, section 3.
    """
    n, d = genes.shape
    scale = 1.06 * n ** (-1.0 / (4 + d))
    if reference:
        unbounded: FloatArray = np.maximum(scale * genes.std(axis=0), least)
        return unbounded
    starts = np.cumsum(arities) - arities
    shares = np.bincount((genes + starts).ravel(), minlength=int(arities.sum())) / n
    sigma = np.sqrt(np.maximum(1.0 - np.add.reduceat(shares * shares, starts), 0.0))
    bounded: FloatArray = np.minimum(np.maximum(scale * sigma, least), (arities - 1) / arities)
    return bounded


@dataclass(frozen=True)
class Kde:
    """The mean of N kernels, one around each observation; a kernel is a product over decisions.

    A kernel keeps a choice with probability 1 - h and goes to each of the A - 1 others with h / (A - 1). With an h
    above one, which only `bandwidths(reference=True)` gives, it is no probability; a density that is not positive
    counts as the smallest number, as in BOHB's code.

    Args:
        genes: Observations [N, D], N >= 1.
        arities: Number of choices A of each decision [D].
        widths: Bandwidth h of each decision [D], above zero; where A is one it is zero.

    Source: Aitchison and Aitken, Biometrika 63 (1976).
    """

    genes: IntArray
    arities: IntArray
    widths: FloatArray

    def log_density(self, points: IntArray) -> FloatArray:
        """Return the logarithm of the probability [B] of each point [B, D]. Costs N x B x sum of A."""
        # A decision with one choice is always the same: the other case is never looked at.
        off = self.widths / np.maximum(self.arities - 1, 1)
        if (self.widths > 1.0).any():
            same = points[:, None, :] == self.genes[None, :, :]
            linear = np.where(same, 1.0 - self.widths, off).prod(axis=2).mean(axis=1)
            signed: FloatArray = np.log(np.maximum(linear, _SMALLEST))
            return signed
        keeps, leaves = (np.log(np.maximum(factor, _SMALLEST)) for factor in (1.0 - self.widths, off))
        # Of one-hot rows, a product of matrices adds up the decisions that are the same, and BLAS does it.
        weighted = self._one_hot(self.genes) * np.repeat(keeps - leaves, self.arities)
        kernel = self._one_hot(points) @ weighted.T
        top = kernel.max(axis=1)
        density: FloatArray = leaves.sum() + top + np.log(np.exp(kernel - top[:, None]).mean(axis=1))
        return density

    def _one_hot(self, points: IntArray) -> FloatArray:
        ends = np.cumsum(self.arities)
        rows = np.zeros((len(points), int(ends[-1])))
        np.put_along_axis(rows, points + (ends - self.arities), 1.0, axis=1)
        return rows

    def draw(self, n: int, *, rng: np.random.Generator, factor: float = 1.0) -> IntArray:
        """Return `n` points [n, D] from the density, its bandwidths multiplied by `factor`, at most uniform."""
        centres = self.genes[rng.integers(len(self.genes), size=n)]
        widths = np.minimum(self.widths * factor, (self.arities - 1) / self.arities)
        leaves = rng.random(centres.shape) < widths
        # To one of the others, all equally likely: a step of 1 .. A - 1 round the circle.
        steps = 1 + np.floor(rng.random(centres.shape) * np.maximum(self.arities - 1, 1)).astype(np.int64)
        points: IntArray = np.where(leaves, (centres + steps) % self.arities, centres)
        return points
