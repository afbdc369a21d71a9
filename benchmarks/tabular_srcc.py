"""How zero-cost proxies rank networks trained on tables: Tables 1 and 4 to 8 of ATLAS on benchmarks of one's own.

    OMP_NUM_THREADS=1 python benchmarks/tabular_srcc.py BENCH=TABLE [BENCH=TABLE ...] [--draws 8] [--json FILE]

BENCH is a folder that `archwright bench build` wrote, TABLE the file that it was trained on. How the table is split,
and what is trained, is read from the benchmark's provenance; proxies see training rows only. Prints Markdown. Every
correlation is Spearman's, between a proxy's own values and the validation metric, mean over the trainings, of all
architectures of the benchmark for which the proxy is defined. `--reached last` takes the metric after the last epoch,
`best` that of each training's best epoch, which is what stopping early gives.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy and torch are imported: more threads are slower here

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import spearmanr

from archwright.bench.table import Bench
from archwright.coordinate.build_bench import BuildOptions
from archwright.coordinate.options import TaskOptions
from archwright.coordinate.source import task_of
from archwright.core.arch import Arch
from archwright.core.catalog import find
from archwright.core.errors import ProxyError
from archwright.core.rng import derive
from archwright.data.tables import read_table
from archwright.data.task import Task
from archwright.nets.inputs import Inputs
from archwright.proxies.base import Batch
from archwright.proxies.expressflow import expressflow
from archwright.proxies.tabular import TABULAR, score_drawn
from archwright.proxies.tabular_batch import embedded_batch
from archwright.proxies.tabular_draw import SharedDraw

#: Rows of a batch, as in ATLAS's comparison.
ROWS = 32
#: Proxies without a version for width spaces: module by module, on the same networks.
MODULES = ("zen", "zico")
PUBLISHED = ("frappe", "diabetes", "criteo")
FIGURES = json.loads((Path(__file__).parents[1] / "tests" / "papers" / "atlas.json").read_text())

Floats = npt.NDArray[np.float64]


@dataclass
class Trained:
    """A benchmark, and the data that its networks were trained on."""

    name: str
    bench: Bench
    archs: list[Arch]
    #: Validation metric [N, trainings].
    reached: Floats
    task: Task
    inputs: Inputs
    recipe: Any

    def batch(self, size: int, seed: int) -> Batch:
        kind: Any = self.task.kind
        return embedded_batch(self.task.train, self.inputs, self.recipe, size=size, seed=seed, kind=kind)

    def draw(self, seed: int) -> SharedDraw:
        d, outputs = self.inputs.n_fields * self.recipe.embedding, self.inputs.n_outputs
        return SharedDraw(self.bench.space, d, n_outputs=outputs, seed=seed)

    def correlation(self, scores: Sequence[float] | Floats, training: int | None = None) -> float:
        """Return Spearman's correlation with the mean of all trainings, or with one of them."""
        values = np.asarray(scores, dtype=float)
        reached = self.reached.mean(1) if training is None else self.reached[:, training]
        known = np.isfinite(values) & np.isfinite(reached)
        return float(spearmanr(values[known], reached[known]).statistic)


def trained(folder: Path, table: Path, reading: str) -> Trained:
    bench = Bench.open(folder)
    settings = json.loads(bench.provenance.note.partition("Settings: ")[2])
    options = BuildOptions(**settings["options"])
    source = read_table(str(table))
    if options.rows is not None and options.rows < len(source.frame):
        kept = np.sort(derive(options.seed, "rows").permutation(len(source.frame))[: options.rows])
        source = replace(source, frame=source.frame.iloc[kept].reset_index(drop=True))
    task = task_of(source, settings["target"], TaskOptions.from_json(settings["split"]), test=None, seed=options.seed)
    described = settings["task"]
    if (len(task.train), len(task.valid)) != (described["train_rows"], described["valid_rows"]):
        raise SystemExit(f"{table} splits into other parts than {folder} was trained on; give the table of that build")
    outcome = bench.outcome(next(iter(bench.outcomes)))
    curves = np.asarray(outcome.array("valid"), dtype=float)
    best = curves.max(2) if outcome.higher_is_better else curves.min(2)
    reached = best if reading == "best" else curves[:, :, -1]
    recipe = options.recipe()
    archs = bench.archs(range(len(bench)))
    return Trained(bench.name, bench, archs, reached, task, Inputs.of(task, recipe), recipe)


# Table 1


def proxy_values(one: Trained, seed: int) -> dict[str, Floats]:
    """Return the values [N] of every proxy, from one draw of weights, embedding and rows."""
    draw, batch = one.draw(seed), one.batch(ROWS, seed)
    values = score_drawn(draw, one.archs, batch, TABULAR)
    networks = [draw.network(arch) for arch in one.archs]
    for name in MODULES:
        function = find("proxy", name)
        options = {"seed": seed} if name == "zen" else {}
        values[name] = np.array([function(network, batch, **options) for network in networks])
    return values


def table_of_proxies(benches: Sequence[Trained], draws: int, found: dict[str, Any]) -> None:
    columns = [f"{one.name}: mean, std over draws, std over trainings" for one in benches]
    by_proxy: dict[str, list[str]] = {}
    for one in benches:
        of_draws = [proxy_values(one, seed) for seed in range(draws)]
        for name in of_draws[0]:
            each = np.array([one.correlation(values[name]) for values in of_draws])
            single = [
                np.mean([one.correlation(values[name], training) for values in of_draws])
                for training in range(one.reached.shape[1])
            ]
            missing = np.mean([~np.isfinite(values[name]) for values in of_draws])
            found.setdefault(one.name, {})[name] = {"srcc": float(each.mean()), "std": float(each.std())}
            note = f" ({missing:.1%} undefined)" if missing else ""
            by_proxy.setdefault(name, []).append(f"{each.mean():+.3f}, {each.std():.3f}, {np.std(single):.3f}{note}")
    order = sorted(by_proxy, key=lambda name: -np.mean([abs(found[one.name][name]["srcc"]) for one in benches]))
    print_table(["proxy", "better", *columns, "ATLAS: Frappe, Diabetes, Criteo"], [
        [name, "higher" if direction(name) > 0 else "lower", *by_proxy[name], published(f"table1/{name}")]
        for name in order
    ])  # fmt: skip


def direction(name: str) -> int:
    return int(find("proxy", name).direction)


def published(id: str) -> str:
    claim = next((claim for claim in FIGURES["claims"] if claim["id"] == id), None)
    return "" if claim is None else ", ".join(f"{claim['values'][name]:+.3g}" for name in PUBLISHED)


# Tables 4 to 8: ExpressFlow with other choices


@dataclass
class Variant:
    table: str
    what: str
    published: str
    rows: int
    options: dict[str, Any]


VARIANTS = [
    Variant("4", "absolute parameters", "table4/positive", 32, {"init": "xavier", "inputs": "batch"}),
    Variant("4", "as drawn", "table4/default", 32, {"init": "xavier", "inputs": "batch", "absolute": False}),
    Variant("5", "LeCun", "table5/lecun", 32, {"init": "lecun", "inputs": "batch"}),
    Variant("5", "Xavier", "table5/xavier", 32, {"init": "xavier", "inputs": "batch"}),
    Variant("5", "He", "table5/he", 32, {"inputs": "batch"}),
    *[Variant("6", f"B = {rows}", f"table6/{rows}", rows, {"inputs": "batch"}) for rows in (4, 8, 16, 32, 64, 128)],
    Variant("7", "ones", "table7/ones", 4, {}),
    Variant("8", "K", "table8/width", 4, {"recalibrate": "width"}),
    Variant("8", "1 / length", "table8/depth", 4, {"recalibrate": "depth"}),
    Variant("8", "K / length", "table8/both", 4, {}),
    Variant("8", "none", "", 4, {"recalibrate": "none"}),
]


def table_of_variants(benches: Sequence[Trained], draws: int, found: dict[str, Any]) -> None:
    lines = []
    known: dict[str, tuple[float, float]] = {}
    for variant in VARIANTS:
        cells = []
        for one in benches:
            key = f"{one.name} {variant.rows} {sorted(variant.options.items())}"
            if key not in known:
                each = [variant_correlation(one, variant, seed) for seed in range(draws)]
                known[key] = float(np.mean(each)), float(np.std(each))
            mean, spread = known[key]
            found.setdefault(one.name, {})[f"table{variant.table}/{variant.what}"] = {"srcc": mean, "std": spread}
            cells.append(f"{mean:+.3f}, {spread:.3f}")
        lines.append([variant.table, variant.what, *cells, published(variant.published)])
    columns = [f"{one.name}: mean, std over draws" for one in benches]
    print_table(["ATLAS's table", "ExpressFlow with", *columns, "ATLAS: Frappe, Diabetes, Criteo"], lines)


def variant_correlation(one: Trained, variant: Variant, seed: int) -> float:
    batch, draw = one.batch(variant.rows, seed), one.draw(seed)
    batch = Batch(batch.x.double(), batch.y)
    return one.correlation([expressflow(draw.network(arch), batch, seed=seed, **variant.options) for arch in one.archs])


# The benchmarks themselves


def table_of_benchmarks(benches: Sequence[Trained]) -> None:
    lines = []
    for one in benches:
        mean, n = one.reached.mean(1), one.reached.shape[1]
        lines.append([
            one.name, str(len(one.archs)), str(n), f"{len(one.task.train):,}", f"{mean.min():.4f}",
            f"{np.median(mean):.4f}", f"{mean.max():.4f}", *(noise(one.reached) if n > 1 else ["", "", ""]),
        ])  # fmt: skip
    print_table([
        "benchmark", "networks", "trainings of each", "training rows", "worst", "median", "best",
        "std over trainings", "SRCC of two trainings", "of the means, expected",
    ], lines)  # fmt: skip


def noise(reached: Floats) -> list[str]:
    """Return the spread over trainings of a network, and how alike they rank: single ones, and means of all."""
    n = reached.shape[1]
    pairs = [spearmanr(reached[:, i], reached[:, j]).statistic for i, j in itertools.combinations(range(n), 2)]
    agreement = float(np.mean(pairs))
    # Spearman-Brown: how the mean of n trainings agrees with that of n others.
    of_means = n * agreement / (1 + (n - 1) * agreement)
    return [f"{reached.std(1, ddof=1).mean():.4f}", f"{agreement:.3f}", f"{of_means:.3f}"]


def table_of_agreement(benches: Sequence[Trained]) -> None:
    """Print how well GraSP in first-order passes ranks as the double backward does, where the data is real."""
    slow: Callable[..., float] = find("proxy", "grasp")
    lines = []
    for one in benches:
        draw, batch = one.draw(0), one.batch(ROWS, 0)
        fast = score_drawn(draw, one.archs, batch, ["grasp"])["grasp"]
        try:
            twice = [slow(draw.network(arch), batch) for arch in one.archs]
        except ProxyError as error:
            lines.append([one.name, str(error)])
            continue
        lines.append([one.name, f"{spearmanr(fast, twice).statistic:.5f}"])
    print_table(["benchmark", "GraSP, first order against double backward: Spearman"], lines)


def print_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    print(f"| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    for line in lines:
        print(f"| {' | '.join(line)} |")
    print(flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benches", nargs="+", metavar="BENCH=TABLE")
    parser.add_argument("--draws", type=int, default=8, help="draws of weights, embeddings and rows")
    parser.add_argument("--variant-draws", type=int, default=3, help="draws for Tables 4 to 8")
    parser.add_argument("--reached", choices=("last", "best"), default="last", help="epoch whose metric counts")
    parser.add_argument("--json", type=Path, help="write all correlations to this file")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    pairs = [text.partition("=") for text in options.benches]
    benches = [trained(Path(folder), Path(table), options.reached) for folder, _, table in pairs]
    found: dict[str, Any] = {}
    table_of_benchmarks(benches)
    table_of_proxies(benches, options.draws, found)
    if options.variant_draws:
        table_of_variants(benches, options.variant_draws, found)
        table_of_agreement(benches)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
