"""Networks of six ENAS layers: what a layer reads, where the resolution halves, operations."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archwright.core.rng import derive
from archwright.data.shapes import ImageShape
from archwright.nets.build import build
from archwright.nets.counting import count_params
from archwright.nets.enas_dvae import LinkedLayers
from archwright.nets.image_ops import ImageNetwork
from archwright.spaces.enas_dvae import EnasDvae

SPACE = EnasDvae()
SHAPE = ImageShape(3, 16, 16, 5)
LINKED = "[[1],[4,1],[0,0,1],[5,1,0,1],[2,1,1,1,1],[3,0,0,0,0,1]]"


def network(text: str, **size: object) -> ImageNetwork:
    model = build(SPACE.parse(text), SPACE, SHAPE, rng=derive(0, "test"), **({"channels": 4} | size))
    assert isinstance(model, ImageNetwork)
    return model


def test_a_layer_joins_what_it_reads_and_everything_halves_behind_layers_two_and_four() -> None:
    model = network(LINKED).eval()
    layers = model.get_submodule("body.layers")
    assert isinstance(layers, LinkedLayers)
    ops, joins, halves = layers.ops, layers.joins, layers.reductions
    x = torch.randn(2, 4, 16, 16)
    a = ops[0](x)
    b = joins[1](torch.cat((x, ops[1](a)), dim=1))
    x, a, b = (half(value) for half, value in zip(halves[0], (x, a, b), strict=True))
    c = joins[2](torch.cat((a, ops[2](b)), dim=1))
    d = joins[3](torch.cat((x, b, ops[3](c)), dim=1))
    x, a, b, c, d = (half(value) for half, value in zip(halves[1], (x, a, b, c, d), strict=True))
    e = joins[4](torch.cat((x, a, b, c, ops[4](d)), dim=1))
    f = joins[5](torch.cat((d, ops[5](e)), dim=1))
    assert f.shape == (2, 16, 4, 4)


def test_the_network_gives_what_its_layers_written_out_give() -> None:
    model = network("[[0],[1,0],[4,0,1],[5,0,0,0],[3,0,0,0,0],[2,0,0,0,1,0]]").eval()
    layers = model.get_submodule("body.layers")
    assert isinstance(layers, LinkedLayers)
    ops, joins, halves = layers.ops, layers.joins, layers.reductions
    x = torch.randn(2, 4, 16, 16)
    a = ops[0](x)
    b = joins[1](ops[1](a))
    a, b = halves[0][1](a), halves[0][2](b)
    c = joins[2](torch.cat((a, ops[2](b)), dim=1))
    d = joins[3](ops[3](c))
    c, d = halves[1][3](c), halves[1][4](d)
    e = joins[4](ops[4](d))
    f = joins[5](torch.cat((c, ops[5](e)), dim=1))
    # Gene k of the links of layer 6 stands for layer k: the fourth one for layer 3, which is `c`.
    assert torch.allclose(layers(x), f, atol=1e-6)


@pytest.mark.parametrize(
    ("op", "separable", "weights"),
    [
        (0, True, 16 + 9 * 16),
        (1, True, 16 + 9 * 4 + 16),
        (1, False, 16 + 9 * 16),
        (2, True, 16 + 25 * 16),
        (3, True, 16 + 25 * 4 + 16),
        (3, False, 16 + 25 * 16),
        (4, True, 0),
        (5, True, 0),
    ],
)
def test_operations_have_a_pointwise_and_a_full_or_separable_convolution(
    op: int, separable: bool, weights: int
) -> None:
    rest = "[4,0],[4,0,0],[4,0,0,0],[4,0,0,0,0],[4,0,0,0,0,0]]"
    model = network(f"[[{op}],{rest}", batchnorm=False, separable=separable)
    layers = model.get_submodule("body.layers")
    assert isinstance(layers, LinkedLayers)
    assert count_params(layers.ops[0]) == weights


def test_parameters_follow_from_the_layers() -> None:
    # Without BatchNorm and with poolings only: stem, joins of layers 2..6, halving of 3 and of 5 values, classifier.
    model = network("[[4],[5,1],[4,0,0],[5,1,1,1],[4,0,0,0,0],[5,0,0,0,0,1]]", batchnorm=False)
    c = 4
    joins = 2 * c**2 + (2 * c) ** 2 + 4 * (2 * c) ** 2 + (4 * c) ** 2 + 2 * (4 * c) ** 2
    halvings = 3 * c * 2 * c + 5 * 2 * c * 4 * c
    assert count_params(model) == 27 * c + joins + halvings + (4 * c + 1) * 5


def test_reductions_have_no_relu_in_front() -> None:
    layers = network(LINKED).get_submodule("body.layers")
    assert isinstance(layers, LinkedLayers)
    assert not [module for module in layers.reductions.modules() if isinstance(module, nn.ReLU)]
