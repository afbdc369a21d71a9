"""Predictors of libraries rank NAS-Bench-201 as well as was published, or as well as they did."""

import importlib.util
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from archwright.core.catalog import find
from archwright.core.rng import derive
from archwright.core.trial import Evidence
from archwright.predict.ranks import kendall

PAPER = json.loads((Path(__file__).parent / "library_predictors.json").read_text())
SPACE = find("space", "nb201")()
#: Packages that are optional.
PACKAGES = {
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "sparse_gp": "gpytorch",
    "ngboost": "ngboost",
}


class Cells(NamedTuple):
    """All cells in the official order, and their validation accuracy after 200 epochs."""

    evidence: list[Evidence]
    accuracy: np.ndarray


@pytest.fixture(scope="module")
def cells(shared_data: Path) -> Cells:
    import pandas

    columns = ["arch_str", "c10_valid_e200"]
    table = pandas.read_parquet(shared_data / "nb201" / "nb201_accuracy.parquet", columns=columns)
    archs = [SPACE.parse(text) for text in table["arch_str"]]
    return Cells([Evidence(arch) for arch in archs], table["c10_valid_e200"].to_numpy() / 100)


def mean_kendall(name: str, settings: dict, n: int, cells: Cells) -> float:
    """Return Kendall's tau on the second half after `n` architectures of the first: mean of three training sets."""
    package = PACKAGES.get(name)
    if package is not None and importlib.util.find_spec(package) is None:
        pytest.skip(f"the package {package} is not installed")
    pool, found = PAPER["pool"], []
    for shuffle in PAPER["shuffles"]:
        order = np.arange(pool)
        if shuffle is not None:
            # The paper's own shuffles; a generator of its own, not numpy's global one.
            np.random.RandomState(shuffle).shuffle(order)
        chosen = order[:n]
        predictor = find("predictor", name)(SPACE, **settings)
        predictor.fit([cells.evidence[i] for i in chosen], cells.accuracy[chosen], rng=derive(0, "kt"))
        found.append(kendall(predictor.predict(cells.evidence[pool:]).mean, cells.accuracy[pool:]))
    return float(np.mean(found))


@pytest.mark.parametrize("n", ["78", "390", "781"])
@pytest.mark.parametrize("name", PAPER["published"])
def test_it_ranks_as_well_as_was_published(name: str, n: str, cells: Cells) -> None:
    form = PAPER["published"][name]
    found = mean_kendall(name, form["settings"], int(n), cells)
    assert found == pytest.approx(form["kendall"][n], abs=form["within"])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "n"), [(name, n) for name, sizes in PAPER["measured"].items() for n in sizes])
def test_it_ranks_as_well_as_it_did(name: str, n: str, cells: Cells) -> None:
    assert mean_kendall(name, {}, int(n), cells) > PAPER["measured"][name][n] - PAPER["slack"]
