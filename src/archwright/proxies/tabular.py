"""Zero-cost proxies of many networks of a width space at once, or of all of them, from one shared draw of weights."""

# Legend: B rows, d inputs, N architectures, L layers.

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import torch

from archwright.core.catalog import suggestion
from archwright.core.errors import ProxyError
from archwright.proxies import tabular_tables
from archwright.proxies.base import Batch
from archwright.proxies.tabular_draw import Init, SharedDraw
from archwright.proxies.tabular_gradients import GRADIENTS, GradientProxies
from archwright.proxies.tabular_kernels import KERNELS, Kernels
from archwright.proxies.tabular_patterns import Patterns
from archwright.proxies.tabular_walk import Network, walk
from archwright.proxies.whole_space import check_size

if TYPE_CHECKING:
    from archwright.core.arch import Arch
    from archwright.spaces.tabular_mlp import TabularMlp

__all__ = ["DATA_FREE", "TABULAR", "score_drawn", "score_many", "score_space"]

Values = dict[str, npt.NDArray[np.float64]]

_TABLES: dict[str, Callable[[SharedDraw, npt.NDArray[np.integer]], npt.NDArray[np.float64]]] = {
    "params": tabular_tables.params,
    "flops": tabular_tables.flops,
    "l2_norm": tabular_tables.l2_norm,
    "synflow": tabular_tables.synflow,
}
#: Proxies that need no batch, only its width d.
DATA_FREE = (*_TABLES, "expressflow")
#: Every proxy that has a version here.
TABULAR = (*DATA_FREE, "nwot", "jacflow", *GRADIENTS, *KERNELS)


class _Family(Protocol):
    """Proxies that share what they compute of a network."""

    def add(self, network: Network) -> None: ...

    def values(self) -> Values: ...


def score_space(
    space: TabularMlp,
    batch: Batch | int,
    proxies: Sequence[str],
    *,
    seed: int,
    n_outputs: int = 1,
    init: Init = "torch",
    frozen: bool = False,
) -> Values:
    """Return the values [space.size()] of each proxy, in the order of `space.index`.

    Args:
        space: Width space.
        batch: Rows [B, d] as they enter the first dense layer (see `tabular_batch`), and targets [B]; or d alone, for
            the proxies of `DATA_FREE`.
        proxies: Names out of `TABULAR`.
        seed: Of the weights.
        n_outputs: Outputs of the head: 1 for two classes or an amount.
        init: Bounds of the weights.
        frozen: For the tangent kernels: BatchNorm's statistics as constants, many times faster and another kernel.

    Raises:
        SpaceError: if the space is too large to be scored whole.
        ProxyError: as `score_many`.

    Example:
        >>> from archwright.spaces.tabular_mlp import TabularMlp
        >>> score_space(TabularMlp((8, 16), layers=2), 10, ["params"], seed=0)["params"].tolist()
        [201.0, 289.0, 369.0, 529.0]
    """
    check_size(space)
    grid = np.indices(space.arities, dtype=np.int16).reshape(space.layers, -1).T
    draw = SharedDraw(space, _width(batch), n_outputs=n_outputs, seed=seed, init=init)
    return _values(draw, grid, batch, proxies, frozen=frozen)


def score_many(
    space: TabularMlp,
    archs: Sequence[Arch],
    batch: Batch | int,
    proxies: Sequence[str],
    *,
    seed: int,
    n_outputs: int = 1,
    init: Init = "torch",
    frozen: bool = False,
) -> Values:
    """Return the values [N] of each proxy for `archs`: those of `score_space` up to rounding, in spaces of any size.

    They are what `archwright.proxies.score` gives for `SharedDraw(...).network(arch)`, with each proxy's direction and
    sign; `expressflow` has its own weights, see `WholeSpace`. NaN where a proxy is not defined for a network, as where
    NASWOT meets two rows with the same pattern. Neighbouring networks share most of the forward pass, so ask for many
    at once, and for all proxies at once. Runs in the type and on the device of `batch.x`.

    Args:
        space: Width space.
        archs: Its architectures, in any order; equal ones have equal values.
        batch: See `score_space`; B >= 2.
        proxies: Names out of `TABULAR`.
        seed: Of the weights.
        n_outputs: Outputs of the head.
        init: Bounds of the weights.
        frozen: See `score_space`.

    Raises:
        ArchError: if the space does not contain one of `archs`.
        ProxyError: if a proxy has no version here, or needs rows or targets that the batch has not.

    Source: those of the proxies' modules; the shared draw, the sums over B x B matrices in place of gradients by
    weights, and GraSP in two first-order passes are our own. Differs: GraSP here takes BatchNorm's eps of 1e-5 as
    nothing against a variance; `proxies.saliency.grasp` differentiates twice.
    """
    draw = SharedDraw(space, _width(batch), n_outputs=n_outputs, seed=seed, init=init)
    return score_drawn(draw, archs, batch, proxies, frozen=frozen)


def score_drawn(
    draw: SharedDraw, archs: Sequence[Arch], batch: Batch | int, proxies: Sequence[str], *, frozen: bool = False
) -> Values:
    """Return `score_many` with weights that were drawn before.

    Raises:
        ArchError: if the draw's space does not contain one of `archs`.
        ProxyError: as `score_many`.
    """
    genes = np.array([draw.space.require(arch).genes for arch in archs], dtype=np.int16)
    if not len(genes):
        return {name: np.empty(0) for name in _known(proxies)}
    ordered, places = np.unique(genes, axis=0, return_inverse=True)
    values = _values(draw, ordered, batch, proxies, frozen=frozen)
    return {name: of_name[places.reshape(-1)] for name, of_name in values.items()}


def _values(
    draw: SharedDraw, genes: npt.NDArray[np.integer], batch: Batch | int, proxies: Sequence[str], *, frozen: bool
) -> Values:
    """Return the values of architectures [N, L] in lexicographic order."""
    wanted = set(_known(proxies))
    parts = wanted | ({"nwot", "synflow"} if "jacflow" in wanted else set())
    found = {name: table(draw, genes) for name, table in _TABLES.items() if name in parts}
    if "expressflow" in parts:
        found["expressflow"] = _expressflow(draw, genes)
    needy = sorted(parts - set(DATA_FREE))
    if needy:
        if isinstance(batch, int) or len(batch.x) < 2:
            raise ProxyError(f"{', '.join(needy)} need a batch of two rows or more; give one, or leave them out")
        found |= _walked(draw, genes, batch, needy, frozen=frozen)
    if "jacflow" in wanted:
        found["jacflow"] = found["nwot"] + np.log(found["synflow"])
    return {name: found[name] for name in proxies}


def _walked(
    draw: SharedDraw, genes: npt.NDArray[np.integer], batch: Batch, names: Sequence[str], *, frozen: bool
) -> Values:
    """Return the proxies that look at data, from one walk through all networks."""
    families: list[_Family] = []
    if "nwot" in names:
        families.append(Patterns())
    of_gradients = [name for name in names if name in GRADIENTS]
    if of_gradients:
        families.append(GradientProxies(of_gradients, batch.y, draw.n_outputs))
    of_kernels = [name for name in names if name in KERNELS]
    if of_kernels:
        families.append(Kernels(of_kernels, frozen=frozen))
    # Not inference mode: tensors of the batch may have been made inside one, or not.
    with torch.no_grad():
        for network in walk(draw, batch.x.detach(), genes):
            for family in families:
                family.add(network)
        return {name: values for family in families for name, values in family.values().items()}


def _expressflow(draw: SharedDraw, genes: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    space, whole = draw.space, draw.expressflow
    if len(genes) == space.size():
        return whole.scores()
    indices = np.ravel_multi_index(tuple(genes.T.astype(np.int64)), space.arities)
    return np.array([whole.score(space.at(int(index))) for index in indices])


def _known(proxies: Sequence[str]) -> Sequence[str]:
    if not proxies or len(set(proxies)) < len(proxies):
        raise ProxyError(f"proxies must be one or more different names, but {', '.join(proxies) or 'none'} given")
    for name in proxies:
        if name not in TABULAR:
            raise ProxyError(f"{name!r} has no version for whole width spaces. {suggestion(name, TABULAR)}")
    return proxies


def _width(batch: Batch | int) -> int:
    if isinstance(batch, int):
        return batch
    if batch.x.ndim != 2 or not batch.x.is_floating_point():
        raise ProxyError(f"rows must be real numbers [B, d], but {batch.x.dtype} {tuple(batch.x.shape)} was given")
    return int(batch.x.shape[1])
