"""How fast small networks train here, against the usual loop and against the machine's own limit.

    OMP_NUM_THREADS=1 python benchmarks/halving.py [--quick]

Baseline and product alternate in one process; figures are medians [min-max]. Goals stand beside them.
The baseline is what research code usually is: a module per candidate, `torch.optim.Adam`, a shuffling `DataLoader`
over a dict data set, and an AUC of every training batch. `--tables` compares dense and touched-rows updates.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from archwright.data.metrics import auc
from archwright.nets.inputs import Inputs
from archwright.nets.mlp import TabularMlp
from archwright.nets.recipe import Recipe
from archwright.train import step as step_module
from archwright.train.step import Stepper
from archwright.train.tensors import Order, Rows

BATCH, FIELDS, ROWS = 512, 10, 5500
MIXED = (
    (512, 8, 64, 128),
    (32, 256, 16, 512),
    (128, 128, 384, 64),
    (256, 512, 96, 24),
    (16, 64, 208, 384),
    (384, 384, 48, 240),
)
RECIPE = Recipe.atlas()


def data(n_rows: int, table: int = ROWS) -> Rows:
    """Return random categorical rows, as Frappe has them: 10 fields, 5,500 codes in all."""
    generator = torch.Generator().manual_seed(0)
    cat = torch.randint(0, table // FIELDS, (n_rows, FIELDS), generator=generator, dtype=torch.int32)
    y = torch.randint(0, 2, (n_rows,), generator=generator).float()
    return Rows(torch.empty(n_rows, 0), cat, y)


def stepper(widths: Sequence[int], recipe: Recipe = RECIPE, table: int = ROWS) -> Stepper:
    """Return the product's network and optimiser."""
    inputs = Inputs(0, (table // FIELDS,) * FIELDS, 1)
    return Stepper(TabularMlp(inputs, widths, recipe, rng=np.random.default_rng(0)), "binary")


def lean(widths: Sequence[int], rows: Rows, steps: int) -> float:
    """Return seconds of `steps` steps of the product."""
    order = Order(len(rows), batch=BATCH, epoch_steps=steps + 1, seed=0, device=rows.y.device)
    trained = stepper(widths)
    trained.step(rows.take(order.rows(0)), lr=1e-3)
    began_s = time.perf_counter()
    for step in range(1, steps + 1):
        trained.step(rows.take(order.rows(step)), lr=1e-3).item()
    return time.perf_counter() - began_s


class DictData(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """A row as a dict, as research code hands it to a loader."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
        return {"id": self.rows.cat[i], "value": torch.ones(FIELDS), "y": self.rows.y[i]}


def usual(widths: Sequence[int], rows: Rows, steps: int) -> float:
    """Return seconds of `steps` steps of the baseline."""
    table, layers, fan_in = nn.Embedding(ROWS, 10), [], FIELDS * 10
    for width in widths:
        layers += [nn.Linear(fan_in, width), nn.BatchNorm1d(width), nn.ReLU()]
        fan_in = width
    net = nn.Sequential(*layers, nn.Linear(fan_in, 1))
    optimiser = torch.optim.Adam([*net.parameters(), *table.parameters()], 1e-3)
    loader = torch.utils.data.DataLoader(DictData(rows), batch_size=BATCH, shuffle=True)
    offset = torch.arange(FIELDS) * (ROWS // FIELDS)

    def step(batch: dict[str, torch.Tensor]) -> None:
        optimiser.zero_grad()
        embedded = table(batch["id"] + offset) * batch["value"].unsqueeze(-1)
        logits = net(embedded.flatten(1)).squeeze(1)
        nn.functional.binary_cross_entropy_with_logits(logits, batch["y"]).backward()
        optimiser.step()
        auc(logits.detach().numpy(), batch["y"].numpy())

    batches = iter(loader)
    step(next(batches))
    began_s = time.perf_counter()
    for _ in range(steps):
        step(next(batches))
    return time.perf_counter() - began_s


def gemm_gflops(size: int = 1024, repeats: int = 5) -> float:
    """Return the rate of a large matrix product now, the limit of this core."""
    left, right = torch.randn(size, size), torch.randn(size, size)
    times = []
    for _ in range(repeats):
        began_s = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - began_s)
    return 2e-9 * size**3 / statistics.median(times)


def step_gflop(widths: Sequence[int]) -> float:
    """Return arithmetic of one step: forward, and twice as much backward."""
    sizes = [FIELDS * 10, *widths, 1]
    return 6e-9 * BATCH * sum(a * b for a, b in itertools.pairwise(sizes))


def row(name: str, values: Sequence[float], goal: str, unit: str = "") -> None:
    """Print median and range."""
    middle = statistics.median(values)
    print(f"{name:<58} {middle:8.2f}{unit} [{min(values):.2f}-{max(values):.2f}]   goal {goal}", flush=True)


def ratios(widths: Sequence[Sequence[int]], rows: Rows, steps: int, repeats: int) -> list[float]:
    """Return baseline seconds over product seconds, pair by pair."""
    return [
        sum(usual(w, rows, steps) for w in widths) / sum(lean(w, rows, steps) for w in widths) for _ in range(repeats)
    ]


def halvings(rows: Rows, repeats: int) -> list[float]:
    """Return baseline over product for rungs of 6, 3 and 1 networks with 1, 2 and 4 epochs of 3 steps.

    The baseline trains every rung from scratch, as the reference code does: 6 + 6 + 4 epochs against 6 + 3 + 2.
    """
    rungs = ((6, 1), (3, 2), (1, 4))
    going_on = ((6, 1), (3, 1), (1, 2))
    return [_rungs_s(usual, rungs, rows) / _rungs_s(lean, going_on, rows) for _ in range(repeats)]


def _rungs_s(train: Callable[[Sequence[int], Rows, int], float], rungs: Sequence[tuple[int, int]], rows: Rows) -> float:
    return sum(
        train(widths, rows, min(3 * epochs, len(rows) // BATCH - 1)) for n, epochs in rungs for widths in MIXED[:n]
    )


def rates(widths: Sequence[Sequence[int]], rows: Rows, steps: int, repeats: int) -> list[float]:
    """Return the product's share of the matrix product's rate, each measured around the other."""
    shares = []
    for _ in range(repeats):
        limit = gemm_gflops()
        took_s = sum(lean(w, rows, steps) for w in widths)
        limit = (limit + gemm_gflops()) / 2
        shares.append(sum(map(step_gflop, widths)) * steps / took_s / limit)
    return shares


def two_workers(steps: int, repeats: int) -> list[float]:
    """Return the throughput of two processes of one thread over that of one, each process on its own data."""
    return [2 * min(_child_s(1, steps)) / max(_child_s(2, steps)) for _ in range(repeats)]


def _child_s(count: int, steps: int) -> list[float]:
    command = [sys.executable, __file__, "--child", str(steps)]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()  # ready: imports are done, so all start together
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    return [float(child.communicate()[0]) for child in children]


def child(steps: int) -> None:
    """Train when told to, and print the seconds."""
    rows = data(20_000)
    lean((64,) * 4, rows, 3)
    print("ready", flush=True)
    sys.stdin.readline()
    print(lean((64,) * 4, rows, steps), flush=True)


def tables(repeats: int = 5) -> None:
    """Print milliseconds of a step of 4 x 64 with a dense and with a touched-rows table, by rows."""
    for table in (5_500, 20_000, 50_000, 100_000, 200_000, 1_000_000):
        rows = data(8 * BATCH, table)
        times: dict[str, list[float]] = {"dense": [], "touched": []}
        for _ in range(repeats):
            for name, least in (("dense", 10**9), ("touched", 0)):
                step_module.LAZY_ROWS = least
                trained = stepper((64,) * 4, table=table)
                parts = [rows.part(i * BATCH, (i + 1) * BATCH) for i in range(8)]
                timed = [_timed(functools.partial(trained.step, part, lr=1e-3)) for part in parts]
                times[name].append(1e3 * statistics.median(timed[2:]))
        print(
            f"{table:>9,} rows: " + ", ".join(f"{k} {statistics.median(v):.2f} ms" for k, v in times.items()),
            flush=True,
        )


def _timed(call: Callable[[], object]) -> float:
    began_s = time.perf_counter()
    call()
    return time.perf_counter() - began_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short repetition of each row")
    parser.add_argument("--tables", action="store_true", help="dense against touched-rows updates of the table")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.child:
        child(options.child)
    elif options.tables:
        tables()
    else:
        report(quick=options.quick)


def report(*, quick: bool) -> None:
    """Print every row."""
    steps, repeats = (3, 1) if quick else (12, 5)
    rows = data(14 * BATCH)
    began_s = time.perf_counter()
    print(f"matrix product 1024: {gemm_gflops():.0f} GFLOP/s; batch {BATCH}, one thread")
    for name, widths in (("8", [(8,) * 4]), ("64", [(64,) * 4]), ("128", [(128,) * 4]), ("512", [(512,) * 4])):
        row(f"usual loop / product, width {name}", ratios(widths, rows, steps, repeats), "-", "x")
    row("usual loop / product, mixed widths", ratios(MIXED, rows, steps, repeats), "-", "x")
    row("successive halving of 6: usual, anew / product, going on", halvings(rows, repeats), ">= 2", "x")
    row("share of the matrix product's rate, mixed widths", rates(MIXED, rows, steps, repeats), ">= 0.40")
    row("share of the matrix product's rate, width 512", rates([(512,) * 4], rows, steps, repeats), ">= 0.65")
    row("two workers / one", two_workers(20 if quick else 300, 1 if quick else 3), ">= 1.6", "x")
    print(f"took {time.perf_counter() - began_s:.0f} s")


if __name__ == "__main__":
    main()
