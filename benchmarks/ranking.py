"""Speed of `archwright rank` on a table: networks that share one draw of weights against each with its own.

    OMP_NUM_THREADS=1 python benchmarks/ranking.py TABLE --target COLUMN [--space frappe] [--sample 200] [--reps 3]

Each repetition ranks the same sample twice in turn, in this process, data and files included; processor seconds.
"""

from __future__ import annotations

import argparse
import os
import time
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch are imported: more threads are slower here

import torch

from archwright.coordinate.ranking import rank

PROXIES = "params,flops,l2_norm,synflow,expressflow,nwot,snip,grad_norm,fisher,plain,ntk_trace_appx,jacov"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("--target", required=True)
    parser.add_argument("--space", default="frappe")
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--proxies", default=PROXIES)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    times: dict[str, list[float]] = {"own": [], "shared": []}
    for _ in range(options.reps):
        for weights, taken in times.items():
            start = time.process_time()
            rank(
                options.space, options.table, target=options.target, proxies=options.proxies, sample=options.sample,
                batch=32, workers=0, weights=weights,  # type: ignore[arg-type]
            )  # fmt: skip
            taken.append(time.process_time() - start)
    ratios = [own / shared for own, shared in zip(times["own"], times["shared"], strict=True)]
    said = ", ".join(f"{name} {median(taken):.2f} s" for name, taken in times.items())
    print(f"{options.sample} networks of {options.space}, {len(options.proxies.split(','))} proxies: {said}, ", end="")
    print(f"ratio {median(ratios):.1f} [{min(ratios):.1f}-{max(ratios):.1f}]")


if __name__ == "__main__":
    main()
