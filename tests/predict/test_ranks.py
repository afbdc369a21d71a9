"""Rank metrics against scipy, scikit-learn and their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.metrics import mean_squared_error, r2_score

from archwright.core.errors import PredictorError
from archwright.predict import ranks

values = arrays(np.float64, st.shared(st.integers(2, 30), key="n"), elements=st.integers(-5, 5).map(float))


def same(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or a == pytest.approx(b, abs=1e-9)


@pytest.mark.filterwarnings("ignore:An input array is constant")
@given(values, values)
def test_correlations_are_those_of_scipy(a: np.ndarray, b: np.ndarray) -> None:
    assert same(ranks.kendall(a, b), stats.kendalltau(a, b).statistic)
    assert same(ranks.spearman(a, b), stats.spearmanr(a, b).statistic)


@given(values, values)
def test_errors_are_those_of_scikit_learn(a: np.ndarray, b: np.ndarray) -> None:
    assert ranks.squared_error(a, b) == pytest.approx(mean_squared_error(b, a))
    if np.var(b) > 0:
        assert ranks.r2(a, b) == pytest.approx(r2_score(b, a))


def test_what_cannot_be_ranked_is_nan() -> None:
    constant, other = np.ones(4), np.arange(4.0)
    assert all(math.isnan(metric(constant, other)) for metric in (ranks.kendall, ranks.spearman, ranks.pearson))
    assert math.isnan(ranks.r2(other, constant))


def test_precision_and_best_rank_by_hand() -> None:
    predicted, true = np.array([5.0, 4.0, 3.0, 2.0, 1.0]), np.array([1.0, 5.0, 2.0, 4.0, 3.0])
    assert [ranks.precision_at(k, predicted, true) for k in range(1, 6)] == [0.0, 0.5, 1 / 3, 0.75, 1.0]
    assert [ranks.best_rank(k, predicted, true) for k in range(1, 6)] == [5, 1, 1, 1, 1]


@given(values, st.data())
def test_the_truth_itself_has_full_precision_and_the_first_rank(true: np.ndarray, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(true)))
    assert ranks.precision_at(k, true, true) == 1
    assert ranks.best_rank(k, true, true) == 1


def test_lengths_and_k_are_checked() -> None:
    with pytest.raises(PredictorError, match="as many, at least two"):
        ranks.kendall(np.ones(3), np.ones(4))
    with pytest.raises(PredictorError, match="as many, at least two"):
        ranks.r2(np.ones(1), np.ones(1))
    with pytest.raises(PredictorError, match=r"K must be in 1\.\.3, but 4"):
        ranks.precision_at(4, np.arange(3.0), np.arange(3.0))
