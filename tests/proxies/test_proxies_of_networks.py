"""Proxies as an evaluator of networks."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from archwright.core.arch import Arch
from archwright.core.errors import ProxyError, UnknownNameError
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result
from archwright.data.shapes import ImageShape, VectorShape
from archwright.nets.build import build
from archwright.nets.initialise import initialise
from archwright.proxies.networks import NetworkProxies, failures
from archwright.spaces.nb201 import NasBench201
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.testing import EvaluatorContract
from rank_doubles import NAMES, doubles

__all__ = ["doubles"]

CELLS, MLPS = NasBench201(), TabularMlp((4, 16, 64), layers=2)
X = derive(0, "x").standard_normal((6, 3, 8, 8), dtype=np.float32)
Y = np.arange(6) % 2
#: 5,200 and 23,000 parameters or so: one below and one above what `picky` wants.
SMALL, LARGE = Arch("nb201", (0, 1, 2, 1, 1, 1)), Arch("nb201", (3, 3, 3, 3, 3, 3))


def of_cells(*proxies: str, **options: object) -> NetworkProxies:
    shape = ImageShape(height=8, width=8, classes=2)
    return NetworkProxies(CELLS, shape, [(X, Y)], proxies, **{"seed": 0, "size": {"channels": 4, "cells": 1}} | options)


def of_rows(*proxies: str, **options: object) -> NetworkProxies:
    rows = derive(0, "rows").standard_normal((6, 5), dtype=np.float32)
    return NetworkProxies(MLPS, VectorShape(features=5), [(rows, Y)], proxies, **{"seed": 0} | options)


def score(evaluator: NetworkProxies, arch: Arch, trial: int = 0, limit_s: float | None = None) -> Result:
    return evaluator.evaluate(Proposal(arch), rng=derive(0, "trial", trial), limit_s=limit_s)


class TestNetworkProxiesOfCells(EvaluatorContract):
    def make(self) -> NetworkProxies:
        return of_cells("synflow", "params")

    def proposal(self) -> Proposal:
        return Proposal(LARGE)


class TestNetworkProxiesOfTabularMlps(EvaluatorContract):
    def make(self) -> NetworkProxies:
        return of_rows("nwot", "snip")

    def proposal(self) -> Proposal:
        return Proposal(MLPS.at(8))


def test_every_proxy_has_its_value_and_its_seconds(doubles) -> None:
    result = score(of_cells("weights", "size", "labelled"), LARGE)
    assert result.error == ""
    assert set(result.measures) == {"weights", "size", "labelled"} | {
        f"seconds:{name}" for name in ("weights", "size", "labelled", "build")
    }
    assert all(seconds >= 0 for name, seconds in result.measures.items() if name.startswith("seconds:"))
    assert result.measures["labelled"] == 0.5
    model = build(LARGE, CELLS, ImageShape(height=8, width=8, classes=2), rng=derive(0, 0), channels=4, cells=1)
    assert result.measures["size"] == sum(p.numel() for p in model.parameters())


def test_the_score_is_the_first_proxy_in_its_direction(doubles) -> None:
    result = score(of_cells("tiny", "size"), LARGE)
    assert result.score == -result.measures["tiny"] == -result.measures["size"]


def test_a_proxy_that_fails_takes_no_other_along(doubles) -> None:
    result = score(of_cells(*NAMES), SMALL)
    found = failures(result)
    assert set(found) == {"picky", "broken", "endless"}
    assert found["picky"].startswith("a network must have 5500 parameters")
    assert found["broken"] == "RuntimeError: matrices do not fit"
    assert found["endless"] == "the value is inf"
    assert set(NAMES) - set(found) == {name for name in result.measures if not name.startswith("seconds:")}
    assert result.score == result.measures["size"]
    assert failures(score(of_cells("size", "picky"), LARGE)) == {}


def test_without_the_first_proxy_there_is_no_score_but_the_others_stay(doubles) -> None:
    result = score(of_cells("broken", "size"), LARGE)
    assert result.score is None
    assert "size" in result.measures


def test_values_follow_from_the_seed_and_not_from_the_trial(doubles) -> None:
    first, other, seed = (
        score(of_cells("weights", "drawn", seed=seed), LARGE, trial).measures
        for trial, seed in ((0, 0), (1, 0), (0, 1))
    )
    assert first["weights"] == other["weights"] != seed["weights"]
    assert first["drawn"] == other["drawn"] != seed["drawn"]


def test_a_copy_from_another_process_gives_the_same(doubles) -> None:
    evaluator = of_cells("weights")
    copy = pickle.loads(pickle.dumps(evaluator))  # noqa: S301 - our own bytes
    assert score(copy, LARGE).measures["weights"] == score(evaluator, LARGE).measures["weights"]


def test_batches_that_cannot_be_written_to_are_taken(doubles) -> None:
    x = X.copy()
    x.setflags(write=False)
    evaluator = NetworkProxies(CELLS, ImageShape(height=8, width=8), [(x, Y)], ["weights"], seed=0, size={"cells": 1})
    assert score(evaluator, LARGE).score is not None


def test_repeats_are_means_over_networks_batches_and_seeds(doubles) -> None:
    batches = [(X, Y), (2 * X, Y)]
    shape = ImageShape(height=8, width=8, classes=2)
    evaluator = NetworkProxies(
        CELLS, shape, batches, ["weights", "drawn"], seed=3, size={"channels": 4, "cells": 1}, repeats=3
    )
    parts = [
        sum(float(p.detach().abs().sum()) for p in evaluator.network(LARGE, repeat=k).parameters())
        + scale * np.abs(X).sum()
        for k, scale in enumerate((1, 2, 1))
    ]
    assert len({round(part, 3) for part in parts}) == 3
    measures = score(evaluator, LARGE).measures
    assert measures["weights"] == pytest.approx(np.mean(parts), rel=1e-5)
    uniforms = [float(torch.rand(1, generator=torch.Generator().manual_seed(3 + k))) for k in range(3)]
    assert measures["drawn"] == pytest.approx(np.mean(uniforms))
    assert doubles["drawn"] == 3


def test_the_initialisation_is_the_one_that_is_named(doubles) -> None:
    evaluator = of_cells("weights", init="kaiming")
    network = evaluator.network(LARGE)
    twin = initialise(of_cells("weights").network(LARGE), "kaiming", rng=derive(0, "initialise", 0))
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), twin.parameters(), strict=True))


def test_what_does_not_come_within_the_time_is_not_begun(doubles) -> None:
    result = score(of_cells("size", "tiny"), LARGE, limit_s=0.0)
    assert set(failures(result)) == {"size", "tiny"}
    assert not doubles


def test_a_network_that_cannot_be_built_has_no_measures(doubles) -> None:
    for evaluator, arch in ((of_cells("size"), Arch("nb201", (9,) * 6)), (of_cells("size", size={"depth": 2}), LARGE)):
        result = score(evaluator, arch)
        assert (result.score, dict(result.measures), failures(result)) == (None, {}, {})
        assert result.error


@pytest.mark.parametrize(
    ("proxies", "batches", "error", "said"),
    [
        (("sise",), [(X, Y)], UnknownNameError, "Did you mean 'size'"),
        ((), [(X, Y)], ProxyError, "none"),
        (("size", "size"), [(X, Y)], ProxyError, "different names"),
        (("size", "labelled"), [(X, None)], ProxyError, "labelled need labels"),
        (("size",), [], ProxyError, "a batch"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(doubles, proxies, batches, error, said) -> None:
    with pytest.raises(error, match=said):
        NetworkProxies(CELLS, ImageShape(), batches, proxies, seed=0)
