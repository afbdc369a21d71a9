"""TEG-NAS's three indicators on cells of NAS-Bench-201 against their accuracy: the paper's figures 1 and 2.

    python benchmarks/teg.py --data FOLDER --out FOLDER [--forms paper frozen reference] [--cells 300] [--report]

`--data` holds `images/*.npz` with CIFAR-10 images and `nb201/nb201_accuracy.parquet` with the cells' texts and their
test accuracies after 200 epochs. Values are appended to `OUT/teg_FORM.csv`, one line per cell and repeat, so that a run
that was cut off goes on; `--report` prints Kendall's tau of the means over the repeats that are there, and draws figure
2. Forms:

    paper      eq. 4, 6, 8-9: Kaiming initialisation, other images in each repeat, exact tangent kernel of all
               parameters
    frozen     the same with BatchNorm's statistics as constants
    reference  the choices of the released code

Networks have three channels and one cell per stage, and kernels 64 rows. Regions are counted on networks of one cell
and one channel without a stem, as in the released code, and in the column `regions_deep` on three stages of these.

The paper's text regresses with the kernel of the last layer, its released code with that of the cells' layers: columns
`mse`, in the form `reference` that of the code, and `mse_cells`, with BatchNorm's statistics as constants. The last of
three channels' layers has twelve inputs, so its kernel has rank thirteen for 64 rows, and hardly tells networks apart.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch are imported: more threads are slower here

import numpy as np
import torch
from torch import nn

from archwright.core.arch import Arch
from archwright.core.errors import ProxyError
from archwright.core.rng import derive
from archwright.data.images import load_images, normalised_batch
from archwright.data.shapes import ImageShape
from archwright.nets.build import build
from archwright.nets.edge_cells import staged_network
from archwright.nets.image_ops import Norm
from archwright.nets.initialise import initialise
from archwright.nets.nb201 import edges_of
from archwright.proxies.base import Batch
from archwright.proxies.teg import INDICATORS, Indicators, Name
from archwright.proxies.teg_kappa import teg_kappa
from archwright.proxies.teg_mse import teg_mse
from archwright.proxies.teg_regions import teg_regions
from archwright.report.correlation import kendall, spearman
from archwright.spaces.nb201 import NasBench201

SPACE = NasBench201()
FORMS = ("paper", "frozen", "reference")
ROWS = 64
#: Cells below which nothing is reported.
FEWEST = 10
#: Images that a batch is drawn from in each repeat: twice 64 rows, and some to vary.
IMAGES = 512
VALUES = (*INDICATORS, "regions_deep", "mse_cells")
COLUMNS = ("index", "repeat", "accuracy", *VALUES, "seconds")


def thick(arch: Arch) -> nn.Module:
    """Return the network whose tangent kernel is taken: three channels, one cell per stage."""
    return build(arch, SPACE, ImageShape(), rng=derive(0, "teg thick"), channels=3, cells=1)


def thin(arch: Arch, *, deep: bool = False) -> nn.Module:
    """Return the network whose regions are counted: one channel, one cell, no stem; `deep`: one in each stage."""
    shape = ImageShape(channels=1, height=3, width=3)
    if deep:
        return build(arch, SPACE, shape, rng=derive(0, "teg thin"), channels=1, cells=1, stem=False)
    norm = Norm(batchnorm=True, affine=True)
    (cell,) = SPACE.cells(arch)
    model = staged_network(shape, cell, edges_of(SPACE.operations, norm), stages=[[1]], stem=None, norm=norm)
    return initialise(model, rng=derive(0, "teg thin"))


def values_of(arch: Arch, batch: Batch, form: str, repeat: int) -> dict[str, float]:
    """Return the indicators of a cell, of one repeat in one of the forms; NaN for each that its network fails."""
    reference, frozen = form == "reference", form == "frozen"
    how: dict[str, Any] = {"repeats": 1, "seed": repeat, "reference": reference}
    kernel = how | {"rows": ROWS, "frozen": frozen}
    network = thick(arch)
    ask = {
        "kappa": lambda: teg_kappa(network, batch, **kernel),
        "regions": lambda: teg_regions(thin(arch), batch, channels=1, **how),
        "mse": lambda: teg_mse(network, batch, **kernel),
        "regions_deep": lambda: teg_regions(thin(arch, deep=True), batch, channels=1, **how),
        "mse_cells": lambda: teg_mse(network, batch, layers="cells", **(kernel | {"frozen": True})),
    }
    found = {}
    for name, value in ask.items():
        try:
            found[name] = value()
        except ProxyError:
            found[name] = float("nan")
    return found


def sample(accuracies: Path, n: int, *, seed: int = 0) -> list[tuple[int, Arch, float]]:
    """Return a random sample of cells: index of the table, architecture, test accuracy after 200 epochs."""
    import pandas as pd

    table = pd.read_parquet(accuracies, columns=["arch_index", "arch_str", "c10_test_e200"])
    rows = derive(seed, "teg cells").permutation(len(table))[:n]
    return [(int(i), SPACE.parse(text), float(value)) for i, text, value in table.iloc[rows].itertuples(index=False)]


def image_batch(folder: Path, *, seed: int = 0) -> Batch:
    """Return normalised CIFAR-10 images and their labels."""
    (source,) = sorted(folder.glob("cifar*.npz"))
    x, y = normalised_batch(load_images(source), IMAGES, rng=derive(seed, "teg images"), balanced=True)
    return Batch(torch.from_numpy(x), torch.from_numpy(y))


def measure(path: Path, cells: list[tuple[int, Arch, float]], batch: Batch, form: str, repeat: int) -> None:
    """Append the values of one repeat of those cells that are not in the file yet."""
    rows = read(path) if path.exists() else []
    done = {int(row["index"]) for row in rows if int(row["repeat"]) == repeat}
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if not rows:
            writer.writeheader()
        for index, arch, accuracy in cells:
            if index in done:
                continue
            start = time.thread_time()
            values = values_of(arch, batch, form, repeat)
            spent = {"seconds": round(time.thread_time() - start, 3)}
            writer.writerow({"index": index, "repeat": repeat, "accuracy": accuracy} | values | spent)
            file.flush()


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def means_of(rows: list[dict[str, str]]) -> dict[str, np.ndarray]:
    """Return the columns of a file with a mean over repeats for each cell; a network that fails once is a bad one."""
    values: dict[int, list[list[float]]] = {}
    for row in rows:
        values.setdefault(int(row["index"]), []).append([float(row[name]) for name in ("accuracy", *VALUES)])
    table = np.array([np.mean(parts, axis=0) for parts in values.values()])
    return {"index": np.array(list(values))} | dict(zip(("accuracy", *VALUES), table.T, strict=True))


def agreement_of(indicators: Indicators, accuracy: np.ndarray) -> dict[str, tuple[float, float]]:
    """Return Kendall's tau-b and Spearman's rho with the accuracy of each indicator and of sums of their ranks.

    Ranks count bad networks as the last, and are turned so that a positive figure means that better values go with
    higher accuracy.
    """
    single = {name: -indicators.ranks(name) for name in INDICATORS}
    pairs = {f"{a}+{b}": -indicators.rank_sum((a, b)) for a, b in _pairs()}
    orders = {**single, **pairs, "sum": -indicators.rank_sum()}
    return {
        name: (float(kendall(order.astype(float), accuracy)), float(spearman(order.astype(float), accuracy)))
        for name, order in orders.items()
    }


def _pairs() -> Iterator[tuple[Any, Any]]:
    for place, first in enumerate(INDICATORS):
        for second in INDICATORS[place + 1 :]:
            yield first, second


def report(folder: Path) -> None:
    """Print what the files hold, and draw figure 2 for each form."""
    archs = {int(row["index"]): SPACE.parse(row["text"]) for row in read(folder / "cells.csv")}
    for form in FORMS:
        path = folder / f"teg_{form}.csv"
        rows = read(path) if path.exists() else []
        cells = len({row["index"] for row in rows})
        if cells < FEWEST:
            continue
        columns = means_of(rows)
        bad = {name: int(np.isnan(columns[name]).sum()) for name in VALUES}
        seconds = np.mean([float(row["seconds"]) for row in rows])
        print(f"{form}: {cells} cells, {len(rows) / cells:.3g} repeats of {seconds:.2f} s, bad networks {bad}")
        chosen = [archs[int(index)] for index in columns["index"]]
        for mse in ("mse", "mse_cells"):
            found = Indicators(columns["kappa"], columns["regions"], columns[mse])
            print(f"  with {mse}:")
            _print_agreement(found, columns)
            _draw(folder / f"teg_{form}_{mse}.png", chosen, found)


def _print_agreement(found: Indicators, columns: dict[str, np.ndarray]) -> None:
    figures = agreement_of(found, columns["accuracy"])
    deep = Indicators(found.kappa, columns["regions_deep"], found.mse)
    figures["regions, three stages"] = agreement_of(deep, columns["accuracy"])["regions"]
    for name, (tau, rho) in figures.items():
        print(f"    {name:<22} tau {tau:+.3f}  rho {rho:+.3f}")
    alone = max(INDICATORS, key=lambda name: figures[name][0])
    low, high = gain_of(found, columns["accuracy"], alone)
    print(f"    the sum's tau less that of {alone} alone: {low:+.3f} to {high:+.3f} (95 %, bootstrap of cells)")


def gain_of(indicators: Indicators, accuracy: np.ndarray, alone: Name, *, resamples: int = 1000) -> tuple[float, float]:
    """Return the middle 95 % of how much more the sum of all three ranks agrees with accuracy than one of them."""
    rng = derive(0, "teg bootstrap")
    gains = []
    for _ in range(resamples):
        rows = rng.integers(len(accuracy), size=len(accuracy))
        part = Indicators(*(indicators[name][rows] for name in INDICATORS))
        orders = (-part.rank_sum(), -part.ranks(alone))
        both, one = (kendall(order.astype(float), accuracy[rows]) for order in orders)
        gains.append(both - one)
    low, high = np.percentile(gains, (2.5, 97.5))
    return float(low), float(high)


def _draw(path: Path, archs: list[Arch], found: Indicators) -> None:
    from archwright.report.teg_subsets import write_subsets_png

    for name, subset in write_subsets_png(path, SPACE, archs, found).items():
        print(f"    {name:<8} {subset.n:>4} cells, convolutions {subset.convolutions:.3f}, depth {subset.depth:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS)
    parser.add_argument("--cells", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--report", action="store_true", help="measure nothing; print what is there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    cells = sample(args.data / "nb201" / "nb201_accuracy.parquet", args.cells)
    with (args.out / "cells.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("index", "text", "accuracy"))
        writer.writerows((index, SPACE.text(arch), accuracy) for index, arch, accuracy in cells)
    if not args.report:
        batch = image_batch(args.data / "images")
        for repeat in range(args.repeats):
            for form in args.forms:
                measure(args.out / f"teg_{form}.csv", cells, batch, form, repeat)
    report(args.out)


if __name__ == "__main__":
    main()
