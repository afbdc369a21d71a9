"""CIFAR-10 and CIFAR-100 in their binary version: files of records, one or two label bytes and the pixels of a channel
after another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from archwright.core.errors import DataError, UnsafeFileError

if TYPE_CHECKING:
    from archwright.data.images import Images, Split

__all__ = ["is_cifar_folder", "read_cifar", "refuse_pickles"]

#: Channels, height and width. Source: the data sets' page, https://www.cs.toronto.edu/~kriz/cifar.html.
_SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32
#: Files of each part; those of CIFAR-100 have two label bytes, coarse and fine.
_FILES = {
    "train": re.compile(r"(data_batch_\d+|train)\.bin"),
    "test": re.compile(r"test(_batch)?\.bin"),
}
_TEN = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
#: Files of class names, a line each, and how many there are.
_NAMES = {10: "batches.meta.txt", 100: "fine_label_names.txt"}
_BINARY = "get the binary version (cifar-10-binary.tar.gz) and give its folder"


def is_cifar_folder(folder: Path) -> bool:
    """Return whether a folder holds files of the binary version."""
    return any(pattern.fullmatch(path.name) for path in folder.glob("*.bin") for pattern in _FILES.values())


def read_cifar(path: Path, split: Split) -> Images:
    """Return the images of one file, or of a folder's part; CIFAR-100 has its 100 fine classes.

    Raises:
        DataError: if the part is missing, or a file is not of whole records.
    """
    from archwright.data.images import make_images

    files = _files(path, split) if path.is_dir() else [path]
    parts = [_records(file) for file in files]
    label_bytes = {part.shape[1] - _PIXELS for part in parts}
    if len(label_bytes) > 1:
        raise DataError(f"{path} must hold CIFAR-10 or CIFAR-100, but holds files of both.")
    records = np.concatenate(parts)
    before = label_bytes.pop()
    pixels = records[:, before:].reshape(-1, *_SHAPE).transpose(0, 2, 3, 1)
    # The last label byte: the fine class where there are two.
    names = _class_names(files[0].parent, 10 if before == 1 else 100)
    return make_images(np.ascontiguousarray(pixels), records[:, before - 1], origin=str(path), classes=names)


def refuse_pickles(path: Path) -> None:
    """Refuse a file that is a Python pickle, and say what to take instead.

    Raises:
        UnsafeFileError: if it is one.
    """
    if not path.is_file() or path.suffix == ".bin":
        return
    with path.open("rb") as file:
        head = file.read(2)
    # Protocols 2 to 5; the older ones are text, and no release of CIFAR uses them.
    if len(head) == 2 and head[0] == 0x80 and 2 <= head[1] <= 5:
        hint = f"; {_BINARY}" if re.match(r"(data_batch|test_batch|train$|test$|meta$)", path.name) else ""
        raise UnsafeFileError(f"{path} is a Python pickle, which can run any code, and is not opened{hint}")


def _files(folder: Path, split: Split) -> list[Path]:
    there = {
        part: sorted(path for path in folder.glob("*.bin") if pattern.fullmatch(path.name))
        for part, pattern in _FILES.items()
    }
    part = split or ("train" if there["train"] else "test")
    if not there[part]:
        raise DataError(f"{folder} holds no {part} images: there must be a file such as {part}_batch.bin")
    return there[part]


def _records(path: Path) -> npt.NDArray[np.uint8]:
    """Return a file's records [N, label bytes + pixels]."""
    data = np.fromfile(path, dtype=np.uint8)
    width = next((n for n in (_PIXELS + 1, _PIXELS + 2) if data.size and data.size % n == 0), None)
    if width is None:
        raise DataError(
            f"{path} must hold records of {_PIXELS + 1} bytes (CIFAR-10) or {_PIXELS + 2} (CIFAR-100), but its "
            f"{data.size:,} bytes are no multiple of either; get it anew"
        )
    return data.reshape(-1, width)


def _class_names(folder: Path, n: int) -> tuple[str, ...]:
    """Return the classes' names, from the file beside the records where there is one."""
    path = folder / _NAMES[n]
    if path.is_file():
        lines = path.read_text(encoding="utf-8", errors="replace").split()
        if len(lines) == n:
            return tuple(lines)
    return _TEN if n == len(_TEN) else tuple(str(number) for number in range(n))
