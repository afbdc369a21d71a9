"""Speed of GATES and TA-GATES: one graph after another, or the pairs of a ranking loss one by one, against batches.

    OMP_NUM_THREADS=1 python benchmarks/predictors.py [--reps 5] [--only nb201] [--quick]

The straightforward versions have the same weights and give the same values. `loop` encodes one architecture after
another, operation by operation (`slow_gates.py`). `pairs` encodes both ends of 4 B pairs in one batch, as the public
tools do, where we encode each of the B architectures once and compare all of their scores. Each repetition runs both in
turn; figures are medians [min-max] of CPU time of one thread. A training step is forward, pairwise hinge, backward,
and Adam. The last rows are whole trainings of 200 epochs; the paper needs 121 s for TA-GATES, and 91 s for GATES, on 72
architectures on a GPU (TA-GATES, appendix C.2).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch are imported: more threads are slower here

import numpy as np
import torch
from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.core.catalog import find
from archwright.core.rng import derive
from archwright.core.trial import Evidence
from archwright.encode.gates import Gates, TaGates
from archwright.predict.losses import pairwise_hinge
from archwright.predict.neural import NeuralPredictor, Training
from archwright.spaces.base import Space
from slow_gates import Looped

#: Pairs per architecture that the public tools draw for each step.
PAIRS = 4
#: Seconds for 200 epochs on a GPU: TA-GATES, appendix C.2. And goals for one thread.
PAPER_S = {"ta_gates": 121.0, "gates": 91.0}
GOAL_S = 20.0


@dataclass
class Row:
    """One line: how many architectures each run handles, times of both, and how far apart their values are."""

    name: str
    n: int
    goal: float | None
    slow_s: list[float]
    ours_s: list[float]
    apart: float

    def line(self) -> str:
        ratios = [a / b for a, b in zip(self.slow_s, self.ours_s, strict=True)]
        verdict = "" if self.goal is None else f"  goal >= {self.goal:g}: {'met' if self._met() else 'MISSED'}"
        return (
            f"{self.name:<44} {milli(self.slow_s):>27} {milli(self.ours_s):>27} {median(ratios):>7.1f}x "
            f"[{min(ratios):.1f}-{max(ratios):.1f}]  {self.n / median(self.ours_s):>8,.0f} archs/s"
            f"  apart {self.apart:.0e}{verdict}"
        )

    def _met(self) -> bool:
        return median(a / b for a, b in zip(self.slow_s, self.ours_s, strict=True)) >= (self.goal or 0)


@dataclass
class Whole:
    """One line: a whole training."""

    name: str
    epochs: int
    wall_s: float
    cpu_s: float
    paper_s: float
    goal: float | None

    def line(self) -> str:
        speed, faster = self.epochs / self.cpu_s, self.paper_s / self.cpu_s
        met = "met" if self.goal is not None and self.cpu_s <= self.goal else "MISSED"
        verdict = "" if self.goal is None else f"  goal <= {self.goal:g} s: {met}"
        return (
            f"{self.name:<44} {self.cpu_s:.2f} s of CPU, {self.wall_s:.2f} s in all, {speed:.1f} epochs/s;"
            f" the paper's on a GPU {self.paper_s:g} s: {faster:.1f}x{verdict}"
        )


def milli(times_s: Sequence[float]) -> str:
    return "{:,.4g} ms [{:,.4g}-{:,.4g}]".format(*(1e3 * t for t in (median(times_s), min(times_s), max(times_s))))


def networks(space: Space) -> dict[str, Gates]:
    """Return the networks to compare, with the widths of the paper."""
    torch.manual_seed(0)
    made: dict[str, Gates] = {"gates": Gates(space)}
    made |= {f"ta_gates T={steps}": TaGates(space, steps=steps) for steps in (2, 3)}
    return made


def rows(spaces: Sequence[str], *, n: int, n_looped: int, reps: int) -> Iterator[Row]:
    """Yield predictions and training steps of each network on each space."""
    for name in spaces:
        space = find("space", name)()
        rng = derive(0, "archs", name)
        archs = [space.random(rng=rng) for _ in range(n)]
        for label, net in networks(space).items():
            yield predicting(f"predict, {label}, {name}, B={n}", net, archs, reps)
            yield looped_step(f"step loop, {label}, {name}, B={n_looped}", net, archs[:n_looped], reps)
            for size in (n_looped, n):
                yield paired_step(f"step pairs, {label}, {name}, B={size}", net, archs[:size], reps)


def predicting(name: str, net: Gates, archs: Sequence[Arch], reps: int) -> Row:
    """Return encodings from the loop against those from a batch that is prepared anew."""
    slow, ours = Looped(net), lambda: net(net.prepare(archs))
    with torch.inference_mode():
        slow_s, ours_s, values = alternate(lambda: slow(archs), ours, reps)
    return Row(name, len(archs), None, slow_s, ours_s, apart(*values))


@dataclass
class Setting:
    """A network with a head, architectures with scores, and what is needed for a training step."""

    net: Gates
    head: nn.Linear
    adam: torch.optim.Adam
    batch: Any
    truth: Tensor
    pairs: Tensor

    @classmethod
    def of(cls, net: Gates, archs: Sequence[Arch]) -> Setting:
        """Return a setting with random scores, and as many random pairs as the public tools draw, the better first."""
        rng, n = derive(0, "setting"), len(archs)
        truth = torch.from_numpy(rng.random(n)).float()
        drawn = np.array([rng.choice(n, 2, replace=False) for _ in range(PAIRS * n)])
        pairs = torch.from_numpy(np.where((truth[drawn[:, :1]] > truth[drawn[:, 1:]]).numpy(), drawn, drawn[:, ::-1]))
        head = nn.Linear(net.dim, 1)
        # A step of size 0 costs what any does, and leaves the weights for the next repetition.
        adam = torch.optim.Adam([*net.parameters(), *head.parameters()], lr=0.0, fused=True)
        return cls(net, head, adam, net.prepare(archs), truth, pairs)

    def scores(self, encodings: Tensor) -> Tensor:
        return self.head(encodings).squeeze(1)

    def step(self, loss: Tensor) -> Tensor:
        """Return the loss, after backward and Adam."""
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return loss.detach()[None]

    def all_pairs(self, encodings: Tensor) -> Tensor:
        return pairwise_hinge(self.scores(encodings), self.truth)

    def drawn_pairs(self, better: Tensor, worse: Tensor) -> Tensor:
        return torch.relu(0.1 - (better - worse)).mean()

    def both_ends(self) -> Tensor:
        """Return the loss of the drawn pairs, both ends of which are encoded."""
        scores = self.scores(self.net(self.batch.take(self.pairs.T.flatten())))
        return self.drawn_pairs(*scores.chunk(2))


def looped_step(name: str, net: Gates, archs: Sequence[Arch], reps: int) -> Row:
    """Return a training step of the loop against one of the batch."""
    setting, loop = Setting.of(net, archs), Looped(net)
    slow_s, ours_s, values = alternate(
        lambda: setting.step(setting.all_pairs(loop(archs))),
        lambda: setting.step(setting.all_pairs(net(setting.batch))),
        reps,
    )
    return Row(name, len(archs), 5.0, slow_s, ours_s, apart(*values))


def paired_step(name: str, net: Gates, archs: Sequence[Arch], reps: int) -> Row:
    """Return a training step that encodes both ends of pairs against one that encodes each architecture once."""
    setting = Setting.of(net, archs)
    slow_s, ours_s, (loss, _) = alternate(
        lambda: setting.step(setting.both_ends()), lambda: setting.step(setting.all_pairs(net(setting.batch))), reps
    )
    with torch.no_grad():
        scores = setting.scores(net(setting.batch))
        expected = setting.drawn_pairs(*(scores[end] for end in setting.pairs.T))[None]
    return Row(name, len(archs), 6.0, slow_s, ours_s, apart(loss, expected))


def apart(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().max() / first.abs().max())


def alternate(
    slow: Callable[[], Tensor], ours: Callable[[], Tensor], reps: int
) -> tuple[list[float], list[float], Any]:
    """Run both in turn, once to warm up and then `reps` times; return their times and last values."""
    times, values = [], (torch.empty(0), torch.empty(0))
    for _ in range(reps + 1):
        slow_s, first = timed(slow)
        ours_s, second = timed(ours)
        times.append((slow_s, ours_s))
        values = (first, second)
    return [a for a, _ in times[1:]], [b for _, b in times[1:]], values


def timed(work: Callable[[], Tensor]) -> tuple[float, Tensor]:
    start = time.thread_time()
    value = work()
    return time.thread_time() - start, value


def whole_trainings(*, epochs: int, only: Sequence[str]) -> Iterator[Whole]:
    """Yield complete trainings as `NeuralPredictor` runs them, on the numbers of architectures of 1 %."""
    cases = [("gates", "nb201", 78), ("ta_gates T=3", "nb201", 78), ("ta_gates T=2", "nb101", 73)]
    for label, name, n in [*cases, ("ta_gates T=3", "nb101", 73)]:
        if name not in only:
            continue
        encoder, _, steps = label.partition(" T=")
        settings = {"steps": int(steps)} if steps else {}
        space, rng = find("space", name)(), derive(0, "whole", name)
        evidence = [Evidence(space.random(rng=rng)) for _ in range(n)]
        made = NeuralPredictor(space, encoder=encoder, settings=settings, training=Training(epochs=epochs))
        wall, cpu = time.perf_counter(), time.thread_time()
        made.fit(evidence, rng.random(n), rng=rng)
        spent = time.perf_counter() - wall, time.thread_time() - cpu
        whole = f"{label}, {name}, B={n}, {epochs} epochs"
        yield Whole(whole, epochs, *spent, PAPER_S[encoder], GOAL_S if encoder == "ta_gates" else None)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--only", nargs="+", default=["nb201", "nb101"], help="spaces")
    parser.add_argument("--quick", action="store_true", help="few architectures and epochs, once: for the tests")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    n, n_looped, reps, epochs = (24, 8, 1, 2) if options.quick else (512, 73, options.reps, 200)
    print(f"medians of {reps} repetitions: straightforward, ours, ratio, speed of ours, distance of the values")
    for row in rows(options.only, n=n, n_looped=n_looped, reps=reps):
        print(row.line(), flush=True)
    for line in whole_trainings(epochs=epochs, only=options.only):
        print(line.line(), flush=True)


if __name__ == "__main__":
    main()
