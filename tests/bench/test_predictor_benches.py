"""The script that makes benchmarks for predictors of tables of published results."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
DEEP = "0100110001000000010010000010000001000000010000000"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("predictor_benches")


def write(path: Path, **columns: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_parquet(path)


def test_trainings_of_each_length_are_epochs_of_nas_bench_101(script: ModuleType, tmp_path: Path) -> None:
    scores = {f"valid_e{epoch}": [epoch / 200, 0.9] for epoch in (4, 12, 36, 108)}
    write(
        tmp_path / script.RECIPES["nb101"].file,
        adj=["011001000", DEEP],
        ops=["I2O", "I02001O"],
        params=[1, 2],
        **scores,
    )
    bench = script.make("nb101", tmp_path, tmp_path / "out")
    row = bench.rows([bench.space.parse("011/001/000|input,maxpool3x3,output")])
    assert bench.outcome("cifar10").epochs == (4, 12, 36, 108)
    assert bench.curve("cifar10", int(row[0])).tolist() == pytest.approx([0.02, 0.06, 0.18, 0.54])
    assert bench.measures["params"][row].tolist() == [1]


def test_the_burn_in_is_left_out_and_draws_of_one_network_are_seeds(script: ModuleType, tmp_path: Path) -> None:
    first = "[[1],[4,0],[5,0,0],[0,1,1,1],[2,1,1,1,1],[3,0,0,0,0,1]]"
    write(
        tmp_path / script.RECIPES["enas"].file,
        line=[999, 1000, 1001],
        arch=[first] * 3,
        ws_acc=[0.1, 0.7, 0.8],
    )
    bench = script.make("enas", tmp_path, tmp_path / "out")
    assert len(bench) == 1
    assert bench.values("cifar10-shared", [0]).tolist() == pytest.approx([0.75])


def test_rows_are_in_one_random_order(script: ModuleType) -> None:
    lines = pd.DataFrame({"arch": [f"a{k // 2}" for k in range(40)], "seed": [k % 2 for k in range(40)]})
    mixed = script.shuffled(lines, "some")
    assert mixed.equals(script.shuffled(lines, "some"))
    assert list(mixed.seed) == [0, 1] * 20
    assert list(mixed.arch) != list(lines.arch)
    assert sorted(mixed.arch) == sorted(lines.arch)


def test_missing_tables_are_left_out(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script.main([str(tmp_path), str(tmp_path / "out"), "--only", "darts"])
    assert "darts: no " in capsys.readouterr().out
