"""Zero-cost proxies on cells of NAS-Bench-201 against the values that others published, and against accuracy.

    python benchmarks/proxy_agreement.py --data FOLDER --out FOLDER [--proxies snip grasp] [--sample 300] [--seed 0]
                                         [--draws shared] [--precision single] [--batch 64] [--channels 16]
                                         [--cells 5] [--report]

`--data` holds `images/cifar*.npz` with CIFAR-10 images, `nb201/nb201_zero_cost.parquet` with published values of
9,445 cells, and `nb201/nb201_accuracy.parquet` with the cells' texts, sizes and validation accuracies after 200 epochs.
Cells are drawn from the 9,445; a smaller sample is the beginning of a larger one. `--seed` draws the initial weights
and the images: by default the same for all cells, and as many images of each class. With `--draws own` every cell has
weights and images of its own, at random, as those have that were published. `--precision tf32` rounds what convolutions
read to ten bits of mantissa, as graphics processors do where nothing else is asked of them.

Every value is a line of `OUT/agreement.csv`, written when its cell is done, so that a run that was cut off goes on, and
runs with other proxies or seeds add to the same file; `--report` prints what is there and computes nothing. The table
has, for each proxy and for each setting of the network and the batch:

    peer       Spearman's correlation of our values and the published ones
    self       the same between two seeds of ours, the mean over all pairs: what a published value, which is one draw
               as well, can be expected to agree with
    rounded    with `--precision tf32`, the same between these values and those of single precision and equal draws
    accuracy   of our values and validation accuracy, and the standard deviation of that over seeds of ours; published:
               of the published values, on the same cells
"""

from __future__ import annotations

import argparse
import csv
import inspect
import math
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Literal, get_args

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch are imported: more threads are slower here

import numpy as np
import torch

from archwright.core.arch import Arch
from archwright.core.catalog import find
from archwright.core.errors import ProxyError
from archwright.core.rng import derive
from archwright.data.images import Images, load_images, normalised_batch
from archwright.data.shapes import ImageShape
from archwright.nets.build import build
from archwright.proxies.base import Batch
from archwright.report.correlation import spearman
from archwright.spaces.nb201 import NasBench201

SPACE = NasBench201()
PUBLISHED = (
    "epe_nas", "fisher", "flops", "grad_norm", "grasp", "jacov", "l2_norm", "nwot", "params", "plain", "snip",
    "synflow",
)  # fmt: skip
COLUMNS = ("index", "proxy", "seed", "batch", "channels", "cells", "draws", "precision", "value", "seconds")

Draws = Literal["shared", "own"]
Precision = Literal["single", "tf32"]


@dataclass(frozen=True)
class Setting:
    """How values are computed; values of other settings are not compared.

    Args:
        batch: Images. The published values are those of 64: their Jacobian covariances end at -64.95, the most that
            64 samples can have.
        channels: Channels of the first stage.
        cells: Cells of each stage.
        draws: Whether all cells share the draw of weights and a batch balanced over classes, or each has its own.
        precision: Of what convolutions read.
    """

    batch: int = 64
    channels: int = 16
    cells: int = 5
    draws: Draws = "shared"
    precision: Precision = "single"

    @property
    def key(self) -> tuple[str, ...]:
        """Its columns, in their order."""
        return (str(self.batch), str(self.channels), str(self.cells), self.draws, self.precision)


@dataclass(frozen=True)
class Cell:
    """A cell, its validation accuracy after 200 epochs in percent, and what others published, by proxy."""

    index: int
    arch: Arch
    accuracy: float
    published: dict[str, float]


@dataclass(frozen=True)
class Row:
    """How one proxy in one setting agrees; correlations are NaN where nothing can be said.

    Args:
        n: Cells with a value of ours, in all seeds there are.
        failed: Cells for which the proxy is not defined in some seed.
        seconds: For one network.
    """

    proxy: str
    setting: Setting
    n: int
    failed: int
    peer: float
    itself: float
    rounded: float
    accuracy: float
    accuracy_std: float
    accuracy_published: float
    seconds: float

    def line(self) -> str:
        figures = (self.peer, self.itself, self.rounded, self.accuracy, self.accuracy_std, self.accuracy_published)
        where = f"{self.setting.channels}x{self.setting.cells} B{self.setting.batch} {self.setting.draws}"
        return (
            f"{self.proxy:<12} {where:<17} {self.setting.precision:<6} {self.n:>5} {self.failed:>6}  "
            + "  ".join(f"{figure:+9.3f}" for figure in figures)
            + f"  {self.seconds:8.3f}"
        )


def draw_cells(data: Path, n: int) -> list[Cell]:
    """Return `n` cells of those with published values, in an order that does not depend on `n`."""
    import pandas as pd

    table = pd.read_parquet(data / "nb201" / "nb201_accuracy.parquet")
    scores = pd.read_parquet(data / "nb201" / "nb201_zero_cost.parquet")
    if not table["arch_index"].equals(scores["arch_index"]):
        raise SystemExit("the two tables must list the same cells in the same order")
    columns = {name: scores[f"c10_{name}"] for name in PUBLISHED if f"c10_{name}" in scores}
    columns |= {"params": table["params_m"], "flops": table["flops_m_c10"]}
    there = np.flatnonzero(scores["c10_jacov"].notna() & table["c10_valid_e200"].notna())
    return [
        Cell(
            int(table["arch_index"][i]),
            SPACE.parse(table["arch_str"][i]),
            float(table["c10_valid_e200"][i]),
            {name: float(column[i]) for name, column in columns.items()},
        )
        for i in derive(0, "agreement cells").permutation(there)[:n]
    ]


def read_images(data: Path) -> Images:
    """Return CIFAR-10 images of the folder, enough to draw balanced batches from."""
    (source,) = sorted((data / "images").glob("cifar*.npz"))
    return load_images(source, most=2000)


def measure(
    path: Path, cells: Sequence[Cell], images: Images, proxies: Sequence[str], setting: Setting, *, seed: int
) -> None:
    """Append the values that the file does not hold yet; NaN where a proxy is not defined."""
    key = (str(seed), *setting.key)
    done = {(row["index"], row["proxy"]) for row in read(path) if tuple(row[k] for k in COLUMNS[2:8]) == key}
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if file.tell() == 0:
            writer.writerow(COLUMNS)
        for cell in cells:
            missing = [name for name in proxies if (str(cell.index), name) not in done]
            for name, value, seconds in values_of(cell, missing, images, setting, seed=seed):
                writer.writerow((cell.index, name, *key, value, f"{seconds:.4f}"))
            file.flush()


def values_of(
    cell: Cell, proxies: Sequence[str], images: Images, setting: Setting, *, seed: int
) -> list[tuple[str, float, float]]:
    """Return name, value and processor seconds of each proxy, all of the same network."""
    if not proxies:
        return []
    own = setting.draws == "own"
    # Shared: the same generator for all cells, so that what weights they share start alike.
    of = (cell.index,) if own else ()
    network = build(
        cell.arch, SPACE, ImageShape(), rng=derive(seed, "agreement", *of), channels=setting.channels,
        cells=setting.cells,
    )  # fmt: skip
    x, y = normalised_batch(images, setting.batch, rng=derive(seed, "agreement images", *of), balanced=not own)
    batch = Batch(torch.from_numpy(x), torch.from_numpy(y))
    found = []
    for name in proxies:
        function = find("proxy", name)
        options = {"seed": seed} if "seed" in inspect.signature(function).parameters else {}
        start = time.thread_time()
        try:
            with rounded_convolutions() if setting.precision == "tf32" else nullcontext():
                value = function(network, batch, **options)
        except ProxyError:
            value = math.nan
        found.append((name, value, time.thread_time() - start))
    return found


@contextmanager
def rounded_convolutions() -> Iterator[None]:
    """Let all convolutions read inputs and weights of ten bits of mantissa; gradients pass by the rounding."""

    def rounded(values: torch.Tensor) -> torch.Tensor:
        # Half of the last bit that stays is added, then the thirteen bits below it are cleared.
        bits = (values.detach().contiguous().view(torch.int32) + 0x1000) & ~0x1FFF
        return values + (bits.view(torch.float32) - values).detach()

    def forward(layer: torch.nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
        return layer._conv_forward(rounded(x), rounded(layer.weight), layer.bias)

    before = torch.nn.Conv2d.forward
    torch.nn.Conv2d.forward = forward
    try:
        yield
    finally:
        torch.nn.Conv2d.forward = before


def read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def compare(path: Path, cells: Sequence[Cell]) -> list[Row]:
    """Return how what the file holds of these cells agrees, one row for each proxy and setting."""
    # (proxy, setting) -> seed -> index -> value
    values: dict[tuple[str, Setting], dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    seconds: dict[tuple[str, Setting], list[float]] = defaultdict(list)
    known = {cell.index for cell in cells}
    for row in read(path):
        if int(row["index"]) in known:
            sizes = [int(row[name]) for name in ("batch", "channels", "cells")]
            key = row["proxy"], Setting(*sizes, row["draws"], row["precision"])
            values[key][row["seed"]][int(row["index"])] = float(row["value"])
            seconds[key].append(float(row["seconds"]))
    rows = []
    for proxy, setting in sorted(values, key=str):
        there = values[proxy, setting]
        row = _row(proxy, setting, list(there.values()), cells, float(np.mean(seconds[proxy, setting])))
        exact = values.get((proxy, replace(setting, precision="single")), {}) if setting.precision == "tf32" else {}
        both = [_agreement(there[seed], exact[seed]) for seed in there if seed in exact]
        rows.append(replace(row, rounded=float(np.mean(both))) if both else row)
    return rows


def _agreement(one: dict[int, float], other: dict[int, float]) -> float:
    """Return Spearman's correlation over the cells that have a value in both."""
    cells = [cell for cell in one if math.isfinite(one[cell]) and math.isfinite(other.get(cell, math.nan))]
    values = [[each[cell] for cell in cells] for each in (one, other)]
    return spearman(*map(np.array, values)) if len(cells) > 2 else math.nan


def _row(proxy: str, setting: Setting, seeds: list[dict[int, float]], cells: Sequence[Cell], seconds: float) -> Row:
    tried = [cell for cell in cells if all(cell.index in seed for seed in seeds)]
    ours = np.array([[seed[cell.index] for cell in tried] for seed in seeds])
    defined = np.isfinite(ours).all(axis=0)
    ours, kept = ours[:, defined], [cell for cell, there in zip(tried, defined, strict=True) if there]
    accuracy = np.array([cell.accuracy for cell in kept])
    published = np.array([cell.published.get(proxy, math.nan) for cell in kept])

    def agreement(with_what: np.ndarray) -> tuple[float, float]:
        if len(kept) < 3 or np.isnan(with_what).any():
            return math.nan, math.nan
        each = [spearman(row, with_what) for row in ours]
        return float(np.mean(each)), float(np.std(each, ddof=1)) if len(each) > 1 else math.nan

    several = len(seeds) > 1 and len(kept) > 2
    itself = float(np.mean([spearman(*pair) for pair in combinations(ours, 2)])) if several else math.nan
    return Row(
        proxy, setting, len(kept), len(tried) - len(kept), agreement(published)[0], itself, math.nan,
        *agreement(accuracy),
        math.nan if len(kept) < 3 or np.isnan(published).any() else spearman(published, accuracy), seconds,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--proxies", nargs="+", default=PUBLISHED)
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draws", choices=get_args(Draws), default="shared")
    parser.add_argument("--precision", choices=get_args(Precision), default="single")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--cells", type=int, default=5)
    parser.add_argument("--report", action="store_true", help="compute nothing; print what is there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    path, cells = args.out / "agreement.csv", draw_cells(args.data, args.sample)
    if not args.report:
        setting = Setting(args.batch, args.channels, args.cells, args.draws, args.precision)
        measure(path, cells, read_images(args.data), args.proxies, setting, seed=args.seed)
    names = "".join(f"{name:>11}" for name in ("peer", "self", "rounded", "accuracy", "std", "published"))
    print(f"{'proxy':<12} {'network':<17} {'':<6} {'n':>5} {'failed':>6}{names}   seconds")
    for row in compare(path, cells):
        print(row.line())


if __name__ == "__main__":
    main()
