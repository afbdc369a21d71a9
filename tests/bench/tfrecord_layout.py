"""Writes TFRecord files and NAS-Bench-101's records, byte by byte and slowly."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path


def slow_crc32c(data: bytes) -> int:
    """Bit by bit, as the definition says."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


def masked(data: bytes) -> bytes:
    value = slow_crc32c(data)
    return struct.pack("<I", ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def write_records(path: Path, records: Iterable[bytes]) -> Path:
    with path.open("wb") as file:
        for record in records:
            length = struct.pack("<Q", len(record))
            file.write(length + masked(length) + record + masked(record))
    return path


def varint(value: int) -> bytes:
    found = b""
    while value > 0x7F:
        found += bytes([value & 0x7F | 0x80])
        value >>= 7
    return found + bytes([value])


def metrics(evaluations: Sequence[Sequence[float]], parameters: int) -> str:
    """A `ModelMetrics` in base64; an evaluation is epoch, seconds, train, valid, test."""
    message = b""
    for evaluation in evaluations:
        inner = b"".join(varint(n << 3 | 1) + struct.pack("<d", value) for n, value in enumerate(evaluation, 1))
        inner += varint(6 << 3 | 2) + varint(0)
        message += varint(1 << 3 | 2) + varint(len(inner)) + inner
    message += varint(2 << 3 | 0) + varint(parameters)
    message += varint(3 << 3 | 1) + struct.pack("<d", 1234.5)
    return base64.b64encode(message).decode()


def training(key: str, epochs: int, matrix: str, ops: Sequence[str], raw_metrics: str) -> bytes:
    """One record of NAS-Bench-101."""
    return json.dumps([key, epochs, matrix, ",".join(ops), raw_metrics]).encode()
