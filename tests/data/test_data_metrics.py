from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from archwright.core.errors import DataError
from archwright.data.metrics import METRICS, accuracy, auc, find_metric, log_loss, r2, rmse, score, value_of

ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.booleans(), st.floats(0.1, 3)), min_size=3, max_size=40
).filter(lambda rows: len({row[1] for row in rows}) == 2)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(ROWS)
def test_auc_agrees_with_scikit_learn_on_ties_and_weights(rows: list[tuple[int, bool, float]]) -> None:
    scores, y, weight = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    assert auc(scores, y) == pytest.approx(reference.roc_auc_score(y, scores))
    assert auc(scores, y, weight) == pytest.approx(reference.roc_auc_score(y, scores, sample_weight=weight))


def test_the_others_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    y, weight = rng.integers(0, 3, 50), rng.uniform(0.5, 2, 50)
    p = rng.dirichlet(np.ones(3), 50)
    assert log_loss(y, p, weight) == pytest.approx(reference.log_loss(y, p, sample_weight=weight))
    assert accuracy(y, p, weight) == pytest.approx(reference.accuracy_score(y, p.argmax(1), sample_weight=weight))
    z, q = rng.normal(size=50), rng.normal(size=50)
    assert r2(z, q, weight) == pytest.approx(reference.r2_score(z, q, sample_weight=weight))
    assert rmse(z, q) == pytest.approx(reference.root_mean_squared_error(z, q))
    assert accuracy(y > 1, p[:, 2]) == pytest.approx(reference.accuracy_score(y > 1, p[:, 2] > 0.5))
    assert log_loss(y > 1, p[:, 2]) == pytest.approx(reference.log_loss(y > 1, p[:, 2]))


@pytest.mark.parametrize("name", METRICS)
def test_a_better_prediction_has_a_higher_score(name: str) -> None:
    y = np.array([0, 1, 1, 0], dtype=np.float32)
    good, bad = np.array([0.1, 0.8, 0.7, 0.2]), np.array([0.8, 0.3, 0.4, 0.6])
    assert score(name, y, good) > score(name, y, bad)


def test_rmse_has_the_targets_unit_and_its_own_sign() -> None:
    found = score("rmse", np.zeros(4), np.ones(4), scale=50.0)
    assert found == -50
    assert value_of("rmse", found) == 50


def test_what_is_not_defined_is_nan() -> None:
    assert np.isnan(auc(np.ones(3), np.ones(3)))
    assert np.isnan(auc(np.array([np.nan, 1]), np.array([0, 1])))
    assert np.isnan(r2(np.ones(3), np.ones(3)))


def test_metrics_fit_their_kind() -> None:
    assert [find_metric(None, kind).name for kind in ("binary", "classes", "real")] == ["auc", "accuracy", "r2"]
    with pytest.raises(DataError, match="no metric"):
        find_metric("f7", "binary")
    with pytest.raises(DataError, match="not defined for a real"):
        find_metric("auc", "real")
