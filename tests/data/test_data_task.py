from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.core.errors import DataError, RunError
from archwright.data.arrays import load_arrays
from archwright.data.split import rows_by_fraction
from archwright.data.tables import Table, read_table
from archwright.data.task import Task, make_task

N = 300


def frame_of(n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "y": np.where(rng.random(n) < 0.3, "yes", "no"),
            "x": rng.normal(size=n),
            "c": rng.choice(["u", "v"], n),
            "person": rng.integers(0, n // 3, n),
            "w": rng.random(n),
            "part": rng.choice(["Train", "val", "test"], n, p=[0.6, 0.2, 0.2]),
        }
    )


def task_of(frame: pd.DataFrame, target: str = "y", **options: object) -> Task:
    return make_task(Table(frame, "t"), target, seed=0, **options)  # type: ignore[arg-type]


def marked(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a number per row that survives encoding, to find rows again."""
    return frame.assign(mark=np.random.default_rng(2).permutation(len(frame)) * 10 + 0.5)


def marks(task: Task, num: np.ndarray) -> set[int]:
    i = task.schema.fields().index(("mark", "value"))
    feature = next(one for one in task.schema.features if one.name == "mark")
    return set(np.round((num[:, i] * feature.stds[0] + feature.means[0] - 0.5) / 10).astype(int).tolist())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=8, max_size=120),
    st.floats(0.05, 0.5),
    st.sampled_from([0.0, 0.2]),
    st.integers(0, 99),
)
def test_every_row_is_in_one_part_and_every_class_in_its_share(
    labels: list[int], valid: float, test: float, seed: int
) -> None:
    classes = np.array(labels)
    rows = rows_by_fraction(np.arange(len(classes)), valid=valid, test=test, seed=seed, classes=classes)
    together = np.concatenate([rows.train, rows.valid, rows.test])
    assert sorted(together.tolist()) == list(range(len(classes)))
    for label in set(labels):
        n = labels.count(label)
        in_test, in_valid = (int((classes[part] == label).sum()) for part in (rows.test, rows.valid))
        assert abs(in_test - test * n) <= 1
        assert abs(in_valid - valid * (n - in_test)) <= 1
        assert (classes[rows.train] == label).any()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 25), st.integers(0, 1)), min_size=20, max_size=200), st.integers(0, 99))
def test_no_group_is_divided(rows: list[tuple[int, int]], seed: int) -> None:
    groups, classes = np.array(rows).T
    if len(set(groups.tolist())) < 4:
        return
    found = rows_by_fraction(np.arange(len(groups)), valid=0.25, test=0.2, seed=seed, classes=classes, groups=groups)
    sides = [set(groups[part].tolist()) for part in (found.train, found.valid, found.test)]
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]
    assert len(found.train)
    assert len(found.valid)


def test_group_shares_are_met_about() -> None:
    rng = np.random.default_rng(0)
    groups, classes = rng.integers(0, 2000, 6000), (rng.random(6000) < 0.1).astype(int)
    rows = rows_by_fraction(np.arange(6000), valid=0.2, test=0.2, seed=0, classes=classes, groups=groups)
    assert abs(len(rows.test) / 6000 - 0.2) < 0.02
    assert abs(len(rows.valid) / 4800 - 0.2) < 0.02
    assert abs(classes[rows.valid].mean() - classes.mean()) < 0.02


def test_a_task_holds_what_networks_need(tmp_path: Path) -> None:
    task = task_of(frame_of(), ignore=("person", "w", "part"), test_fraction=0.2)
    assert (task.kind, task.metric, task.n_outputs) == ("binary", "auc", 1)
    assert (len(task.train), len(task.valid), task.n_test) == (192, 48, 60)
    assert task.positive_rate == task.constant() == pytest.approx(task.train.y.mean())
    assert task.train.weight is None
    assert json.loads(json.dumps(task.describe()))["classes"] == ["no", "yes"]
    task.save_arrays(tmp_path / "arrays")
    arrays = load_arrays(tmp_path / "arrays")
    for mine, theirs in ((task.train, arrays.train), (task.valid, arrays.valid)):
        np.testing.assert_array_equal(mine.num, theirs.num)
        np.testing.assert_array_equal(mine.cat, theirs.cat)
        np.testing.assert_array_equal(mine.y, theirs.y)
    with pytest.raises(RunError, match="cannot be read"):
        load_arrays(tmp_path)


def test_the_test_part_is_opened_once() -> None:
    task = task_of(frame_of(), test_fraction=0.2)
    assert len(task.open_test()) == 60
    with pytest.raises(RunError, match="opened before"):
        task.open_test()
    with pytest.raises(RunError, match="no test rows"):
        task_of(frame_of()).open_test()


def test_equal_seeds_give_equal_tasks_and_others_do_not() -> None:
    table = Table(frame_of(), "t")
    first, same, other = (make_task(table, "y", seed=seed) for seed in (3, 3, 4))
    assert first.schema == same.schema
    np.testing.assert_array_equal(first.train.num, same.train.num)
    assert first.schema != other.schema


def test_the_schema_knows_training_rows_only() -> None:
    frame = frame_of()
    frame.loc[frame["part"] != "Train", "x"] = 1e6
    frame.loc[frame["part"] != "Train", "c"] = "later"
    task = task_of(frame, split_column="part")
    features = {one.name: one for one in task.schema.features}
    train = frame.loc[frame["part"] == "Train", "x"]
    assert features["x"].means[0] == pytest.approx(train.mean())
    assert features["c"].categories == ("u", "v")
    assert (task.valid.cat == 0).all()


def test_the_split_column_is_obeyed_and_completed() -> None:
    frame = marked(frame_of())
    task = task_of(frame, split_column="part")
    by = frame["mark"].sub(0.5).div(10).astype(int).groupby(frame["part"]).agg(set)
    assert marks(task, task.train.num) == by["Train"]
    assert marks(task, task.valid.num) == by["val"]
    assert marks(task, task.open_test().num) == by["test"]
    carved = task_of(frame.replace({"part": {"val": "train"}}), split_column="part", test_fraction=0.5)
    assert marks(carved, carved.train.num) | marks(carved, carved.valid.num) == by["Train"] | by["val"]
    assert carved.n_test == len(by["test"])
    assert not task_of(frame.replace({"part": {"test": "train"}}), split_column="part").has_test


def test_a_test_table_is_used_and_checked() -> None:
    frame = frame_of()
    other = frame.head(9).assign(y=["yes", "no", "odd", None, *["no"] * 5])
    task = task_of(frame, test=Table(other[other.columns[::-1]], "other"), test_fraction=0.5)
    assert task.n_test == 7
    assert any("2 test rows" in line for line in task.warnings)
    assert len(task.train) + len(task.valid) == N
    with pytest.raises(DataError, match="no target column 'y'"):
        task_of(frame, test=Table(frame.drop(columns="y"), "other"))


def test_rows_without_target_are_left_out_with_a_word() -> None:
    task = task_of(frame_of().assign(y=lambda f: f["y"].where(f.index >= 10)))
    assert len(task.train) + len(task.valid) == N - 10
    assert "10 rows of the table have no target" in task.warnings[0]


def test_weights_follow_their_rows() -> None:
    frame = marked(frame_of()).assign(w=lambda f: f["mark"])
    task = task_of(frame, weight="w")
    assert task.train.weight is not None
    assert {round((w - 0.5) / 10) for w in task.train.weight.tolist()} == marks(task, task.train.num)
    assert "w" not in {one.name for one in task.schema.features}
    assert task.positive_rate == pytest.approx(np.average(task.train.y, weights=task.train.weight))


def test_balanced_classes_weigh_the_same() -> None:
    task = task_of(frame_of(), balanced=True)
    assert task.train.weight is not None
    assert task.positive_rate == pytest.approx(0.5)
    assert task.train.weight.mean() == pytest.approx(1)
    assert task.valid.weight is None


def test_a_real_target_is_standardised_by_training_rows() -> None:
    task = task_of(frame_of(), "x")
    assert (task.kind, task.metric) == ("real", "r2")
    assert task.train.y.mean() == pytest.approx(0, abs=1e-5)
    assert task.train.y.std() == pytest.approx(1, abs=1e-5)
    assert task.constant() == pytest.approx(0, abs=1e-5)


def test_a_class_of_one_row_is_trained_on_with_a_word() -> None:
    frame = frame_of().assign(y=lambda f: np.where(f.index == 5, "once", np.where(f.index % 2, "a", "b")))
    task = task_of(frame)
    assert task.n_outputs == 3
    assert (task.train.y == 2).sum() == 1
    assert any("do not hold the class 'once'" in line for line in task.warnings)
    assert task.constant().sum() == pytest.approx(1)  # type: ignore[union-attr]


def test_a_class_that_training_lacks_is_left_out_with_a_word() -> None:
    frame = frame_of().assign(y=lambda f: np.where(f.index % 3 == 0, "a", "b"))
    frame.loc[frame.index[frame["part"] == "test"][:4], "y"] = "new"
    frame.loc[frame.index[frame["part"] == "val"][:1], "y"] = "newer"
    task = task_of(frame, split_column="part")
    assert task.schema.target.classes == ("a", "b")
    assert any("'new', 'newer'" in line and "5 other rows" in line for line in task.warnings)


@pytest.mark.parametrize(
    ("change", "target", "options", "message"),
    [
        ({}, "Y1", {}, "no column 'Y1' .*Did you mean 'y'"),
        ({}, "y", {"group": "persn"}, "group column.*Did you mean 'person'"),
        ({}, "y", {"weight": "ww"}, "weight column"),
        ({}, "y", {"ignore": ("cc",)}, "ignored column"),
        ({}, "y", {"split_column": "prt"}, "Did you mean 'part'"),
        ({}, "y", {"split_column": "c"}, "must hold train, valid or test; it also holds 'u'|'v'"),
        ({}, "y", {"ignore": ("y",)}, "is the target"),
        ({"w": -1.0}, "y", {"weight": "w"}, "must be 0 or more; row 0 has -1"),
        ({"w": np.nan}, "y", {"weight": "w"}, "must be 0 or more"),
        ({"w": 0.0}, "y", {"weight": "w"}, "all 0"),
        ({"person": 1}, "y", {"group": "person"}, "at least 2"),
        ({"part": "test"}, "y", {"split_column": "part"}, "no row .* as train"),
        ({"y": "a"}, "y", {}, "one class only"),
        ({}, "y", {"metric": "rmse"}, "not defined for a binary"),
        ({}, "y", {"valid_fraction": 1.5}, "fraction"),
    ],
)
def test_bad_input_gives_one_clear_line(
    change: dict[str, object], target: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        task_of(frame_of().assign(**change), target, **options)
    assert "\n" not in str(caught.value)


def test_thousands_of_columns_are_quick() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 2_000))).rename(columns=str).assign(y=rng.integers(0, 2, 200))
    began_s = time.process_time()
    task = task_of(frame)
    assert task.schema.n_numeric == 2_000
    # Ten thousand columns in 10 s.
    assert time.process_time() - began_s < 2


def test_memory_stays_near_the_size_of_the_table() -> None:
    import tracemalloc

    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"x{i}": rng.normal(size=100_000) for i in range(20)}).assign(y=rng.integers(0, 2, 100_000))
    size = int(frame.memory_usage().sum())
    tracemalloc.start()
    task = task_of(frame)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(task.train) == 80_000
    # The table itself is counted beside: at most 4 times in all.
    assert peak < 3 * size


def test_adult_becomes_what_it_is(shared_data: Path) -> None:
    task = make_task(read_table(shared_data / "tabular/adult.parquet"), "income", split_column="split", seed=0)
    kinds = {one.name: one.kind for one in task.schema.features}
    assert [name for name, kind in kinds.items() if kind == "numeric"] == [
        "age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week",
    ]  # fmt: skip
    assert len(kinds) == 14
    assert task.n_test == 16_281
    assert task.positive_rate == pytest.approx(0.241, abs=0.001)


def test_diabetes130_becomes_what_it_is(shared_data: Path) -> None:
    table = read_table(shared_data / "tabular/diabetes130.parquet")
    plain = make_task(table, "readmitted", seed=0)
    assert {"encounter_id", "patient_nbr", "examide"} <= {one.name for one in plain.schema.dropped}
    assert plain.schema.target.classes == ("<30", ">30", "NO")
    task = make_task(table, "readmitted", positive="<30", group="patient_nbr", test_fraction=0.2, seed=0)
    features = {one.name: one for one in task.schema.features}
    assert {features[name].kind for name in ("diag_1", "age", "admission_type_id")} == {"category"}
    assert {features[name].kind for name in ("num_medications", "time_in_hospital")} == {"numeric"}
    assert features["weight"].has_missing
    assert features["payer_code"].has_missing
    assert task.positive_rate == pytest.approx(0.1116, abs=0.002)
    assert task.n_test == pytest.approx(0.2 * 101_766, rel=0.02)


def test_california_becomes_what_it_is(shared_data: Path) -> None:
    task = make_task(read_table(shared_data / "tabular/california_housing.parquet"), "median_house_value", seed=0)
    assert task.kind == "real"
    assert [one.name for one in task.schema.features if one.kind == "category"] == ["ocean_proximity"]
    assert [one.name for one in task.schema.features if one.has_missing] == ["total_bedrooms"]
    assert task.schema.target.mean == pytest.approx(206_855.8, rel=0.01)


@pytest.mark.parametrize(("y", "instead"), [([0, 0, 0, 1], "log_loss"), ([1.5, 1.5, 1.5, 2.25], "rmse")])
def test_a_metric_that_validation_does_not_define_is_replaced_with_a_word(y: list[float], instead: str) -> None:
    frame = pd.DataFrame({"x": [3.0, 1.0, 2.0, 5.0] * 20, "y": y * 20})
    kind = "binary" if instead == "log_loss" else "real"
    frame["split"] = np.where((frame["y"] == y[0]) & (np.arange(80) < 40), "valid", "train")
    task = make_task(Table(frame, "t"), "y", split_column="split", kind=kind, seed=0)
    assert task.metric == instead
    assert any(f"compared by {instead}" in line for line in task.warnings)


def test_amounts_cannot_be_balanced_and_few_whole_numbers_are_asked_about() -> None:
    frame = pd.DataFrame({"x": np.arange(90.0) % 7, "y": [3, 5, 9] * 30})
    task = make_task(Table(frame, "t"), "y", balanced=True, seed=0)
    assert task.kind == "real"
    assert any("nothing to balance" in line for line in task.warnings)
    assert any("`classes` if they are labels" in line for line in task.warnings)


def test_a_wrong_split_column_is_shown_as_it_is_written() -> None:
    frame = pd.DataFrame({"x": range(20), "part": [1, 2] * 10, "y": [0, 1] * 10})
    with pytest.raises(DataError, match=r"it also holds '1', '2'\."):
        make_task(Table(frame, "t"), "y", split_column="part", seed=0)
