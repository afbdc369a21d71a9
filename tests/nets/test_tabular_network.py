"""Networks of tabular MLPs, built by the same door as all others."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from archwright.core.rng import derive
from archwright.data.shapes import VectorShape
from archwright.nets.build import build
from archwright.nets.frozen import FrozenNet
from archwright.nets.inputs import Inputs
from archwright.nets.mlp import TabularMlp as Mlp
from archwright.nets.recipe import Recipe
from archwright.spaces.tabular_mlp import TabularMlp

SPACE = TabularMlp((4, 8), layers=3)
ARCH = SPACE.arch((8, 4, 8))
INPUTS = Inputs(n_numeric=2, cardinalities=(3,), n_outputs=3, edges=((0.0, 1.0),) * 2)


def test_the_network_of_a_table_is_the_one_that_is_trained() -> None:
    built = build(ARCH, SPACE, INPUTS, rng=derive(0, "table"), recipe=Recipe(embedding=5))
    direct = Mlp(INPUTS, (8, 4, 8), Recipe(embedding=5), rng=derive(0, "table"))
    assert all(torch.equal(a, b) for a, b in zip(built.parameters(), direct.parameters(), strict=True))


def test_a_network_of_vectors_is_the_dense_part_of_one_for_tables() -> None:
    table = build(ARCH, SPACE, INPUTS, rng=derive(0, "table"), recipe=Recipe(embedding=5, dropout=0.0))
    dense = build(ARCH, SPACE, VectorShape(15, 3), rng=derive(0, "dense"))
    dense.load_state_dict({key: value for key, value in table.state_dict().items() if key.startswith(("lay", "head"))})
    assert isinstance(table, Mlp)
    x = torch.randn(6, 15)
    assert torch.equal(dense(x), table.head(table.layers(x)))


def test_the_network_of_a_table_without_batchnorm_freezes_too() -> None:
    model = build(ARCH, SPACE, INPUTS, rng=derive(0, "table"), batchnorm=False)
    assert isinstance(model, Mlp)
    assert not [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]
    num, cat = torch.randn(6, 2), torch.tensor([[0], [1], [2], [0], [1], [2]])
    frozen = FrozenNet(model.frozen(), INPUTS, (8, 4, 8), model.recipe.encoding)
    expected = model.eval()(num, cat).detach().numpy()
    assert np.allclose(frozen.forward(num.numpy(), cat.numpy()), expected, atol=1e-5)
