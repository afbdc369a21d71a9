"""Scoring thousands of networks takes no more memory than scoring a few."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
import torch

from archwright.core.catalog import find
from archwright.core.errors import ProxyError
from archwright.core.rng import derive
from archwright.data.shapes import ImageShape
from archwright.nets.build import build
from archwright.proxies.base import Batch
from archwright.spaces.nb201 import NasBench201

SPACE = NasBench201()
#: Those of a few milliseconds on networks as small as these.
CHEAP = ("params", "flops", "l2_norm", "synflow", "nwot", "grad_norm", "snip", "fisher", "jacov", "expressflow")
STATM = Path("/proc/self/statm")
MB = 2**20


def batch() -> Batch:
    x = torch.from_numpy(derive(0, "x").standard_normal((4, 3, 8, 8), dtype="float32"))
    return Batch(x, torch.tensor([0, 1, 0, 1]))


def score_networks(first: int, n: int, given: Batch, scored: list[weakref.ref[torch.nn.Module]] | None = None) -> int:
    """Score n networks by all cheap proxies, and return how many scores there were."""
    shape, found = ImageShape(height=8, width=8, classes=2), 0
    for number in range(first, first + n):
        arch = SPACE.at(number * 7919 % SPACE.size())
        model = build(arch, SPACE, shape, rng=derive(number, "net"), channels=2, cells=1)
        for name in CHEAP:
            try:
                found += find("proxy", name)(model, given) is not None
            except ProxyError:  # a cell without a path from its input has no value
                continue
        if scored is not None:
            scored.append(weakref.ref(model))
    return found


def live_tensors() -> int:
    gc.collect()
    return sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())


def resident() -> int:
    """Return the bytes of this process that are in memory; zero where the system does not say."""
    gc.collect()
    if not STATM.exists():
        return 0
    return int(STATM.read_text().split()[1]) * 4096


def test_nothing_stays_alive_and_no_memory_is_kept_after_hundreds_of_scores() -> None:
    given = batch()
    score_networks(0, 6, given)
    tensors, before, scored = live_tensors(), resident(), []
    assert score_networks(6, 25, given, scored) > 200
    assert live_tensors() <= tensors
    assert not any(reference() is not None for reference in scored)
    assert resident() - before < 30 * MB


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_memory_of_thousands_of_networks_stays_where_it_was() -> None:
    given = batch()
    score_networks(0, 200, given)
    tensors, before = live_tensors(), resident()
    score_networks(200, 3_000, given)
    assert live_tensors() <= tensors
    # A leak of one small network, 40 kB of parameters and modules, in each call would be a gigabyte.
    assert resident() - before < 60 * MB
