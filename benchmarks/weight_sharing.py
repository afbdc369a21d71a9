"""Weight sharing against ExpressFlow on networks trained on tables: Table 12 of ATLAS on benchmarks of one's own.

    OMP_NUM_THREADS=1 python benchmarks/weight_sharing.py BENCH=TABLE [BENCH=TABLE ...] [--seeds 3] [--sample 256]

BENCH is a folder that `archwright bench build` wrote, TABLE the file that it was trained on. For each seed one
supernet, the network of the largest widths, is trained on the benchmark's training rows with its settings, and every
network of the sample is cut out of it and validated without further training. Prints, as Markdown, Spearman's
correlation of these scores with the validation metric that the benchmark recorded for the networks trained by
themselves, mean and standard deviation over the seeds, and that of ExpressFlow and of the number of parameters on the
same networks. `whole` trains all neurons at every step, as the paper has it; `uniform` a random network of the space at
every step. With `fresh`, BatchNorm's statistics are taken anew from training rows for every network that is cut out.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch are imported: more threads are slower here

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import spearmanr

from archwright.core.arch import Arch
from archwright.core.rng import derive
from archwright.core.trial import Proposal
from archwright.proxies.tabular import score_many
from archwright.train.supernet import Sampling, SharedWeights, train_supernet
from archwright.train.tensors import Rows
from tabular_srcc import Trained, print_table, trained

Floats = npt.NDArray[np.float64]

#: ATLAS, Table 12, on Frappe.
PUBLISHED = {"weight sharing": 0.12, "expressflow": 0.80}


def inherited(one: Trained, archs: Sequence[Arch], sampling: Sampling, seed: int) -> Iterator[tuple[str, Floats]]:
    """Yield the scores [N] that networks inherit from one supernet, with its statistics and with fresh ones."""
    cpu, kind, space = torch.device("cpu"), one.task.kind, one.bench.space
    train, valid = (Rows.of(split, cpu) for split in (one.task.train, one.task.valid))
    rng = derive(seed, "supernet", sampling)
    net = train_supernet(space, one.inputs, one.recipe, train, kind=kind, rng=rng, sampling=sampling)
    name = "whole" if sampling == "largest" else "uniform"
    for label, rows in ((name, None), (f"{name}, fresh", train)):
        evaluator = SharedWeights(net, space, valid, kind, one.task.metric, rows)
        results = [evaluator.evaluate(Proposal(arch), rng=derive(seed, "unused")) for arch in archs]
        yield label, np.array([np.nan if result.score is None else result.score for result in results])


def compare(one: Trained, *, seeds: int, sample: int) -> list[list[str]]:
    n = len(one.archs)
    rows = np.sort(derive(0, "sample").permutation(n)[:sample]) if sample < n else np.arange(n)
    archs, reached = [one.archs[row] for row in rows], one.reached.mean(1)[rows]
    found: dict[str, list[float]] = {}
    best: dict[str, list[float]] = {}
    took_s = time.monotonic()
    for seed in range(seeds):
        for sampling in ("largest", "uniform"):
            for name, scores in inherited(one, archs, sampling, seed):
                found.setdefault(f"weight sharing, {name}", []).append(correlation(scores, reached))
                best.setdefault(f"weight sharing, {name}", []).append(float(np.nanmax(scores)))
        d, outputs = one.inputs.n_fields * one.recipe.embedding, one.inputs.n_outputs
        values = score_many(one.bench.space, archs, d, ["expressflow", "params"], seed=seed, n_outputs=outputs)
        for name, scores in values.items():
            found.setdefault(name, []).append(correlation(scores, reached))
    print(
        f"{one.name}: {len(archs)} of {n} networks, validation {reached.min():.4f} to {reached.max():.4f}, "
        f"{time.monotonic() - took_s:.0f} s\n",
        flush=True,
    )
    return [
        [
            one.name,
            name,
            f"{np.mean(each):.3f}",
            f"{np.std(each):.3f}",
            f"{np.mean(best[name]):.4f}" if name in best else "",
        ]
        for name, each in found.items()
    ]


def correlation(scores: Floats, reached: Floats) -> float:
    known = np.isfinite(scores) & np.isfinite(reached)
    return float(spearmanr(scores[known], reached[known]).statistic)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benches", nargs="+", metavar="BENCH=TABLE")
    parser.add_argument("--seeds", type=int, default=3, help="supernets of each kind")
    parser.add_argument("--sample", type=int, default=256, help="networks to cut out of each")
    parser.add_argument("--reached", choices=("last", "best"), default="best", help="epoch whose metric counts")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    lines = []
    for text in options.benches:
        folder, _, table = text.partition("=")
        lines += compare(
            trained(Path(folder), Path(table), options.reached), seeds=options.seeds, sample=options.sample
        )
    print_table(["benchmark", "score", "SRCC", "std over seeds", "best inherited metric"], lines)
    print(f"ATLAS on Frappe: {', '.join(f'{name} {value:.2f}' for name, value in PUBLISHED.items())}")


if __name__ == "__main__":
    main()
