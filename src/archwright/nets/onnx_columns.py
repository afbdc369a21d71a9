"""A schema's preprocessing as ONNX operations: raw columns in, the fields of the network out.

Every raw column is an input of its own, [N, 1]: numbers and dates as double, everything else as text. Numbers are
double, not float, because identifiers and times in seconds are exact in double up to 2**53 but not in float, and
because the schema standardises in double: the same arithmetic in the same order gives the same float32 fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from archwright.data.columns import as_labels, as_numbers, as_times
from archwright.data.feature import STANDARD_LIMIT, Feature, date_part
from archwright.data.schema import Schema
from archwright.nets.onnx_graph import FLOAT, INT64, GraphBuilder

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Fields", "add_columns", "feed_column", "how_to_feed"]

_DAY_S = 86400.0
#: Spellings of booleans that mean the same as the text the schema knows.
_SPELLINGS = {"True": ("true", "TRUE", "1"), "False": ("false", "FALSE", "0")}


@dataclass(frozen=True, slots=True)
class Fields:
    """Names of the encoded fields in a graph: `num` float [N, M] and `cat` int64 [N, C]; None where there are none."""

    num: str | None
    cat: str | None


def add_columns(graph: GraphBuilder, schema: Schema) -> Fields:
    """Add the preprocessing of every column of `schema`; the graph's inputs are the columns' names."""
    values: list[str] = []
    means: list[float] = []
    stds: list[float] = []
    flags: list[int] = []
    codes: list[str] = []
    order: list[tuple[str, int]] = []
    for feature in schema.features:
        if feature.kind == "category":
            order.append(("code", len(codes)))
            codes.append(_codes(graph, feature))
            continue
        if feature.has_missing:
            order.append(("flag", len(flags)))
            flags.append(len(values))
        values += _dates(graph, feature) if feature.kind == "datetime" else [feature.name]
        means += feature.means
        stds += feature.stds
    if not values:
        return Fields(None, _joined(graph, codes) if codes else None)
    raw = _joined(graph, values)
    bad = graph.op("Or", graph.op("IsNaN", raw), graph.op("IsInf", raw))
    num = _standardised(
        graph, raw, bad, means=np.array([means], dtype=np.float64), stds=np.array([stds], dtype=np.float64)
    )
    if flags:
        missing = graph.op("Gather", bad, np.array(flags), attributes={"axis": 1})
        codes.append(graph.op("Cast", missing, attributes={"to": INT64}))
    return Fields(num, _in_order(graph, codes, order, n_codes=len(codes) - bool(flags)) if codes else None)


def feed_column(feature: Feature, series: pd.Series) -> NDArray[np.generic]:
    """Return what the graph's input for this column must be given, [N, 1] double or text (dtype object)."""
    if feature.kind == "numeric":
        return as_numbers(series)[:, None]
    if feature.kind == "datetime":
        return date_part(as_times(series, date_format=feature.date_format), "timestamp")[:, None]
    labels = as_labels(series, boolean=feature.dtype == "bool")
    missing = _missing_text(feature)
    # An empty text that is no category is unknown, not missing; it needs another spelling where "" means missing.
    texts = [_unused(feature, "<empty>") if text == missing else text for text in labels.values]
    return np.array([*texts, missing], dtype=object)[labels.codes][:, None]


def how_to_feed(feature: Feature) -> str:
    """Return one sentence that says what the graph's input for this column takes."""
    if feature.kind == "numeric":
        return "number as double; missing: NaN"
    if feature.kind == "datetime":
        return "time as double: seconds since 1970-01-01 00:00:00 UTC; missing: NaN"
    what = {"bool": "True or False as text", "int": "whole number as text without .0", "float": "number as text"}
    text = what.get(feature.dtype, "text")
    return f"{text}; missing: {_missing_text(feature)!r}; what training did not see counts as unknown"


def _missing_text(feature: Feature) -> str:
    return "" if "" not in feature.categories else _unused(feature, "<missing>")


def _unused(feature: Feature, text: str) -> str:
    while text in feature.categories:
        text = f"<{text}>"
    return text


def _codes(graph: GraphBuilder, feature: Feature) -> str:
    code_of = {text: code for code, text in enumerate(feature.categories, start=1)}
    if feature.dtype == "bool":
        for text, code in list(code_of.items()):
            code_of |= {other: code for other in _SPELLINGS.get(text, ()) if other not in code_of}
    if feature.has_missing:
        code_of[_missing_text(feature)] = len(feature.categories) + 1
    if not code_of:
        code_of = {"": 0}  # the operator wants at least one key
    attributes = {"keys_strings": list(code_of), "values_int64s": list(code_of.values()), "default_int64": 0}
    return graph.op("LabelEncoder", feature.name, domain="ai.onnx.ml", attributes=attributes)


def _standardised(
    graph: GraphBuilder, raw: str, bad: str, *, means: NDArray[np.float64], stds: NDArray[np.float64]
) -> str:
    scaled = graph.op("Div", graph.op("Sub", raw, means), stds)
    cut = graph.op("Clip", scaled, np.float64(-STANDARD_LIMIT), np.float64(STANDARD_LIMIT))
    return graph.op("Cast", graph.op("Where", bad, np.float64(0), cut), attributes={"to": FLOAT})


def _in_order(graph: GraphBuilder, parts: list[str], order: list[tuple[str, int]], *, n_codes: int) -> str:
    """Join the codes of categories and, after them, the missing flags; then put them into the schema's order."""
    joined = _joined(graph, parts)
    place = [position + (n_codes if what == "flag" else 0) for what, position in order]
    if place == sorted(place):
        return joined
    return graph.op("Gather", joined, np.array(place), attributes={"axis": 1})


def _joined(graph: GraphBuilder, parts: list[str]) -> str:
    return graph.op("Concat", *parts, attributes={"axis": 1})


def _dates(graph: GraphBuilder, feature: Feature) -> list[str]:
    """Return the parts of a date, as doubles [N, 1]. NaN stays NaN in each of them."""
    seconds = graph.op("Floor", feature.name)
    days = _quotient(graph, seconds, _DAY_S)
    made = {
        "timestamp": seconds,
        "hour": _quotient(graph, _remainder(graph, seconds, _DAY_S), 3600.0),
        # 1970-01-01 was a Thursday, which is 3 where Monday is 0.
        "weekday": _remainder(graph, graph.op("Add", days, np.float64(3)), 7.0),
        **_civil(graph, days),
    }
    return [made[part] for part in feature.parts]


def _civil(graph: GraphBuilder, days: str) -> dict[str, str]:
    """Return year, month and day of the Gregorian calendar from days since 1970-01-01.

    Years are counted from March, so that a leap day is the last day of its year, in eras of 400 years. All steps
    are whole numbers far below 2**53, hence exact in double.

    Source: H. Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
    """
    shifted = graph.op("Add", days, np.float64(719468))  # from 0000-03-01
    era = _quotient(graph, shifted, 146097.0)
    day_of_era = _remainder(graph, shifted, 146097.0)
    leap = graph.op("Sub", day_of_era, _quotient(graph, day_of_era, 1460.0))
    leap = graph.op("Add", leap, _quotient(graph, day_of_era, 36524.0))
    year_of_era = _quotient(graph, graph.op("Sub", leap, _quotient(graph, day_of_era, 146096.0)), 365.0)
    before = graph.op("Mul", year_of_era, np.float64(365))
    before = graph.op("Add", before, _quotient(graph, year_of_era, 4.0))
    before = graph.op("Sub", before, _quotient(graph, year_of_era, 100.0))
    day_of_year = graph.op("Sub", day_of_era, before)
    # Months from March are 31, 30, 31, 30, 31 days long, again and again: 153 days for five of them.
    fives = graph.op("Add", graph.op("Mul", day_of_year, np.float64(5)), np.float64(2))
    month = _quotient(graph, fives, 153.0)  # 0 is March
    to_month = _quotient(graph, graph.op("Add", graph.op("Mul", month, np.float64(153)), np.float64(2)), 5.0)
    next_year = _quotient(graph, month, 10.0)  # 1 in January and February
    year = graph.op("Add", graph.op("Mul", era, np.float64(400)), year_of_era)
    return {
        "year": graph.op("Add", year, next_year),
        "month": graph.op("Sub", graph.op("Add", month, np.float64(3)), graph.op("Mul", next_year, np.float64(12))),
        "day": graph.op("Add", graph.op("Sub", day_of_year, to_month), np.float64(1)),
    }


def _quotient(graph: GraphBuilder, x: str, by: float) -> str:
    return graph.op("Floor", graph.op("Div", x, np.float64(by)))


def _remainder(graph: GraphBuilder, x: str, by: float) -> str:
    return graph.op("Sub", x, graph.op("Mul", _quotient(graph, x, by), np.float64(by)))
