"""Parts of networks for images."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archwright.core.errors import SpaceError
from archwright.core.rng import derive
from archwright.nets.edge_cells import ResidualReduction
from archwright.nets.image_ops import Conv2d, FactorizedReduce, Norm, conv_norm_relu, relu_conv_norm, require_counts
from archwright.nets.initialise import initialise
from archwright.nets.nb_macro import InvertedResidual


@pytest.mark.parametrize("side", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("block", [FactorizedReduce, ResidualReduction])
def test_what_halves_the_resolution_rounds_up(block: type, side: int) -> None:
    module = initialise(block(4, 7, norm=Norm(False)), rng=derive(0, "half"))
    assert module(torch.randn(2, 4, side, side)).shape == (2, 7, -(-side // 2), -(-side // 2))


def test_factorized_reduction_sees_even_pixels_in_one_half_and_odd_ones_in_the_other() -> None:
    module = FactorizedReduce(1, 2, norm=Norm(False))
    with torch.no_grad():
        module.even.weight.fill_(1)
        module.odd.weight.fill_(1)
    x = torch.arange(1.0, 17.0).view(1, 1, 4, 4)
    even, odd = module(x)[0]
    assert torch.equal(even, x[0, 0, ::2, ::2])
    assert torch.equal(odd, x[0, 0, 1::2, 1::2])


def test_layers_wait_for_their_values_and_draw_nothing() -> None:
    before = torch.get_rng_state()
    conv_norm_relu(3, 4, 3, norm=Norm())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_norm_is_batchnorm_of_its_kind_or_nothing() -> None:
    assert Norm(batchnorm=False)(4) == ()
    (norm,) = Norm(affine=False, momentum=0.2)(4)
    assert isinstance(norm, nn.BatchNorm2d)
    assert (norm.weight, norm.momentum) == (None, 0.2)
    assert [type(part) for part in relu_conv_norm(3, 4, 3, norm=Norm(False))] == [nn.ReLU, Conv2d]


@pytest.mark.parametrize(("stride", "c_out", "adds"), [(1, 4, True), (2, 4, False), (1, 8, False)])
def test_an_inverted_residual_adds_its_input_where_the_shape_stays(stride: int, c_out: int, adds: bool) -> None:
    block = InvertedResidual(4, c_out, expansion=3, kernel=5, stride=stride, norm=Norm())
    initialise(block, rng=derive(0, "block"))
    x = torch.randn(2, 4, 6, 6)
    assert torch.allclose(block(x), block.residual(x) + (x if adds else 0), atol=1e-6)


@pytest.mark.parametrize("wrong", [0, -3, 1.5, True])
def test_sizes_of_networks_are_positive_whole_numbers(wrong: int) -> None:
    with pytest.raises(SpaceError, match="channels of a network of 'nb201' must be a whole number"):
        require_counts("nb201", channels=wrong)
