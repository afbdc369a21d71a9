"""Arrays and JSON in one file."""

from pathlib import Path

import numpy as np
import pytest

from archwright.core.errors import RunError
from archwright.nets.storage import read_arrays, write_arrays


@pytest.mark.parametrize("durable", [False, True])
def test_what_is_written_is_read(tmp_path: Path, durable: bool) -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3).T, "number": np.array(3.0), "none": np.zeros((0, 4), np.int32)}
    write_arrays(tmp_path / "x.safetensors", arrays, {"text": "ä", "list": [1, None]}, durable=durable)
    stored = read_arrays(tmp_path / "x.safetensors")
    assert stored.meta == {"text": "ä", "list": [1, None]}
    assert stored.arrays.keys() == arrays.keys()
    assert all((stored.arrays[name] == array).all() for name, array in arrays.items())
    assert all(stored.arrays[name].shape == array.shape for name, array in arrays.items())
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def test_a_file_may_be_read_by_whoever_may_read_the_others(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    write_arrays(tmp_path / "x.safetensors", {"a": np.zeros(3)}, {})
    assert (tmp_path / "x.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("keep", [0, 5, 60, 200])
def test_a_truncated_file_is_damaged(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "x.safetensors"
    write_arrays(path, {"a": np.zeros(100)}, {})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RunError, match="damaged"):
        read_arrays(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="does not exist"):
        read_arrays(tmp_path / "x.safetensors")


def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(3)}, tmp_path / "x.safetensors")
    with pytest.raises(RunError, match="not written by archwright"):
        read_arrays(tmp_path / "x.safetensors")


def test_a_folder_that_is_not_there_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="must be writable"):
        write_arrays(tmp_path / "nowhere" / "x.safetensors", {}, {})
