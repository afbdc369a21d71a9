from __future__ import annotations

import gc
import math
import random

import numpy as np
import pytest
import torch
from torch import nn

from archwright.core.catalog import find, names
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


class Block(nn.Module):
    """A user's network: nested, with functions in place of modules, and dropout of both kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.inner = nn.Sequential(nn.BatchNorm2d(6), nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6)))
        self.head = nn.Linear(6, 4)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.relu(self.conv(x), inplace=True)
        return nn.functional.relu(self.inner(x) + x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(nn.functional.dropout(self.features(x), 0.3, self.training).mean((2, 3)))


class OnImages(ProxyContract):
    """Every proxy of the catalogue, on a convolutional network with labels."""

    def proxy(self, model: nn.Module, batch: Batch) -> float:
        return self.function()(model, batch)

    def function(self):
        return find("proxy", self.name)

    def model(self) -> nn.Module:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(0)
            return Block()

    def batch(self) -> Batch:
        generator = torch.Generator().manual_seed(1)
        return Batch(torch.randn(12, 3, 8, 8, generator=generator), torch.arange(12) % 4)

    def test_it_works_where_gradients_are_off(self) -> None:
        with torch.no_grad():
            off = self.proxy(self.model(), self.batch())
        with torch.inference_mode():
            inference = self.proxy(self.model(), self.batch())
        assert off == inference == self.proxy(self.model(), self.batch())

    def test_it_works_on_a_network_in_double_precision(self) -> None:
        batch = self.batch()
        value = self.proxy(self.model().double(), Batch(batch.x.double(), batch.y))
        if self.name.startswith("teg_"):  # draws its own weights, others in another precision
            assert math.isfinite(value)
        else:
            assert value == pytest.approx(self.proxy(self.model(), batch), rel=0.02)

    def test_other_generators_are_left_alone(self) -> None:
        model, batch = self.model(), self.batch()
        before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
        self.proxy(model, batch)
        assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002

    def test_frozen_weights_and_the_mode_do_not_matter(self) -> None:
        model = self.model()
        value = self.proxy(model, self.batch())
        assert self.proxy(model.eval().requires_grad_(False), self.batch()) == value


IMAGES = [type(f"Test_{name}_on_images", (OnImages,), {"name": name}) for name in names("proxy")]
globals().update({made.__name__: made for made in IMAGES})
del OnImages


@pytest.mark.parametrize("name", names("proxy"))
def test_memory_does_not_grow(name: str) -> None:
    contract = next(made for made in [TestExpressFlow, *IMAGES] if made.name == name)()
    model, batch = contract.model(), contract.batch()
    contract.proxy(model, batch)
    gc.collect()
    before = sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())
    for _ in range(3):
        contract.proxy(model, batch)
    gc.collect()
    assert sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects()) <= before


def test_every_proxy_has_a_contract() -> None:
    assert covered(ProxyContract, "proxy") == set(names("proxy"))
