"""The measurement of GATES and TA-GATES compares equal things."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest
import torch

from archwright.core.catalog import find
from archwright.core.rng import derive
from archwright.encode.gates import Gates, TaGates

FOLDER = Path(__file__).parents[2] / "benchmarks"
SIZES = {"embedding": 6, "widths": (9, 8, 7)}


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("predictors")


@pytest.mark.parametrize("contact", ["node", "message"])
@pytest.mark.parametrize("name", ["nb201", "nb101", "darts", "nds_enas", "nb_macro", "enas_dvae"])
def test_the_loop_gives_the_encodings_of_the_batch(benchmark: ModuleType, name: str, contact: str) -> None:
    space, rng = find("space", name)(), derive(0, "looped", name)
    archs = [space.random(rng=rng) for _ in range(4)]
    torch.manual_seed(0)
    for net in (Gates(space, **SIZES), TaGates(space, **SIZES, convert=8, scale=1.0, contact=contact)):
        with torch.no_grad():
            looped, batched = benchmark.Looped(net)(archs), net(net.prepare(archs))
        torch.testing.assert_close(looped, batched, rtol=1e-4, atol=1e-6)


def test_pairs_and_loops_give_the_losses_of_the_batch(benchmark: ModuleType) -> None:
    rows = list(benchmark.rows(["nb201"], n=6, n_looped=4, reps=0))
    assert {row.name.split(",")[0] for row in rows} == {"predict", "step loop", "step pairs"}
    assert len(rows) == 12
    assert max(row.apart for row in rows) < 1e-4


def test_a_line_tells_ratio_speed_and_goal(benchmark: ModuleType) -> None:
    line = benchmark.Row("step", 10, 5.0, [0.08, 0.1], [0.01, 0.01], 1e-7).line()
    assert "9.0x [8.0-10.0]" in line
    assert "1,000 archs/s" in line
    assert line.endswith("goal >= 5: met")
    assert benchmark.Row("step", 10, 9.5, [0.08, 0.1], [0.01, 0.01], 1e-7).line().endswith("MISSED")


def test_whole_trainings_are_of_the_space_that_is_asked_for(benchmark: ModuleType) -> None:
    (gates, ta_gates) = benchmark.whole_trainings(epochs=1, only=["nb201"])
    assert gates.line().startswith("gates, nb201, B=78, 1 epochs")
    assert ta_gates.paper_s == 121
    assert "goal <= 20 s: met" in ta_gates.line()
