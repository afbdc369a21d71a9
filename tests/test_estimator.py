"""The scikit-learn estimators. All are quick: one small network, trained inside this process for a few epochs."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from archwright import NasClassifier, NasRegressor
from archwright.core.errors import DataError, ExportError, RunError
from archwright.nets.onnx import onnx_feed, onnx_run
from archwright.nets.recipe import Recipe
from archwright.study.study import Study

QUICK = {
    "time_budget": 20,
    "workers": 0,
    "max_trials": 1,
    "layers": 1,
    "widths": (16,),
    "recipe": Recipe(batch=16, lr=0.03, max_epochs=6, dropout=0.0, bins=8, patience=0),
    "random_state": 0,
}


def expected_failures(estimator: Any) -> dict[str, str]:
    """Return the one check that cannot hold, as for other learners that split off validation rows and use batches."""
    return {"check_sample_weight_equivalence_on_dense_data": "weight 2 is one row of a batch, a repeated row is two"}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([NasClassifier(**QUICK), NasRegressor(**QUICK)], expected_failed_checks=expected_failures)
def test_scikit_learns_own_checks_pass(estimator: Any, check: Any) -> None:
    check(estimator)


def people(n: int = 200) -> tuple[pd.DataFrame, pd.Series]:
    """Return rows of mixed kinds, and an answer that follows from them."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "job": rng.choice(["smith", "baker", None], n),
            "age": rng.integers(20, 60, n),
            "member": rng.random(n) < 0.5,
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
            "pay": np.where(rng.random(n) < 0.1, np.nan, rng.lognormal(8, 1, n)),
        }
    )
    yes = (frame["job"] == "smith") ^ frame["member"]
    return frame, pd.Series(np.where(yes, "yes", "no"), name="answer")


def joblib_copy(found: NasClassifier) -> NasClassifier:
    """Return what joblib loads of what it dumped."""
    buffer = io.BytesIO()
    joblib.dump(found, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


@pytest.fixture(scope="module")
def fitted() -> NasClassifier:
    return NasClassifier(**QUICK).fit(*people())


def test_a_table_of_mixed_columns_is_learned(fitted: NasClassifier) -> None:
    X, y = people()
    assert fitted.score(X, y) > 0.9
    assert list(fitted.classes_) == ["no", "yes"]
    assert list(fitted.feature_names_in_) == list(X.columns)
    assert set(fitted.predict(X)) == {"no", "yes"}
    shares = fitted.predict_proba(X)
    assert shares.dtype == np.float64
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert fitted.run_.task["target"] == "answer"


def test_a_polars_table_gives_the_same_predictions(fitted: NasClassifier) -> None:
    X, _ = people()
    np.testing.assert_array_equal(fitted.predict_proba(pl.from_pandas(X)), fitted.predict_proba(X))


@pytest.mark.parametrize("labels", [("c", "a", "b"), (7, 3, 5), (True, False), (1.0, 0.0)])
def test_probabilities_are_in_the_order_of_the_sorted_classes(labels: tuple[Any, ...]) -> None:
    rng = np.random.default_rng(0)
    index = rng.integers(0, len(labels), 150)
    X = (index[:, None] == np.arange(len(labels))) + rng.normal(0, 0.1, (150, len(labels)))
    found = NasClassifier(**QUICK).fit(X, np.array(labels)[index])
    assert list(found.classes_) == sorted(labels)
    assert found.classes_.dtype == np.array(labels).dtype
    pure = np.eye(len(labels))
    assert list(found.predict(pure)) == list(labels)
    assert list(found.classes_[found.predict_proba(pure).argmax(axis=1)]) == list(labels)


def test_a_regressor_predicts_in_the_units_of_the_target() -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    found = NasRegressor(**QUICK).fit(X, 1e6 + 1000 * y)
    assert found.score(X, 1e6 + 1000 * y) > 0.3
    assert found.predict(X[:3]).dtype == np.float64


def test_the_same_random_state_gives_the_same_network() -> None:
    X, y = load_iris(return_X_y=True)
    settings = {**QUICK, "max_trials": 4, "widths": (8, 16, 24)}
    first, second = (NasClassifier(**settings).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert list(first.leaderboard_["arch"]) == list(second.leaderboard_["arch"])
    other = NasClassifier(**{**settings, "random_state": 1}).fit(X, y)
    assert not np.array_equal(first.predict_proba(X), other.predict_proba(X))


def test_trials_and_leaderboard_are_there(fitted: NasClassifier) -> None:
    assert len(fitted.leaderboard_) == len(fitted.study_.history.ok()) == 1
    assert fitted.leaderboard_.loc[0, "score"] == pytest.approx(fitted.run_.best["score"])
    assert fitted.run_.status == "finished"


def test_the_study_is_that_of_the_last_session_also_after_nine() -> None:
    X, y = load_iris(return_X_y=True)
    found = NasClassifier(**QUICK).fit(X, y)
    for session in (2, 10):
        Study.open(found.run_folder_ / "study.db", name=f"refine-{session}").close()
    assert found.study_.name == "refine-10"


@pytest.mark.parametrize(
    "copied",
    [lambda found: pickle.loads(pickle.dumps(found)), joblib_copy, copy.deepcopy, copy.copy],  # noqa: S301
)
def test_a_copy_predicts_and_exports_but_does_not_continue(fitted: NasClassifier, copied: Any, tmp_path: Path) -> None:
    X, _ = people()
    twin = copied(fitted)
    np.testing.assert_array_equal(twin.predict_proba(X), fitted.predict_proba(X))
    assert twin.export(tmp_path / "model.onnx")["max_difference"] < 1e-4
    assert twin.leaderboard_.equals(fitted.leaderboard_)
    with pytest.raises(RunError, match="call fit"):
        twin.continue_fit(1)
    with pytest.raises(AttributeError, match="leaderboard_"):
        twin.study_  # noqa: B018  (the attribute is the test)


def test_an_onnx_export_predicts_labels_from_the_raw_columns(fitted: NasClassifier, tmp_path: Path) -> None:
    X, _ = people()
    made = fitted.export(tmp_path / "model.onnx")
    assert made["rows_checked"] == len(X)
    found = onnx_run(tmp_path / "model.onnx", onnx_feed(fitted.model_, X))
    assert list(found["label"]) == list(fitted.predict(X))


def test_an_unknown_suffix_is_refused(fitted: NasClassifier, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="suffix"):
        fitted.export(tmp_path / "model.xyz")


def test_continuing_never_makes_the_network_worse() -> None:
    X, y = load_iris(return_X_y=True)
    found = NasClassifier(**{**QUICK, "widths": (4, 8)}).fit(X, y)
    before, trained = found.run_.best["score"], len(found.leaderboard_)
    assert found.continue_fit("1s") is found
    assert found.run_.best["score"] >= before
    assert len(found.run_.sessions) == 2
    assert len(found.leaderboard_) >= trained


def test_the_time_budget_is_kept() -> None:
    X, y = load_iris(return_X_y=True)
    began_s = time.perf_counter()
    found = NasClassifier(2, workers=0, random_state=0).fit(X, y)
    assert time.perf_counter() - began_s < 2.6
    assert found.score(X, y) > 0.5


def test_worker_processes_find_a_network_as_well() -> None:
    found = NasClassifier(**{**QUICK, "workers": 1}).fit(*people())
    assert found.score(*people()) > 0.9


def test_random_generators_and_threads_of_the_caller_are_left_alone() -> None:
    X, y = load_iris(return_X_y=True)
    torch.set_num_threads(2)
    try:
        torch_state, numpy_state = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        NasClassifier(**QUICK).fit(X, y)
        assert torch.equal(torch_state, torch.random.get_rng_state())
        assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


def test_rows_of_weight_zero_change_nothing() -> None:
    X, y = load_iris(return_X_y=True)
    weight = np.where(np.arange(len(X)) % 3 == 0, 0.0, 1.0)
    left_out = NasClassifier(**QUICK).fit(X[weight > 0], y[weight > 0], sample_weight=np.ones(100))
    weighted = NasClassifier(**QUICK).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(weighted.predict_proba(X), left_out.predict_proba(X))


def test_a_heavy_class_is_predicted_more_often() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 3)), rng.choice(["rare", "usual"], 300, p=[0.2, 0.8])
    shares = {
        weight: NasClassifier(**QUICK, class_weight={"rare": weight, "usual": 1.0})
        .fit(X, y)
        .predict_proba(X)[:, 0]
        .mean()
        for weight in (1.0, 20.0)
    }
    assert shares[20.0] > shares[1.0] + 0.2


def test_groups_and_names_of_added_columns_do_not_clash_with_the_tables() -> None:
    X, y = people()
    X = X.rename(columns={"job": "group", "pay": "weight", "age": "target"})
    found = NasClassifier(**QUICK).fit(
        X, y.rename("target"), sample_weight=np.ones(len(X)), groups=np.arange(len(X)) // 4
    )
    options = found.run_.data["options"]
    assert (options["group"], options["weight"], found.run_.task["target"]) == ("group_", "weight_", "target_")
    assert found.predict(X[:5]).shape == (5,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros(150)}, "one class"),
        ({"sample_weight": np.ones(3)}, r"shape \(150,\)"),
        ({"sample_weight": -np.ones(150)}, "negative"),
        ({"sample_weight": np.zeros(150)}, "non-zero"),
    ],
)
def test_bad_rows_are_refused(change: dict[str, Any], message: str) -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.raises(DataError, match=message):
        NasClassifier(**QUICK).fit(**{"X": X, "y": y, **change})


def test_every_fit_has_a_run_folder_of_its_own(tmp_path: Path) -> None:
    X, y = load_iris(return_X_y=True)
    estimator = NasClassifier(**QUICK, run_folder=tmp_path / "runs")
    folders = [clone(estimator).fit(X, y).run_folder_, estimator.fit(X, y).run_folder_]
    assert folders == [tmp_path / "runs" / "fit-1", tmp_path / "runs" / "fit-2"]
    assert all((folder / "model.safetensors").exists() for folder in folders)


def test_a_temporary_run_folder_goes_with_its_estimator() -> None:
    X, y = load_iris(return_X_y=True)
    found = NasClassifier(**QUICK).fit(X, y)
    first = found.run_folder_
    second = found.fit(X, y).run_folder_
    assert not first.exists()
    assert second.exists()
    del found
    gc.collect()
    assert not second.exists()


def test_a_metric_that_validation_cannot_have_does_not_stop_the_run() -> None:
    X = np.random.default_rng(0).normal(size=(40, 2))
    outcomes = [NasRegressor(**{**QUICK, "random_state": seed}).fit(X, np.arange(40) == 7) for seed in range(3)]
    metrics = {found.run_.task["metric"] for found in outcomes}
    assert "rmse" in metrics, "no seed gave validation rows of one value only"
    assert all(found.run_.best is not None for found in outcomes)
    assert all(np.isfinite(found.predict(X)).all() for found in outcomes)


def test_cross_validation_works() -> None:
    X, y = load_iris(return_X_y=True)
    assert cross_val_score(NasClassifier(**QUICK), X, y, cv=2).mean() > 0.6


def test_progress_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    NasClassifier(**QUICK, verbose=1).fit(*people())
    out, err = capsys.readouterr()
    assert "archwright:" in err
    assert out == ""
