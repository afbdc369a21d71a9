"""Networks that share one draw, scored together, against each of them scored by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from archwright.core.catalog import find
from archwright.core.errors import ProxyError
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result
from archwright.data.shapes import ImageShape, ShapeError, VectorShape
from archwright.proxies.base import Batch
from archwright.proxies.expressflow import expressflow
from archwright.proxies.networks import NetworkProxies, failures
from archwright.proxies.shared_networks import SHARED, SharedNetworkProxies
from archwright.proxies.tabular_draw import SharedDraw
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.testing import EvaluatorContract
from rank_doubles import doubles

__all__ = ["doubles"]

SPACE = TabularMlp((8, 12, 20), layers=2)
ARCHS = tuple(SPACE.enumerate())
D, B = 7, 16
#: Its weights are its own; see below.
SAME = [name for name in SHARED if name != "expressflow"]


def batch_of(repeat: int, *, copies: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = derive(0, "rows", repeat)
    x = rng.standard_normal((B, D), dtype=np.float32)
    x[:copies] = x[0]
    return x, rng.integers(2, size=B)


def make(*names: str, seed: int = 3, repeats: int = 1, ahead=ARCHS, copies: int = 0, classes: int = 1):
    batches = [batch_of(repeat, copies=copies) for repeat in range(repeats)]
    shape = VectorShape(features=D, classes=classes)
    return SharedNetworkProxies(SPACE, shape, batches, names, seed=seed, repeats=repeats, ahead=ahead)


def result_of(evaluator: NetworkProxies, arch) -> Result:
    return evaluator.evaluate(Proposal(arch), rng=derive(0, "unused"))


def by_definition(name: str, arch, *, seed: int = 3, repeat: int = 0) -> float:
    """Return the proxy of the network by itself."""
    x, y = batch_of(repeat)
    network = SharedDraw(SPACE, D, seed=seed + repeat).network(arch)
    return find("proxy", name)(network, Batch(torch.from_numpy(x), torch.from_numpy(y)))


class TestSharedNetworkProxies(EvaluatorContract):
    def make(self) -> SharedNetworkProxies:
        return make("snip", "zen", "synflow")

    def proposal(self) -> Proposal:
        return Proposal(ARCHS[4])


@pytest.mark.parametrize("classes", [1, 3])
def test_scored_together_or_by_itself_a_network_has_the_same_values(classes: int) -> None:
    evaluator = make(*SAME, "grasp", classes=classes)
    # Kernels' condition numbers magnify the rounding of single precision.
    loose = {"ntk_cond": 0.02, "jacov": 2e-3, "epe_nas": 2e-3}
    for arch in ARCHS:
        result = result_of(evaluator, arch)
        network = evaluator.network(arch)
        x, y = batch_of(0)
        batch = Batch(torch.from_numpy(x), torch.from_numpy(y))
        for name in (*SAME, "grasp"):
            if name in failures(result):
                with pytest.raises(ProxyError):
                    find("proxy", name)(network, batch)
                continue
            expected = find("proxy", name)(network, batch)
            assert result.measures[name] == pytest.approx(expected, rel=loose.get(name, 1e-4), abs=1e-6), name


def test_expressflow_has_the_values_of_its_definition_on_the_weights_that_it_draws() -> None:
    evaluator = make("expressflow")
    draw = SharedDraw(SPACE, D, seed=3).expressflow
    for arch in ARCHS:
        parts: list[torch.nn.Module] = []
        for matrix in draw.weights(arch):
            linear = torch.nn.Linear(matrix.shape[1], matrix.shape[0], bias=False)
            linear.weight.data = torch.tensor(matrix)
            parts += [linear, torch.nn.ReLU()]
        directions = torch.tensor(draw.directions())
        expected = expressflow(torch.nn.Sequential(*parts[:-1]), probes=directions, init=None)
        assert result_of(evaluator, arch).measures["expressflow"] == pytest.approx(expected, rel=1e-5)


def test_the_order_of_asking_and_what_is_scored_together_change_nothing() -> None:
    together, alone = make(*SAME), make(*SAME, ahead=())
    for arch in reversed(ARCHS):
        one, other = result_of(together, arch), result_of(alone, arch)
        assert one.measures.keys() == other.measures.keys()
        for name in one.measures.keys() & set(SAME):
            rel = 0.02 if name == "ntk_cond" else 1e-4
            assert one.measures[name] == pytest.approx(other.measures[name], rel=rel, abs=1e-6), name


def test_values_are_means_over_draws_each_with_its_batch() -> None:
    result = result_of(make("snip", "synflow", "zen", repeats=3), ARCHS[5])
    for name in ("snip", "synflow"):
        each = [by_definition(name, ARCHS[5], repeat=repeat) for repeat in range(3)]
        assert len(set(each)) == 3
        assert result.measures[name] == pytest.approx(np.mean(each), rel=1e-5)


def test_a_proxy_without_a_fast_form_scores_the_same_networks(doubles) -> None:
    evaluator = make("weights", "size")
    result = result_of(evaluator, ARCHS[2])
    network = SharedDraw(SPACE, D, seed=3).network(ARCHS[2])
    assert result.measures["size"] == sum(parameter.numel() for parameter in network.parameters())
    x, _ = batch_of(0)
    total = sum(float(parameter.detach().abs().sum()) for parameter in network.parameters()) + np.abs(x).sum()
    assert result.measures["weights"] == pytest.approx(total, rel=1e-5)
    assert result.measures["seconds:build"] > 0


def test_a_fast_form_without_a_value_has_the_reason_of_the_definition() -> None:
    result = result_of(make("nwot", "snip", copies=2), ARCHS[0])
    assert result.score is None
    assert failures(result).keys() == {"nwot"}
    x, y = batch_of(0, copies=2)
    with pytest.raises(ProxyError) as caught:
        find("proxy", "nwot")(
            SharedDraw(SPACE, D, seed=3).network(ARCHS[0]), Batch(torch.from_numpy(x), torch.from_numpy(y))
        )
    assert failures(result)["nwot"] == " ".join(str(caught.value).split())
    assert "snip" in result.measures


def test_seconds_are_the_share_of_a_pass_and_no_network_is_made() -> None:
    evaluator = make("snip", "grad_norm", "params")
    measures = [result_of(evaluator, arch).measures for arch in ARCHS]
    assert {each["seconds:build"] for each in measures} == {0.0}
    assert len({each["seconds:snip"] for each in measures}) == 1
    assert all(each["seconds:snip"] == each["seconds:grad_norm"] > 0 for each in measures)


def test_what_is_no_vector_is_refused() -> None:
    with pytest.raises(ShapeError, match="VectorShape"):
        SharedNetworkProxies(SPACE, ImageShape(), [batch_of(0)], ["snip"], seed=0)
