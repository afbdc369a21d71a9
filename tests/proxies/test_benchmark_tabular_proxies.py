"""The baselines of the speed of tabular proxies compute what the product computes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

from archwright.proxies.tabular import score_drawn
from archwright.proxies.tabular_draw import SharedDraw
from archwright.spaces.tabular_mlp import TabularMlp

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "tabular_proxies.py"
SPACE = TabularMlp((24, 40), layers=3)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_tabular_proxies", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("baseline", "name"),
    [("snip", "snip"), ("grad_norm", "grad_norm"), ("fisher", "fisher"), ("naswot", "nwot"), ("synflow", "synflow")],
)
def test_baselines_compute_the_same_quantity(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, baseline: str, name: str
) -> None:
    draw = SharedDraw(SPACE, script.D, seed=0, init="he")
    arch = SPACE.arch((40, 24, 40))
    model = draw.network(arch)

    def drawn(widths: tuple[int, ...], *, batchnorm: bool = True) -> nn.Sequential:
        parts = [part for part in (*model.layers, model.head) if batchnorm or not isinstance(part, nn.BatchNorm1d)]
        return nn.Sequential(*parts)

    monkeypatch.setattr(script, "network", drawn)
    batch = script.a_batch()
    expected = getattr(script, baseline)((40, 24, 40), batch)
    assert score_drawn(draw, [arch], batch, [name])[name][0] == pytest.approx(expected, rel=1e-4)


def test_kernels_and_grasp_of_the_baselines_are_those_of_the_product(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = SharedDraw(SPACE, script.D, seed=0, init="he")
    arch, batch = SPACE.arch((40, 24, 40)), script.a_batch()
    model = draw.network(arch)
    monkeypatch.setattr(script, "network", lambda widths: nn.Sequential(*model.layers, model.head))
    condition, trace = script.ntk_exact((40, 24, 40), batch)
    found = score_drawn(draw, [arch], batch, ["ntk_cond", "ntk_trace", "grasp"])
    assert found["ntk_cond"][0] == pytest.approx(condition, rel=1e-2)
    assert found["ntk_trace"][0] ** 2 * script.ROWS == pytest.approx(trace, rel=1e-4)
    weights = [part.weight.detach() for part in model.modules() if isinstance(part, nn.Linear)]
    assert found["grasp"][0] == pytest.approx(script.grasp_twice(weights, batch), rel=2e-2)


def test_quick_rows_print_ratios_and_goals(script: ModuleType) -> None:
    torch.set_num_threads(1)
    for row in script.samples(reps=1, n=2) + script.spaces(reps=1, n=2, quick=True):
        assert "goal >=" in row.line()
        assert row.baseline_s[0] > row.product_s[0]
