from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from archwright.core.errors import SpaceError
from archwright.core.rng import derive
from archwright.proxies.closed_form import closed_form
from archwright.proxies.whole_space import WholeSpace
from archwright.spaces.tabular_mlp import TabularMlp, criteo, diabetes, frappe


@pytest.mark.parametrize(("space", "d"), [(frappe(), 100), (diabetes(), 430), (criteo(), 390)])
@pytest.mark.parametrize("reference", [False, True])
def test_ranks_agree_with_drawn_weights(space: TabularMlp, d: int, reference: bool) -> None:
    drawn = WholeSpace(space, d, seed=0, reference=reference).scores()
    formula = closed_form(space, d, reference=reference)
    chosen = derive(1, "archs").choice(space.size(), 500, replace=False)
    assert spearmanr(drawn[chosen], formula[chosen]).statistic > 0.99


@pytest.mark.parametrize("reference", [False, True])
def test_values_are_the_mean_over_draws(reference: bool) -> None:
    space = TabularMlp((60, 90, 120), layers=3)
    drawn = WholeSpace(space, 80, n_outputs=3, seed=0, draws=200, probes=32, reference=reference).scores()
    formula = closed_form(space, 80, n_outputs=3, probes=32, reference=reference)
    assert np.log(drawn / formula) == pytest.approx(0, abs=0.03)


def test_expected_squared_length_is_exact() -> None:
    # With one layer the score is rows * E[F] * w / sqrt(E[length^2]), and E[length^2] = probes * 2 w.
    space = TabularMlp((2, 5), layers=1)
    expected = [4 * np.sqrt(1.5 * 10) * np.sqrt(1.5 * w) * w / np.sqrt(4 * 2 * w) for w in (2, 5)]
    assert closed_form(space, 10) == pytest.approx(expected)


def test_wider_is_never_worse_in_equation_one() -> None:
    space = TabularMlp((4, 8, 16, 32), layers=3)
    scores = closed_form(space, 20).reshape(4, 4, 4)
    assert (np.diff(scores, axis=2) > 0).all()


def test_a_space_too_large_says_what_to_do() -> None:
    with pytest.raises(SpaceError, match="explore='sampled'"):
        closed_form(TabularMlp(tuple(range(1, 31)), layers=6), 10)
