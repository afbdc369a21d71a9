from __future__ import annotations

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.core.errors import DataError
from archwright.data.feature import Dropped, Feature
from archwright.data.kinds import infer_feature
from archwright.data.schema import Schema
from archwright.data.target import Target, infer_target

RNG = np.random.default_rng(0)
N = 200
TARGET = Target("y", "binary", (0, 1))


def infer(values: object, name: str = "x", **options: object) -> Feature | Dropped:
    return infer_feature(pd.Series(values, name=name), **({"max_categories": 100} | options))  # type: ignore[arg-type]


def schema_of(**columns: object) -> Schema:
    frame = pd.DataFrame(columns)
    return Schema.infer(frame.assign(y=RNG.integers(0, 2, len(frame))), target=TARGET)


@pytest.mark.parametrize(
    ("values", "kind", "dtype"),
    [
        ([1.5, 2.5, None], "numeric", "float"),
        ([1, 2, 3], "numeric", "int"),
        (pd.array([1, None, 3], dtype="Int64"), "numeric", "int"),
        (["1.5", "2", "?"], "numeric", "string"),
        (pd.to_timedelta([1, 2, 5], unit="h"), "numeric", "float"),
        (["a", "b", None], "category", "string"),
        (["007", "012", "100"], "category", "string"),
        ([True, False, True], "category", "bool"),
        (["true", "FALSE", "true"], "category", "bool"),
        (pd.Categorical([3, 1, 3]), "category", "int"),
        (pd.Series([1, "a", 2.5], dtype=object), "category", "string"),
        (pd.to_datetime(["2020-01-01", "2021-05-03", None]), "datetime", "datetime"),
        (pd.to_datetime(["2020-01-01", "2021-05-03"]).tz_localize("Europe/Paris"), "datetime", "datetime"),
        ([date(2020, 1, 1), date(2020, 2, 1)], "datetime", "datetime"),
        (["2020-01-01", "2021-05-03"], "datetime", "string"),
        (["31/01/2020 10:00", "01/02/2020 11:30"], "datetime", "string"),
    ],
)
def test_a_column_becomes_the_kind_that_it_is(values: object, kind: str, dtype: str) -> None:
    feature = infer(values)
    assert isinstance(feature, Feature)
    assert (feature.kind, feature.dtype) == (kind, dtype)


@pytest.mark.parametrize(
    ("values", "name", "reason"),
    [
        ([None, None], "x", "missing"),
        ([3.0, 3.0], "x", "one value only"),
        (["a", "a"], "x", "one value only"),
        ([[1], [2]], "x", "lists"),
        (range(N), "anything", "numbers the rows"),
        (RNG.permutation(N) * 1000, "encounter_id", "identifier"),
        (RNG.permutation(N) * 1000, "customerId", "identifier"),
        ([f"u{i}" for i in range(N)], "x", "identifier"),
        ([f"some words of row {i} here" for i in range(N)], "x", "free text"),
        ([np.inf, -np.inf], "x", "finite"),
    ],
)
def test_a_column_without_information_is_dropped_with_its_reason(values: object, name: str, reason: str) -> None:
    dropped = infer(values, name)
    assert isinstance(dropped, Dropped)
    assert reason in dropped.reason


@pytest.mark.parametrize("values", [RNG.permutation(N) * 1000, RNG.normal(size=N), np.sort(RNG.permutation(9999)[:N])])
def test_genuine_amounts_that_all_differ_are_kept(values: object) -> None:
    assert isinstance(infer(values, "income"), Feature)


def test_repeated_codes_are_categories_and_may_be_overruled() -> None:
    codes = RNG.integers(0, 8, N)
    assert infer(codes, "admission_type_id").kind == "category"  # type: ignore[union-attr]
    assert infer(codes, "admission_type_id", kind="numeric").kind == "numeric"  # type: ignore[union-attr]
    assert infer(codes, "amount", kind="category").kind == "category"  # type: ignore[union-attr]
    with pytest.raises(DataError):
        infer(codes, kind="colour")


def test_a_number_with_one_value_keeps_whether_it_is_there() -> None:
    feature = infer([5.0, None, 5.0])
    assert isinstance(feature, Feature)
    assert (feature.kind, feature.categories, feature.has_missing) == ("category", ("5",), True)


def test_rare_and_surplus_categories_share_the_unknown_code() -> None:
    values = ["a"] * 2000 + ["b"] * 1500 + ["c"] * 1000 + ["rare"]
    assert infer(values).categories == ("a", "b", "c")  # type: ignore[union-attr]
    assert infer(values, max_categories=2).categories == ("a", "b")  # type: ignore[union-attr]


def test_numbers_are_standardised_and_missing_is_zero_with_a_flag() -> None:
    schema = schema_of(x=[1.0, 2.0, 3.0, None])
    encoded = schema.encode(pd.DataFrame({"x": [1.0, None, 2.0, np.inf]}))
    np.testing.assert_allclose(encoded.num[:, 0], [-np.sqrt(1.5), 0, 0, 0], rtol=1e-6)
    assert encoded.cat[:, 0].tolist() == [0, 1, 0, 1]
    assert (encoded.num.dtype, encoded.cat.dtype) == (np.float32, np.int32)
    assert schema.cardinalities == (2,)


def test_categories_have_codes_for_unseen_and_missing() -> None:
    schema = schema_of(c=["b", "a", None, "b"])
    assert schema.cardinalities == (4,)
    codes = schema.encode(pd.DataFrame({"c": ["a", "b", "new", None]})).cat[:, 0]
    assert codes.tolist() == [1, 2, 0, 3]
    unseen = schema_of(c=["b", "a"]).encode(pd.DataFrame({"c": ["a", None]})).cat[:, 0]
    assert unseen.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("trained", "given"),
    [
        (pd.Categorical([3, 1, 3]), ["3", "1", "3"]),
        (pd.Categorical([3, 1, 3]), [3.0, 1.0, 3.0]),
        ([True, False, True], ["true", "False", "TRUE"]),
        ([True, False, True], [1, 0, 1]),
        (["u", "v", "u"], pd.Categorical(["u", "v", "u"])),
    ],
)
def test_a_category_is_known_in_every_type(trained: object, given: object) -> None:
    schema = schema_of(c=trained)
    expected = schema.encode(pd.DataFrame({"c": trained})).cat
    np.testing.assert_array_equal(schema.encode(pd.DataFrame({"c": given})).cat, expected)
    assert (expected > 0).all()


def test_numbers_written_as_text_are_parsed() -> None:
    schema = schema_of(x=[1.0, 2.0, 4.0])
    as_text = schema.encode(pd.DataFrame({"x": ["1", "2.0", "4"]})).num
    np.testing.assert_array_equal(as_text, schema.encode(pd.DataFrame({"x": [1, 2, 4]})).num)


def test_dates_give_the_parts_that_vary() -> None:
    times = pd.to_datetime(["2020-01-05", "2020-02-05", None])
    schema = schema_of(when=times, day=times.strftime("%d/%m/%Y"))
    assert schema.fields() == (
        ("when", "timestamp"), ("when", "month"), ("when", "weekday"),
        ("day", "timestamp"), ("day", "month"), ("day", "weekday"),
        ("when", "missing"), ("day", "missing"),
    )  # fmt: skip
    encoded = schema.encode(pd.DataFrame({"when": times, "day": times.strftime("%d/%m/%Y")}))
    np.testing.assert_allclose(encoded.num[:, :2], [[-1, -1], [1, 1], [0, 0]])
    np.testing.assert_array_equal(encoded.num[:, :3], encoded.num[:, 3:])


def test_order_of_columns_and_further_columns_do_not_matter() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 5.0], "b": ["x", "y", "x"]})
    schema = schema_of(a=frame["a"], b=frame["b"])
    other = schema.encode(frame[["b", "a"]].assign(c=1))
    np.testing.assert_array_equal(other.num, schema.encode(frame).num)
    np.testing.assert_array_equal(other.cat, schema.encode(frame).cat)


def test_a_missing_column_is_named() -> None:
    schema = schema_of(age=[1.0, 2.0], job=["x", "y"])
    with pytest.raises(DataError, match=r"lacks 1 .* 'age'\. Did you mean 'Age'"):
        schema.encode(pd.DataFrame({"Age": [1], "job": ["x"]}))


def test_columns_that_tell_the_target_are_named() -> None:
    y = RNG.integers(0, 2, N)
    frame = pd.DataFrame({"y": y, "word": np.where(y, "p", "n"), "copy": y * 3.0, "fair": RNG.normal(size=N)})
    notes = Schema.infer(frame, target=TARGET).notes
    assert [name in " ".join(notes) for name in ("'word'", "'copy'", "'fair'")] == [True, True, False]
    real = pd.DataFrame({"y": frame["fair"], "line": 2 - 3 * frame["fair"], "near": frame["fair"] + 0.1 * y})
    notes = Schema.infer(real, target=Target("y", "real")).notes
    assert [name in " ".join(notes) for name in ("'line'", "'near'")] == [True, False]


def test_numbers_that_were_given_class_by_class_are_named() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, N)
    given = 10_000 * y + 10 * rng.permutation(N)
    mixed = given.copy()
    mixed[y.argmax()] = 5
    frame = pd.DataFrame({"y": y, "given": given, "mixed": mixed})
    notes = " ".join(Schema.infer(frame, target=TARGET).notes)
    assert [name in notes for name in ("'given'", "'mixed'")] == [True, False]
    assert not Schema.infer(frame.head(30), target=TARGET).notes


def test_infinite_values_are_told() -> None:
    assert "1 infinite" in schema_of(x=[1.0, 2.0, np.inf]).warnings[0]


def test_a_huge_number_stays_finite() -> None:
    schema = schema_of(x=[1e300, -1e300, 5.0], z=[1.0, 2.0, 3.0])
    assert np.isfinite(schema.encode(pd.DataFrame({"x": [1e308, 1.0], "z": [1e308, -1e308]})).num).all()


def test_a_table_without_information_is_refused() -> None:
    with pytest.raises(DataError, match=r"no column is left .*'x': it has one value"):
        schema_of(x=[1.0, 1.0])


CELLS = st.one_of(st.none(), st.floats(width=32), st.integers(-(10**6), 10**6), st.text(max_size=5), st.booleans())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=4, max_size=30), st.lists(st.tuples(CELLS, CELLS), max_size=8))
def test_any_schema_survives_json_and_encodes_any_rows(
    seen: list[tuple[object, object]], unseen: list[tuple[object, object]]
) -> None:
    frame = pd.DataFrame(seen, columns=["a", "b"], dtype=object).assign(n=np.arange(len(seen)) % 3, y=0)
    schema = Schema.infer(frame, target=TARGET)
    again = Schema.from_json(json.loads(json.dumps(schema.to_json())))
    assert again == schema
    rows = pd.DataFrame(unseen, columns=["a", "b"], dtype=object).assign(n=1.0)
    for table in (frame, rows):
        encoded = again.encode(table)
        assert encoded.num.shape == (len(table), schema.n_numeric)
        assert np.isfinite(encoded.num).all()
        assert (encoded.cat >= 0).all()
        assert (encoded.cat < np.array(schema.cardinalities, dtype=int)).all()


def test_broken_json_is_refused() -> None:
    with pytest.raises(DataError):
        Schema.from_json({"features": [{"name": "x"}]})


@pytest.mark.parametrize(
    ("values", "kind", "classes"),
    [
        (["no", "yes"] * 9, "binary", ("no", "yes")),
        ([True, False] * 9, "binary", (False, True)),
        ([0, 1] * 9, "binary", (0, 1)),
        ([1.0, 0.0, None] * 9, "binary", (0, 1)),
        ([1.0, 0.0, np.inf] * 9, "binary", (0, 1)),
        ([1, 2, 3] * 9, "classes", (1, 2, 3)),
        (["a", "b", "c"] * 9, "classes", ("a", "b", "c")),
        (pd.Categorical([5, 6, 7] * 9), "classes", (5, 6, 7)),
        ([0.5, 1.5] * 9, "real", ()),
        ([25, 31, 44] * 9, "real", ()),
        (range(100), "real", ()),
        (["1.5", "2.5", "9"], "real", ()),
    ],
)
def test_the_kind_of_target_is_found(values: object, kind: str, classes: tuple[object, ...]) -> None:
    target = infer_target(pd.Series(values, name="y")).target
    assert (target.kind, target.classes) == (kind, classes)


def test_a_target_round_trips() -> None:
    labels = pd.Series(["a", "b", "c", "a"], name="y")
    target = infer_target(labels).target
    assert target.decode(np.eye(3)[target.encode(labels)]).tolist() == labels.tolist()
    whole = infer_target(pd.Series([3, 5, 3], name="y")).target
    assert whole.decode(np.array([0.2, 0.9])).tolist() == [3, 5]
    assert whole.decode(np.array([0.2])).dtype.kind == "i"


def test_one_label_against_the_rest() -> None:
    labels = pd.Series(["<30", "NO", ">30", None], name="y")
    target = infer_target(labels, positive="<30").target
    assert target.classes == ("not <30", "<30")
    assert target.known(labels).tolist() == [True, True, True, False]
    assert target.encode(labels.head(3)).tolist() == [1, 0, 0]
    assert infer_target(pd.Series([0, 1, 1], name="y"), positive="0").target.classes == (1, 0)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([None, None], {}, "missing in every row"),
        (["a", "a"], {}, "one class only"),
        ([1.5, 1.5], {}, "one"),
        ([[1], [2]], {}, "lists"),
        (["a", "b"], {"kind": "real"}, "labels, not numbers"),
        (["a", "b"], {"kind": "odd"}, "no kind"),
        (["a", "b", "c"], {"kind": "binary"}, "3 classes"),
        (["abc", "b"], {"positive": "abd"}, "Did you mean 'abc'"),
        ([f"c{i}" for i in range(1001)], {}, "1001 classes"),
    ],
)
def test_a_target_without_information_is_refused(values: object, options: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        infer_target(pd.Series(values, name="y"), **options)  # type: ignore[arg-type]


def test_counts_taken_as_classes_are_told() -> None:
    assert "give the kind `real`" in infer_target(pd.Series([0, 1, 2, 3] * 9, name="y")).warnings[0]
