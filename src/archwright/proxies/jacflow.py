"""JacFlow: NASWOT and SynFlow together."""

from __future__ import annotations

from torch import nn

from archwright.proxies.base import Batch, proxy
from archwright.proxies.nwot import nwot
from archwright.proxies.saliency import synflow

__all__ = ["jacflow"]


@proxy(batchnorm=True, labels=False, higher_is_better=True, source="Trails (VLDB 2024), NASWOT + SynFlow")
def jacflow(model: nn.Module, batch: Batch) -> float:
    """Return the sum of the NASWOT score and the logarithm of SynFlow. Higher is better.

    Raises:
        ProxyError: if one of the two is not defined.

    Source: the system Trails, which filters by NASWOT and SynFlow together. Differs: there the ranks of the two among
    the architectures seen so far are added; a sum of two logarithms needs no other architectures.
    """
    return nwot(model, batch) + synflow(model, batch, log=True)
