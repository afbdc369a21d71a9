"""Networks of NAS-Bench-201."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from archwright.core.arch import Arch
from archwright.core.errors import SpaceError
from archwright.core.rng import derive
from archwright.data.shapes import ImageShape
from archwright.nets.build import build
from archwright.nets.image_ops import ImageNetwork
from archwright.spaces.nb201 import NasBench201

SPACE = NasBench201()
CONVS = SPACE.parse("|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|")


def network(arch: Arch, shape: ImageShape | None = None, *, seed: int = 0, **size: object) -> ImageNetwork:
    model = build(arch, SPACE, shape or ImageShape(), rng=derive(seed, "test"), **size)
    assert isinstance(model, ImageNetwork)
    return model


def n_params(model: nn.Module) -> int:
    return sum(param.numel() for param in model.parameters())


def test_a_thin_network_without_a_stem_takes_images_of_one_channel() -> None:
    model = network(CONVS, ImageShape(1, 3, 3, 10), channels=1, cells=1, stem=False)
    assert model(torch.randn(5, 1, 3, 3)).shape == (5, 10)


def test_without_a_stem_the_image_must_have_the_channels_of_the_first_cell() -> None:
    with pytest.raises(SpaceError, match="without a stem"):
        network(CONVS, channels=16, cells=1, stem=False)


def test_a_network_halves_the_resolution_twice_and_doubles_the_channels_twice() -> None:
    model = network(CONVS, ImageShape(3, 16, 16, 7), channels=4, cells=1)
    x = torch.randn(2, 3, 16, 16)
    assert model.features(x).shape == (2, 16, 4, 4)
    assert torch.allclose(model(x), model.classifier(model.features(x).mean((2, 3))))


def test_a_cell_sums_its_edges() -> None:
    model = network(CONVS, channels=4, cells=1)
    cell, x = model.get_submodule("body.cells.0"), torch.randn(2, 4, 8, 8)
    conv3, conv1, skip, pool, conv3b = cell.edges
    one = conv3(x)
    two = conv1(x) + skip(one)
    assert torch.allclose(cell(x), pool(x) + conv3b(two), atol=1e-6)


def test_a_cell_of_nothing_gives_zeros() -> None:
    model = network(Arch("nb201", (0,) * 6), channels=4, cells=1)
    assert torch.equal(model.get_submodule("body.cells.0")(torch.randn(2, 4, 8, 8)), torch.zeros(2, 4, 8, 8))
    assert torch.isfinite(model(torch.randn(2, 3, 32, 32))).all()


def test_batchnorm_may_go_without_scale_and_shift() -> None:
    model = network(CONVS, channels=4, cells=1, affine=False)
    assert all(module.weight is None for module in model.modules() if isinstance(module, nn.BatchNorm2d))


def test_parameters_follow_the_formula_of_the_benchmark() -> None:
    rng = np.random.default_rng(0)
    for arch in [SPACE.random(rng=rng) for _ in range(3)]:
        n3, n1 = arch.genes.count(3), arch.genes.count(2)
        for classes, more in ((10, 0), (100, 5850), (120, 7150)):
            expected = 73_306 + 243_040 * n3 + 28_000 * n1 + more
            assert n_params(network(arch, ImageShape(classes=classes))) == expected
