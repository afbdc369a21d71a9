from __future__ import annotations

import torch
from torch import nn

from archwright.core.catalog import names
from archwright.proxies.base import Batch
from archwright.proxies.expressflow import expressflow
from archwright.testing import ProxyContract, covered


class TestExpressFlow(ProxyContract):
    name = "expressflow"

    def proxy(self, model: nn.Module, batch: Batch) -> float:
        return expressflow(model, batch, inputs="batch")

    def function(self) -> object:
        return expressflow

    def model(self) -> nn.Module:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(0)
            parts = [nn.Linear(20, 30), nn.BatchNorm1d(30), nn.ReLU(), nn.Linear(30, 10), nn.BatchNorm1d(10), nn.ReLU()]
            return nn.Sequential(*parts, nn.Linear(10, 2), nn.Dropout(0.5))

    def batch(self) -> Batch:
        generator = torch.Generator().manual_seed(1)
        return Batch(torch.rand(6, 20, dtype=torch.float64, generator=generator))


def test_every_proxy_has_a_contract() -> None:
    assert covered(ProxyContract, "proxy") == set(names("proxy"))
