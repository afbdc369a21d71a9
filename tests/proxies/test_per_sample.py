"""Per-sample gradients and tangent kernels against loops of backward passes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archwright.core.errors import ProxyError
from archwright.proxies.copies import stand_in
from archwright.proxies.per_sample import ntk, per_sample_gradients, scalar_outputs

B = 5


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def made(make: type[nn.Module]) -> nn.Module:
    """Return a network whose parameters, those of BatchNorm too, are drawn."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        net = make().double()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.normal_(0, 0.5)
    return net


class Plain(nn.Sequential):
    x = drawn(B, 3, 6, 6)

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 1, stride=2, bias=False),
            nn.BatchNorm2d(6), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(6, 3),
        )  # fmt: skip


class Grouped(nn.Sequential):
    x = drawn(B, 4, 8, 8)

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(4, 8, 3, stride=2, dilation=2, padding=2, groups=4), nn.ReLU(inplace=True),
            nn.Conv2d(8, 4, 1, groups=2, padding=1), nn.BatchNorm2d(4, affine=False), nn.ReLU(inplace=True),
            nn.Conv2d(4, 2, 3, padding="same"), nn.Flatten(), nn.Linear(72, 2, bias=False),
        )  # fmt: skip


class Dense(nn.Sequential):
    x = drawn(B, 7)

    def __init__(self) -> None:
        super().__init__(
            nn.Linear(7, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Dropout(0.5), nn.Linear(9, 4), nn.LayerNorm(4), nn.ReLU(),
            nn.Linear(4, 1),
        )  # fmt: skip


class Shared(nn.Module):
    """One layer that is used twice, a weight used as a plain matrix, and layers on sequences."""

    x = drawn(B, 3, 4)

    def __init__(self) -> None:
        super().__init__()
        self.twice = nn.Linear(4, 4)
        self.matrix = nn.Parameter(torch.empty(4, 5))
        self.both = nn.Linear(5, 5, bias=False)
        self.head = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.twice(torch.relu(self.twice(x)))) @ self.matrix
        x = torch.tanh_(self.both(x)) + x @ self.both.weight.T
        return self.head(x.mean(1))


class Tokens(nn.Module):
    x = torch.randint(6, (B, 4), generator=torch.Generator().manual_seed(0))

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.norm, self.head = nn.Embedding(6, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.relu(self.norm(self.embedding(x).transpose(1, 2)).mean(2)))


class TimeFirst(nn.Module):
    """Layers that see [time, samples], with as many steps as samples, and rows of all places of all samples."""

    x = drawn(B, B, 3)

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.norm, self.head = (
            nn.Linear(3, 4), nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        steps = torch.relu(self.first(x.transpose(0, 1)))
        rows = torch.relu(self.second(self.norm(steps.transpose(0, 1).flatten(0, 1))))
        return self.head(rows.unflatten(0, (-1, B)).mean(1))


NETWORKS = (Plain, Grouped, Dense, Shared, Tokens, TimeFirst)


def looped(net: nn.Module, x: Tensor, names: str = "") -> Tensor:
    """Return the kernel of the summed outputs by one backward pass per sample through the whole batch."""
    net.train()
    for part in net.modules():
        if isinstance(part, nn.Dropout):
            part.eval()
    rows = []
    for sample in range(len(x)):
        net.zero_grad()
        net(x)[sample].sum().backward()
        rows.append(torch.cat([p.grad.flatten() for name, p in net.named_parameters() if names in name]))
    gradients = torch.stack(rows)
    return gradients @ gradients.T


def looped_frozen(net: nn.Module, x: Tensor, names: str = "") -> Tensor:
    """Return the same with BatchNorm's statistics of the batch stored first, and one sample at a time."""
    net.train()
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d):
            part.register_forward_pre_hook(_store)
    net(x)
    net.eval()
    rows = []
    for sample in range(len(x)):
        net.zero_grad()
        net(x[sample : sample + 1]).sum().backward()
        rows.append(torch.cat([p.grad.flatten() for name, p in net.named_parameters() if names in name]))
    gradients = torch.stack(rows)
    return gradients @ gradients.T


def _store(part: nn.Module, inputs: tuple[Tensor]) -> None:
    if part.training:
        axes = [0, *range(2, inputs[0].ndim)]
        part.running_var, part.running_mean = torch.var_mean(inputs[0].detach(), axes, unbiased=False)
        part.num_batches_tracked = None
        part.momentum = 0.0


@pytest.mark.parametrize("make", NETWORKS)
def test_the_exact_kernel_is_that_of_a_backward_pass_per_sample(make: type) -> None:
    kernel = ntk(stand_in(made(make), batchnorm="batch"), make.x)
    torch.testing.assert_close(kernel, looped(made(make), make.x), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("make", NETWORKS)
def test_the_frozen_kernel_is_that_of_single_samples_with_stored_statistics(make: type) -> None:
    kernel = ntk(stand_in(made(make), batchnorm="batch"), make.x, frozen=True)
    torch.testing.assert_close(kernel, looped_frozen(made(make), make.x), rtol=1e-8, atol=1e-8)


def test_statistics_make_two_different_kernels_and_without_batchnorm_there_is_one() -> None:
    net = stand_in(made(Plain), batchnorm="batch")
    assert not torch.allclose(ntk(net, Plain.x), ntk(net, Plain.x, frozen=True), rtol=1e-3)
    for batchnorm in ("running", "off"):
        other = stand_in(made(Plain), batchnorm=batchnorm)
        torch.testing.assert_close(ntk(other, Plain.x), ntk(other, Plain.x, frozen=True))


@pytest.mark.parametrize("frozen", [False, True])
def test_only_parameters_that_are_named_weight_count_if_asked_for(frozen: bool) -> None:
    kernel = ntk(stand_in(made(Plain), batchnorm="batch"), Plain.x, parameters="weights", frozen=frozen)
    wanted = (looped_frozen if frozen else looped)(made(Plain), Plain.x, "weight")
    torch.testing.assert_close(kernel, wanted, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("make", [Dense, Plain])
def test_many_passes_as_one_are_the_passes_one_by_one(make: type, monkeypatch: pytest.MonkeyPatch) -> None:
    net = stand_in(made(make), batchnorm="batch")

    def gradients(together: int) -> Tensor:
        monkeypatch.setattr("archwright.proxies.per_sample._MAPS", 5)
        monkeypatch.setattr("archwright.proxies.per_sample._TOGETHER", together * make.x.numel())
        return per_sample_gradients(scalar_outputs(net(make.x)), net.params.values(), make.x)

    for together in (2, 5):
        torch.testing.assert_close(gradients(together), gradients(1))


class _Double(torch.autograd.Function):
    """A function of a user's own, for which vmap has no rule."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:
        return grad.new_tensor(2 * grad.numpy())


def test_functions_without_a_rule_for_vmap_go_one_by_one() -> None:
    weight = drawn(3).requires_grad_()
    x = drawn(B, 3)
    torch.testing.assert_close(per_sample_gradients(_Double.apply(x * weight).sum(1), [weight], x), 2 * x)


def test_the_output_of_the_label_is_differentiated_if_asked_for() -> None:
    net, y = stand_in(made(Plain), batchnorm="batch"), torch.arange(B) % 3
    slow = made(Plain).train()
    rows = []
    for sample in range(B):
        slow.zero_grad()
        slow(Plain.x)[sample, y[sample]].backward()
        rows.append(torch.cat([p.grad.flatten() for p in slow.parameters()]))
    wanted = torch.stack(rows) @ torch.stack(rows).T
    torch.testing.assert_close(ntk(net, Plain.x, y=y, outputs="label"), wanted, rtol=1e-8, atol=1e-8)


def test_one_logit_stands_for_two_classes() -> None:
    logits = torch.tensor([[2.0], [3.0]])
    assert scalar_outputs(logits, "label", torch.tensor([1, 0])).tolist() == [2.0, -3.0]
    assert scalar_outputs(logits[:, 0]).tolist() == [2.0, 3.0]


def test_labels_must_be_there_and_whole_numbers() -> None:
    for y in (None, torch.ones(2)):
        with pytest.raises(ProxyError, match="needs integer labels"):
            scalar_outputs(torch.ones(2, 3), "label", y)


def test_a_network_without_parameters_has_no_kernel() -> None:
    for frozen in (False, True):
        with pytest.raises(ProxyError, match="must have parameters"):
            ntk(stand_in(nn.Sequential(nn.ReLU()), batchnorm="batch"), drawn(B, 3), frozen=frozen)


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.idle = nn.Linear(3, 2), nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        self.idle(x)
        return functional.relu(self.used(x))


def test_parameters_without_influence_add_nothing() -> None:
    net = stand_in(made(Unused), batchnorm="batch")
    x = drawn(B, 3)
    torch.testing.assert_close(ntk(net, x, frozen=True), ntk(net, x))


def test_kernels_are_taken_inside_no_grad_and_inference_mode() -> None:
    outside = ntk(stand_in(made(Plain), batchnorm="batch"), Plain.x, frozen=True)
    with torch.inference_mode():
        x = Plain.x.clone()
        inside = ntk(stand_in(made(Plain), batchnorm="batch"), x, frozen=True)
        exact = ntk(stand_in(made(Plain), batchnorm="batch"), x)
    with torch.no_grad():
        torch.testing.assert_close(ntk(stand_in(made(Plain), batchnorm="batch"), Plain.x), exact)
    torch.testing.assert_close(inside, outside)
