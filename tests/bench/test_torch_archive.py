"""Files of `torch.save`, in both formats, read without torch: tensors as arrays, nothing run."""

from __future__ import annotations

import collections
import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from archwright.bench.torch_archive import read_torch
from archwright.core.errors import BenchError, NasError, UnsafeFileError

FORMATS = pytest.mark.parametrize("as_zip", [False, True], ids=["old format", "zip format"])


def save(path: Path, content: Any, *, as_zip: bool) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=as_zip)
    return path


def rewritten(path: Path, changes: dict[str, bytes | None]) -> Path:
    """A copy of a zip file with entries changed, or left out."""
    copy = path.with_name(f"changed-{path.name}")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w") as new:
        for name in old.namelist():
            short = name.partition("/")[2]
            content = changes.get(short, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return copy


@FORMATS
def test_plain_values_and_curves_come_back(tmp_path: Path, as_zip: bool) -> None:
    content = {
        "list": [1, 2.5, "text", None, (True, b"bytes")],
        "curve": collections.OrderedDict((i, i / 7) for i in range(200)),
        "names": {f"x-valid@{i}": float(i) for i in range(200)},
        "array": np.arange(6.0).reshape(2, 3),
    }
    found = read_torch(save(tmp_path / "a.pth", content, as_zip=as_zip))
    np.testing.assert_array_equal(found.pop("array"), content.pop("array"))
    assert found == content


@FORMATS
@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(12.0).reshape(3, 4),
        torch.arange(12.0).reshape(3, 4).t(),
        torch.arange(20, dtype=torch.int64)[3:15:4],
        torch.tensor(3, dtype=torch.int16),
        torch.zeros(0, 3),
        torch.tensor([True, False]),
        torch.ones(2, dtype=torch.float16),
        torch.tensor([1.5], dtype=torch.float64),
        torch.nn.Parameter(torch.tensor([0.5, 1.0])),
    ],
    ids=lambda tensor: f"{tensor.dtype} {tuple(tensor.shape)}",
)
def test_tensors_come_back_as_arrays(tmp_path: Path, as_zip: bool, tensor: torch.Tensor) -> None:
    found = read_torch(save(tmp_path / "a.pth", {"tensor": tensor}, as_zip=as_zip))["tensor"]
    assert found.shape == tuple(tensor.shape)
    np.testing.assert_array_equal(found, tensor.detach().numpy())


@FORMATS
def test_tensors_that_share_memory_are_read_once(tmp_path: Path, as_zip: bool) -> None:
    whole = torch.arange(10.0)
    found = read_torch(save(tmp_path / "a.pth", [whole, whole[2:5]], as_zip=as_zip))
    np.testing.assert_array_equal(found[1], [2, 3, 4])
    assert np.shares_memory(found[0], found[1])


@FORMATS
def test_weights_of_a_network_are_read_and_a_network_is_refused_by_name(tmp_path: Path, as_zip: bool) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    found = read_torch(save(tmp_path / "weights.pth", network.state_dict(), as_zip=as_zip))
    np.testing.assert_array_equal(found["0.weight"], network[0].weight.detach().numpy())
    with pytest.raises(UnsafeFileError, match=r"torch\.nn\.modules\.container\.Sequential"):
        read_torch(save(tmp_path / "network.pth", network, as_zip=as_zip))


@FORMATS
def test_every_cut_of_a_file_is_an_error_of_one_line(tmp_path: Path, as_zip: bool) -> None:
    path = save(tmp_path / "a.pth", {"tensor": torch.arange(5.0), "text": "x"}, as_zip=as_zip)
    data = path.read_bytes()
    for end in range(0, len(data) - 1, 7):
        path.write_bytes(data[:end])
        with pytest.raises(NasError, match=r"a\.pth") as caught:
            read_torch(path)
        assert "\n" not in str(caught.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    for content in (b"", b"PK\x03\x04 no zip file", pickle.dumps({"a": 1}), pickle.dumps(0x1950A86A20F9469CFC6C)):
        path.write_bytes(content)
        with pytest.raises(BenchError, match=r"a\.pth must be"):
            read_torch(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/other", b"")
    with pytest.raises(BenchError, match=r"has no data\.pkl"):
        read_torch(path)
    with pytest.raises(BenchError, match="must be a readable file"):
        read_torch(tmp_path / "none.pth")


def test_missing_short_and_foreign_entries_of_a_zip_file_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", {"tensor": torch.arange(5.0)}, as_zip=True)
    for changes, problem in (
        ({"data/0": None}, "is missing"),
        ({"data/0": b"abc"}, "must hold 20 bytes"),
        ({"byteorder": b"big"}, "little-endian"),
    ):
        with pytest.raises(BenchError, match=problem):
            read_torch(rewritten(path, changes))


def storage(kind: str, n: int, key: str = "0") -> bytes:
    """A reference to a storage, as a pickle."""
    return f"(S'storage'\nctorch\n{kind}\nS'{key}'\nS'cpu'\nI{n}\ntQ".encode()


@pytest.mark.parametrize(
    ("data", "error", "problem"),
    [
        (b"ctorch\nload\n.", UnsafeFileError, "torch.load"),
        (b"ctorch.jit\n_load\n.", UnsafeFileError, "torch.jit._load"),
        (b"ctorch._utils\n_rebuild_device_tensor_from_numpy\n.", UnsafeFileError, "_rebuild_device"),
        (b"ccollections\nOrderedDict\nQ.", UnsafeFileError, "refer to tensors only"),
        (storage("FloatStorage", 5).replace(b"S'storage'", b"S'module'") + b".", UnsafeFileError, "refer to tensors"),
        (storage("Size", 5) + b".", UnsafeFileError, "storages of numbers"),
        (storage("FloatStorage", -5) + b".", UnsafeFileError, "storages of numbers"),
        (storage("FloatStorage", 1 << 50) + b".", BenchError, "bytes"),
        (storage("FloatStorage", 5, "../../../x") + b".", BenchError, "is missing"),
        (storage("BFloat16Storage", 5) + b".", UnsafeFileError, "torch.BFloat16Storage"),
    ],
)  # fmt: skip
def test_attacks_are_refused_by_name(tmp_path: Path, data: bytes, error: type[NasError], problem: str) -> None:
    path = save(tmp_path / "a.pth", {"tensor": torch.arange(5.0)}, as_zip=True)
    with pytest.raises(error, match=problem) as caught:
        read_torch(rewritten(path, {"data.pkl": data}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("view", "problem"),
    [
        ("(I0\n(I6\nt(I1\nt", "must lie in its storage"),
        ("(I3\n(I3\nt(I1\nt", "must lie in its storage"),
        ("(I0\n(I5\nt(I-1\nt", "no whole numbers"),
        ("(I-1\n(I5\nt(I1\nt", "no whole numbers"),
        ("(I0\n(I1000000\nI1000000\nt(I0\nI0\nt", "must not repeat"),
        ("(I0\n(I2\nt(I1\nI1\nt", "cannot be read"),
    ],
)
def test_views_beyond_their_storage_are_refused(tmp_path: Path, view: str, problem: str) -> None:
    path = save(tmp_path / "a.pth", {"tensor": torch.arange(5.0)}, as_zip=True)
    data = b"ctorch._utils\n_rebuild_tensor_v2\n" + b"(" + storage("FloatStorage", 5) + view.encode()[1:] + b"I00\nNtR."
    with pytest.raises(BenchError, match=problem):
        read_torch(rewritten(path, {"data.pkl": data}))


def test_the_older_format_refuses_storages_that_nothing_backs(tmp_path: Path) -> None:
    start = b"".join(pickle.dumps(value, protocol=2) for value in (0x1950A86A20F9469CFC6C, 1001, {}))
    path = tmp_path / "a.pth"
    for rest, problem in (
        (storage("FloatStorage", 1 << 40) + b".", "claim more bytes"),
        (pickle.dumps({}, protocol=2) + pickle.dumps(["7"], protocol=2), "nothing refers to storage '7'"),
        (storage("FloatStorage", 2) + b"." + pickle.dumps(["0"], protocol=2) + struct.pack("<q", 3), "but it says 3"),
    ):
        path.write_bytes(start + rest)
        with pytest.raises(BenchError, match=problem):
            read_torch(path)


def test_a_compressed_bomb_in_a_zip_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archwright.bench.torch_archive._SPARE", 1 << 20)
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", b"B" + struct.pack("<I", 8 << 20) + bytes(8 << 20) + b".")
    with pytest.raises(BenchError, match="holds more"):
        read_torch(path)


def test_entries_may_lie_in_any_folder(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"a": torch.arange(3)}, buffer)
    path = tmp_path / "renamed.pth"
    path.write_bytes(buffer.getvalue())
    np.testing.assert_array_equal(read_torch(path)["a"], [0, 1, 2])
