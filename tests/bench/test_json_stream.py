"""Large JSON, entry by entry."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archwright.bench.importers import json_stream
from archwright.bench.importers.json_stream import entries

values = st.recursive(st.none() | st.integers() | st.floats(allow_nan=False) | st.text(), st.lists, max_leaves=5)
tables = st.dictionaries(st.text(), st.dictionaries(st.text(), values))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(table=tables, block=st.integers(1, 40), indent=st.none() | st.integers(0, 2))
def test_entries_are_those_of_the_whole_file(
    table: dict[str, dict[str, Any]], block: int, indent: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_stream, "_BLOCK", block)
    path = tmp_path / "table.json"
    path.write_text(json.dumps(table, indent=indent, ensure_ascii=False), encoding="utf-8")
    found = dict(entries(path, depth=2))
    assert found == {(a, b): value for a, inner in table.items() for b, value in inner.items()}


def test_a_compressed_file_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "table.json.gz"
    path.write_bytes(gzip.compress(b'{"a": {"b": 1}}'))
    assert list(entries(path, depth=2)) == [(("a", "b"), 1)]


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"a": {"b": 1}', '{"a": {"b": 1} "c"', '{"a": {"b": 1}} x', '{1: {"b": 2}}']
)
def test_another_form_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"expected|Expecting"):
        list(entries(path, depth=2))
