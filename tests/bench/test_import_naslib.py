"""Samples with proxies, from NASLib's JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refusal, truncated

from archwright.bench.importing import import_bench
from archwright.bench.table import Bench

DARTS = (
    "[[(0, 4), (1, 3), (0, 2), (2, 3), (2, 3), (0, 3), (2, 6), (3, 5)],"
    " [(0, 3), (1, 3), (1, 1), (0, 5), (2, 3), (0, 2), (4, 4), (3, 1)]]"
)
NB101 = (
    "(0, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0,"
    " 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 4, 4, 4, 1)"
)


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def opened(path: Path, **options: Any) -> Bench:
    return Bench.open(import_bench("naslib", path, path.parent / "out", **options))


def test_cells_of_darts_are_canonical_and_their_accuracy_is_a_surrogates(tmp_path: Path) -> None:
    entry = {"flops": 202.8, "nwot": -1e8, "val_accuracy": 93.9}
    bench = opened(write(tmp_path / "a.json", {"nasbench301": {"cifar10": {DARTS: entry}}}))
    arch = bench.space.parse(DARTS)
    assert arch != bench.space.canonical(arch)
    assert (bench.name, bench.space.name, bench.is_unique) == ("naslib_darts", "darts", True)
    assert bench.values("cifar10", bench.rows([arch])).tolist() == [pytest.approx(93.9)]
    assert {name: column.tolist() for name, column in bench.measures.items()} == {"flops@cifar10": [202.8]}
    assert "surrogate" in bench.provenance.note


def test_cells_of_nas_bench_101_are_tuples_of_digits(tmp_path: Path) -> None:
    bench = opened(write(tmp_path / "a.json", {"nasbench101": {"cifar10": {NB101: {"val_accuracy": 92.6}}}}))
    digits = "".join(character for character in NB101 if character.isdigit())
    assert bench.rows([bench.space.parse(digits)]).tolist() == [0]


def test_the_name_of_the_file_says_the_space_where_its_content_does_not(tmp_path: Path) -> None:
    content = {
        "jigsaw": {
            "(1, 0, 0, 2, 1, 0)": {"idx": "5", "arch": "x", "val_accuracy": 90.0, "snip": {"score": 3.0, "time": 1.0}},
            "(1, 1, 0, 2, 1, 0)": {"val_accuracy": 91.0, "snip": {"score": -1e8, "time": 1.0}},
        },
        "normal": {"(1, 1, 0, 2, 1, 0)": {"val_accuracy": 0.5}},
    }
    bench = opened(write(tmp_path / "zc_transbench101_micro.json", content))
    rows = bench.rows([bench.space.parse("(1, 1, 0, 2, 1, 0)"), bench.space.parse("(1, 0, 0, 2, 1, 0)")])
    assert bench.values("jigsaw", rows).tolist() == [91.0, 90.0]
    assert np.isnan(bench.values("normal", rows)).tolist() == [False, True]
    assert (bench.outcomes["normal"].metric, bench.outcomes["jigsaw"].unit) == ("ssim", "percent")
    assert np.isnan(bench.measures["snip@jigsaw"][rows]).tolist() == [True, False]
    other = write(tmp_path / "b.json", content)
    assert opened(other, space="transbench101_micro").space.name == "transnas_micro"
    assert "say which" in refusal("naslib", other)
    assert "'transbench101_micro'" in refusal("naslib", other, space="transbench_micro")


def test_networks_of_the_macro_space_are_codes_of_modules(tmp_path: Path) -> None:
    content = {"jigsaw": {"(1, 3, 4, 2, 0, 0)": {"val_accuracy": 90.0}, "(1, 3, 4, 2, 1)": {"val_accuracy": 91.0}}}
    bench = opened(write(tmp_path / "zc_transbench101_macro.json", content))
    assert [bench.space.text(arch) for arch in bench.archs([0, 1])] == ["64-1342-basic", "64-13421-basic"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1], "list"),
        ({}, "dict"),
        ({"nasbench301": {"cifar10": {}}}, "no network in 'cifar10'"),
        ({"nasbench301": {"cifar10": [1]}}, "an object of networks"),
        ({"nasbench301": {"cifar10": {"what": {"val_accuracy": 1.0}}}}, "'what' is not in its space"),
        ({"nasbench301": {"cifar10": {DARTS: {"flops": 1.0}}}}, "val_accuracy"),
        ({"nasbench301": {"cifar10": {DARTS: {"val_accuracy": 1.0, "flops": "many"}}}}, "many"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, content: Any, said: str) -> None:
    assert said in refusal("naslib", write(tmp_path / "bench.json", content))


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "bench.json", {"nasbench301": {"cifar10": {DARTS: {"val_accuracy": 1.0}}}})
    assert "truncated" in refusal("naslib", truncated(whole))


def test_published_samples_are_read(shared_data: Path, tmp_path: Path) -> None:
    import pandas as pd

    table = pd.read_parquet(shared_data / "darts" / "darts_zero_cost_surrogate_acc.parquet")
    entries = {
        row.arch: {"val_accuracy": row.nb301_surrogate_acc, "params": {"score": row.params, "time": row.params_sec}}
        for row in table.itertuples()
        if row.params == row.params
    }
    bench = opened(write(tmp_path / "zc_nasbench301.json", {"cifar10": entries}))
    values = bench.values("cifar10", slice(None))
    assert len(bench) == len(entries) > 1000
    assert 90.5 < values.min() < values.max() < 94.6
