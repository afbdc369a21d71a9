"""Benchmarks for comparing predictors, made of tables of published results.

    python benchmarks/predictor_benches.py TABLES OUT [--only nb101 darts]

TABLES is a folder of Parquet files; those that are missing are left out. A benchmark each is written into OUT, with its
rows in a random order that is always the same (but for NAS-Bench-201, whose own order is one): the first half is what
predictors may learn from, the second what they are judged by.

    nb201/nb201_accuracy.parquet                arch_str, c10_valid_e200, c10_valid_e12
    nb101/nb101_20k.parquet                     adj (digits), ops (I, O, 0, 1, 2), valid_e4, _e12, _e36, _e108, params
    misc_nas/enas_dvae_structures6.parquet      line, arch, ws_acc
    misc_nas/nas_bench_macro_cifar10.parquet    arch, test_acc_s0, test_acc_s1, test_acc_s2, params
    transnas/tnb101_micro_full.parquet          task, arch, valid_metric_final
    darts/darts_zero_cost_surrogate_acc.parquet arch, nb301_surrogate_acc
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from archwright.bench.importing import import_bench
from archwright.bench.table import Bench
from archwright.core.rng import derive

#: Lines of D-VAE's file that its authors leave out: shared weights that were trained too little.
BURN_IN = 1000
EPOCHS = (4, 12, 36, 108)
OPERATIONS = {"I": "input", "O": "output", "0": "conv3x3-bn-relu", "1": "conv1x1-bn-relu", "2": "maxpool3x3"}


class Recipe(NamedTuple):
    """File below TABLES, space, how its columns become those of the importer `table`, and options of that."""

    file: str
    space: str
    columns: Callable[[pd.DataFrame], pd.DataFrame]
    options: dict[str, Any]


def nb201(table: pd.DataFrame) -> pd.DataFrame:
    """Return trainings of 200 and of 12 epochs, which are trainings of their own, as two data sets."""
    parts = {"cifar10": "c10_valid_e200", "cifar10-e12": "c10_valid_e12"}
    kept = [pd.DataFrame({"arch": table.arch_str, "dataset": name, "score": table[c]}) for name, c in parts.items()]
    return pd.concat(kept)


def nb101(table: pd.DataFrame) -> pd.DataFrame:
    """Return a line for each cell and length of training."""
    shown = [cell(row.adj, row.ops) for row in table.itertuples()]
    parts = [
        pd.DataFrame({"arch": shown, "params": table.params, "epoch": epoch, "cifar10": table[f"valid_e{epoch}"]})
        for epoch in EPOCHS
    ]
    return pd.concat(parts)


def cell(digits: str, letters: str) -> str:
    """Return the text of a cell of NAS-Bench-101.

    >>> cell("011001000", "I2O")
    '011/001/000|input,maxpool3x3,output'
    """
    n = len(letters)
    rows = "/".join(digits[at : at + n] for at in range(0, n * n, n))
    return f"{rows}|{','.join(OPERATIONS[letter] for letter in letters)}"


def enas(table: pd.DataFrame) -> pd.DataFrame:
    """Return what is behind the burn-in; networks that were drawn several times have several seeds."""
    kept = table[table.line >= BURN_IN]
    return pd.DataFrame({"arch": kept.arch, "seed": kept.line, "cifar10-shared": kept.ws_acc})


def macro(table: pd.DataFrame) -> pd.DataFrame:
    """Return three trainings of each network."""
    parts = [
        pd.DataFrame({"arch": table.arch, "seed": n, "cifar10": table[f"test_acc_s{n}"], "params": table.params})
        for n in range(3)
    ]
    return pd.concat(parts)


def transnas(table: pd.DataFrame) -> pd.DataFrame:
    """Return the tasks as data sets."""
    return pd.DataFrame({"arch": table.arch, "dataset": table.task, "score": table.valid_metric_final})


def darts(table: pd.DataFrame) -> pd.DataFrame:
    """Return the surrogate's accuracies; of a pair of cells that is there twice the first."""
    kept = pd.DataFrame({"arch": table.arch, "cifar10": table.nb301_surrogate_acc}).dropna()
    return kept.drop_duplicates("arch")


ACCURACY = {"metric": "accuracy", "unit": "percent"}
RECIPES = {
    "nb201": Recipe("nb201/nb201_accuracy.parquet", "nb201", nb201, ACCURACY),
    "nb101": Recipe(
        "nb101/nb101_20k.parquet",
        "nb101",
        nb101,
        {"score": "cifar10", "metric": "accuracy", "unit": "fraction", "unique": True},
    ),
    "enas": Recipe(
        "misc_nas/enas_dvae_structures6.parquet",
        "enas_dvae",
        enas,
        {"score": "cifar10-shared", "metric": "accuracy", "unit": "fraction"},
    ),
    "macro": Recipe("misc_nas/nas_bench_macro_cifar10.parquet", "nb_macro", macro, {"score": "cifar10", **ACCURACY}),
    "transnas": Recipe("transnas/tnb101_micro_full.parquet", "transnas_micro", transnas, {"metric": "final"}),
    "darts": Recipe(
        "darts/darts_zero_cost_surrogate_acc.parquet", "darts", darts, {"score": "cifar10", "unique": True, **ACCURACY}
    ),
}


def make(name: str, tables: Path, out: Path) -> Bench:
    """Write one benchmark into a folder of `out`, and return it, opened."""
    recipe = RECIPES[name]
    lines = recipe.columns(pd.read_parquet(tables / recipe.file))
    if name != "nb201":
        lines = shuffled(lines, name)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.parquet"
        lines.to_parquet(file)
        options = {"space": recipe.space, "name": name, "source": recipe.file, **recipe.options}
        return Bench.open(import_bench("table", file, out / name, **options))


def shuffled(lines: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the lines with architectures in a random order; those of one stay in theirs."""
    codes, archs = pd.factorize(lines.arch)
    place = derive(0, "order", name).permutation(len(archs))
    return lines.iloc[place[codes].argsort(kind="stable")].reset_index(drop=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path, help="folder of the tables")
    parser.add_argument("out", type=Path, help="folder to write benchmarks into")
    parser.add_argument("--only", nargs="+", choices=RECIPES, default=list(RECIPES))
    options = parser.parse_args(arguments)
    for name in options.only:
        if (options.tables / RECIPES[name].file).is_file():
            bench = make(name, options.tables, options.out)
            print(f"{bench.folder}: {len(bench):,} of {bench.space.name}, {', '.join(bench.outcomes)}", flush=True)
        else:
            print(f"{name}: no {options.tables / RECIPES[name].file}, left out", flush=True)


if __name__ == "__main__":
    main()
