"""Each proxy against its definition, written with loops and hooks on a copy of the network."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from archwright.core.errors import ProxyError, UnknownNameError
from archwright.proxies import score
from archwright.proxies.base import Batch
from archwright.proxies.ensemble import mean_rank, vote
from archwright.proxies.fisher import fisher
from archwright.proxies.jacov import jacov
from archwright.proxies.knas import knas
from archwright.proxies.ntk import ntk_cond, ntk_trace, ntk_trace_appx
from archwright.proxies.nwot import nwot
from archwright.proxies.saliency import grad_norm, grasp, l2_norm, plain, snip, synflow
from archwright.proxies.size import flops, params
from archwright.proxies.zico import zico


def model() -> nn.Sequential:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5), nn.ReLU(), nn.Conv2d(5, 4, 3, bias=False),
            nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 3),
        ).double()  # fmt: skip


def batch(n: int = 8) -> Batch:
    generator = torch.Generator().manual_seed(1)
    return Batch(torch.randn(n, 3, 6, 6, generator=generator, dtype=torch.float64), torch.arange(n) % 3)


def layers(net: nn.Module) -> list[nn.Module]:
    return [part for part in net.modules() if isinstance(part, nn.Conv2d | nn.Linear)]


def trained(net: nn.Module, given: Batch) -> nn.Module:
    """Return a copy in training mode after one backward pass of the loss."""
    net = copy.deepcopy(net).train()
    nn.functional.cross_entropy(net(given.x), given.y).backward()
    return net


def test_gradient_saliencies_are_their_sums() -> None:
    net, given = model(), batch()
    weights = [part.weight for part in layers(trained(net, given))]
    assert grad_norm(net, given) == pytest.approx(sum(float(w.grad.norm()) for w in weights))
    whole = math.sqrt(sum(float(w.grad.square().sum()) for w in weights))
    assert grad_norm(net, given, per_layer=False) == pytest.approx(whole)
    assert snip(net, given) == pytest.approx(sum(float((w * w.grad).abs().sum().detach()) for w in weights))
    assert plain(net, given) == pytest.approx(sum(float((w * w.grad).sum().detach()) for w in weights))
    assert l2_norm(net, given) == pytest.approx(sum(float(w.detach().norm()) for w in weights))


def test_grasp_is_the_change_of_the_gradient_along_itself() -> None:
    """-w (H g) by a difference quotient: (gradient at w + e g - gradient at w - e g) / 2 e."""
    net, given = model(), batch()
    gradients = [part.weight.grad for part in layers(trained(net, given))]

    def moved(step: float) -> list[Tensor]:
        other = copy.deepcopy(net)
        with torch.no_grad():
            for part, g in zip(layers(other), gradients, strict=True):
                part.weight += step * g
        return [part.weight.grad for part in layers(trained(other, given))]

    step = 1e-5
    products = [(a - b) / (2 * step) for a, b in zip(moved(step), moved(-step), strict=True)]
    wanted = -sum(float((part.weight.detach() * h).sum()) for part, h in zip(layers(net), products, strict=True))
    assert grasp(net, given) == pytest.approx(wanted, rel=1e-4)


def test_synflow_is_the_sum_over_absolute_weights_without_batchnorm() -> None:
    net, given = model(), batch()
    linear = nn.Sequential(*(copy.deepcopy(part) for part in net if not isinstance(part, nn.BatchNorm2d)))
    with torch.no_grad():
        for parameter in linear.parameters():
            parameter.abs_()
    linear(torch.ones(1, 3, 6, 6, dtype=torch.float64)).sum().backward()
    wanted = sum(float((part.weight.detach() * part.weight.grad).sum()) for part in layers(linear))
    assert synflow(net, given) == pytest.approx(wanted)
    assert synflow(net, given, log=True) == pytest.approx(math.log(wanted))


def test_fisher_is_summed_over_channels_and_their_weights_by_hooks() -> None:
    net, given = copy.deepcopy(model()).train(), batch()
    total, weighted = [], []
    for part in layers(net):

        def forward(part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            def backward(g: Tensor) -> None:
                product = (output.detach() * g).flatten(2).sum(2) if output.ndim > 2 else output.detach() * g
                channels = product.square().mean(0) / 2
                total.append(float(channels.sum()))
                # To every weight the value of its channel.
                shape = [-1] + [1] * (part.weight.ndim - 1)
                weighted.append(float((torch.ones_like(part.weight) * channels.view(shape)).sum().detach()))

            output.register_hook(backward)

        part.register_forward_hook(forward)
    nn.functional.cross_entropy(net(given.x), given.y).backward()
    assert fisher(model(), given, per_weight=False) == pytest.approx(sum(total))
    assert fisher(model(), given) == pytest.approx(sum(weighted))


def test_nwot_counts_agreements_one_by_one() -> None:
    net, given = copy.deepcopy(model()).train(), batch(5)
    patterns: list[Tensor] = []
    for part in net.modules():
        if isinstance(part, nn.ReLU):
            part.register_forward_hook(lambda part, inputs, output: patterns.append((output > 0).flatten(1)))
    net(given.x)
    bits = torch.cat(patterns, 1)
    kernel = np.array([[float((a == b).sum()) for b in bits] for a in bits])
    assert nwot(model(), given) == pytest.approx(np.linalg.slogdet(kernel)[1])


def test_jacov_correlates_rows_of_the_jacobian() -> None:
    net, given = copy.deepcopy(model()).train(), batch(6)
    x = given.x.clone().requires_grad_()
    net(x).sum().backward()
    values = np.linalg.eigvalsh(np.corrcoef(x.grad.flatten(1).numpy())).clip(0) + 1e-5
    assert jacov(model(), given) == pytest.approx(-float(np.sum(np.log(values) + 1 / values)))


def looped_kernel(net: nn.Module, given: Batch) -> np.ndarray:
    """Return the kernel of the sums of the outputs, one backward pass after another."""
    net = copy.deepcopy(net).train()
    rows = []
    for k in range(len(given.x)):
        net.zero_grad()
        net(given.x)[k].sum().backward()
        rows.append(torch.cat([parameter.grad.flatten() for parameter in net.parameters()]).numpy())
    return np.array(rows) @ np.array(rows).T


def test_kernel_proxies_are_those_of_the_looped_kernel() -> None:
    net, given = model(), batch()
    kernel = looped_kernel(net, given)
    values = np.linalg.eigvalsh(kernel)
    assert ntk_cond(net, given) == pytest.approx(values[-1] / values[0], rel=1e-4)
    assert knas(net, given) == pytest.approx(kernel.mean(), rel=1e-6)
    assert ntk_trace(net, given) > 0
    assert ntk_trace_appx(net, given) > 0


def test_zico_is_mean_over_deviation_of_the_parts() -> None:
    net, given = model(), batch(8)
    parts = [
        [part.weight.grad for part in layers(trained(net, Batch(given.x[rows], given.y[rows])))]
        for rows in (slice(0, 4), slice(4, 8))
    ]
    wanted = 0.0
    for a, b in zip(*parts, strict=True):
        mean, deviation = (a.abs() + b.abs()) / 2, (a - b).abs() / 2
        wanted += math.log(float((mean / deviation)[deviation > 0].sum()))
    assert zico(net, given) == pytest.approx(wanted)


def test_sizes_are_counted() -> None:
    net = model()
    assert params(net) == sum(parameter.numel() for parameter in net.parameters())
    assert flops(net.float(), Batch(batch().x.float())) == 36 * 5 * 27 + 16 * 4 * 45 + 64 * 3 + 3
    dense = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    assert flops(dense, Batch(torch.ones(3, 4))) == 4 * 8 + 8 * 2


def test_score_tells_what_it_leaves_out() -> None:
    dense = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(6, 4, generator=generator)
    found = score(dense, x)
    assert found["params"] == 58
    assert "snip" in found.failed
    assert "needs labels" in found.failed["snip"]
    assert "snip" in score(dense, (x, torch.arange(6) % 2))
    with pytest.raises(ProxyError, match="snip: this proxy needs labels"):
        score(dense, x, ["snip"])
    with pytest.raises(UnknownNameError, match="Did you mean 'synflow'"):
        score(dense, x, ["sinflow"])


def test_ensembles_by_hand() -> None:
    scores = {"nwot": [1.0, 2.0, 3.0], "ntk_cond": [9.0, 1.0, 5.0], "mine": [0.0, math.nan, 1.0]}
    assert mean_rank(scores).tolist() == pytest.approx([(3 + 3 + 2) / 3, (2 + 1 + 3) / 3, (1 + 2 + 1) / 3])
    assert vote(scores).tolist() == [0.0, 0.5, 1.0]
    assert mean_rank({"mine": [1.0, 2.0]}, directions={"mine": -1}).tolist() == [1.0, 2.0]
    with pytest.raises(ProxyError, match="of the same length"):
        vote({"a": [1.0], "b": [1.0, 2.0]})
