"""Zero-cost proxies written straightforwardly, the way the public tools work; `proxies.py` measures ours against them.

`net` is a copy of the network in training mode, which they may change.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from archwright.core.rng import derive
from archwright.nets.initialise import initialise
from archwright.proxies.base import Batch
from archwright.proxies.teg_regions import small_inputs

LAYERS = nn.Conv2d | nn.Linear

Proxy = Callable[[nn.Module, Batch], float]


def layers(net: nn.Module) -> list[nn.Module]:
    return [part for part in net.modules() if isinstance(part, LAYERS)]


def trained(net: nn.Module, batch: Batch) -> list[nn.Module]:
    """Return the layers that got a gradient by the loss."""
    nn.functional.cross_entropy(net(batch.x), batch.y).backward()
    return [part for part in layers(net) if part.weight.grad is not None]


def grad_norm(net: nn.Module, batch: Batch) -> float:
    return sum(float(part.weight.grad.norm()) for part in trained(net, batch))


def plain(net: nn.Module, batch: Batch) -> float:
    return sum(float((part.weight.detach() * part.weight.grad).sum()) for part in trained(net, batch))


def snip(net: nn.Module, batch: Batch) -> float:
    return sum(float((part.weight.detach() * part.weight.grad).abs().sum()) for part in trained(net, batch))


def grasp(net: nn.Module, batch: Batch) -> float:
    weights = [part.weight for part in layers(net)]
    first = torch.autograd.grad(nn.functional.cross_entropy(net(batch.x), batch.y), weights, allow_unused=True)
    gradients = torch.autograd.grad(
        nn.functional.cross_entropy(net(batch.x), batch.y), weights, create_graph=True, allow_unused=True
    )
    pairs = zip(first, gradients, strict=True)
    length = sum(((a.detach() * b).sum() for a, b in pairs if b is not None), torch.zeros(()))
    length.backward()
    return -sum(float((weight.detach() * weight.grad).sum()) for weight in weights if weight.grad is not None)


def fisher(net: nn.Module, batch: Batch) -> float:
    kept: list[tuple[Tensor, int]] = []

    def keep(part: nn.Module, _inputs: object, output: Tensor) -> None:
        output.retain_grad()
        kept.append((output, part.weight[0].numel()))

    for part in layers(net):
        part.register_forward_hook(keep)
    nn.functional.cross_entropy(net(batch.x), batch.y).backward()
    total = 0.0
    for output, n_weights in kept:
        if output.grad is not None:
            product = output.detach() * output.grad
            channels = product.flatten(2).sum(2) if product.ndim > 2 else product
            total += float(channels.square().mean(0).sum()) / 2 * n_weights
    return total


def synflow(net: nn.Module, batch: Batch) -> float:
    net = net.double()
    for part in list(net.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(part, name, nn.Identity())
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.abs_()
    net(torch.ones(1, *batch.x.shape[1:], dtype=torch.float64)).sum().backward()
    return sum(
        float((part.weight.detach() * part.weight.grad).sum()) for part in layers(net) if part.weight.grad is not None
    )


def l2_norm(net: nn.Module, batch: Batch) -> float:
    return sum(float(part.weight.detach().norm()) for part in layers(net))


def nwot(net: nn.Module, batch: Batch) -> float:
    n = len(batch.x)
    kernel = np.zeros((n, n))

    def count(_part: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        on = (inputs[0].reshape(n, -1) > 0).float()
        kernel[:] += (on @ on.T).numpy() + ((1 - on) @ (1 - on.T)).numpy()

    for part in net.modules():
        if isinstance(part, nn.ReLU):
            part.register_forward_hook(count)
    net(batch.x)
    return float(np.linalg.slogdet(kernel)[1])


def jacflow(net: nn.Module, batch: Batch) -> float:
    return nwot(copy.deepcopy(net), batch) + math.log(synflow(net, batch))


def jacobian(net: nn.Module, batch: Batch) -> np.ndarray:
    x = batch.x.clone().requires_grad_()
    logits = net(x)
    logits.backward(torch.ones_like(logits))
    return np.corrcoef(x.grad.flatten(1).numpy())


def jacov(net: nn.Module, batch: Batch) -> float:
    values = np.linalg.eig(jacobian(net, batch))[0].real + 1e-5
    return -float(np.sum(np.log(values) + 1 / values))


def epe_nas(net: nn.Module, batch: Batch) -> float:
    correlations, total = jacobian(net, batch), 0.0
    for label in set(batch.y.tolist()):
        rows = np.flatnonzero(batch.y.numpy() == label)
        total += abs(sum(math.log(abs(correlations[i, j]) + 1e-5) for i in rows for j in rows))
    return total


def per_sample(net: nn.Module, x: Tensor, names: str = "") -> Tensor:
    """Return the gradients of the summed outputs by one backward pass per sample through the whole batch."""
    logits, rows = net(x), []
    for sample in range(len(x)):
        net.zero_grad()
        logits[sample].sum().backward(retain_graph=True)
        found = [p.grad.flatten() for name, p in net.named_parameters() if p.grad is not None and names in name]
        rows.append(torch.cat(found).clone())
    return torch.stack(rows)


def kernel_of(net: nn.Module, x: Tensor) -> Tensor:
    rows = per_sample(net, x)
    return rows @ rows.T


def condition(kernel: Tensor) -> float:
    values = torch.linalg.eigvalsh(kernel.double())
    return float(values[-1] / values[0])


def ntk_cond(net: nn.Module, batch: Batch) -> float:
    return condition(kernel_of(net, batch.x))


def ntk_trace(net: nn.Module, batch: Batch) -> float:
    return math.sqrt(float(kernel_of(net, batch.x).trace()) / len(batch.x))


def knas(net: nn.Module, batch: Batch) -> float:
    return float(kernel_of(net, batch.x).mean())


def ntk_trace_appx(net: nn.Module, batch: Batch) -> float:
    nn.functional.cross_entropy(net(batch.x), batch.y).backward()
    return sum(float(p.grad.square().sum()) for p in net.parameters() if p.grad is not None)


def frozen(net: nn.Module, x: Tensor) -> Tensor:
    """Return the kernel with stored statistics: one backward pass per sample through that sample alone."""
    norms = [part for part in net.modules() if isinstance(part, nn.BatchNorm2d)]
    for part in norms:
        part.register_forward_pre_hook(store)
    with torch.no_grad():
        net(x)
    net.eval()
    rows = []
    for sample in range(len(x)):
        net.zero_grad()
        net(x[sample : sample + 1]).sum().backward()
        rows.append(torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None]))
    return torch.stack(rows) @ torch.stack(rows).T


def store(part: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    if part.training:
        part.running_var, part.running_mean = torch.var_mean(inputs[0], [0, 2, 3], unbiased=False)
        part.momentum = 0.0


def redrawn(net: nn.Module, repeats: int = 3) -> Iterator[tuple[nn.Module, np.random.Generator, np.random.Generator]]:
    """Yield the networks of the three repeats, as our indicators draw them, with their generators."""
    for repeat in range(repeats):
        fresh = initialise(copy.deepcopy(net), "kaiming", rng=derive(0, "teg network", repeat))
        yield fresh, derive(0, "teg rows", repeat), derive(0, "teg", repeat)


def teg_kappa(net: nn.Module, batch: Batch) -> float:
    values = []
    for fresh, rows, _ in redrawn(net):
        x = batch.x[rows.permutation(np.arange(len(batch.x)))]
        values.append(condition(kernel_of(fresh.double(), x.double())))
    return float(np.mean(values))


def teg_mse(net: nn.Module, batch: Batch) -> float:
    values, half = [], len(batch.x) // 2
    for fresh, rows, _ in redrawn(net):
        order = rows.permutation(np.arange(len(batch.x)))
        parts = order[:half], order[half : 2 * half]
        g = [per_sample(fresh.double(), batch.x[part].double(), "classifier") for part in parts]
        hot = [nn.functional.one_hot(batch.y[part], 10).double() for part in parts]
        kernel = g[0] @ g[0].T
        kernel += 1e-6 * kernel.trace() / half * torch.eye(half)
        wrong = (g[1] @ g[0].T) @ torch.inverse(kernel) @ (hot[0] - hot[0].mean(0)) - (hot[1] - hot[1].mean(0))
        values.append(float(wrong.norm(dim=1).mean()))
    return float(np.mean(values))


def teg_regions(net: nn.Module, batch: Batch) -> float:
    values = []
    for fresh, _, rng in redrawn(net):
        values.append(pairwise(fresh, [small_inputs(batch.x, "crops", 1000, 3, None, rng=rng) for _ in range(3)]))
    return float(np.mean(values))


def pairwise(net: nn.Module, batches: list[Tensor]) -> float:
    """Return the number of regions from the distances of all pairs of patterns."""
    patterns = []
    for x in batches:
        found: list[Tensor] = []
        hooks = [
            part.register_forward_hook(lambda _part, _inputs, output, found=found: found.append(output.flatten(1)))
            for part in net.modules()
            if isinstance(part, nn.ReLU)
        ]
        with torch.no_grad():
            net(x)
        for hook in hooks:
            hook.remove()
        patterns.append(torch.sign(torch.cat(found, 1)))
    on = torch.cat(patterns)
    unlike = on @ (1 - on).T
    same = 1 - torch.sign(unlike + unlike.T)
    return float((1 / same.sum(1)).sum())


def zico(net: nn.Module, batch: Batch) -> float:
    half, parts = len(batch.x) // 2, []
    for rows in (slice(0, half), slice(half, 2 * half)):
        net.zero_grad()
        trained(net, Batch(batch.x[rows], batch.y[rows]))
        parts.append([part.weight.grad.clone().numpy() for part in layers(net) if part.weight.grad is not None])
    total = 0.0
    for both in zip(*parts, strict=True):
        mean, deviation = np.mean(np.abs(both), axis=0), np.std(both, axis=0)
        total += math.log(float((mean / np.where(deviation > 0, deviation, np.inf)).sum()))
    return total


def params(net: nn.Module, batch: Batch) -> float:
    return float(sum(p.numel() for p in net.parameters()))


#: For each proxy its straightforward version. Those that are not here have none: see `NONE`.
SLOW: dict[str, Proxy] = {
    "grad_norm": grad_norm, "plain": plain, "snip": snip, "grasp": grasp, "fisher": fisher, "synflow": synflow,
    "l2_norm": l2_norm, "nwot": nwot, "jacflow": jacflow, "jacov": jacov, "epe_nas": epe_nas, "ntk_cond": ntk_cond,
    "ntk_trace": ntk_trace, "ntk_trace_appx": ntk_trace_appx, "knas": knas, "teg_kappa": teg_kappa, "teg_mse": teg_mse,
    "teg_regions": teg_regions, "zico": zico, "params": params,
}  # fmt: skip
#: ExpressFlow's is in `scoring.py`; Zen draws its own weights and FLOPs are hooks in either version.
NONE = {"expressflow", "zen", "flops"}
#: Need no copy, as they change nothing.
UNCHANGED = {l2_norm, params}
