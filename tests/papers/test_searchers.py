"""Searchers on NAS-Bench-201 against published figures, and against an independent program's."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from archwright.bench.evaluator import TableEvaluator
from archwright.bench.table import Bench
from archwright.core.budget import Budget
from archwright.recipes import RECIPES, build
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.study.study import Study

PAPER = json.loads((Path(__file__).parent / "searchers.json").read_text())
CLAIMS = {claim["id"]: claim for claim in PAPER["claims"]}
FAST = PAPER["fast"]


@pytest.fixture(scope="module")
def nb201(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[1] / "bench"))
        folder = importlib.import_module("shared_benches").nb201(shared_data, tmp_path_factory.mktemp("papers") / "nb")
    return Bench.open(folder)


def found(study: Study, trials: int) -> float:
    """Test accuracy of the best on validation among the first trials."""
    ok = [trial for trial in study.trials[:trials] if trial.result.score is not None]
    return max(ok, key=lambda trial: trial.result.score or 0.0).result.hidden["test"]


def results(bench: Bench, claim: dict, *, seeds: int, at: list[int]) -> np.ndarray:
    """What each seed has found after each number of trials [seeds, len(at)]."""
    evaluator = TableEvaluator(bench, claim["search"], report=claim["report"])
    studies = (
        run(build(claim["recipe"], bench.space), SimulatedExecutor(evaluator), Budget(trials=max(at)), seed=seed)
        for seed in range(seeds)
    )
    return np.array([[found(study, trials) for trials in at] for study in studies])


def check(bench: Bench, claim: dict, *, seeds: int, more: float = 0.0) -> None:
    at = [int(trials) for trials in claim["values"]]
    accuracy = results(bench, claim, seeds=seeds, at=at)
    expected = list(claim["values"].values())
    assert accuracy.mean(axis=0) == pytest.approx(expected, rel=0, abs=claim["tolerance"] + more)
    for trials, std in claim.get("std", {}).items():
        assert accuracy[:, at.index(int(trials))].std() == pytest.approx(std, rel=0, abs=claim["tolerance"] + more)


@pytest.mark.parametrize("claim", PAPER["claims"], ids=lambda claim: claim["id"])
def test_every_claim_names_its_recipe_its_tolerance_and_its_source(claim: dict) -> None:
    assert claim["recipe"] in RECIPES
    assert 0 < claim["tolerance"] <= 0.3
    assert claim["source"].startswith(("published", "measured", "computed"))


def order_statistics(bench: Bench, claim: dict, trials: int) -> tuple[float, float]:
    """Mean and standard deviation of what random search finds, without a search.

    The best of n draws is at most v with probability F(v)^n, where F is the share of the table that is; which of
    several architectures with one value is drawn first is chance.
    """
    valid = bench.values(claim["search"], slice(None))
    test = bench.values(claim["report"], slice(None), split="test")
    _, group, counts = np.unique(valid, return_inverse=True, return_counts=True)
    share = np.cumsum(counts) / len(valid)
    chance = np.diff(share**trials, prepend=0.0)
    mean, square = (float(chance @ (np.bincount(group, test**power) / counts)) for power in (1, 2))
    return mean, (square - mean**2) ** 0.5


@pytest.mark.parametrize("id", sorted(name for name in CLAIMS if name.endswith("/random")))
def test_figures_of_random_search_are_the_order_statistics_of_its_table(nb201: Bench, id: str) -> None:
    claim = CLAIMS[id]
    means = {trials: order_statistics(nb201, claim, int(trials))[0] for trials in claim["values"]}
    assert means == pytest.approx(claim["values"], abs=0.006 if claim["source"].startswith("computed") else 0.02)


def test_random_search_finds_what_the_order_statistics_say(nb201: Bench) -> None:
    claim = CLAIMS["c10/random"]
    mean, std = order_statistics(nb201, claim, 107)
    ends = results(nb201, claim, seeds=200, at=[107])
    assert ends.mean() == pytest.approx(mean, abs=3.5 * std / 200**0.5)
    assert ends.std() == pytest.approx(std, rel=0.25)


@pytest.mark.parametrize("id", ["c10/random", "c10/evolution", "c10/reinforce", "c10/bohb_nasbench"])
def test_with_few_seeds_a_search_ends_near_its_figure(nb201: Bench, id: str) -> None:
    values = {"107": CLAIMS[id]["values"]["107"]}
    check(nb201, CLAIMS[id] | {"values": values}, seeds=FAST["seeds"], more=FAST["tolerance"])


def test_local_search_is_best_and_random_search_is_worst_of_three(nb201: Bench) -> None:
    ends = [results(nb201, CLAIMS[f"e12-c100/{name}"], seeds=FAST["seeds"], at=[300]).mean() for name in PAPER["order"]]
    # So few seeds do not tell the first two apart; the slow test below does.
    assert ends[0] > ends[1] - FAST["tolerance"]
    assert min(ends[0], ends[1]) > ends[2] + 0.5


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("claim", PAPER["claims"], ids=lambda claim: claim["id"])
def test_a_search_ends_at_its_figure(nb201: Bench, claim: dict) -> None:
    check(nb201, claim, seeds=claim["seeds"])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("data", ["c10", "c100", "in16"])
def test_the_order_of_the_tutorial_holds_at_300(nb201: Bench, data: str) -> None:
    ends = [results(nb201, CLAIMS[f"e12-{data}/{name}"], seeds=200, at=[300]).mean() for name in PAPER["order"]]
    assert ends[0] >= ends[1] > ends[2]
