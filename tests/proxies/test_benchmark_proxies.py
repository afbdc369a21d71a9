"""The measurement of all proxies: that it leaves none out, and compares equal things."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from archwright.core.catalog import names

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("proxies")


def test_every_proxy_has_a_straightforward_version_or_a_reason(benchmark: ModuleType) -> None:
    slow = importlib.import_module("slow_proxies")
    assert set(slow.SLOW) | slow.NONE == set(names("proxy"))
    assert not set(slow.SLOW) & slow.NONE


def test_both_versions_give_the_same_value(benchmark: ModuleType) -> None:
    rows = list(benchmark.rows({"channels": 2, "cells": 1}, 6, reps=0, only=[], side=8))
    assert len(rows) > 20
    for row in rows:
        if "exact loop / frozen" not in row.name:  # these two are different kernels, on purpose
            assert row.values[1] == pytest.approx(row.values[0], rel=1e-4), row.name


def test_a_line_tells_ratio_and_goal(benchmark: ModuleType) -> None:
    row = benchmark.Row("some, C2", 3.0, [0.04, 0.05], [0.01, 0.01], (2.0, 2.0))
    assert "4.50x [4.00-5.00]" in row.line()
    assert row.line().endswith("goal >= 3: met")
    assert "MISSED" in benchmark.Row("some, C2", 9.0, [0.04], [0.01], (2.0, 2.0)).line()
    assert "goal" not in benchmark.Row("some, C2", None, [0.04], [0.01], (2.0, 2.0)).line()
