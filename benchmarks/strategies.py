"""Ways to use a proxy and training together, on a benchmark that `archwright bench build` made.

    python benchmarks/strategies.py FOLDER [FOLDER ...] [--seeds 50] [--proxies expressflow,params,random]

The forms of ATLAS' tables 9, 10 and 11 (arXiv:2403.10318, appendices E and F): training-based search (random,
REINFORCE, evolution), the proxy alone, warmup, move proposal, filtering with full training and with successive halving.
Runs are simulated: a training costs the processor seconds that the benchmark recorded, a score what it took to
compute here, and a longer training continues the shorter one. Reached is the target when a full training of a run gives
at least the validation value of the best 1 % of the space's networks (--target sets another share).

Proxies are those that need no data: ExpressFlow from one draw of weights, the benchmark's own measures (`params`,
`flops`), and random numbers as a control.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from archwright import recipes
from archwright.bench.evaluator import TableEvaluator
from archwright.bench.table import Bench
from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.protocols import Searcher
from archwright.proxies.whole_space import WholeSpace
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.spaces.tabular_mlp import TabularMlp

#: Trainings after which a search that goes on by itself is cut.
TRAININGS = 300
#: Moves from which the proxy chooses.
MOVES = 10
#: Shares of random architectures among the candidates of halving, and numbers of candidates.
NOISE = (0.0, 0.3, 0.5, 0.7, 1.0)
KEPT = (1, 3, 10, 30, 100)


@dataclass(frozen=True, eq=False)
class Proxy:
    """Scores of every architecture of a space, higher is better, and what one costs."""

    name: str
    values: npt.NDArray[np.float64]
    score_s: float

    def of(self, space: TabularMlp) -> Callable[[Arch], float]:
        """Return the score of an architecture of `space`."""
        listed = self.values.tolist()
        return lambda arch: float(listed[space.index(arch)])


@dataclass(frozen=True, eq=False)
class Table:
    """A benchmark, the value that counts as reached, and the epochs of a full training."""

    bench: Bench
    space: TabularMlp
    outcome: str
    target: float
    epochs: int

    @classmethod
    def open(cls, folder: Path, share: float) -> Table:
        """Return the benchmark in `folder`; the best `share` of its full trainings count as reached."""
        bench = Bench.open(folder)
        (outcome,) = bench.outcomes.values()
        space = bench.space
        assert isinstance(space, TabularMlp), "only benchmarks of tabular MLPs can be run"
        values = bench.values(outcome.name, slice(None))
        sign = 1.0 if outcome.higher_is_better else -1.0
        return cls(bench, space, outcome.name, float(np.nanquantile(sign * values, 1 - share)), outcome.epochs[-1])

    def inputs(self) -> int:
        """Return the inputs of the first layer, from the recorded FLOPs of a network."""
        widths = self.space.widths_of(self.bench.archs([0])[0])
        products = sum(a * b for a, b in zip((*widths, 1), widths[1:], strict=False)) + widths[-1]
        flops = float(self.bench.measures["flops"][0])
        return round((flops / 2 - products) / widths[0])


@dataclass(frozen=True)
class Run:
    """What one run came to: seconds to the target (infinite if never), trainings, best full score, all seconds."""

    reached_s: float
    full: int
    best: float
    seconds: float


def search(table: Table, searcher: Searcher, *, filter_s: float, seed: int) -> Run:
    """Run `searcher` in simulated time that begins after `filter_s` seconds of filtering."""
    evaluator = TableEvaluator(table.bench, table.outcome, continued=True)
    executor = SimulatedExecutor(evaluator, start_s=filter_s)
    study = run(searcher, executor, Budget(trials=TRAININGS), seed=seed)
    full = [
        trial
        for trial in study.history.ok()
        if trial.proposal.fidelity in (None, table.epochs) and trial.result.score is not None
    ]
    scores = [trial.result.score for trial in full if trial.result.score is not None]
    reached = [trial.finished_s for trial, score in zip(full, scores, strict=True) if score >= table.target]
    last_s = study.trials[-1].finished_s if study.trials else filter_s
    return Run(min(reached, default=math.inf), len(full), max(scores, default=math.nan), last_s)


def strategies(
    table: Table, proxy: Proxy, explored: int, kept: int
) -> Mapping[str, Callable[[int], tuple[Searcher, float]]]:
    """Return, by name, what makes a searcher of a seed, and the seconds of filtering before it begins."""
    space, score, s = table.space, proxy.of(table.space), proxy.score_s
    sampled = 3 * explored
    return {
        f"training-free ({proxy.name})": lambda k: (
            recipes.training_free(space, score, explored=explored, seed=k), explored * s
        ),
        f"warmup ({proxy.name})": lambda k: (recipes.warmup(space, score, explored=sampled, seed=k), sampled * s),
        f"move proposal ({proxy.name})": lambda k: (recipes.move_proposal(space, score, moves=MOVES), 0.0),
        f"filter + full training ({proxy.name})": lambda k: (
            recipes.filter_and_train(space, score, explored=explored, kept=kept, seed=k), explored * s
        ),
        f"filter + halving ({proxy.name})": lambda k: (
            recipes.atlas(space, score, table.epochs, explored=explored, kept=kept, seed=k), explored * s
        ),
    }  # fmt: skip


def told(name: str, runs: list[Run], target: float) -> str:
    """Return a row: how often and when the target was reached, and how good the best full training is."""
    reached = [each.reached_s for each in runs if math.isfinite(each.reached_s)]
    when = f"{statistics.mean(reached):,.1f}" if reached else "never"
    spread = f"{statistics.stdev(reached):,.1f}" if len(reached) > 1 else "-"
    bests = [each.best for each in runs]
    share = 100 * len(reached) / len(runs)
    best = f"{np.mean(bests):.4f} +- {np.std(bests, ddof=1):.4f}" if len(bests) > 1 else f"{bests[0]:.4f}"
    full, used = statistics.mean(each.full for each in runs), statistics.mean(each.seconds for each in runs)
    return f"| {name} | {share:.0f} % | {when} | {spread} | {best} | {full:.0f} | {used:,.1f} |"


HEAD = "| strategy | reached | seconds | std | best | full trainings | all seconds |\n|---|---|---|---|---|---|---|"


def report(table: Table, proxies: list[Proxy], *, seeds: int, explored: int, kept: int) -> None:
    """Print the three tables of one benchmark."""
    print(f"\n## {table.bench.name}: {len(table.bench):,} networks, target {table.target:.4f}, {seeds} seeds\n\n{HEAD}")
    alone = {
        "training (random)": recipes.random_search,
        "training (REINFORCE)": recipes.reinforce,
        "training (evolution)": recipes.regularized_evolution,
    }
    for name, make in alone.items():
        print(told(name, [search(table, make(table.space), filter_s=0, seed=k) for k in range(seeds)], table.target))
    for proxy in proxies:
        for name, made in strategies(table, proxy, explored, kept).items():
            runs = []
            for seed in range(seeds):
                searcher, filter_s = made(seed)
                runs.append(search(table, searcher, filter_s=filter_s, seed=seed))
            print(told(name, runs, table.target), flush=True)
    proxy = proxies[0]
    print(f"\nRandom noise among the {kept} candidates of halving, {proxy.name}:\n\n{HEAD}")
    for noise in NOISE:
        runs = halved(table, proxy, seeds=seeds, explored=explored, kept=kept, noise=noise)
        print(told(f"RND {noise:.0%}", runs, table.target))
    print(f"\nNumber K of candidates of halving, {proxy.name}, M = {explored}:\n\n{HEAD}")
    for number in KEPT:
        runs = halved(table, proxy, seeds=seeds, explored=explored, kept=number, noise=0.0)
        print(told(f"K = {number}", runs, table.target))


def halved(table: Table, proxy: Proxy, *, seeds: int, explored: int, kept: int, noise: float) -> list[Run]:
    """Return runs of filtering with successive halving."""
    score, filter_s, runs = proxy.of(table.space), explored * proxy.score_s, []
    for seed in range(seeds):
        settings = {"explored": explored, "kept": kept, "noise": noise, "seed": seed}
        searcher = recipes.atlas(table.space, score, table.epochs, **settings)
        runs.append(search(table, searcher, filter_s=filter_s, seed=seed))
    return runs


def free_proxies(table: Table, names: list[str]) -> list[Proxy]:
    """Return proxies that need no data: ExpressFlow, a measure of the benchmark, or random numbers as a control."""
    found = []
    for name in names:
        if name == "expressflow":
            space = WholeSpace(table.space, table.inputs(), seed=0)
            began_s = time.process_time()
            for arch in table.bench.archs(range(0, len(table.bench), max(1, len(table.bench) // 50))):
                space.score(arch)
            one_s = (time.process_time() - began_s) / min(50, len(table.bench))
            found.append(Proxy(name, space.scores(), one_s))
        elif name == "random":
            found.append(Proxy(name, np.random.default_rng(0).random(table.space.size()), 0.0))
        else:
            rows = table.bench.rows(list(table.space.enumerate()))
            found.append(Proxy(name, np.asarray(table.bench.measures[name], dtype=np.float64)[rows], 0.0))
    return found


def main() -> None:
    """Print the tables of every benchmark that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="benchmarks of `archwright bench build`, whole spaces")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--proxies", default="expressflow", help="expressflow, params, flops, random; A,B")
    parser.add_argument("--target", type=float, default=0.01, help="share of the best networks that count as reached")
    parser.add_argument("--explored", type=int, default=900, help="M, architectures that filtering explores")
    parser.add_argument("--kept", type=int, default=30, help="K, candidates that are trained")
    asked = parser.parse_args()
    for folder in asked.folders:
        table = Table.open(folder, asked.target)
        report(
            table,
            free_proxies(table, asked.proxies.split(",")),
            seeds=asked.seeds,
            explored=asked.explored,
            kept=asked.kept,
        )


if __name__ == "__main__":
    main()
