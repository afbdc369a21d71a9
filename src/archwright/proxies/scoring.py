"""Proxies of a network that a user brings."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from archwright.core.catalog import find, names
from archwright.core.errors import ProxyError
from archwright.proxies.base import Batch

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Scores", "score"]


class Scores(dict[str, float]):
    """Values by the name of the proxy; `failed` says of every other one why it has none."""

    def __init__(self, values: dict[str, float], failed: dict[str, str]) -> None:
        super().__init__(values)
        self.failed = failed


def score(
    model: nn.Module,
    batch: Batch | tuple[Tensor, Tensor | None] | Tensor,
    proxies: Sequence[str] | None = None,
    *,
    seed: int = 0,
) -> Scores:
    """Return what zero-cost proxies say about `model`, which stays as it was.

    Args:
        model: Network with one tensor as its input.
        batch: Inputs [B, ...] and labels [B]; inputs alone for proxies that need no labels.
        proxies: Names of the catalogue; None means all. Of all, those that are not defined for this network or batch
            are left out and listed in `failed`.
        seed: Of proxies that draw.

    Raises:
        UnknownNameError: if there is no such proxy.
        ProxyError: if a proxy that was asked for by name is not defined for this network or batch.

    Example:
        >>> import torch
        >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
        >>> score(net, torch.ones(3, 4), ["params"])
        {'params': 58.0}
    """
    given = batch if isinstance(batch, Batch) else Batch(*batch) if isinstance(batch, tuple) else Batch(batch)
    values: dict[str, float] = {}
    failed: dict[str, str] = {}
    for name in names("proxy") if proxies is None else proxies:
        function = find("proxy", name)
        options: dict[str, Any] = {"seed": seed} if "seed" in inspect.signature(function).parameters else {}
        try:
            values[name] = function(model, given, **options)
        except ProxyError as error:
            if proxies is not None:
                raise ProxyError(f"{name}: {error}") from error
            failed[name] = str(error)
    return Scores(values, failed)
