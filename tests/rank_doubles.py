"""Proxies that are cheap and well known, for tests of what scores and ranks by them."""

from collections import Counter

import pytest
import torch
from torch import nn

from archwright.core.catalog import CATALOGUE
from archwright.core.errors import ProxyError
from archwright.proxies.base import Batch, proxy

#: How often each one was called.
CALLS: Counter[str] = Counter()

#: Networks of fewer parameters are too small for `picky`.
PICKY = 5500


def _size(model: nn.Module) -> float:
    return float(sum(parameter.numel() for parameter in model.parameters()))


@proxy(batchnorm=True, labels=False, higher_is_better=True, source="a test")
def size(model: nn.Module, batch: Batch) -> float:
    CALLS["size"] += 1
    return _size(model)


@proxy(batchnorm=True, labels=False, higher_is_better=False, source="a test")
def tiny(model: nn.Module, batch: Batch) -> float:
    CALLS["tiny"] += 1
    return _size(model)


@proxy(batchnorm=True, labels=False, higher_is_better=True, source="a test")
def weights(model: nn.Module, batch: Batch) -> float:
    CALLS["weights"] += 1
    with torch.no_grad():
        return float(sum(parameter.abs().sum() for parameter in model.parameters()) + batch.x.abs().sum())


@proxy(batchnorm=True, labels=False, higher_is_better=True, source="a test")
def drawn(model: nn.Module, batch: Batch, *, seed: int = 0) -> float:
    CALLS["drawn"] += 1
    return float(torch.rand(1, generator=torch.Generator().manual_seed(seed)))


@proxy(batchnorm=True, labels=True, higher_is_better=True, source="a test")
def labelled(model: nn.Module, batch: Batch) -> float:
    CALLS["labelled"] += 1
    assert batch.y is not None
    return float(batch.y.double().mean())


@proxy(batchnorm=True, labels=False, higher_is_better=True, source="a test")
def picky(model: nn.Module, batch: Batch) -> float:
    CALLS["picky"] += 1
    if _size(model) < PICKY:
        raise ProxyError(f"a network must have {PICKY} parameters, but has fewer; take a larger one")
    return -_size(model)


@proxy(batchnorm=True, labels=False, higher_is_better=True, source="a test")
def broken(model: nn.Module, batch: Batch) -> float:
    CALLS["broken"] += 1
    raise RuntimeError("matrices do\nnot fit")


@proxy(batchnorm=True, labels=False, higher_is_better=True, source="a test")
def endless(model: nn.Module, batch: Batch) -> float:
    CALLS["endless"] += 1
    return float("inf")


NAMES = ("size", "tiny", "weights", "drawn", "labelled", "picky", "broken", "endless")


@pytest.fixture
def doubles(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Make these the only proxies of the catalogue, and return the counter of calls."""
    monkeypatch.setitem(CATALOGUE, "proxy", {name: f"rank_doubles:{name}" for name in NAMES})
    CALLS.clear()
    return CALLS
