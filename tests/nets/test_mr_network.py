"""Networks of NAS-Bench-MR: branches, fusions, parameters from the 27 numbers."""

from __future__ import annotations

import torch
from torch import nn

from archwright.core.rng import derive
from archwright.data.shapes import ImageShape
from archwright.nets.build import build
from archwright.nets.counting import count_params
from archwright.nets.image_ops import ImageNetwork, Norm
from archwright.nets.initialise import initialise
from archwright.nets.mr import BasicBlock, Fusion, MultiResolution
from archwright.spaces.mr import NasBenchMr

SPACE = NasBenchMr()
CODE = "16_8-2_1_1_24-1_2_1_2_8_16-1_3_1_1_2_8_16_24-2_4_1_1_1_1_8_16_24_32-40"


def network(code: str, shape: ImageShape, **size: object) -> ImageNetwork:
    model = build(SPACE.parse(code), SPACE, shape, rng=derive(0, "test"), **size)
    assert isinstance(model, ImageNetwork)
    return model


def conv(c_in: int, c_out: int, side: int = 3) -> int:
    """Parameters of a convolution and its BatchNorm."""
    return side**2 * c_in * c_out + 2 * c_out


def fused(before: list[int], after: list[int]) -> int:
    """Parameters of a fusion, from its description."""
    total = sum(conv(after[k - 1], after[k]) for k in range(len(before), len(after)))
    for branch in range(len(before)):
        for source in (branch - 1, branch, branch + 1):
            if 0 <= source < len(before):
                total += conv(before[source], after[branch], 1 if source > branch else 3)
    return total


def test_parameters_follow_from_the_numbers() -> None:
    modules = [
        *[([1], [24])] * 2,
        ([1, 2], [8, 16]),
        ([1, 1, 2], [8, 16, 24]),
        *[([1, 1, 1, 1], [8, 16, 24, 32])] * 2,
    ]
    expected, before = conv(3, 16) + conv(16, 8), [8]
    for blocks, widths in modules:
        expected += fused(before, widths)
        expected += sum(2 * depth * conv(width, width) for depth, width in zip(blocks, widths, strict=True))
        before = widths
    expected += conv(sum(before), 40, 1) + 41 * 5
    assert count_params(network(CODE, ImageShape(3, 32, 32, 5))) == expected


def test_maps_have_a_thirty_second_of_the_resolution() -> None:
    model = network(CODE, ImageShape(3, 64, 96, 5)).eval()
    assert model.features(torch.randn(1, 3, 64, 96)).shape == (1, 40, 2, 3)


def test_sides_that_are_no_powers_of_two_are_taken() -> None:
    model = network(CODE, ImageShape(1, 37, 50, 3))
    assert model(torch.randn(2, 1, 37, 50)).shape == (2, 3)


def ready(module: nn.Module) -> nn.Module:
    return initialise(module, rng=derive(0, "parts"))


def test_a_fusion_sums_neighbours_and_adds_a_lower_branch() -> None:
    fusion = Fusion([4, 6], [8, 2, 10], norm=Norm(batchnorm=False))
    ready(fusion)
    high, low = torch.randn(2, 4, 8, 8), torch.randn(2, 6, 4, 4)
    first, second, third = fusion([high, low])
    top, bottom = fusion.inputs
    enlarged = top["1"](low).repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.allclose(first, torch.relu(top["0"](high) + enlarged), atol=1e-6)
    assert torch.allclose(second, torch.relu(bottom["0"](high) + bottom["1"](low)), atol=1e-6)
    assert torch.allclose(third, fusion.below[0](second), atol=1e-6)
    assert [value.shape[1:] for value in (first, second, third)] == [(8, 8, 8), (2, 4, 4), (10, 2, 2)]


def test_only_neighbouring_branches_are_fused() -> None:
    fusion = Fusion([4, 4, 4, 4], [4, 4, 4, 4], norm=Norm())
    sources = [[int(source) for source in inputs] for inputs in fusion.inputs]
    assert sources == [[0, 1], [0, 1, 2], [1, 2, 3], [2, 3]]


def test_a_block_of_zeros_is_a_relu() -> None:
    block, x = BasicBlock(4, norm=Norm(batchnorm=False)), torch.randn(2, 4, 5, 5)
    with torch.no_grad():
        for param in block.parameters():
            param.zero_()
    assert torch.equal(block(x), torch.relu(x))


def test_all_branches_reach_the_output_at_the_lowest_resolution() -> None:
    stack = MultiResolution([([1], [4]), ([1, 1], [4, 6])], 3, norm=Norm(batchnorm=False))
    ready(stack)
    assert stack(torch.randn(2, 3, 8, 8)).shape == (2, 10, 4, 4)
    assert stack.channels == 10
