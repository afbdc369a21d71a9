"""Initial parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from archwright.core.errors import UnknownNameError
from archwright.core.rng import derive
from archwright.nets.image_ops import Conv2d, Linear
from archwright.nets.initialise import Scheme, initialise

#: Fan in and fan out of the layers of `_model`.
FANS = {"0": (64 * 9, 128 * 9), "3": (128, 256)}


def _model() -> nn.Sequential:
    conv = nn.Conv2d(64, 128, 3)
    return nn.Sequential(conv, nn.BatchNorm2d(128), nn.ReLU(), nn.Linear(128, 256))


@pytest.mark.parametrize(
    ("how", "variance"),
    [
        ("kaiming", lambda fan_in, fan_out: 2 / fan_in),
        ("kaiming_fan_out", lambda fan_in, fan_out: 2 / fan_out),
        ("xavier", lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
        ("lecun", lambda fan_in, fan_out: 1 / fan_in),
        ("torch", lambda fan_in, fan_out: 1 / (3 * fan_in)),
    ],
)
def test_weights_have_the_variance_of_their_scheme(how: Scheme, variance: object) -> None:
    model = initialise(_model(), how, rng=derive(0, how))
    assert callable(variance)
    for name, fans in FANS.items():
        weight = model.get_submodule(name).weight
        assert isinstance(weight, nn.Parameter)
        assert weight.mean().abs() < 5 * math.sqrt(variance(*fans) / weight.numel())
        assert weight.var().item() == pytest.approx(variance(*fans), rel=0.03)


def test_torchs_scheme_draws_from_the_ranges_of_torch() -> None:
    ours, theirs = initialise(_model(), rng=derive(0, "ours")), _model()
    for (name, param), (_, other) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        if name.startswith("1"):
            assert torch.equal(param, other)
        elif param.ndim > 1:  # Of 128 biases the largest says little.
            assert param.abs().max().item() == pytest.approx(other.abs().max().item(), rel=1e-3)
        else:
            assert param.abs().max() <= 1 / math.sqrt(FANS[name[0]][0])


@pytest.mark.parametrize("how", ["kaiming", "kaiming_fan_out", "xavier", "lecun"])
def test_all_schemes_but_torchs_set_biases_to_zero(how: Scheme) -> None:
    model = initialise(_model(), how, rng=derive(0, how))
    assert all(not param.any() for name, param in model.named_parameters() if name.endswith("bias"))


def test_normalisation_starts_as_the_identity_with_fresh_statistics() -> None:
    model = nn.Sequential(nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.BatchNorm2d(4, affine=False))
    model(torch.randn(8, 4, 3, 3))
    with torch.no_grad():
        for param in model.parameters():
            param.add_(1)
    fresh = nn.Sequential(nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.BatchNorm2d(4, affine=False)).state_dict()
    state = initialise(model, "kaiming", rng=derive(0, "norm")).state_dict()
    assert all(torch.equal(state[key], fresh[key]) for key in fresh)


def test_embeddings_and_recurrent_layers_are_drawn_too() -> None:
    model = nn.ModuleList([nn.Embedding(500, 8, padding_idx=3), nn.LSTM(4, 16), nn.GRUCell(4, 16)])
    with torch.no_grad():
        for param in model.parameters():
            param.fill_(torch.nan)
    table, lstm, cell = initialise(model, rng=derive(0, "kinds"))
    assert not table.weight[3].any()
    assert table.weight.std().item() == pytest.approx(1, rel=0.05)
    for layer in (lstm, cell):
        assert all(0 < param.abs().max() <= 1 / 4 for param in layer.parameters())


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_draw_depends_on_the_generator_alone(seed: int) -> None:
    torch.manual_seed(seed)
    before = torch.get_rng_state()
    one, two = (
        initialise(nn.Sequential(Conv2d(3, 4, 3), Linear(4, 2)), rng=np.random.default_rng(seed)) for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert torch.equal(torch.get_rng_state(), before)


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="must be one of torch, kaiming, kaiming_fan_out, xavier, lecun"):
        initialise(_model(), "kaiming_norm", rng=derive(0, "wrong"))  # type: ignore[arg-type]
