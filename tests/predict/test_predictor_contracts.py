"""Every predictor of the catalogue keeps the laws of a predictor."""

import importlib.util
from typing import Any

import pytest

from archwright.core.catalog import find, names
from archwright.core.protocols import Predictor
from archwright.spaces.base import Space
from archwright.testing import PredictorContract, covered

#: Packages of predictors that need one.
PACKAGES = {
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "ngboost": "ngboost",
    "omni": "ngboost",
    "sparse_gp": "gpytorch",
}
#: Settings that are quick; a predictor that has none here is made with its own.
QUICK: dict[str, dict[str, Any]] = {
    "xgboost": {"trees": 30},
    "lightgbm": {"trees": 30},
    "random_forest": {"trees": 20},
    "ngboost": {"trees": 25, "lr": 0.1},
    "omni": {"trees": 25, "lr": 0.1, "proxies": ["jacov", "synflow"], "last": 2},
    "sparse_gp": {"steps": 40},
    "dngo": {"epochs": 60},
    "bohamiann": {"widths": [20, 20], "chains": 2, "burn_in": 150, "samples": 20, "every": 5},
    "bonas": {"embedding": 8, "widths": [16] * 3, "epochs": 60, "lr": 0.01},
    "nao": {"embedding": 16, "hidden": 16, "head": [16], "epochs": 40, "lr": 0.01, "unlabelled": 30},
    "ensemble": {"of": "dngo", "settings": {"epochs": 40}, "members": 2},
}
#: The neural ones in small.
SMALL: dict[str, dict[str, Any]] = {
    "gates": {"embedding": 8, "widths": [16] * 4},
    "ta_gates": {"embedding": 8, "widths": [16] * 4, "convert": 16, "symmetry": "none"},
    "gcn": {"embedding": 8, "widths": [16] * 3},
    "line_gcn": {"embedding": 8, "widths": [16] * 3},
    "lstm": {"embedding": 16, "hidden": 16},
    "mlp": {"widths": [32, 32], "reads": "one_hot"},
    "seminas": {"embedding": 16, "hidden": 16},
}
#: Which give a standard deviation.
UNSURE = {"random_forest", "gp", "nasbowl", "dngo", "ngboost", "sparse_gp", "bohamiann", "bonas", "omni", "ensemble"}


class OfCatalogue(PredictorContract):
    """A predictor on NAS-Bench-201, which is a space for every one."""

    def make(self, space: Space) -> Predictor:
        settings = QUICK.get(self.name, {})
        if self.name in SMALL:
            training = {"epochs": 60, "lr": 0.01}
            settings = {"settings": SMALL[self.name], "head": (16,), "training": training}
        return find("predictor", self.name)(space, **settings)

    def space(self) -> Space:
        return find("space", "nb201")()

    def score(self, space: Space, arch) -> float:
        weights = (1.0, 1.2, 0.8, 2.0, 1.1, 1.0)
        return 5 + sum(weight for gene, weight in zip(arch.genes, weights, strict=True) if gene in (2, 3))


MADE = [
    type(f"Test_{name}_predictor", (OfCatalogue,), {"name": name, "has_std": name in UNSURE})
    for name in names("predictor")
]
for made in MADE:
    package = PACKAGES.get(made.name)
    missing = package is not None and importlib.util.find_spec(package) is None
    globals()[made.__name__] = pytest.mark.skipif(missing, reason=f"the package {package} is not installed")(made)
del OfCatalogue, made


def test_every_predictor_has_a_contract() -> None:
    assert covered(PredictorContract, "predictor") == set(names("predictor"))
