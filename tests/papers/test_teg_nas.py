"""TEG-NAS's published figures, and what can be shown of them on cells of NAS-Bench-201."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from archwright.core.arch import Arch
from archwright.core.rng import derive
from archwright.proxies.base import Batch
from archwright.proxies.copies import stand_in
from archwright.proxies.layer_grams import frozen_ntk
from archwright.proxies.per_sample import scalar_outputs
from archwright.proxies.teg import INDICATORS, Indicators, assess
from archwright.proxies.teg_kappa import teg_kappa
from archwright.proxies.teg_regions import teg_regions
from archwright.report.correlation import kendall

PAPER = json.loads((Path(__file__).parent / "teg.json").read_text())
CLAIMS = {claim["id"]: claim for claim in PAPER["claims"]}
#: A cell with few paths: what stands in the gap is an operation from the input to the output.
GAP = "|avg_pool_3x3~0|+|none~0|avg_pool_3x3~1|+|{}~0|none~1|nor_conv_1x1~2|"
INSTEAD = ("skip_connect", "nor_conv_1x1")


@pytest.fixture
def teg(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("teg")


def noise(n: int = 96) -> Batch:
    """Return images of noise, of ten classes."""
    x = derive(0, "images").standard_normal((n, 3, 32, 32), dtype=np.float32)
    return Batch(torch.from_numpy(x), torch.arange(n) % 10)


@pytest.mark.parametrize("claim", PAPER["claims"], ids=lambda claim: claim["id"])
def test_every_teg_claim_has_a_source_and_its_needs(claim: dict) -> None:
    assert claim["what"]
    assert claim["source"].startswith(("Section", "Figure"))
    assert claim["needs"] in PAPER["needs"]
    assert (claim["value"] is None) == (claim["tolerance"] is None)


def test_thresholds_lie_within_the_tolerance_of_what_is_published() -> None:
    claim = CLAIMS["kappa"]
    assert claim["at_least"] >= -claim["value"] - claim["tolerance"] - 1e-9


# Figure 3


@pytest.mark.parametrize("operation", INSTEAD)
def test_figure3_more_regions_where_an_operation_stands_in_place_of_none(teg: ModuleType, operation: str) -> None:
    def regions(op: str) -> float:
        thin = teg.thin(teg.SPACE.parse(GAP.format(op)))
        return teg_regions(thin, noise(32), inputs="noise", channels=1, repeats=6)

    assert regions(operation) > 1.3 * regions("none")


@pytest.mark.parametrize("operation", INSTEAD)
def test_figure3_a_cell_that_passes_nothing_is_bad_until_none_is_replaced(teg: ModuleType, operation: str) -> None:
    cut = teg.SPACE.parse("|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|")
    whole = Arch("nb201", (*cut.genes[:3], teg.SPACE.operations.index(operation), *cut.genes[4:]))
    bad, good = (
        assess(teg.thick(arch), teg.thin(arch), noise(32), rows=8, repeats=2, frozen=True) for arch in (cut, whole)
    )
    assert math.isnan(bad["kappa"])
    assert math.isfinite(good["kappa"])
    assert bad["regions"] == 1 < good["regions"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_figure3_lower_condition_numbers_where_an_operation_stands_in_place_of_none(
    teg: ModuleType, shared_data: Path, record_property: Callable[[str, object], None]
) -> None:
    # One draw says little, their distribution has a long tail: the middle of nine.
    batch, found = teg.image_batch(shared_data / "images"), {}
    for operation in ("none", *INSTEAD):
        network = teg.thick(teg.SPACE.parse(GAP.format(operation)))
        values = [teg_kappa(network, batch, rows=48, repeats=1, seed=seed) for seed in range(9)]
        found[operation] = float(np.median(values))
        record_property(f"kappa_{operation}", round(found[operation], 1))
    assert all(found[operation] < found["none"] for operation in INSTEAD)


# Figure 1


def test_figure1_regions_go_with_accuracy_on_few_cells(teg: ModuleType, shared_data: Path) -> None:
    cells = teg.sample(shared_data / "nb201" / "nb201_accuracy.parquet", 40)
    how = {"inputs": "noise", "channels": 1, "repeats": 1, "samples": 500}
    values = np.array([teg_regions(teg.thin(arch), noise(2), **how) for _, arch, _ in cells])
    accuracies = np.array([accuracy for _, _, accuracy in cells])
    assert kendall(values, accuracies) > CLAIMS["regions"]["at_least"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_figure1_indicators_go_with_accuracy(
    teg: ModuleType, shared_data: Path, record_property: Callable[[str, object], None]
) -> None:
    cells = teg.sample(shared_data / "nb201" / "nb201_accuracy.parquet", 100)
    batch = teg.image_batch(shared_data / "images")
    values = [teg.values_of(arch, batch, "paper", 0) for _, arch, _ in cells]
    names = ("kappa", "regions", "mse_cells")
    found = Indicators(*(np.array([value[name] for value in values]) for name in names))
    taus = {k: tau for k, (tau, _) in teg.agreement_of(found, np.array([a for _, _, a in cells])).items()}
    for name, tau in taus.items():
        record_property(f"tau_{name}", round(tau, 3))
    for name in (*INDICATORS, "kappa+regions", "sum"):
        assert taus[name] >= CLAIMS[name]["at_least"], name
    assert taus["kappa+regions"] > max(taus["kappa"], taus["regions"])
    assert taus["sum"] > max(taus[name] for name in INDICATORS)


def test_the_last_layers_kernel_has_too_small_a_rank_to_tell_thin_networks_apart(teg: ModuleType) -> None:
    batch, net = noise(48), stand_in(teg.thick(teg.SPACE.random(rng=derive(0, "cell"))), batchnorm="batch")
    last = {name: param for name, param in net.params.items() if name.startswith("classifier")}
    kernel = frozen_ntk(net, batch.x, last, scalar_outputs)
    features = 3 * 4
    assert last["classifier.weight"].shape[1] == features
    assert torch.linalg.matrix_rank(kernel.double(), rtol=1e-5, hermitian=True) <= features + 1


def test_the_page_shows_the_figures_that_the_claims_were_measured_with() -> None:
    page = (Path(__file__).parents[2] / "docs" / "teg-nas.md").read_text(encoding="utf-8")
    measured = [claim["measured"] for claim in PAPER["claims"] if "measured" in claim]
    assert len(measured) >= 5
    assert all(f"{figure:.3f}" in page for figure in measured)


def test_the_bootstrap_of_the_sum_is_positive_where_the_sum_alone_knows_the_order(teg: ModuleType) -> None:
    rng = derive(0, "parts")
    parts = rng.standard_normal((3, 80))
    good = Indicators(-parts[0], parts[1], -parts[2])
    low, high = teg.gain_of(good, parts.sum(axis=0), "kappa", resamples=60)
    assert 0 < low < high
    low, high = teg.gain_of(good, parts[0], "kappa", resamples=60)
    assert low < high < 0
