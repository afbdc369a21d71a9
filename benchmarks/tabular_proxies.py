"""Speed of zero-cost proxies on ATLAS's space: a module per architecture against one shared draw without modules.

    OMP_NUM_THREADS=1 python benchmarks/tabular_proxies.py [--reps 7] [--quick]

The baselines are written the way the public tools work: build the network, run it with hooks, and let autograd do the
rest; GraSP's is already a lean double backward without modules. Each repetition runs baseline and product in turn on
the same random architectures and the same batch of 32 rows; figures are medians [min-max] of CPU time of one thread.
The last rows score whole spaces, per architecture.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch are imported: more threads are slower here

import torch
from torch import Tensor, nn
from torch.nn import functional

from archwright.core.rng import derive
from archwright.proxies.base import Batch
from archwright.proxies.tabular import score_drawn, score_space
from archwright.proxies.tabular_draw import SharedDraw
from archwright.spaces.tabular_mlp import TabularMlp, criteo, frappe

#: Inputs of Frappe's networks: 10 fields x embedding width 10.
D = 100
ROWS = 32


@dataclass
class Row:
    name: str
    goal: float
    baseline_s: list[float]
    product_s: list[float]

    def line(self) -> str:
        ratios = [a / b for a, b in zip(self.baseline_s, self.product_s, strict=True)]
        met = "met" if median(ratios) >= self.goal else "MISSED"
        return (
            f"{self.name:<62} {micro(self.baseline_s):>26} {micro(self.product_s):>26} "
            f"{median(ratios):>8,.1f}x [{min(ratios):,.1f}-{max(ratios):,.1f}]  goal >= {self.goal:g}: {met}"
        )


def micro(times_s: list[float]) -> str:
    values = [t * 1e6 for t in (median(times_s), min(times_s), max(times_s))]
    return "{:,.4g} us [{:,.4g}-{:,.4g}]".format(*values)


def network(widths: tuple[int, ...], *, batchnorm: bool = True) -> nn.Sequential:
    parts: list[nn.Module] = []
    fan_in = D
    for width in widths:
        parts += [nn.Linear(fan_in, width), *([nn.BatchNorm1d(width)] if batchnorm else []), nn.ReLU()]
        fan_in = width
    model = nn.Sequential(*parts, nn.Linear(fan_in, 1))
    for part in model:
        if isinstance(part, nn.Linear):
            nn.init.kaiming_uniform_(part.weight)
    return model


def linears(model: nn.Sequential) -> list[nn.Linear]:
    return [part for part in model if isinstance(part, nn.Linear)]


def loss_of(model: nn.Sequential, batch: Batch) -> Tensor:
    return functional.binary_cross_entropy_with_logits(model(batch.x)[:, 0], batch.y.float())


def snip(widths: tuple[int, ...], batch: Batch) -> float:
    model = network(widths)
    loss_of(model, batch).backward()
    return sum(float((part.weight.detach() * part.weight.grad).abs().sum()) for part in linears(model))


def grad_norm(widths: tuple[int, ...], batch: Batch) -> float:
    model = network(widths)
    loss_of(model, batch).backward()
    return sum(float(part.weight.grad.norm()) for part in linears(model))


def naswot(widths: tuple[int, ...], batch: Batch) -> float:
    model = network(widths)
    kernel = torch.zeros(ROWS, ROWS)

    def count(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        on = (output > 0).float()
        kernel.add_(on @ on.T).add_((1 - on) @ (1 - on).T)

    for part in model:
        if isinstance(part, nn.ReLU):
            part.register_forward_hook(count)
    with torch.no_grad():
        model(batch.x)
    return float(torch.linalg.slogdet(kernel)[1])


def ntk_frozen(widths: tuple[int, ...], batch: Batch) -> tuple[float, float]:
    """Return condition and trace with running statistics: one backward pass, gradients of every row from hooks.

    Of the weights of the linear layers only, so it does less than the product, which takes all parameters.
    """
    model = network(widths)
    with torch.no_grad():
        for part in model:
            if isinstance(part, nn.BatchNorm1d):
                part.momentum = 1.0
        model(batch.x)
    model.eval()
    inputs: list[Tensor] = []
    gradients: list[Tensor] = []
    for part in linears(model):
        part.register_forward_hook(lambda _module, given, _output: inputs.append(given[0].detach()))
        part.register_full_backward_hook(lambda _module, _inputs, outputs: gradients.append(outputs[0]))
    # A hook on the first layer wants an input with a gradient.
    model(batch.x.clone().requires_grad_()).sum().backward()
    kernel = torch.zeros(ROWS, ROWS)
    for a, d in zip(inputs, gradients[::-1], strict=True):
        rows = torch.einsum("bi,bj->bij", d, a).flatten(1)
        kernel += rows @ rows.T
    eigenvalues = torch.linalg.eigvalsh(kernel)
    return float(eigenvalues[-1] / eigenvalues[0]), float(eigenvalues.sum())


def ntk_exact(widths: tuple[int, ...], batch: Batch) -> tuple[float, float]:
    """Return condition and trace by a backward pass for each row."""
    model = network(widths)
    outputs = model(batch.x)[:, 0]
    params = list(model.parameters())
    rows = []
    for output in outputs:
        gradients = torch.autograd.grad(output, params, retain_graph=True)
        rows.append(torch.cat([gradient.flatten() for gradient in gradients]))
    stacked = torch.stack(rows)
    eigenvalues = torch.linalg.eigvalsh(stacked @ stacked.T)
    return float(eigenvalues[-1] / eigenvalues[0]), float(eigenvalues.sum())


def fisher(widths: tuple[int, ...], batch: Batch) -> float:
    model = network(widths)
    outputs: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        output.retain_grad()
        outputs.append(output)

    for part in linears(model):
        part.register_forward_hook(keep)
    loss_of(model, batch).backward()
    fans = [part.in_features for part in linears(model)]
    return sum(
        0.5 * fan / ROWS * float((output.detach() * output.grad).square().sum())
        for fan, output in zip(fans, outputs, strict=True)
    )


def grasp_twice(weights: list[Tensor], batch: Batch) -> float:
    """Return GraSP by a double backward pass, without modules, from weights that are there already."""
    weights = [weight.clone().requires_grad_() for weight in weights]
    z = batch.x
    for weight in weights[:-1]:
        z = torch.relu(functional.batch_norm(z @ weight.T, None, None, training=True))
    loss = functional.binary_cross_entropy_with_logits((z @ weights[-1].T)[:, 0], batch.y.float())
    gradients = torch.autograd.grad(loss, weights, create_graph=True)
    length = sum((gradient.detach() * gradient).sum() for gradient in gradients)
    products = torch.autograd.grad(length, weights)
    return -sum(float((weight.detach() * product).sum()) for weight, product in zip(weights, products, strict=True))


def synflow(widths: tuple[int, ...], batch: Batch) -> float:
    model = network(widths, batchnorm=False).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
    model(torch.ones(1, D, dtype=torch.float64)).sum().backward()
    return sum(float((part.weight.detach() * part.weight.grad).sum()) for part in linears(model))


def cpu_s(work: Callable[[], object], units: int) -> float:
    """Return CPU seconds per unit."""
    start = time.thread_time()
    work()
    return (time.thread_time() - start) / units


Job = tuple[Callable[[], object], int]


def alternate(name: str, goal: float, reps: int, baseline: Job, product: Job) -> Row:
    """Run (work, units) of both in turn, once to warm up and then `reps` times."""
    pairs = [(cpu_s(*baseline), cpu_s(*product)) for _ in range(reps + 1)][1:]
    return Row(name, goal, [a for a, _ in pairs], [b for _, b in pairs])


def samples(*, reps: int, n: int) -> list[Row]:
    """Return the rows of random architectures, which share little of the forward pass."""
    space, batch = frappe(), a_batch()
    archs = [space.random(rng=derive(0, "arch", index)) for index in range(n)]
    widths = [space.widths_of(arch) for arch in archs]
    draw = SharedDraw(space, D, seed=0, init="he")
    weights = [[part.weight.detach() for part in _linears_of(draw.network(arch))] for arch in archs]

    def modules(one: Callable[[tuple[int, ...], Batch], object]) -> Job:
        return (lambda: [one(each, batch) for each in widths], n)

    def lean(*names: str, frozen: bool = False) -> Job:
        return (lambda: score_drawn(draw, archs, batch, names, frozen=frozen), n)

    double: Job = (lambda: [grasp_twice(each, batch) for each in weights], n)
    pairs: list[tuple[str, float, Job, Job]] = [
        ("SNIP: module per arch / shared draw", 3, modules(snip), lean("snip")),
        ("GradNorm: module per arch / shared draw", 3, modules(grad_norm), lean("grad_norm")),
        ("Fisher: module per arch / shared draw", 3, modules(fisher), lean("fisher")),
        ("NASWOT: module per arch / shared draw", 5, modules(naswot), lean("nwot")),
        ("NTK cond+trace, constant statistics: module / shared draw", 8, modules(ntk_frozen),
         lean("ntk_cond", "ntk_trace", frozen=True)),
        ("NTK cond+trace, exact: backward per row / shared draw", 3, modules(ntk_exact), lean("ntk_cond", "ntk_trace")),
        ("GraSP: lean double backward / two first-order passes", 3, double, lean("grasp")),
    ]  # fmt: skip
    return [alternate(name, goal, reps, baseline, product) for name, goal, baseline, product in pairs]


def spaces(*, reps: int, n: int, quick: bool) -> list[Row]:
    """Return the rows of whole spaces, per architecture."""
    batch, frappes = a_batch(), frappe()
    widths = [frappes.widths_of(frappes.random(rng=derive(0, "arch", index))) for index in range(n)]
    criteos = criteo()
    of_criteo = [criteos.widths_of(criteos.random(rng=derive(0, "arch", index))) for index in range(n)]
    few = TabularMlp((64, 128, 240), layers=4) if quick else criteos

    def modules(one: Callable[[tuple[int, ...], Batch], object], archs: list[tuple[int, ...]]) -> Job:
        return (lambda: [one(each, batch) for each in archs], len(archs))

    def whole(space: TabularMlp, *names: str) -> Job:
        return (lambda: score_space(space, batch, names, seed=0, init="he"), space.size())

    return [
        alternate(
            f"SynFlow, {frappes.size():,} architectures: module / whole space", 1000, reps,
            modules(synflow, widths), whole(frappes, "synflow"),
        ),
        alternate(
            f"NASWOT, {few.size():,} architectures: module / whole space", 20, min(reps, 5),
            modules(naswot, of_criteo), whole(few, "nwot"),
        ),
        alternate(
            f"SNIP, {few.size():,} architectures: module / whole space", 4, min(reps, 3),
            modules(snip, of_criteo), whole(few, "snip"),
        ),
    ]  # fmt: skip


def a_batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, D, generator=generator)
    return Batch(x, torch.randint(0, 2, (ROWS,), generator=generator))


def _linears_of(model: nn.Module) -> list[nn.Linear]:
    return [part for part in model.modules() if isinstance(part, nn.Linear)]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="few repetitions and small spaces, for the tests")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    reps, n = (1, 4) if options.quick else (options.reps, 40)
    print(f"per architecture; {reps} repetitions of {n} random architectures of {frappe().name}, d={D}, {ROWS} rows")
    for row in samples(reps=reps, n=n) + spaces(reps=reps, n=n, quick=options.quick):
        print(row.line(), flush=True)


if __name__ == "__main__":
    main()
