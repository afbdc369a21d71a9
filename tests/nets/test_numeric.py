"""Numeric encodings, against their libraries and definitions."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from archwright.nets.inputs import Inputs
from archwright.nets.numeric import PiecewiseLinear, numeric_embedding
from archwright.nets.recipe import ENCODINGS, Recipe

EDGES = ((0.0, 1.0), (-1.0, 0.0, 2.0), (-2.0, -1.0, 0.5, 1.0, 3.0), (0.0, 5.0))


@pytest.mark.parametrize("edges", [EDGES, ((0.0, 1.0),), ((-1.0, 0.0, 2.0), (0.0, 1.0, 4.0))])
def test_piecewise_linear_is_the_librarys(edges: tuple[tuple[float, ...], ...]) -> None:
    layer = PiecewiseLinear(Inputs(len(edges), (), 1, edges), 6)
    generator = torch.Generator().manual_seed(0)
    layer.initialise(generator, bound=0.4)
    torch.nn.init.normal_(layer.rtdl.linear.weight, generator=generator)
    x = torch.randn(50, len(edges), generator=generator) * 3
    assert torch.allclose(layer(x), layer.rtdl(x), atol=1e-5)
    ours = torch.autograd.grad(layer(x).square().sum(), list(layer.parameters()))
    theirs = torch.autograd.grad(layer.rtdl(x).square().sum(), list(layer.parameters()))
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-3) for a, b in zip(ours, theirs, strict=True))


def test_a_linear_field_is_its_value_times_its_vector() -> None:
    layer = numeric_embedding(Inputs(2, (), 1), Recipe(encoding="linear", embedding=3))
    layer.initialise(torch.Generator().manual_seed(0), bound=1.0)
    one, two = layer(torch.tensor([[1.0, 0.0]])), layer(torch.tensor([[2.0, 0.0]]))
    assert torch.equal(two, 2 * one)
    assert (one[:, 1] == 0).all()


def test_a_quantile_field_is_the_row_of_its_bin() -> None:
    layer = numeric_embedding(Inputs(2, (), 1, ((0.0, 1.0, 2.0), (0.0, 9.0))), Recipe(encoding="quantile"))
    layer.initialise(torch.Generator().manual_seed(0), bound=1.0)
    at = layer(torch.tensor([[-5.0, 0.0], [0.999, 1.0], [1.0, 2.0], [50.0, 3.0]]))
    assert torch.equal(at[0, 0], at[1, 0])
    assert torch.equal(at[2, 0], at[3, 0])
    assert not torch.equal(at[1, 0], at[2, 0])
    assert (at[:, 1] == at[0, 1]).all()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_leave_the_global_generator_alone(encoding: str) -> None:
    before = torch.get_rng_state()
    layer = numeric_embedding(Inputs(4, (), 1, EDGES), Recipe(encoding=encoding))
    layer.initialise(torch.Generator().manual_seed(0), bound=1.0)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(np.isfinite(param.detach().numpy()).all() for param in layer.parameters())


def test_the_library_is_loaded_without_scikit_learn() -> None:
    code = (
        "import sys; from archwright.nets.numeric import _rtdl; _rtdl();"
        "assert 'sklearn' not in sys.modules; import sklearn; assert sklearn.__version__"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
