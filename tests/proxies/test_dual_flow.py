"""SynFlow in one forward pass of single precision, against a backward pass in double precision."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from archwright.core.catalog import find
from archwright.core.errors import ProxyError
from archwright.core.rng import derive
from archwright.data.shapes import ImageShape
from archwright.nets.build import build
from archwright.proxies import saliency
from archwright.proxies.base import Batch
from archwright.proxies.copies import stand_in
from archwright.proxies.dual_flow import log_synflow
from archwright.proxies.saliency import synflow

SHAPE = ImageShape(height=8, width=8)
X = torch.zeros(2, 3, 8, 8)


def forward(model: nn.Module, x: Tensor = X) -> float | None:
    net = stand_in(model, batchnorm="off", absolute=True)
    return log_synflow(net, torch.ones_like(x[:1]))


def backward(model: nn.Module, x: Tensor = X) -> float:
    return math.log(saliency._autograd_synflow(model, Batch(x)))


def network(space_name: str, seed: int, **size: object) -> nn.Module:
    space = find("space", space_name)()
    return build(space.random(rng=derive(seed, "arch")), space, SHAPE, rng=derive(seed, "net"), **size)


@settings(max_examples=20, deadline=None)
@given(place=st.integers(0, 15_624), cells=st.integers(1, 3), channels=st.integers(1, 6), batchnorm=st.booleans())
def test_cells_of_nas_bench_201_have_the_same_value_either_way(place, cells, channels, batchnorm) -> None:
    space = find("space", "nb201")()
    model = build(
        space.at(place), space, SHAPE, rng=derive(place, "net"), channels=channels, cells=cells, batchnorm=batchnorm
    )
    found = forward(model)
    try:
        expected = synflow(model.double(), Batch(X.double()), log=True)
    except ProxyError:
        assert found is None
        return
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("space", "size"),
    [
        ("nb101", {"channels": 4, "cells": 1}),
        ("nats_sss", {"cells": 1}),
        ("transnas_micro", {"channels": 4}),
        ("nb_macro", {}),
        ("darts", {"channels": 2, "cells": 3}),
    ],
)
def test_networks_of_other_spaces_have_the_same_value_either_way(space: str, size: dict[str, object]) -> None:
    model = network(space, 0, **size)
    assert forward(model) == pytest.approx(backward(model), abs=1e-5)


def test_what_single_precision_cannot_hold_is_scaled_between_cells() -> None:
    space = find("space", "nb201")()
    cell = space.parse(
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    )
    model = build(cell, space, SHAPE, rng=derive(0, "net"), channels=4, cells=5)
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, nn.Conv2d):
                part.weight *= 100
    found = forward(model)
    assert found is not None
    assert found > math.log(torch.finfo(torch.float32).max)
    assert found == pytest.approx(backward(model), abs=1e-5)
    assert synflow(model, Batch(X), log=True) == found


def test_a_network_of_a_users_own_is_looked_at_function_by_function() -> None:
    class Known(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.beside = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 1, groups=1)
            self.head = nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            y = torch.cat([torch.relu(self.conv(x)), nn.functional.max_pool2d(self.beside(x), 3, 1, 1)], 1)
            return self.head(y.mean((2, 3)))

    model = Known()
    assert forward(model) == pytest.approx(backward(model), abs=1e-5)


class _Unknown(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.conv, self.shift = how, nn.Conv2d(3, 4, 3), nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        match self.how:
            case "nonlinear":
                y = torch.sigmoid(y)
            case "parameter of its own":
                y = y + self.shift
            case "product of maps":
                y = y * y
            case "mixes the batch":
                y = y - y.mean(0, keepdim=True) + y
            case "weight used otherwise":
                y = nn.functional.conv2d(x, self.conv.weight * 2)
        return y.mean((2, 3))


@pytest.mark.parametrize(
    "how", ["nonlinear", "parameter of its own", "product of maps", "mixes the batch", "weight used otherwise"]
)
def test_a_network_that_does_something_else_goes_the_other_way(how: str) -> None:
    model = _Unknown(how)
    assert forward(model) is None
    assert synflow(model, Batch(X)) == pytest.approx(saliency._autograd_synflow(model, Batch(X)))


def test_double_precision_is_kept_by_autograd() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).double()
    batch = Batch(torch.ones(2, 4, dtype=torch.float64))
    assert synflow(model, batch) == saliency._autograd_synflow(model, batch)


def test_a_model_and_its_hooks_stay_as_they_were() -> None:
    model = network("nb201", 3, channels=2, cells=1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    synflow(model, Batch(X))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(part._forward_hooks for part in model.modules())
