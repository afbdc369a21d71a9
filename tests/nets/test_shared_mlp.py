"""A supernet holds its narrower networks: the same outputs as a network of its own, and gradients only where used."""

import numpy as np
import pytest
import torch

from archwright.nets.inputs import Inputs
from archwright.nets.mlp import TabularMlp
from archwright.nets.recipe import Recipe
from archwright.nets.shared_mlp import SharedMlp

INPUTS = Inputs(2, (6, 7), 1)
RECIPE = Recipe(encoding="linear", dropout=0.2)


def shared() -> SharedMlp:
    net = SharedMlp(INPUTS, (16, 12, 8), RECIPE, rng=np.random.default_rng(0))
    with torch.no_grad():
        for layer in net.layers:
            if isinstance(layer, torch.nn.BatchNorm1d):
                layer.running_mean.normal_(generator=torch.Generator().manual_seed(1))
                layer.running_var.uniform_(0.5, 2, generator=torch.Generator().manual_seed(2))
    return net


def batch(n: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(n, 2, generator=generator), torch.randint(0, 6, (n, 2), generator=generator)


@pytest.mark.parametrize("widths", [(16, 12, 8), (4, 12, 3), (1, 1, 1)])
def test_a_cut_network_answers_as_the_supernet_with_its_widths(widths: tuple[int, ...]) -> None:
    net = shared().eval()
    alone = net.cut(widths).eval()
    assert type(alone) is TabularMlp
    assert alone.widths == widths
    net.use(widths)
    torch.testing.assert_close(net(*batch()), alone(*batch()))


def test_the_whole_supernet_is_the_plain_network() -> None:
    net = shared().eval()
    plain = TabularMlp(INPUTS, (16, 12, 8), RECIPE, rng=np.random.default_rng(0)).eval()
    plain.load_state_dict(net.state_dict())
    torch.testing.assert_close(net(*batch()), plain(*batch()))


def test_training_a_narrow_network_leaves_the_rest_alone() -> None:
    net = shared().train()
    net.use_rng(torch.Generator().manual_seed(0))
    first, norm = net.layers[0], net.layers[1]
    before = norm.running_mean.clone()
    net.use((4, 5, 6))
    net(*batch()).sum().backward()
    assert first.weight.grad[:4].abs().sum() > 0
    assert first.weight.grad[4:].abs().sum() == 0
    assert not torch.equal(norm.running_mean[:4], before[:4])
    assert torch.equal(norm.running_mean[4:], before[4:])


def test_a_cut_network_owns_its_weights() -> None:
    net = shared()
    alone = net.cut((4, 4, 4))
    with torch.no_grad():
        alone.head.weight.fill_(7)
    assert float(net.head.weight.detach().max()) < 7
    assert net.active == net.widths


@pytest.mark.parametrize("widths", [(4, 4), (17, 4, 4), (0, 4, 4)])
def test_widths_that_do_not_fit_are_refused(widths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="widths must be as many as"):
        shared().use(widths)
