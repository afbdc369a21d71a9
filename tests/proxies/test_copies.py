"""A stand-in has all of a network as its own, and leaves the network alone."""

import pytest
import torch
from torch import Tensor, nn

from archwright.proxies.copies import BatchNorm, stand_in


class Tied(nn.Module):
    """One layer used twice, one weight in two layers, a buffer that is replaced, BatchNorm and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.again = self.first
        self.other = nn.Linear(4, 4, bias=False)
        self.other.weight = self.first.weight
        self.norm, self.drop = nn.BatchNorm1d(4), nn.Dropout(0.5)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls = self.calls + 1
        return self.drop(self.norm(self.other(self.again(self.first(x))))) * self.calls


def made() -> Tied:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return Tied().double()


X = torch.randn(6, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("batchnorm", ["batch", "running", "off"])
def test_names_are_those_of_the_network_and_shared_tensors_stay_shared(batchnorm: BatchNorm) -> None:
    model = made()
    net = stand_in(model, batchnorm=batchnorm)
    kept = [name for name, _ in model.named_parameters() if batchnorm != "off" or not name.startswith("norm")]
    assert list(net.params) == kept
    assert list(net.weights()) == ["first.weight"]
    assert [name for name, _ in net.module.named_parameters()] == kept
    assert net.module.again is net.module.first
    assert net.module.other.weight is net.params["first.weight"]
    for name, tensor in net.params.items():
        assert torch.equal(tensor, model.get_parameter(name))
        assert tensor.data_ptr() != model.get_parameter(name).data_ptr()


def test_every_call_is_the_first_and_the_network_is_never_touched() -> None:
    model = made()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    net = stand_in(model, batchnorm="batch")
    one, two = net(X), net(X)
    assert torch.equal(one, two), "what a call replaces is put back"
    (gradient,) = torch.autograd.grad(one.square().sum(), [net.params["first.weight"]])
    assert gradient.any()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training
    assert all(param.grad is None for param in model.parameters())
    wanted = model.eval().norm.train()(model.other(model.first(model.first(X))))
    torch.testing.assert_close(one, wanted)


def test_with_other_parameters_a_call_is_of_those_only() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).double()
    net = stand_in(model, batchnorm="batch")
    own, zeros = net(X), {name: torch.zeros_like(tensor) for name, tensor in net.params.items()}
    torch.testing.assert_close(own, model(X))
    assert not net(X, zeros).any()
    assert torch.equal(net(X), own)


def test_absolute_parameters_of_another_type_are_leaves() -> None:
    net = stand_in(made(), batchnorm="off", dtype=torch.float32, absolute=True)
    for tensor in net.params.values():
        assert tensor.dtype == torch.float32
        assert tensor.is_leaf
        assert tensor.requires_grad
        assert float(tensor.detach().min()) >= 0
    assert net(X).dtype == torch.float32
