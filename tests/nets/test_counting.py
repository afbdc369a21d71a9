"""Counting parameters and multiply-adds."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from archwright.core.rng import derive
from archwright.data.shapes import ImageShape, ShapeError, TokenShape, VectorShape
from archwright.nets.build import build
from archwright.nets.counting import count_flops, count_params
from archwright.nets.inputs import Inputs
from archwright.spaces.tabular_mlp import TabularMlp


class _Language(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.lstm, self.out = nn.Embedding(50, 8), nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 50)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.lstm(self.embed(x))[0])


class _Undecided(nn.Module):
    """Goes one way or another, depending on values; remembers how often, and drops out."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.norm, self.drop = nn.Conv2d(3, 5, 3, bias=True), nn.BatchNorm2d(5), nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.drop(self.norm(self.one(x)))
        return maps if maps.sum() > -1e9 else maps + 1


@settings(max_examples=25, deadline=None)
@given(
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    groups=st.integers(1, 2),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    padding=st.one_of(st.integers(0, 2), st.just("valid")),
    dilation=st.integers(1, 2),
    bias=st.booleans(),
)
def test_a_convolution_costs_a_kernel_for_each_output(
    channels: tuple[int, int],
    groups: int,
    kernel: tuple[int, int],
    stride: int,
    padding: int | str,
    dilation: int,
    bias: bool,
) -> None:
    c_in, c_out = (groups * c for c in channels)
    conv = nn.Conv2d(c_in, c_out, kernel, stride, padding=padding, dilation=dilation, groups=groups, bias=bias)
    outputs = conv(torch.zeros(1, c_in, 9, 8)).numel()
    products = outputs * (c_in // groups) * kernel[0] * kernel[1]
    shape = ImageShape(c_in, 9, 8)
    assert count_flops(conv, shape) == products + outputs * bias
    assert count_flops(conv, shape, biases=False) == products


def test_padding_may_be_said_by_name() -> None:
    conv = nn.Conv2d(3, 4, 3, padding="same", bias=False)
    assert count_flops(conv, ImageShape(3, 8, 8)) == 4 * 8 * 8 * 3 * 9


def test_a_transposed_convolution_costs_a_kernel_for_each_input() -> None:
    conv = nn.ConvTranspose2d(3, 5, 3, stride=2)
    assert count_flops(conv, ImageShape(3, 4, 4)) == 3 * 16 * 5 * 9 + 5 * 9 * 9


def test_a_recurrent_network_costs_its_products_at_every_step() -> None:
    step = (8 + 16) * 4 * 16 + 2 * 4 * 16
    assert count_flops(_Language(), TokenShape(50, 35)) == 35 * (step + 16 * 50 + 50)


def test_a_network_of_a_table_costs_its_dense_part() -> None:
    space = TabularMlp((8, 16), layers=2)
    inputs = Inputs(n_numeric=0, cardinalities=(3, 4), n_outputs=1)
    model = build(space.arch((8, 16)), space, inputs, rng=derive(0, "table"))
    assert count_flops(model, inputs) == 20 * 8 + 8 + 8 * 16 + 16 + 16 + 1
    assert count_params(model) == 7 * 10 + 20 * 8 + 8 + 16 + 8 * 16 + 16 + 32 + 16 + 1


def test_a_network_whose_way_depends_on_values_is_run_and_left_as_it_was() -> None:
    model = _Undecided()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    before = torch.get_rng_state()
    assert count_flops(model, ImageShape(3, 8, 8)) == 5 * 36 * (27 + 1)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert model.training


def test_counting_works_where_gradients_are_off() -> None:
    with torch.inference_mode():
        assert count_flops(nn.Linear(4, 3), VectorShape(4)) == 15


def test_a_shared_parameter_counts_once() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    assert count_params(model) == 16 + 8


@pytest.mark.parametrize("model", [nn.Conv2d(3, 4, 3), nn.Linear(3, 4), nn.MaxPool3d(4)])
def test_a_network_that_does_not_take_the_shape_is_refused(model: nn.Module) -> None:
    with pytest.raises(ShapeError):
        count_flops(model, ImageShape(2, 5, 5))
