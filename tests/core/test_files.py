from __future__ import annotations

from pathlib import Path

import pytest

from archwright.core.errors import RunError
from archwright.core.files import replacing, write_atomically


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old and longer")
    write_atomically(path, b"new", durable=durable)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_content_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    with replacing(path) as beside:
        beside.write_bytes(b"ne")
        assert path.read_bytes() == b"old"
        beside.write_bytes(b"new")
    assert path.read_bytes() == b"new"


def test_a_write_that_is_interrupted_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with replacing(path) as beside:
            beside.write_bytes(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_or_missing_disk_is_the_systems_fault(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="must be writable, but: No such file") as caught:
        write_atomically(tmp_path / "nowhere" / "a.json", b"new")
    assert caught.value.exit_code == 1
