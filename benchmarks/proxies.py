"""Speed of every zero-cost proxy of the catalogue on networks of NAS-Bench-201: a straightforward version against ours.

    OMP_NUM_THREADS=1 python benchmarks/proxies.py [--reps 5] [--full] [--only ntk regions] [--tabular] [--quick]

The straightforward versions are written the way the public tools work: a copy of the network in training mode, hooks, a
loop over layers, and a backward pass per sample where gradients of samples are needed (`slow_proxies.py`). Each
repetition runs both in turn on the same network and batch; figures are medians [min-max] of CPU time of one thread. By
default networks have 8 channels and one cell per stage, and batches 16 images; `--full` adds the benchmark's own
networks with 32 images. `--tabular` adds the rows of `tabular_proxies.py`.
"""

from __future__ import annotations

import argparse
import copy
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch are imported: more threads are slower here

import numpy as np
import torch
from torch import nn

from archwright.core.catalog import find, names
from archwright.core.rng import derive
from archwright.data.shapes import ImageShape
from archwright.nets.build import build
from archwright.proxies.base import Batch
from archwright.spaces.nb201 import NasBench201
from slow_proxies import SLOW, UNCHANGED, Proxy, condition, frozen, ntk_cond

SPACE = NasBench201()
CELL = "|nor_conv_3x3~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"


@dataclass
class Row:
    """One line: both versions of a proxy, their times, and how far apart their values are."""

    name: str
    goal: float | None
    slow_s: list[float]
    ours_s: list[float]
    values: tuple[float, float]

    def line(self) -> str:
        ratios = [a / b for a, b in zip(self.slow_s, self.ours_s, strict=True)]
        apart = abs(self.values[0] - self.values[1]) / max(abs(self.values[0]), 1e-12)
        verdict = "" if self.goal is None else f"  goal >= {self.goal:g}: {self._met(median(ratios))}"
        return (
            f"{self.name:<44} {milli(self.slow_s):>26} {milli(self.ours_s):>26} "
            f"{median(ratios):>8.2f}x [{min(ratios):.2f}-{max(ratios):.2f}]  apart {apart:.0e}{verdict}"
        )

    def _met(self, ratio: float) -> str:
        return "met" if self.goal is not None and ratio >= self.goal else "MISSED"


def milli(times_s: list[float]) -> str:
    return "{:,.4g} ms [{:,.4g}-{:,.4g}]".format(*(1e3 * t for t in (median(times_s), min(times_s), max(times_s))))


#: Floors for the median ratio, where there is one.
GOALS = {"synflow": 1.8, "teg_regions": 3.0}


def rows(size: dict[str, int], n: int, *, reps: int, only: list[str], side: int = 32) -> Iterator[Row]:
    """Yield a row for every proxy of the catalogue that has a straightforward version."""
    label = f"C{size['channels']} N{size['cells']} B{n}"
    x = torch.from_numpy(derive(0, "x").standard_normal((n, 3, side, side), dtype=np.float32))
    batch = Batch(x, torch.arange(n) % 10)
    net = build(SPACE.parse(CELL), SPACE, ImageShape(), rng=derive(0, "network"), **size)
    for name in names("proxy"):
        if name in SLOW and wanted(name, only):
            thin = build(SPACE.parse(CELL), SPACE, ImageShape(), rng=derive(0, "network"), channels=1, cells=1)
            subject = thin if name == "teg_regions" else net
            yield alternate(f"{name}, {label}", GOALS.get(name), reps, SLOW[name], find("proxy", name), subject, batch)
    if wanted("ntk_cond frozen", only):
        ours = find("proxy", "ntk_cond")
        goal = 5.0 if size["cells"] > 1 else 3.0
        # Row 16 of the goals: against the public tools' loop, whose kernel is another, and against the same kernel's.
        yield alternate(
            f"ntk_cond: exact loop / frozen, {label}", goal, reps, ntk_cond,
            lambda net, batch: ours(net, batch, frozen=True), net, batch,
        )  # fmt: skip
        yield alternate(
            f"ntk_cond: frozen loop / frozen, {label}", None, reps, lambda net, batch: condition(frozen(net, batch.x)),
            lambda net, batch: ours(net, batch, frozen=True), net, batch,
        )  # fmt: skip


def wanted(name: str, only: list[str]) -> bool:
    return not only or any(part in name for part in only)


def alternate(name: str, goal: float | None, reps: int, slow: Proxy, ours: Proxy, net: nn.Module, batch: Batch) -> Row:
    """Run both in turn, once to warm up and then `reps` times."""
    times = []
    for _ in range(reps + 1):
        slow_s, slow_value = timed(lambda: slow(net if slow in UNCHANGED else copy.deepcopy(net).train(), batch))
        ours_s, our_value = timed(lambda: ours(net, batch))
        times.append((slow_s, ours_s))
    return Row(name, goal, [a for a, _ in times[1:]], [b for _, b in times[1:]], (slow_value, our_value))


def timed(work: Callable[[], float]) -> tuple[float, float]:
    start = time.thread_time()
    value = work()
    return time.thread_time() - start, value


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=[], help="proxies whose name has one of these in it")
    parser.add_argument("--full", action="store_true", help="also networks of 16 channels and five cells per stage")
    parser.add_argument("--tabular", action="store_true", help="also the rows of networks for tables")
    parser.add_argument("--quick", action="store_true", help="small networks, once: for the tests")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.quick:
        settings, reps = [({"channels": 2, "cells": 1}, 6)], 1
    else:
        settings, reps = [({"channels": 8, "cells": 1}, 16)], options.reps
    if options.full:
        settings.append(({"channels": 16, "cells": 5}, 32))
    print(f"one network and batch; {reps} repetitions; straightforward, ours, ratio, distance of the values")
    for size, n in settings:
        for row in rows(size, n, reps=reps, only=options.only):
            print(row.line(), flush=True)
    if options.tabular:
        from tabular_proxies import samples

        for line in samples(reps=reps, n=40):
            print(line.line(), flush=True)


if __name__ == "__main__":
    main()
