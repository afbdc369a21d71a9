"""TEG-NAS's three indicators against loops, and what is made of them for many cells."""

from __future__ import annotations

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.core.errors import ProxyError
from archwright.core.rng import derive
from archwright.data.shapes import ImageShape
from archwright.nets.build import build
from archwright.nets.initialise import initialise
from archwright.proxies.base import Batch
from archwright.proxies.copies import stand_in
from archwright.proxies.ntk import condition
from archwright.proxies.teg import INDICATORS, Indicators, assess, cell_depth, describe, exclusive
from archwright.proxies.teg_kappa import teg_kappa
from archwright.proxies.teg_mse import regression, teg_mse
from archwright.proxies.teg_regions import activation_patterns, count_distinct, teg_regions
from archwright.spaces.edges import EdgeCell
from archwright.spaces.nb201 import NasBench201

SPACE = NasBench201()
ARCH = SPACE.parse("|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|")
SHAPE = ImageShape(channels=2, height=8, width=8, classes=3)


def network(arch: Arch = ARCH, **size: object) -> nn.Module:
    return build(arch, SPACE, SHAPE, rng=derive(0, "network"), **{"channels": 2, "cells": 1} | size)


def batch(n: int = 12) -> Batch:
    x = derive(0, "x").standard_normal((n, 2, 8, 8)).astype(np.float32)
    return Batch(torch.from_numpy(x), torch.arange(n) % 3)


def gradients(net: nn.Module, x: Tensor, names: str = "") -> Tensor:
    """Return the gradients of the summed outputs by one backward pass per sample, in training mode."""
    rows = []
    for sample in range(len(x)):
        net.zero_grad()
        net(x)[sample].sum().backward()
        found = [(name, p) for name, p in net.named_parameters() if p.grad is not None and names in name]
        rows.append(torch.cat([p.grad.flatten() for _, p in found]))
    return torch.stack(rows)


def fresh(net: nn.Module, how: str, repeat: int, *, seed: int = 0) -> nn.Module:
    """Return the network of a repeat as the indicators draw it."""
    return initialise(copy.deepcopy(net), how, rng=derive(seed, "teg network", repeat)).train()


def rows_of(repeat: int, n: int, *, seed: int = 0) -> np.ndarray:
    return derive(seed, "teg rows", repeat).permutation(np.arange(n))


# Against loops


def test_kappa_is_the_mean_over_fresh_networks_and_rows_of_the_looped_kernels_condition() -> None:
    wanted = []
    for repeat in range(3):
        x = batch().x[rows_of(repeat, 12)[:5]].double()
        g = gradients(fresh(network(), "kaiming", repeat).double(), x)
        values = np.linalg.eigvalsh((g @ g.T).numpy())
        wanted.append(values[-1] / values[0])
    assert len(set(wanted)) == 3
    assert teg_kappa(network(), batch(), rows=5) == pytest.approx(np.mean(wanted), rel=1e-6)


def test_kappa_of_the_released_code_is_that_of_weights_by_the_librarys_initialisation_on_the_first_rows() -> None:
    wanted = []
    for repeat in range(2):
        net = fresh(network(), "torch", repeat)
        g = gradients(net, batch().x[:5])
        names = [name for name, p in net.named_parameters() for _ in range(p.numel()) if p.grad is not None]
        g = g[:, ["weight" in name for name in names]]
        values = torch.linalg.eigvalsh((g @ g.T).double())
        wanted.append(float(values[-1] / values[0]))
    found = teg_kappa(network(), batch(), rows=5, repeats=2, reference=True)
    assert found == pytest.approx(np.mean(wanted), rel=1e-3)


def test_mse_is_the_error_of_regression_with_the_last_layers_kernel() -> None:
    wanted = []
    for repeat in range(3):
        order = rows_of(repeat, 12)
        net, given_ = fresh(network(), "kaiming", repeat).double(), batch()
        train, test = order[:6], order[6:]
        f = [net.features(given_.x[part].double()).mean((2, 3)).detach() for part in (train, test)]
        # The gradient of the summed logits by a row of the classifier is the features, and by each bias 1.
        kernel, cross = (3 * (other @ f[0].T + 1) for other in f)
        hot = [nn.functional.one_hot(given_.y[part], 3).double() for part in (train, test)]
        hot = [each - each.mean(0) for each in hot]
        ridge = 1e-6 * kernel.trace() / 6 * torch.eye(6, dtype=torch.float64)
        wrong = cross @ torch.linalg.inv(kernel + ridge) @ hot[0] - hot[1]
        wanted.append(float(wrong.norm(dim=1).mean()))
    assert teg_mse(network(), batch()) == pytest.approx(np.mean(wanted), rel=1e-6)


def test_mse_of_the_released_code_is_that_of_the_cells_weights() -> None:
    net, given_ = fresh(network(), "torch", 0).double(), batch()
    g = []
    for part in (slice(0, 6), slice(6, 12)):
        rows = gradients(net, given_.x[part].double())
        names = [name for name, p in net.named_parameters() if p.grad is not None for _ in range(p.numel())]
        g.append(rows[:, ["weight" in name and "cell" in name for name in names]])
    hot = [nn.functional.one_hot(given_.y[part], 3).double() for part in (slice(0, 6), slice(6, 12))]
    hot = [each - each.mean(0) for each in hot]
    wrong = (g[1] @ g[0].T) @ torch.linalg.inv(g[0] @ g[0].T) @ hot[0] - hot[1]
    found = teg_mse(network(), batch(), repeats=1, reference=True)
    assert found == pytest.approx(float(wrong.square().sum(1).mean()), rel=1e-2)


def test_regions_are_counted_pairwise_by_definition() -> None:
    net = stand_in(network(channels=2, stem=False), batchnorm="batch")
    x = torch.from_numpy(derive(0, "small").integers(-1, 2, (90, 2, 3, 3)).astype(np.float32))
    x = torch.cat([x, x[:30]])
    patterns = np.unpackbits(activation_patterns(net, x), axis=1)
    same = (patterns[:, None] == patterns[None]).all(2)
    assert count_distinct(np.packbits(patterns, axis=1)) == round((1 / same.sum(1)).sum())
    assert count_distinct(np.packbits(patterns, axis=1)) <= 90


@settings(deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=19, max_size=19), min_size=1, max_size=30))
def test_distinct_rows_of_bits_are_counted_exactly(rows: list[list[bool]]) -> None:
    packed = np.packbits(np.array(rows), axis=1)
    assert count_distinct(packed) == len({tuple(row) for row in rows})


def test_patterns_of_hooks_and_of_the_watcher_are_equal() -> None:
    net, found = network().train(), []
    for part in net.modules():
        if isinstance(part, nn.ReLU):
            part.register_forward_hook(lambda part, inputs, output: found.append((output > 0).flatten(1).numpy()))
    net(batch().x)
    packed = np.packbits(np.concatenate(found, axis=1), axis=1)
    assert np.array_equal(packed, activation_patterns(stand_in(network(), batchnorm="batch"), batch().x))


def test_inputs_for_regions_are_crops_noise_or_the_batch() -> None:
    net = network(stem=False)
    few = {"samples": 40, "passes": 2, "repeats": 2}
    values = {kind: teg_regions(net, batch(), inputs=kind, **few) for kind in ("crops", "noise", "batch")}
    assert teg_regions(net, batch(), **few) == values["crops"]
    assert 1 <= values["batch"] <= 12
    assert 1 <= values["crops"] <= 80
    assert 1 <= values["noise"] <= 80
    assert teg_regions(net, batch(), **few, seed=1) != values["crops"]
    dense = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    rows = Batch(torch.randn(20, 4, generator=torch.Generator().manual_seed(0)))
    assert 2 <= teg_regions(dense, rows) <= 20
    with pytest.raises(ProxyError, match="need images"):
        teg_regions(dense, rows, inputs="crops")
    with pytest.raises(ProxyError, match="a network with a ReLU"):
        teg_regions(nn.Sequential(nn.Linear(4, 8)), rows)
    with pytest.raises(ProxyError, match="cannot have 3 channels"):
        teg_regions(net, batch(), channels=3)


def test_a_channel_is_drawn_for_each_input() -> None:
    thin = build(ARCH, SPACE, ImageShape(channels=1), rng=derive(0, 0), channels=1, cells=1, stem=False)
    x = batch().x.clone()
    x[:, 1] = x[:, 1] + 100
    assert teg_regions(thin, Batch(x), channels=1, samples=50) > 1


# Options, and what cannot be


def test_the_frozen_forms_are_others() -> None:
    for indicator, layers in ((teg_kappa, {}), (teg_mse, {"layers": "all"})):
        exact, frozen = (indicator(network(), batch(), rows=5, frozen=form, **layers) for form in (False, True))
        assert exact != pytest.approx(frozen, rel=1e-3)


def test_layers_of_the_regression_can_be_chosen() -> None:
    values = {layers: teg_mse(network(), batch(), layers=layers) for layers in ("last", "cells", "all")}
    assert len(set(values.values())) == 3
    assert teg_mse(network(), batch(), layers=lambda name: "cell" in name) == values["cells"]
    with pytest.raises(ProxyError, match="no parameter belongs to"):
        teg_mse(network(), batch(), layers=lambda name: False)


def test_the_models_own_parameters_are_used_if_none_are_to_be_drawn() -> None:
    one, other = network(), fresh(network(), "kaiming", 7).eval()
    assert teg_kappa(one, batch()) == teg_kappa(other, batch())
    assert teg_kappa(one, batch(), init=None) != teg_kappa(other, batch(), init=None)


def test_a_network_without_a_path_is_bad() -> None:
    dead = network(Arch("nb201", (0,) * 6))
    with pytest.raises(ProxyError, match="must be regular"):
        teg_kappa(dead, batch())
    found = assess(dead, network(Arch("nb201", (0,) * 6), stem=False), batch(), rows=5, channels=None)
    assert math.isnan(found["kappa"])
    assert found["regions"] == 1
    good = assess(network(), network(stem=False), batch(), rows=5, channels=None, repeats=1)
    assert all(math.isfinite(value) for value in good.values())
    assert set(good) == set(INDICATORS)


def test_repeats_need_rows() -> None:
    with pytest.raises(ProxyError, match="each repeat needs 20 rows"):
        teg_kappa(network(), batch(), rows=20)
    with pytest.raises(ProxyError, match="each repeat needs 14 rows"):
        teg_mse(network(), batch(), rows=7)
    with pytest.raises(ProxyError, match="at least one repeat"):
        teg_kappa(network(), batch(), repeats=0)


def test_regression_needs_targets_that_the_network_has() -> None:
    with pytest.raises(ProxyError, match="needs targets"):
        teg_mse(network(), Batch(batch().x))
    with pytest.raises(ProxyError, match=r"labels must be 0\.\.2"):
        teg_mse(network(), Batch(batch().x, torch.arange(12)))
    with pytest.raises(ProxyError, match="one label for each row"):
        teg_mse(network(), Batch(batch().x, torch.ones(12, 2, dtype=torch.int64)))
    assert teg_mse(network(), Batch(batch().x, torch.linspace(0, 1, 12))) > 0


def test_regions_of_tokens_are_those_of_the_batch() -> None:
    net = nn.Sequential(nn.Embedding(9, 4), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
    tokens = Batch(torch.randint(9, (20, 3), generator=torch.Generator().manual_seed(0)))
    assert 1 < teg_regions(net, tokens) <= 20


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 2**32))
def test_regression_without_noise_returns_what_it_was_taught(n: int, m: int, seed: int) -> None:
    rng = derive(seed, "regression")
    g, y = (torch.from_numpy(rng.standard_normal(shape)) for shape in ((n, 12), (n, m)))
    kernel = g @ g.T + torch.eye(n)
    torch.testing.assert_close(regression(kernel, kernel, y, ridge=0.0), y)
    torch.testing.assert_close(regression(kernel, kernel, y, ridge=1e-12), y, rtol=1e-5, atol=1e-6)


def test_regression_refuses_kernels_that_say_nothing() -> None:
    y = torch.ones(2, 1, dtype=torch.float64)
    for kernel in (torch.zeros(2, 2), torch.full((2, 2), math.nan)):
        with pytest.raises(ProxyError, match="finite and not zero"):
            regression(kernel.double(), kernel.double(), y)
    ones = torch.ones(2, 2, dtype=torch.float64)
    with pytest.raises(ProxyError, match="it is singular"):
        regression(ones, ones, y, ridge=0.0)
    torch.testing.assert_close(regression(ones, ones, y), y, rtol=1e-5, atol=1e-5)


def test_conditions_are_those_of_diagonal_matrices() -> None:
    assert condition(torch.diag(torch.tensor([2.0, 8.0, 4.0]))) == 4.0
    for kernel, words in ((torch.ones(2, 2), "must be regular"), (torch.tensor([[math.inf]]), "must be finite")):
        with pytest.raises(ProxyError, match=words):
            condition(kernel)
    assert condition(torch.diag(torch.tensor([-1.0, 2.0])), guard=False) == -2.0


# Many cells


def some(kappa: list[float], regions: list[float], mse: list[float]) -> Indicators:
    return Indicators(np.array(kappa), np.array(regions), np.array(mse))


def test_ranks_begin_with_the_best_and_end_with_bad_networks() -> None:
    found = some([3, math.nan, 1, math.nan, 3], [10, 30, 20, 1, 1], [0.5, 0.1, math.nan, 0.2, 0.2])
    assert found.ranks("kappa").tolist() == [2, 4, 1, 4, 2]
    assert found.ranks("regions").tolist() == [3, 1, 2, 4, 4]
    assert found.ranks("mse").tolist() == [4, 1, 5, 2, 2]
    assert found.rank_sum().tolist() == [9, 6, 8, 10, 8]
    assert found.rank_sum(("kappa", "mse")).tolist() == [6, 5, 6, 6, 4]


floats = st.one_of(st.just(math.nan), st.integers(0, 5).map(float))


@settings(deadline=None)
@given(st.integers(1, 20).flatmap(lambda n: st.tuples(*[st.lists(floats, min_size=n, max_size=n)] * 3)))
def test_ranks_count_how_many_are_better(columns: tuple[list[float], list[float], list[float]]) -> None:
    found = some(*columns)
    for name in INDICATORS:
        values = found.better(name)
        assert found.ranks(name).tolist() == [1 + sum(other > value for other in values) for value in values]


@settings(deadline=None)
@given(st.integers(3, 40), st.integers(0, 2**32), st.sampled_from([0.05, 0.1, 0.3]))
def test_exclusive_choices_follow_the_papers_inequalities(n: int, seed: int, share: float) -> None:
    rng = derive(seed, "exclusive")
    found = some(*(rng.integers(1, 15, n).astype(float).tolist() for _ in range(3)))
    kappa, regions, mse = found.kappa, found.regions, found.mse
    k = max(1, round(share * n))
    t_kappa, t_regions, t_mse = np.sort(kappa)[k - 1], np.sort(regions)[-k], np.sort(mse)[k - 1]
    chosen = exclusive(found, share=share)
    assert np.array_equal(chosen["kappa"], (kappa <= t_kappa) & (regions < t_regions) & (mse > t_mse))
    assert np.array_equal(chosen["regions"], (kappa > t_kappa) & (regions >= t_regions) & (mse > t_mse))
    assert np.array_equal(chosen["mse"], (kappa > t_kappa) & (regions < t_regions) & (mse <= t_mse))
    assert sum(chosen.values(), np.zeros(n, int)).max() <= 1


def test_bad_networks_are_never_chosen() -> None:
    found = some([math.nan] * 4, [1, 2, 3, 4], [math.nan, math.nan, 1, 2])
    chosen = exclusive(found, share=0.9)
    assert not chosen["kappa"].any()
    assert not chosen["mse"].any()


def test_indicators_must_be_equally_many_and_shares_below_one() -> None:
    with pytest.raises(ProxyError, match="of one length"):
        some([1], [1, 2], [1])
    with pytest.raises(ProxyError, match="between 0 and 1"):
        exclusive(some([1], [1], [1]), share=1.0)


def looped_depth(genes: tuple[int, ...]) -> int:
    """Return the longest of the four paths of a cell, an edge of 0 missing."""
    edge = dict(zip(((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)), genes, strict=True))
    paths = [[0, *inner, 3] for k in range(3) for inner in itertools.combinations((1, 2), k)]
    return max((len(p) - 1 for p in paths if all(edge[pair] for pair in itertools.pairwise(p))), default=0)


@settings(deadline=None)
@given(st.tuples(*[st.integers(0, 4)] * 6))
def test_depth_is_the_length_of_the_longest_path(genes: tuple[int, ...]) -> None:
    (cell,) = SPACE.cells(Arch("nb201", genes))
    assert cell_depth(cell, none=SPACE.none) == looped_depth(genes)


def test_depth_counts_from_any_input() -> None:
    assert cell_depth(EdgeCell(4, ((0, 2, 1), (1, 2, 1), (2, 3, 1)), n_inputs=2)) == 2


def test_subsets_are_described_by_their_operations_and_depth() -> None:
    archs = [Arch("nb201", (0, 1, 2, 3, 3, 4)), Arch("nb201", (3,) * 6), Arch("nb201", (0,) * 6)]
    found = describe(SPACE, archs, np.array([True, True, False]))
    assert found.n == 2
    assert found.operations == pytest.approx(
        {"none": 1 / 12, "skip_connect": 1 / 12, "nor_conv_1x1": 1 / 12, "nor_conv_3x3": 8 / 12, "avg_pool_3x3": 1 / 12}
    )
    assert found.convolutions == pytest.approx(9 / 12)
    assert found.depth == 2.5
    assert describe(SPACE, archs).depth == pytest.approx(5 / 3)
    assert describe(SPACE, archs, np.zeros(3, bool)).n == 0
