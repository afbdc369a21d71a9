"""Networks of two cells: published numbers of parameters, what a cell computes, depth, auxiliary head."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from archwright.core.errors import ArchError, SpaceError
from archwright.core.rng import derive
from archwright.data.shapes import ImageShape
from archwright.nets.build import build
from archwright.nets.cell_ops import cell_op
from archwright.nets.counting import count_flops, count_params
from archwright.nets.image_ops import Norm
from archwright.nets.two_cells import Cell, CellStack, TwoCellNetwork
from archwright.spaces.darts import Darts
from archwright.spaces.nds_enas import NdsEnas

DARTS, ENAS = Darts(), NdsEnas()

#: The cells of DARTS, second order. Source: arXiv:1806.09055, figures 4 and 5.
DARTS_V2 = DARTS.parse(
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
    "normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), "
    "('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], "
    "reduce_concat=[2, 3, 4, 5])"
)

#: The cells of P-DARTS. Source: arXiv:1904.12760, figure 4.
PDARTS = DARTS.parse(
    "Genotype(normal=[('skip_connect', 0), ('dil_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 3), ('sep_conv_3x3', 0), ('dil_conv_5x5', 4)], "
    "normal_concat=range(2, 6), reduce=[('avg_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_3x3', 0), "
    "('dil_conv_5x5', 2), ('max_pool_3x3', 0), ('dil_conv_3x3', 1), ('dil_conv_3x3', 1), ('dil_conv_5x5', 3)], "
    "reduce_concat=range(2, 6))"
)


def network(arch: Any, shape: ImageShape | None = None, *, space: Any = DARTS, **size: Any) -> TwoCellNetwork:
    model = build(arch, space, shape or ImageShape(3, 16, 16, 7), rng=derive(0, "test"), **size)
    assert isinstance(model, TwoCellNetwork)
    return model


def stack_of(model: TwoCellNetwork) -> CellStack:
    stack = model.get_submodule("body.cells")
    assert isinstance(stack, CellStack)
    return stack


@pytest.mark.parametrize(
    ("arch", "auxiliary", "published"),
    [
        # What the released training script of DARTS prints: param size = 3.349342MB.
        (DARTS_V2, False, 3_349_342),
        # Counted by a user of the released code of P-DARTS: its issue 7.
        (PDARTS, False, 3_433_798),
        (PDARTS, True, 3_910_224),
    ],
)
def test_parameters_are_the_published_ones(arch: Any, auxiliary: bool, published: int) -> None:
    model = network(arch, ImageShape(), channels=36, cells=20, auxiliary=auxiliary)
    assert count_params(model) == published


def test_the_default_network_is_the_one_of_nas_bench_301() -> None:
    stack = stack_of(network(DARTS_V2, ImageShape()))
    assert len(stack.cells) == 8
    assert stack.widths == [128, 128, 256, 256, 256, 512, 512, 512]


def test_a_cell_sums_two_operations_in_each_node_and_concatenates() -> None:
    cell = stack_of(network(DARTS_V2, channels=4, cells=5)).cells[0]
    assert isinstance(cell, Cell)
    older, newer = torch.randn(2, 12, 8, 8), torch.randn(2, 12, 8, 8)
    given = cell(older, newer)
    a, b, ops = cell.older(older), cell.newer(newer), cell.ops
    # The genotype of the normal cell, written out.
    c = ops[0](a) + ops[1](b)
    d = ops[2](a) + ops[3](b)
    e = ops[4](b) + a
    f = a + ops[7](c)
    assert torch.allclose(given, torch.cat((c, d, e, f), dim=1), atol=1e-6)


def test_a_node_of_a_reduction_cell_reads_inputs_at_half_the_resolution_and_nodes_as_they_are() -> None:
    cell = stack_of(network(PDARTS, channels=4, cells=3)).cells[1]
    assert isinstance(cell, Cell)
    strides = [next(iter(getattr(m, "stride", None) for m in op.modules() if hasattr(m, "stride"))) for op in cell.ops]
    halved = [stride in (2, (2, 2)) for stride in strides]
    sources = [node for quad in DARTS.nodes(PDARTS)[1] for node in quad[::2]]
    assert halved == [source < 2 for source in sources]


@pytest.mark.parametrize(("cells", "sides"), [(1, [8]), (2, [8, 4]), (3, [16, 8, 4]), (6, [16, 16, 8, 8, 4, 4])])
def test_cells_at_one_and_two_thirds_of_the_depth_halve_the_resolution(cells: int, sides: list[int]) -> None:
    model = network(DARTS_V2, channels=2, cells=cells)
    outputs = stack_of(model).outputs(torch.randn(2, 6, 16, 16))
    assert [output.shape[-1] for output in outputs] == sides
    assert [output.shape[1] for output in outputs] == stack_of(model).widths


@pytest.mark.parametrize("side", [5, 7, 9, 13])
@pytest.mark.parametrize("space", [DARTS, ENAS], ids=["darts", "nds_enas"])
def test_images_of_odd_size_are_taken(space: Any, side: int) -> None:
    arch = space.random(rng=derive(side, "arch"))
    model = network(arch, ImageShape(1, side, side + 2, 3), space=space, channels=2, cells=4)
    assert model(torch.randn(2, 1, side, side + 2)).shape == (2, 3)


def test_without_a_stem_the_first_cell_sees_the_image() -> None:
    model = network(DARTS_V2, ImageShape(1, 3, 3, 2), channels=1, cells=3, stem=False)
    assert [name for name, _ in model.body.named_children()] == ["cells"]
    assert model(torch.randn(4, 1, 3, 3)).shape == (4, 2)


def test_the_auxiliary_head_reads_the_cell_at_two_thirds_and_leaves_the_logits_alone() -> None:
    model = network(DARTS_V2, ImageShape(), channels=2, cells=5, auxiliary=True).eval()
    x = torch.randn(2, 3, 32, 32)
    logits, second = model.forward_both(x)
    assert torch.equal(logits, model(x))
    outputs = stack_of(model).outputs(model.get_submodule("body.stem")(x))
    assert model.auxiliary is not None
    assert torch.equal(second, model.auxiliary(outputs[3]))
    assert second.shape == (2, 10)


def test_an_auxiliary_head_needs_images_of_cifar_and_has_to_be_asked_for() -> None:
    with pytest.raises(SpaceError, match="auxiliary head needs maps of 8 pixels"):
        network(DARTS_V2, ImageShape(3, 16, 16, 7), channels=2, cells=5, auxiliary=True)
    with pytest.raises(SpaceError, match="build it with auxiliary=True"):
        network(DARTS_V2, channels=2, cells=3).forward_both(torch.randn(2, 3, 16, 16))


def test_a_cell_of_enas_gives_the_nodes_that_no_other_reads() -> None:
    for seed in range(5):
        arch = ENAS.random(rng=derive(seed, "arch"))
        loose = [len(ENAS.concat(nodes)) for nodes in ENAS.nodes(arch)]
        stack = stack_of(network(arch, space=ENAS, channels=3, cells=3))
        assert stack.widths == [3 * loose[0], 6 * loose[1], 12 * loose[1]]


@pytest.mark.parametrize("name", DARTS.operations)
@pytest.mark.parametrize("stride", [1, 2])
def test_operations_keep_the_channels_and_divide_the_resolution(name: str, stride: int) -> None:
    op = cell_op(name, 4, stride, norm=Norm())
    with torch.no_grad():
        for param in op.parameters():
            param.fill_(0.1)
    for side in (1, 4, 7):
        assert op(torch.randn(2, 4, side, side)).shape == (2, 4, -(-side // stride), -(-side // stride))


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("sep_conv_3x3", 2 * (9 * 6 + 36)),
        ("sep_conv_5x5", 2 * (25 * 6 + 36)),
        ("dil_conv_3x3", 9 * 6 + 36),
        ("dil_conv_5x5", 25 * 6 + 36),
        ("max_pool_3x3", 0),
    ],
)
def test_operations_have_depthwise_and_pointwise_weights(name: str, weights: int) -> None:
    assert count_params(cell_op(name, 6, 1, norm=Norm(batchnorm=False))) == weights


def test_a_dilated_convolution_sees_every_other_pixel() -> None:
    op, x = cell_op("dil_conv_3x3", 1, 1, norm=Norm(batchnorm=False)), torch.zeros(1, 1, 9, 9)
    with torch.no_grad():
        for param in op.parameters():
            param.fill_(1)
    x[0, 0, 4, 4] = 1
    touched = op(x)[0, 0].nonzero().tolist()
    assert touched == [[row, column] for row in (2, 4, 6) for column in (2, 4, 6)]


def test_average_pooling_does_not_count_the_border() -> None:
    assert torch.equal(cell_op("avg_pool_3x3", 1, 1, norm=Norm())(torch.ones(1, 1, 3, 3)), torch.ones(1, 1, 3, 3))


def test_an_operation_of_another_space_is_refused() -> None:
    with pytest.raises(ArchError, match="conv_7x7"):
        cell_op("conv_7x7", 4, 1, norm=Norm())


def test_multiply_adds_of_the_cells_of_darts() -> None:
    # Tables of its successors give 528 M for CIFAR-10.
    assert count_flops(network(DARTS_V2, ImageShape(), channels=36, cells=20), ImageShape()) == 528_359_050
