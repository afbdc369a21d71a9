"""Networks of FBNet: published models, blocks, small images."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from archwright.core.errors import SpaceError
from archwright.core.rng import derive
from archwright.data.shapes import ImageShape
from archwright.nets.build import build
from archwright.nets.counting import count_flops, count_params
from archwright.nets.fbnet import InvertedResidual
from archwright.nets.image_ops import ImageNetwork, Norm
from archwright.spaces.fbnet import FbNet

SPACE = FbNet()
IMAGENET = ImageShape(3, 224, 224, 1000)

#: The blocks of the released models. Source: facebookresearch/mobile-vision, FBNet/models/FBNet-{A,B,C}/fp32.
BLOCKS = {
    "A": "skip k3_e3 k3_e1 skip skip k5_e6 k3_e3 k5_e1 k3_e3 k5_e6 k5_e3 k3_e1_g2 k5_e6 k3_e6 k3_e1_g2 k5_e3 k3_e1_g2 "
    "k5_e6 k5_e6 k5_e3 k5_e6 k5_e6",
    "B": "k3_e1 k3_e6 k5_e1 k3_e1 k3_e1 k5_e6 k5_e3 k3_e6 k5_e6 k5_e6 k5_e1 skip k5_e3 k5_e6 k3_e1 k5_e1 k5_e3 k5_e6 "
    "k5_e1 k5_e6 k5_e6 k3_e6",
    "C": "k3_e1 k3_e6 skip k3_e1 k3_e1 k5_e6 k5_e3 k5_e6 k3_e6 k5_e6 k5_e3 k5_e6 k5_e6 k5_e6 k5_e6 k5_e6 k5_e3 k5_e6 "
    "k5_e6 k5_e6 k5_e6 k3_e6",
}

#: Channels in the middle and pixels of the blocks of the released models that have two 3x3 convolutions where BLOCKS
#: has `k5_e6`, since the space has no such block: 18 weights for each channel, not 25.
TWICE_3X3 = {"A": [], "B": [(192, 28 * 28)], "C": [(192, 28 * 28), (672, 14 * 14)]}

#: Millions of multiply-adds and of parameters. Source: README of facebookresearch/mobile-vision.
PUBLISHED = {"A": (249.4, 4.3), "B": (295.6, 4.8), "C": (383.0, 5.5)}


def network(blocks: str, shape: ImageShape, **size: object) -> ImageNetwork:
    arch = SPACE.parse(str(blocks.split()))
    model = build(arch, SPACE, shape, rng=derive(0, "test"), **size)
    assert isinstance(model, ImageNetwork)
    return model


@pytest.mark.parametrize("name", "ABC")
def test_multiply_adds_and_parameters_of_the_released_models(name: str) -> None:
    model = network(BLOCKS[name], IMAGENET, head=1504 if name == "A" else None)
    multiply_adds = count_flops(model, IMAGENET) - sum(7 * width * pixels for width, pixels in TWICE_3X3[name])
    # The released models have BatchNorm folded into the convolutions: one bias for each of its channels. Twice 3x3
    # has one BatchNorm more.
    folded = sum(module.num_features for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    params = count_params(model) - folded - sum((7 - 1) * width for width, _ in TWICE_3X3[name])
    assert (round(multiply_adds / 1e6, 1), round(params / 1e6, 1)) == PUBLISHED[name]


def test_a_block_expands_convolves_by_channel_projects_and_adds() -> None:
    block = InvertedResidual(4, 4, kernel=5, stride=1, expansion=3, groups=1, norm=Norm(batchnorm=False))
    _fill(block)
    x = torch.randn(2, 4, 6, 6)
    weights = [module.weight for module in block.modules() if isinstance(module, nn.Conv2d)]
    assert [tuple(weight.shape) for weight in weights] == [(12, 4, 1, 1), (12, 1, 5, 5), (4, 12, 1, 1)]
    y = torch.relu(nn.functional.conv2d(x, weights[0]))
    y = torch.relu(nn.functional.conv2d(y, weights[1], padding=2, groups=12))
    assert torch.allclose(block(x), x + nn.functional.conv2d(y, weights[2]), atol=1e-5)


@pytest.mark.parametrize(("c_out", "stride"), [(6, 1), (4, 2)])
def test_a_block_that_changes_the_shape_has_no_residual_connection(c_out: int, stride: int) -> None:
    block = InvertedResidual(4, c_out, kernel=3, stride=stride, expansion=1, groups=1, norm=Norm(batchnorm=False))
    with torch.no_grad():
        for param in block.parameters():
            param.zero_()
    assert torch.equal(block(torch.randn(2, 4, 6, 6)), torch.zeros(2, c_out, 6 // stride, 6 // stride))


def test_groups_are_mixed_between_the_convolutions() -> None:
    block = InvertedResidual(4, 6, kernel=3, stride=1, expansion=1, groups=2, norm=Norm(batchnorm=False))
    assert torch.equal(
        block.shuffle(torch.arange(4.0).reshape(1, 4, 1, 1)).flatten(), torch.tensor([0.0, 2.0, 1.0, 3.0])
    )
    _fill(block)
    x = torch.randn(1, 4, 5, 5).abs()
    changed = x.clone()
    changed[:, 0] += 1
    # Channel 0 is in the first of two groups and reaches both groups of the output.
    assert (block(changed) != block(x)).flatten(2).any(dim=2).all()


def _fill(block: nn.Module) -> None:
    with torch.no_grad():
        for param in block.parameters():
            param.uniform_(0.1, 1, generator=torch.Generator().manual_seed(0))


def test_small_images_are_halved_three_times_and_large_ones_five_times() -> None:
    small = network(BLOCKS["A"], ImageShape(3, 32, 32, 10))
    assert small.features(torch.randn(1, 3, 32, 32).expand(2, -1, -1, -1)).shape == (2, 1504, 4, 4)
    large = network(BLOCKS["A"], ImageShape(3, 64, 64, 10), head=32)
    assert large.features(torch.randn(2, 3, 64, 64)).shape == (2, 32, 2, 2)
    asked = network(BLOCKS["A"], ImageShape(3, 32, 32, 10), small=False, head=32)
    assert asked.features(torch.randn(2, 3, 32, 32)).shape == (2, 32, 1, 1)


def test_a_skip_is_nothing_inside_a_stage_and_a_convolution_where_the_shape_changes() -> None:
    model = network("skip " * 22, ImageShape(3, 8, 8, 4), head=16, batchnorm=False)
    blocks = list(model.get_submodule("body.blocks").children())
    changing = [place for place, block in enumerate(blocks) if not isinstance(block, nn.Identity)]
    assert changing == [1, 5, 9, 13, 17, 21]
    widths = (16, 24, 32, 64, 112, 184, 352)
    assert [sum(p.numel() for p in blocks[place].parameters()) for place in changing] == [
        before * after for before, after in itertools.pairwise(widths)
    ]


def test_a_head_without_channels_is_refused() -> None:
    with pytest.raises(SpaceError, match="head"):
        network(BLOCKS["A"], IMAGENET, head=0)
