"""TEG-NAS's three indicators of many architectures: ranks, their sum, and what each of them alone would choose."""

# Legend: N architectures.

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt

from archwright.core.errors import ProxyError

if TYPE_CHECKING:
    from torch import nn

    from archwright.core.arch import Arch
    from archwright.proxies.base import Batch
    from archwright.spaces.edges import EdgeCell
    from archwright.spaces.four_nodes import FourNodeSpace

__all__ = ["INDICATORS", "Indicators", "Name", "Subset", "assess", "cell_depth", "describe", "exclusive"]

Floats = npt.NDArray[np.float64]
Name = Literal["kappa", "regions", "mse"]

INDICATORS: tuple[Name, ...] = get_args(Name)
#: 1 where a higher value is better.
_DIRECTION: dict[Name, int] = {"kappa": -1, "regions": 1, "mse": -1}


@dataclass(frozen=True, eq=False)
class Indicators:
    """The three indicators of N architectures; NaN where the network is bad.

    Args:
        kappa: Condition numbers [N] of the tangent kernel. Lower is better.
        regions: Numbers [N] of linear regions. Higher is better.
        mse: Errors [N] of kernel regression. Lower is better.

    Raises:
        ProxyError: if they are not equally many.
    """

    kappa: Floats
    regions: Floats
    mse: Floats

    def __post_init__(self) -> None:
        lengths = {np.shape(self[name]) for name in INDICATORS}
        if len(lengths) > 1 or len(next(iter(lengths))) != 1:
            raise ProxyError(f"the indicators must be three arrays of one length, but their shapes are {lengths}")

    def __getitem__(self, name: Name) -> Floats:
        values: Floats = getattr(self, name)
        return values

    def __len__(self) -> int:
        return len(self.kappa)

    def better(self, name: Name) -> Floats:
        """Return an indicator turned so that higher is better, and bad networks are -inf: the worst of all."""
        values = _DIRECTION[name] * np.asarray(self[name], dtype=np.float64)
        return np.where(np.isnan(values), -np.inf, values)

    def ranks(self, name: Name) -> npt.NDArray[np.int64]:
        """Return the rank of each architecture [N]: 1 is the best, equal values share the smallest, bad ones the last.

        Differs: the released code writes kappa's worst value into all three indicators of a bad network; here a network
        is the worst of each indicator that it fails.
        """
        values = self.better(name)
        ranks: npt.NDArray[np.int64] = 1 + np.searchsorted(np.sort(-values), -values, side="left")
        return ranks

    def rank_sum(self, names: Sequence[Name] = INDICATORS) -> npt.NDArray[np.int64]:
        """Return the sum of the ranks [N] by some of the indicators. Lower is better.

        Source: TEG-NAS, Figure 1 (sum of rankings), and its evolution's choice of parents.
        """
        total: npt.NDArray[np.int64] = np.sum([self.ranks(name) for name in names], axis=0, dtype=np.int64)
        return total


def assess(
    model: nn.Module,
    thin: nn.Module,
    batch: Batch,
    *,
    repeats: int = 3,
    rows: int | None = None,
    channels: int | None = 1,
    frozen: bool = False,
    seed: int = 0,
    reference: bool = False,
) -> dict[Name, float]:
    """Return the three indicators of one architecture, NaN for each that its networks fail.

    Args:
        model: Network for `kappa` and `mse`.
        thin: Network for `regions`.
        batch: Images and labels; at least twice `rows`.
        repeats: Networks and rows that a value is the mean of.
        rows: Rows of the tangent kernel, and rows to test on; None takes half of the batch for each.
        channels: Channels of the inputs of `thin`.
        frozen: Take BatchNorm's statistics in the tangent kernels as constants.
        seed: Seed of parameters, rows and inputs.
        reference: The released code's choices, see `teg_kappa`, `teg_regions` and `teg_mse`.
    """
    from archwright.proxies.teg_kappa import teg_kappa
    from archwright.proxies.teg_mse import teg_mse
    from archwright.proxies.teg_regions import teg_regions

    rows = len(batch.x) // 2 if rows is None else rows
    how = {"repeats": repeats, "seed": seed, "reference": reference}
    ask: dict[Name, Callable[[], float]] = {
        "kappa": lambda: teg_kappa(model, batch, rows=rows, frozen=frozen, **how),  # type: ignore[arg-type]
        "regions": lambda: teg_regions(thin, batch, channels=channels, **how),  # type: ignore[arg-type]
        "mse": lambda: teg_mse(model, batch, rows=rows, frozen=frozen, **how),  # type: ignore[arg-type]
    }
    return {name: _or_nan(value) for name, value in ask.items()}


def _or_nan(value: Callable[[], float]) -> float:
    try:
        return value()
    except ProxyError:
        return float("nan")


def exclusive(indicators: Indicators, *, share: float = 0.1) -> dict[Name, npt.NDArray[np.bool_]]:
    """Return which architectures [N] are among the best of one indicator and of neither of the other two.

    Args:
        indicators: Of all architectures that are looked at.
        share: Share of the architectures that counts as the best; equal values count together.

    Raises:
        ProxyError: if the share is not between 0 and 1.

    Source: TEG-NAS, eq. 10-12.
    """
    if not 0 < share < 1:
        raise ProxyError(f"the share of the best must lie between 0 and 1, but {share} was given")
    n_best = max(1, round(share * len(indicators)))
    chosen = {}
    for name in INDICATORS:
        values = indicators.better(name)
        chosen[name] = (values >= np.sort(values)[-n_best]) & np.isfinite(values)
    return {
        name: chosen[name] & ~np.any([chosen[other] for other in INDICATORS if other != name], axis=0)
        for name in INDICATORS
    }


@dataclass(frozen=True)
class Subset:
    """What the cells of a subset look like.

    Args:
        n: How many there are.
        operations: Share of each operation among their edges, by name; NaN in an empty subset.
        convolutions: Share of operations whose name has "conv" in it.
        depth: Their mean depth, see `cell_depth`.
    """

    n: int
    operations: Mapping[str, float]
    convolutions: float
    depth: float


def describe(space: FourNodeSpace, archs: Sequence[Arch], chosen: npt.NDArray[np.bool_] | None = None) -> Subset:
    """Return the statistics of operators and depth of those architectures that are `chosen`; of all by default.

    Raises:
        ArchError: if one is not in the space.

    Source: TEG-NAS, Figure 2.
    """
    picked = [arch for number, arch in enumerate(archs) if chosen is None or chosen[number]]
    genes = np.array([space.require(arch).genes for arch in picked], dtype=np.int64).ravel()
    counts = np.bincount(genes, minlength=len(space.operations))
    shares = {
        name: float(count / len(genes)) if len(genes) else float("nan")
        for name, count in zip(space.operations, counts, strict=True)
    }
    depths = [cell_depth(space.cells(arch)[0], none=space.none) for arch in picked]
    return Subset(
        n=len(picked),
        operations=shares,
        convolutions=sum(share for name, share in shares.items() if "conv" in name),
        depth=float(np.mean(depths)) if depths else float("nan"),
    )


def cell_depth(cell: EdgeCell, *, none: int | None = None) -> int:
    """Return the number of edges on the longest path from an input of a cell to its output; 0 if there is no path.

    Args:
        cell: The cell.
        none: Operation whose edges are not there.

    Source: TEG-NAS, footnote 1, after arXiv:1909.09569.
    """
    longest: list[int | None] = [0 if node < cell.n_inputs else None for node in range(cell.n_nodes)]
    for source, target, op in cell.edges:  # ordered by target, so the source is final
        before, so_far = longest[source], longest[target]
        if op != none and before is not None:
            longest[target] = max(before + 1, so_far or 0)
    return longest[-1] or 0
