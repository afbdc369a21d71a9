"""TFRecord files and protocol buffers, read without TensorFlow, against slow writers."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tfrecord_layout import slow_crc32c, varint, write_records

from archwright.bench.tfrecord import crc32c, read_fields, read_records
from archwright.core.errors import BenchError


def test_checksums_are_those_of_the_standard() -> None:
    # RFC 3720, appendix B.4, and the check value of the CRC catalogues.
    pieces = [bytes(32), b"\xff" * 32, bytes(range(32)), bytes(range(31, -1, -1)), b"123456789", b""]
    wanted = [0x8A9136AA, 0x62A8AB43, 0x46DD794E, 0x113FDB5C, 0xE3069283, 0]
    assert crc32c(pieces).tolist() == wanted


@settings(deadline=None)
@given(pieces=st.lists(st.binary(max_size=40), max_size=12))
def test_checksums_of_many_pieces_equal_those_of_each(pieces: list[bytes]) -> None:
    assert crc32c(pieces).tolist() == [slow_crc32c(piece) for piece in pieces]


@settings(deadline=None, max_examples=30)
@given(records=st.lists(st.binary(max_size=60), max_size=20))
def test_records_come_back(records: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = write_records(tmp_path_factory.mktemp("tf") / "a.tfrecord", records)
    assert list(read_records(path)) == records


def test_records_come_back_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archwright.bench.tfrecord._BLOCK", 64)
    records = [bytes([n]) * n for n in range(100)]
    assert list(read_records(write_records(tmp_path / "a.tfrecord", records))) == records


@pytest.mark.parametrize("place", [0, 3, 8, 11, 12, 20, -1])
def test_a_changed_byte_is_found(tmp_path: Path, place: int) -> None:
    path = write_records(tmp_path / "a.tfrecord", [b"first record", b"second"])
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)
    with pytest.raises(BenchError, match=r"a\.tfrecord must be") as caught:
        list(read_records(path))
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_refused_with_the_number_of_its_record(tmp_path: Path) -> None:
    path = write_records(tmp_path / "a.tfrecord", [b"first record", b"second"])
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(BenchError, match="ends in the middle of record 1"):
        list(read_records(path))


def test_a_length_beyond_sense_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    path.write_bytes(struct.pack("<Q", 1 << 50) + bytes(20))
    with pytest.raises(BenchError, match="record 0 claims"):
        list(read_records(path))


def test_an_unreadable_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="must be a readable file"):
        list(read_records(tmp_path))


FIELDS = st.lists(
    st.tuples(
        st.integers(1, 1000),
        st.one_of(st.integers(0, 2**64 - 1), st.floats(allow_nan=False), st.binary(max_size=200)),
    ),
    max_size=8,
)


@given(fields=FIELDS)
def test_fields_of_protocol_buffers_come_back(fields: list[tuple[int, int | float | bytes]]) -> None:
    message = b""
    for number, value in fields:
        if isinstance(value, int):
            message += varint(number << 3) + varint(value)
        elif isinstance(value, float):
            message += varint(number << 3 | 1) + struct.pack("<d", value)
        else:
            message += varint(number << 3 | 2) + varint(len(value)) + value
    assert list(read_fields(message)) == fields


@pytest.mark.parametrize("message", [b"\x08", b"\x09abc", b"\x12\x05abc", b"\x0b", b"\x80" * 12, b"\x0d\x00"])
def test_a_damaged_message_is_an_error(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"ends behind|does not end|wire type"):
        list(read_fields(message))


def test_random_bytes_are_no_records(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    path.write_bytes(bytes(8) + os.urandom(200))
    with pytest.raises(BenchError, match=r"checksum|claims"):
        list(read_records(path))
