from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from archwright.core.errors import DataError
from archwright.data.openml import read_openml
from archwright.data.tables import Table, read_table

FRAME = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, np.nan, 2.5], "c": ["x", "y", "x"]})


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def write_zst(path: Path) -> None:
    # By pyarrow, which reads it as well: pandas would need one more package.
    with pa.output_stream(str(path), compression="zstd") as stream:
        stream.write(FRAME.to_csv(index=False).encode())


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "csv.zst", "csv.bz2", "csv.xz", "parquet", "feather"])
def test_each_file_format_gives_the_same_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    writers = {"parquet": FRAME.to_parquet, "feather": FRAME.to_feather, "csv.zst": write_zst}
    writers.get(suffix, partial(FRAME.to_csv, index=False))(path)
    pd.testing.assert_frame_equal(read_table(path).frame, FRAME, check_dtype=False)


def test_an_arrow_stream_file_is_read(tmp_path: Path) -> None:
    table = pa.Table.from_pandas(FRAME)
    with pa.OSFile(str(tmp_path / "t.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    assert read_table(tmp_path / "t.arrow").frame["c"].tolist() == ["x", "y", "x"]


@pytest.mark.parametrize("make", [pa.Table.from_pandas, pl.from_pandas, lambda frame: Table(frame, "t"), lambda f: f])
def test_each_object_in_memory_gives_the_same_table(make: object) -> None:
    frame = read_table(make(FRAME)).frame  # type: ignore[operator]
    pd.testing.assert_frame_equal(frame, FRAME, check_dtype=False)


def test_columns_of_an_array_are_named_by_number() -> None:
    assert list(read_table(np.ones((2, 3))).frame) == ["x0", "x1", "x2"]


def test_the_index_and_names_of_a_given_frame_stay_as_they_are() -> None:
    frame = pd.DataFrame({7: [1, 2]}, index=[5, 9])
    assert list(read_table(frame).frame) == ["7"]
    assert list(frame) == [7]
    assert list(frame.index) == [5, 9]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    text = "\n".join(delimiter.join(row) for row in (["a", "b"], ["1", "x y"], ["2", "z"]))
    assert read_table(written(tmp_path, "t.txt", text)).frame.to_dict("list") == {"a": [1, 2], "b": ["x y", "z"]}


def test_text_is_typed_by_all_its_rows(tmp_path: Path) -> None:
    text = "zip,n,x,late,word\n00501,1,1e3,1,None\n10001, 2,?,a,b\n"
    frame = read_table(written(tmp_path, "t.csv", text)).frame
    assert frame["zip"].tolist() == ["00501", "10001"]
    assert frame["n"].tolist() == [1, 2]
    assert frame["x"].iloc[0] == 1000
    assert frame["x"].isna().iloc[1]
    assert frame["late"].tolist() == ["1", "a"]
    assert frame["word"].tolist() == ["None", "b"]


def test_decimal_commas_are_read_where_semicolons_delimit(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, "t.csv", "a;b\n1,5;x\n2;y\n")).frame["a"].tolist() == [1.5, 2.0]


def test_quoted_fields_may_hold_delimiters_and_lines(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, "t.csv", 'a,b\n"x, y\nz",1\n')).frame["a"].tolist() == ["x, y\nz"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "t.csv", "a,b\n1,é\n".encode(encoding))
    given = encoding if encoding == "latin-1" else None
    assert read_table(path, encoding=given).frame["b"].tolist() == ["é"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", "empty"),
        ("t.csv", "\n \n", "empty"),
        ("t.csv", "a,b\n", "no rows"),
        ("t.csv", "a,b\n1,2\n3,4,5\n", "row 2 .* has 3 fields where 2 are expected"),
        ("t.csv", "a,b,a\n1,2,3\n", "more than one column named 'a'"),
        ("t.csv", "a,b\n1,é\n".encode("latin-1"), "byte 6 .*latin-1"),
        ("t.csv", b"\x00\x01", "no text"),
        ("t.csv.gz", b"not gzip", "cannot read"),
        ("t.csv.xz", b"not xz", "cannot read"),
        ("t.parquet", b"PARnothing", "cannot be read as parquet"),
        ("t.feather", b"nothing here at all", "cannot be read as feather"),
        ("t.xlsx", b"PK", "extension '.xlsx'"),
        ("t.parquet.gz", b"PK", "unpack it"),
        ("t.svm", "1 2:3 x\n", "field:value"),
        ("t.svm", "a 2:3\n", "no libsvm"),
        ("t.arff", "@data\n1\n", "no ARFF"),
        ("t.arff", "@attribute a numeric\n@data\n{0 1}\n", "sparse"),
    ],
)
def test_a_bad_file_gives_one_clear_line(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_table(written(tmp_path, name, content))
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_its_sibling(tmp_path: Path) -> None:
    written(tmp_path, "adult.csv", "a\n1\n")
    with pytest.raises(DataError, match=r"Did you mean .*adult\.csv"):
        read_table(tmp_path / "adult.cvs")


@pytest.mark.parametrize("source", [3, np.ones(3), pd.DataFrame(), pd.DataFrame([[1, 2]], columns=["a", "a"])])
def test_an_unsuitable_object_is_refused(source: object) -> None:
    with pytest.raises(DataError):
        read_table(source)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_reading_stops_when_its_time_is_used(tmp_path: Path, suffix: str) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(80_000, 6)), columns=list("abcdef"))
    path = tmp_path / f"t.{suffix}"
    (frame.to_parquet if suffix == "parquet" else partial(frame.to_csv, index=False))(path)
    table = read_table(path, limit_s=1e-6)
    assert table.truncated
    assert 0 < len(table.frame) < len(frame)
    assert f"{len(table.frame)}" in table.warnings[0]
    np.testing.assert_allclose(table.frame.to_numpy(), frame.head(len(table.frame)).to_numpy())
    assert not read_table(path, limit_s=60).truncated


def test_positional_libsvm_gives_categories_and_numbers(tmp_path: Path) -> None:
    frame = read_table(written(tmp_path, "t.libsvm", "1 3:1 7:0.5\n0 4:1 7:0.25 # note\n")).frame
    assert frame["label"].tolist() == [1, 0]
    assert frame["field_0"].tolist() == [3, 4]
    assert isinstance(frame["field_0"].dtype, pd.CategoricalDtype)
    assert frame["field_1"].tolist() == [0.5, 0.25]


def test_sparse_libsvm_fills_with_zero(tmp_path: Path) -> None:
    frame = read_table(written(tmp_path, "t.svm", "1.5 2:3\n-1 2:4 9:5\n")).frame
    assert frame.to_dict("list") == {"label": [1.5, -1.0], "f2": [3.0, 4.0], "f9": [0.0, 5.0]}


def test_bundled_sets_have_a_target_column() -> None:
    assert read_table("sklearn:iris").frame["target"].iloc[0] == "setosa"
    assert read_table("sklearn:digits").frame["target"].iloc[3] == 3
    assert "Weight" in read_table("sklearn:linnerud").warnings[0]
    with pytest.raises(DataError, match="Did you mean 'wine'"):
        read_table("sklearn:vine")


ARFF = "% note\n@relation r\n@attribute 'a b' numeric\n@ATTRIBUTE c {x,'y z'}\n@DATA\n1,x\n?,'y z'\n"


@pytest.fixture
def openml_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with the interface of OpenML that knows the sets 1 (good) and 2 (damaged)."""
    monkeypatch.setenv("ARCHWRIGHT_HOME", str(tmp_path / "home"))
    served = tmp_path / "served"
    (served / "api/v1/json/data").mkdir(parents=True)
    (served / "r.arff").write_text(ARFF)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served)))
    url = f"http://127.0.0.1:{server.server_port}"
    for number, md5 in (("1", hashlib.md5(ARFF.encode()).hexdigest()), ("2", "0" * 32)):
        about = {"name": "r", "default_target_attribute": "c", "url": f"{url}/r.arff", "md5_checksum": md5}
        (served / "api/v1/json/data" / number).write_text(json.dumps({"data_set_description": about}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield url
    server.shutdown()
    server.server_close()
    thread.join()


def test_openml_is_downloaded_once(openml_url: str) -> None:
    first = read_openml("1", base_url=openml_url)
    assert first.frame["c"].tolist() == ["x", "y z"]
    assert first.frame["a b"].isna().tolist() == [False, True]
    again = read_openml("1", base_url="http://127.0.0.1:9")
    pd.testing.assert_frame_equal(again.frame, first.frame)
    assert "'c'" in again.warnings[0]


def test_a_damaged_download_is_not_kept(openml_url: str) -> None:
    for _ in range(2):
        with pytest.raises(DataError, match="checksum"):
            read_openml("2", base_url=openml_url)


def test_openml_says_what_to_do_without_a_network(openml_url: str) -> None:
    with pytest.raises(DataError, match=r"Without a network, put .*5\.arff"):
        read_openml("5", base_url="http://127.0.0.1:9")
    with pytest.raises(DataError, match="no data set 5"):
        read_openml("5", base_url=openml_url)
    with pytest.raises(DataError, match="number"):
        read_table("openml:adult")
