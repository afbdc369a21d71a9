from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from archwright.proxies.base import Batch
from archwright.proxies.expressflow import expressflow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "scoring.py"


@pytest.fixture
def scoring(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_scoring", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_baseline_computes_the_same_quantity(scoring: ModuleType) -> None:
    # Different draws of weights and directions, so only their size can agree.
    widths = (256, 512)
    batch = Batch(torch.ones(4, scoring.D))
    expected = [expressflow(scoring.network(widths), batch, seed=seed) for seed in range(20)]
    assert min(expected) / 2 < scoring.module_by_module(widths) < max(expected) * 2


def test_quick_rows_print_ratios_and_goals(scoring: ModuleType) -> None:
    rows = scoring.rows(reps=1, n_modules=2)
    assert [row.goal for row in rows] == [5_000, 50_000, 10]
    for row in rows:
        assert "goal >=" in row.line()
        assert row.baseline_s[0] > row.product_s[0]
