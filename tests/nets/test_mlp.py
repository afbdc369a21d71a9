"""The network of the tabular space."""

import numpy as np
import pytest
import torch
from torch import nn

from archwright.nets.inputs import Inputs
from archwright.nets.mlp import Dropout, TabularMlp, build
from archwright.nets.recipe import Recipe
from archwright.spaces.tabular_mlp import TabularMlp as Space

INPUTS = Inputs(2, (3, 5), 1, ((0.0, 1.0, 2.0), (0.0, 1.0)))


def net(recipe: Recipe | None = None, widths: tuple[int, ...] = (8, 4), seed: int = 0) -> TabularMlp:
    return TabularMlp(INPUTS, widths, recipe or Recipe(), rng=np.random.default_rng(seed))


def test_the_widths_of_the_architecture_are_those_of_the_layers() -> None:
    space = Space((4, 8, 16), layers=3)
    built = build(space.arch((16, 4, 8)), space, INPUTS, Recipe(), rng=np.random.default_rng(0))
    sizes = [(layer.in_features, layer.out_features) for layer in built.modules() if isinstance(layer, nn.Linear)]
    assert sizes == [(40, 16), (16, 4), (4, 8), (8, 1)]


def test_equal_generators_give_equal_networks_and_others_do_not() -> None:
    one, same, other = net(seed=1).state_dict(), net(seed=1).state_dict(), net(seed=2).state_dict()
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_building_and_dropout_leave_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    built = net(Recipe(dropout=0.5))
    built.use_rng(torch.Generator().manual_seed(0))
    built(torch.randn(6, 2, generator=torch.Generator()), torch.zeros(6, 2, dtype=torch.int32))
    assert torch.equal(torch.get_rng_state(), before)


def test_every_parameter_has_a_finite_initial_value_and_a_gradient() -> None:
    for encoding in ("linear", "ple", "quantile"):
        built = net(Recipe(encoding=encoding, dropout=0))
        loss = built(torch.randn(64, 2), torch.randint(0, 3, (64, 2), dtype=torch.int32)).square().mean()
        grads = torch.autograd.grad(loss, list(built.parameters()))
        assert all(torch.isfinite(param).all() for param in built.parameters())
        assert all(torch.isfinite(grad).all() for grad in grads)


def test_fields_of_one_table_do_not_share_rows() -> None:
    built = net(Recipe(dropout=0)).eval()
    num = torch.zeros(1, 2)
    first, second = torch.tensor([[2, 0]]), torch.tensor([[0, 2]])
    assert not torch.allclose(built(num, first), built(num, second))


def test_xavier_bounds_fall_with_the_number_of_rows() -> None:
    wide = Inputs(0, (10_000,), 1)
    xavier = TabularMlp(wide, (4,), Recipe.atlas(), rng=np.random.default_rng(0))
    uniform = TabularMlp(wide, (4,), Recipe(table_init="uniform"), rng=np.random.default_rng(0))
    assert xavier.cat_table is not None
    assert uniform.cat_table is not None
    assert float(xavier.cat_table.detach().abs().max()) == pytest.approx((6 / 10_010) ** 0.5, rel=0.01)
    assert float(uniform.cat_table.detach().abs().max()) == pytest.approx(10**-0.5, rel=0.01)


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(share: float) -> None:
    layer = Dropout(share)
    layer.rng = torch.Generator().manual_seed(0)
    out = layer(torch.ones(1000, 257))
    assert float((out == 0).float().mean()) == pytest.approx(share, abs=0.005)
    assert float(out.mean()) == pytest.approx(1.0, abs=0.02)
    assert len(out.unique()) == 2


def test_dropout_without_a_generator_and_in_eval_mode_is_torchs() -> None:
    layer = Dropout(0.5)
    assert 0.3 < float((layer(torch.ones(1000)) == 0).float().mean()) < 0.7
    layer.rng = torch.Generator()
    assert torch.equal(layer.eval()(torch.ones(5)), torch.ones(5))


def test_gradients_pass_where_dropout_let_values_pass() -> None:
    layer = Dropout(0.5)
    layer.rng = torch.Generator().manual_seed(1)
    x = torch.ones(40, requires_grad=True)
    out = layer(x)
    (grad,) = torch.autograd.grad(out.sum(), [x])
    assert torch.equal(grad, out.detach())


def test_running_statistics_are_plain_means_at_first_and_then_move_by_a_tenth() -> None:
    (norm,) = (module for module in net(widths=(8,)).layers if isinstance(module, nn.BatchNorm1d))
    batches = torch.randn(15, 32, 8) * 3 + 5
    means = []
    for k, batch in enumerate(batches):
        norm(batch)
        means.append(norm.running_mean.clone())
        if k < 10:
            torch.testing.assert_close(means[k], batches[: k + 1].mean(dim=(0, 1)))
            torch.testing.assert_close(norm.running_var, batches[: k + 1].var(dim=1).mean(dim=0))
        else:
            torch.testing.assert_close(means[k], 0.9 * means[k - 1] + 0.1 * batch.mean(dim=0))
    assert norm.momentum == 0.1


def test_running_statistics_go_on_from_stored_ones() -> None:
    one, other = net(widths=(8,)), net(widths=(8,), seed=1)
    batches = torch.randn(6, 32, 8)
    norms = [next(module for module in each.layers if isinstance(module, nn.BatchNorm1d)) for each in (one, other)]
    for batch in batches[:3]:
        norms[0](batch)
    other.load_state_dict(one.state_dict())
    for batch in batches[3:]:
        norms[1](batch)
    torch.testing.assert_close(norms[1].running_mean, batches.mean(dim=(0, 1)))
