"""Networks of TransNAS-Bench-101."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from archwright.core.rng import derive
from archwright.data.shapes import ImageShape
from archwright.nets.build import build
from archwright.nets.counting import count_params
from archwright.spaces.transnas_macro import TransNasMacro
from archwright.spaces.transnas_micro import TransNasMicro

MICRO, MACRO = TransNasMicro(), TransNasMacro()
SCENES = ImageShape(3, 256, 256, 47)


def _conv(c_in: int, c_out: int, kernel: int) -> int:
    """Return the parameters of a convolution and its BatchNorm."""
    return c_in * c_out * kernel**2 + 2 * c_out


STEM = _conv(3, 32, 3) + _conv(32, 64, 3)


@pytest.mark.parametrize("text", ["64-1234-basic", "64-41414-basic", "64-123122-basic"])
def test_parameters_of_macro_networks_are_those_of_their_structure(text: str) -> None:
    expected, width = STEM, 64
    for code in map(int, text.split("-")[1]):
        out = width * 2 if code in (2, 4) else width
        expected += _conv(width, out, 3) + 3 * _conv(out, out, 3) + (_conv(width, out, 1) if code != 1 else 0)
        width = out
    model = build(MACRO.parse(text), MACRO, SCENES, rng=derive(0, text))
    assert count_params(model) == expected + width * 47 + 47


def test_parameters_of_micro_networks_are_those_of_their_structure() -> None:
    model = build(MICRO.parse("64-41414-1_02_333"), MICRO, SCENES, rng=derive(0, "micro"))
    expected, width = STEM, 64
    for code in (4, 1, 4, 1, 4):
        out = width * 2 if code == 4 else width
        # The skip is two 1x1 convolutions of half of the channels, and one BatchNorm, where it changes the shape.
        first = (_conv(width, out, 1) if code == 4 else 0) + _conv(out, out, 1) + _conv(width, out, 3)
        second = _conv(out, out, 1) + _conv(out, out, 3)
        expected += first + second + 4 * _conv(out, out, 3)
        width = out
    assert count_params(model) == expected + 512 * 47 + 47


def test_the_micro_network_divides_the_resolution_by_32() -> None:
    model: Any = build(MICRO.at(4095), MICRO, ImageShape(3, 64, 64), rng=derive(0, "micro"), channels=4, cells=1)
    assert model.features(torch.randn(2, 3, 64, 64)).shape == (2, 32, 2, 2)


def test_macro_modules_halve_and_double_as_their_codes_say() -> None:
    arch = MACRO.parse("64-1234-basic")
    model: Any = build(arch, MACRO, ImageShape(3, 64, 64), rng=derive(0, "macro"), channels=4, blocks=1)
    assert model.features(torch.randn(2, 3, 64, 64)).shape == (2, 16, 4, 4)


def test_cells_of_nothing_or_of_skips_halve_the_resolution_too() -> None:
    for code in (0, 1):
        arch = MICRO.parse(f"64-41414-{code}_{code}{code}_{code}{code}{code}")
        model: Any = build(arch, MICRO, ImageShape(3, 40, 40), rng=derive(0, "odd"), channels=4, cells=2)
        assert model.features(torch.randn(2, 3, 40, 40)).shape == (2, 32, 2, 2)
