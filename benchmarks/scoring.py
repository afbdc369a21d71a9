"""Speed of ExpressFlow on ATLAS's space: a module per architecture against the whole space at once.

    OMP_NUM_THREADS=1 python benchmarks/scoring.py [--reps 9] [--quick]

The baseline is written the way the public tools work: build the network, make its weights positive, cast to float64,
two forward passes with hooks and a backward pass. Each repetition runs baseline and product in turn; figures
are medians [min-max] of CPU time of one thread. The last row is the wall time of a whole process.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch are imported: more threads are slower here

import torch
from torch import nn

from archwright.core.rng import derive
from archwright.core.trial import Proposal
from archwright.proxies.closed_form import closed_form
from archwright.proxies.evaluator import ExpressFlowEvaluator
from archwright.proxies.whole_space import WholeSpace
from archwright.spaces.tabular_mlp import frappe

#: Inputs of Frappe's networks: 10 fields x embedding width 10.
D = 100
OUTPUTS = 2
STEP = 1e-5

IMPORT = "from archwright.proxies.whole_space import WholeSpace\nfrom archwright.spaces.tabular_mlp import frappe\n"
SCORE = f"print(WholeSpace(frappe(), {D}, seed=0).top(30)[0])\n"


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
            f"{self.name:<48} {micro(self.baseline_s):>24} {micro(self.product_s):>24} "
            f"{median(ratios):>9,.0f}x [{min(ratios):,.0f}-{max(ratios):,.0f}]  goal >= {self.goal:,g}: {met}"
        )


def micro(times_s: list[float]) -> str:
    values = [t * 1e6 for t in (median(times_s), min(times_s), max(times_s))]
    return "{:,.4g} us [{:,.4g}-{:,.4g}]".format(*values)


def network(widths: tuple[int, ...]) -> nn.Sequential:
    parts: list[nn.Module] = []
    fan_in = D
    for width in widths:
        parts += [nn.Linear(fan_in, width), nn.ReLU()]
        fan_in = width
    model = nn.Sequential(*parts, nn.Linear(fan_in, OUTPUTS))
    for part in model:
        if isinstance(part, nn.Linear):
            nn.init.kaiming_uniform_(part.weight)
    return model


def module_by_module(widths: tuple[int, ...]) -> float:
    """Return eq. 1 of one freshly built network."""
    model = network(widths).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
    passes: list[list[torch.Tensor]] = []

    def keep(_module: nn.Module, _inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        if output.requires_grad:
            output.retain_grad()
        passes[-1].append(output)

    for part in model:
        if isinstance(part, nn.ReLU):
            part.register_forward_hook(keep)
    x = torch.ones(4, D, dtype=torch.float64)
    passes.append([])
    model(x).sum().backward()
    passes.append([])
    model(x + STEP * torch.randn_like(x))
    score = 0.0
    for z, moved in zip(*passes, strict=True):
        length = ((moved - z).norm() / STEP).item()
        score += z.shape[1] / length * (z.grad.abs() * z).sum().item()
    return score


def cpu_s(work: Callable[[], object], units: int) -> float:
    """Return CPU seconds per unit."""
    start = time.thread_time()
    work()
    return (time.thread_time() - start) / units


def alternate(
    name: str,
    goal: float,
    reps: int,
    baseline: tuple[Callable[[], object], int],
    product: tuple[Callable[[], object], int],
) -> Row:
    """Run (work, units) of both in turn, once to warm up and then `reps` times."""
    pairs = [(cpu_s(*baseline), cpu_s(*product)) for _ in range(reps + 1)][1:]
    return Row(name, goal, [a for a, _ in pairs], [b for _, b in pairs])


def process_s(code: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def rows(*, reps: int, n_modules: int) -> list[Row]:
    torch.set_num_threads(1)
    space = frappe()
    archs = [space.random(rng=derive(0, "arch", index)) for index in range(n_modules)]
    one = (lambda: [module_by_module(space.widths_of(arch)) for arch in archs], len(archs))
    evaluator = ExpressFlowEvaluator(space, D, n_outputs=OUTPUTS, seed=0)
    rng = derive(0, "unused")
    return [
        alternate(
            "ExpressFlow: module per arch / whole space", 5_000, reps, one,
            (lambda: WholeSpace(space, D, n_outputs=OUTPUTS, seed=0).scores(), space.size()),
        ),
        alternate(
            "ExpressFlow: module per arch / closed form", 50_000, reps, one,
            (lambda: closed_form(space, D, n_outputs=OUTPUTS), space.size()),
        ),
        alternate(
            "ExpressFlow: module per arch / evaluator", 10, reps, one,
            (lambda: [evaluator.evaluate(Proposal(arch), rng=rng) for arch in archs], len(archs)),
        ),
    ]  # fmt: skip


def processes(*, reps: int) -> Row:
    pairs = [(process_s(IMPORT + "import torch\n" + SCORE), process_s(IMPORT + SCORE)) for _ in range(reps)]
    return Row("whole process, top 30: torch imported / NumPy only", 2, [a for a, _ in pairs], [b for _, b in pairs])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="few repetitions, for the tests")
    options = parser.parse_args(arguments)
    reps = 2 if options.quick else options.reps
    print(
        f"per architecture; whole process in the last row; {reps} repetitions, {frappe().size():,} architectures, d={D}"
    )
    for row in rows(reps=reps, n_modules=5 if options.quick else 40):
        print(row.line(), flush=True)
    print(processes(reps=1 if options.quick else min(reps, 5)).line())


if __name__ == "__main__":
    main()
