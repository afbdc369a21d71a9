"""ATLAS's comparison of proxies on networks trained here: few and quickly; marked slow, more on a real table."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import spearmanr

from archwright.coordinate.build_bench import BuildOptions, build_bench
from archwright.coordinate.options import TaskOptions
from archwright.core.rng import derive
from archwright.proxies.base import Batch
from archwright.proxies.tabular import score_space
from archwright.spaces.tabular_mlp import TabularMlp

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "tabular_srcc.py"
EXPECTED = json.loads((Path(__file__).parent / "tabular_srcc.json").read_text())
MINI = TabularMlp((8, 24, 64, 160), layers=4)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_tabular_srcc", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen networks trained on scikit-learn's digits."""
    folder = tmp_path_factory.mktemp("digits") / "bench"
    options = BuildOptions(epochs=3, batch=128, preset="atlas", workers=0)
    build_bench(folder, "sklearn:digits", "target", TabularMlp((8, 64), layers=4), options=options)
    return folder


def field_rows(n: int, seed: int) -> Batch:
    """Return rows like embedded fields, and labels."""
    rng = derive(seed, "rows")
    import torch

    x = torch.from_numpy(rng.standard_normal((n, 60)).astype(np.float32))
    return Batch(x, torch.from_numpy(rng.integers(2, size=n)))


@pytest.mark.parametrize(
    ("name", "least"), [("expressflow", 0.98), ("synflow", 0.9), ("l2_norm", 0.98), ("nwot", 0.98)]
)
def test_two_draws_rank_a_whole_space_alike(name: str, least: float) -> None:
    first, second = (score_space(MINI, field_rows(32, seed), [name], seed=seed)[name] for seed in (0, 1))
    defined = np.isfinite(first) & np.isfinite(second)
    assert defined.mean() > 0.95
    assert spearmanr(first[defined], second[defined]).statistic > least


def test_kernels_and_losses_depend_on_the_draw_more_than_shapes_do() -> None:
    # What makes ATLAS's Table 1 uneven: with a single draw, some proxies measure the draw.
    first, second = (score_space(MINI, field_rows(32, seed), ["fisher", "nwot"], seed=seed) for seed in (0, 1))
    agreement = {name: spearmanr(first[name], second[name], nan_policy="omit").statistic for name in first}
    assert agreement["fisher"] < agreement["nwot"]


@pytest.mark.parametrize("rows", [16, 64])
def test_naswot_of_other_batch_sizes_ranks_alike(rows: int) -> None:
    space = TabularMlp((24, 64, 160), layers=4)
    some, others = (score_space(space, field_rows(n, 0), ["nwot"], seed=0)["nwot"] for n in (32, rows))
    assert spearmanr(some, others).statistic > 0.95


def test_trained_networks_are_ranked_by_expressflow(script: ModuleType, digits: Path) -> None:
    one = script.trained(digits, Path("sklearn:digits"), "last")
    values = script.proxy_values(one, seed=0)
    assert one.correlation(values["expressflow"]) > 0.5
    assert one.correlation(values["synflow"]) > 0.5
    assert one.correlation(values["ntk_cond"]) < 0


def test_the_script_prints_every_table(
    script: ModuleType, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "found.json"
    script.VARIANTS[:] = [variant for variant in script.VARIANTS if variant.rows <= 8]
    script.main([f"{digits}=sklearn:digits", "--draws", "1", "--variant-draws", "1", "--json", str(out)])
    printed = capsys.readouterr().out
    assert "| 8 | K / length |" in printed
    found = json.loads(out.read_text())["digits"]
    assert found["table8/K / length"] == found["table7/ones"]
    assert {"snip", "zen", "nwot", "ntk_cond"} <= found.keys()
    assert -1 <= found["snip"]["srcc"] <= 1


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_proxies_rank_networks_trained_on_adult_as_published(
    script: ModuleType, tmp_path: Path, shared_data: Path, record_property: Callable[[str, object], None]
) -> None:
    table = shared_data / "tabular" / "adult.parquet"
    build_bench(
        tmp_path / "adult", str(table), "income", TabularMlp((8, 40, 160), layers=4),
        task=TaskOptions(split_column="split"),
        options=BuildOptions(epochs=4, seeds=2, preset="atlas", workers=0),
    )  # fmt: skip
    one = script.trained(tmp_path / "adult", table, "last")
    of_draws = [script.proxy_values(one, seed) for seed in range(3)]
    srcc = {name: float(np.mean([one.correlation(values[name]) for values in of_draws])) for name in of_draws[0]}
    for name, value in srcc.items():
        record_property(f"srcc_{name}", round(value, 4))
    for name, least in EXPECTED["at_least"].items():
        assert srcc[name] >= least, name
    for name, most in EXPECTED["at_most"].items():
        assert srcc[name] <= most, name
    assert max(EXPECTED["among"], key=srcc.__getitem__) == EXPECTED["largest"]
