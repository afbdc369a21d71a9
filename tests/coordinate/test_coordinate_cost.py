"""Epoch times are learned per architecture."""

import numpy as np
import pytest

from archwright.coordinate.cost import EpochCost, Timed, features
from archwright.spaces.tabular_mlp import frappe

SPACE = frappe()


def true_seconds(genes):
    x = features(SPACE, np.array([genes]), n_inputs=100)[0]
    return 0.02 + 1e-5 * x[1] + 3e-7 * x[2]


def timed(genes, factor=1.0):
    arch = SPACE.at(0)
    arch = type(arch)(SPACE.name, tuple(genes))
    return Timed(arch, factor * true_seconds(genes))


def test_features_count_multiply_adds():
    arch = SPACE.arch((8, 16, 24, 32))
    row = features(SPACE, np.array([arch.genes]), n_inputs=100)[0]
    assert row.tolist() == [1.0, 80.0 + 100.0, 100 * 8 + 8 * 16 + 16 * 24 + 24 * 32 + 32]


def test_one_timing_scales_the_prior():
    cost = EpochCost(SPACE, 100, rows=10_000)
    cost.add([timed([5, 5, 5, 5])])
    assert cost.seconds([timed([5, 5, 5, 5]).arch])[0] == pytest.approx(true_seconds([5, 5, 5, 5]))


def test_five_timings_predict_the_whole_space():
    cost = EpochCost(SPACE, 100, rows=10_000)
    cost.add([timed(genes) for genes in ([0] * 4, [9] * 4, [19] * 4, [0, 19, 0, 19], [4, 4, 4, 4])])
    rng = np.random.default_rng(0)
    archs = [SPACE.random(rng=rng) for _ in range(50)]
    wanted = [true_seconds(arch.genes) for arch in archs]
    assert cost.seconds(archs) == pytest.approx(wanted, rel=1e-3)


def test_a_machine_that_becomes_slow_is_noticed():
    cost = EpochCost(SPACE, 100, rows=10_000)
    cost.add([timed(genes) for genes in ([0] * 4, [9] * 4, [19] * 4)])
    before = cost.seconds([timed([9] * 4).arch])[0]
    cost.add([timed([9] * 4, factor=3.0)] * 8)
    assert cost.seconds([timed([9] * 4).arch])[0] > 2 * before


def test_predictions_are_positive_everywhere():
    cost = EpochCost(SPACE, 100, rows=10_000)
    cost.add([Timed(SPACE.at(0), 0.5), Timed(SPACE.at(80_000), 0.4), Timed(SPACE.at(159_999), 0.3)])
    genes = np.stack(np.unravel_index(np.arange(SPACE.size()), SPACE.arities), axis=1)
    assert (cost.seconds_of(genes) > 0).all()
