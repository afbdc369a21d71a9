"""MNIST's idx files, plain or gzipped: a magic number, the sizes of the axes, the bytes."""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from archwright.core.errors import DataError

if TYPE_CHECKING:
    from archwright.data.images import Images, Split

__all__ = ["is_idx_folder", "is_idx_name", "read_idx"]

_NAME = re.compile(r".*idx[13]-ubyte(\.gz)?", re.IGNORECASE)
#: The type "unsigned byte" of the magic number. Source: the format's description, http://yann.lecun.com/exdb/mnist.
_UBYTE = 0x08


def is_idx_name(name: str) -> bool:
    """Return whether a file is of this format by its name."""
    return _NAME.fullmatch(name) is not None


def is_idx_folder(folder: Path) -> bool:
    """Return whether a folder holds images of this format."""
    return any(is_idx_name(path.name) and "idx3" in path.name for path in folder.iterdir())


def read_idx(path: Path, split: Split) -> Images:
    """Return the images of one file, or of a folder's part, with the labels from the file beside it.

    Raises:
        DataError: if a file is missing or damaged.
    """
    from archwright.data.images import make_images

    images = _images_of(path, split) if path.is_dir() else path
    if "idx1" in images.name:
        images = _partner(images, ("idx1", "idx3"), ("labels", "images"))
    labels = _partner(images, ("idx3", "idx1"), ("images", "labels"))
    return make_images(_array(images, axes=3), _array(labels, axes=1), origin=str(images))


def _images_of(folder: Path, split: Split) -> Path:
    there = sorted(path for path in folder.iterdir() if is_idx_name(path.name) and "idx3" in path.name)
    parts = {"train": [path for path in there if "train" in path.name.lower()]}
    parts["test"] = [path for path in there if path not in parts["train"]]
    part = split or ("train" if parts["train"] else "test")
    if not parts[part]:
        raise DataError(f"{folder} holds no {part} images, but only {', '.join(path.name for path in there)}")
    return parts[part][0]


def _partner(path: Path, *changes: tuple[str, str]) -> Path:
    """Return the file that belongs to `path`: of the changed name, packed or not."""
    name = path.name
    for before, after in changes:
        name = name.replace(before, after)
    bare = name.removesuffix(".gz")
    for candidate in (path.with_name(bare), path.with_name(f"{bare}.gz")):
        if candidate.is_file():
            return candidate
    raise DataError(f"{path} needs {bare} (or .gz) beside it, but there is no such file")


def _array(path: Path, *, axes: int) -> npt.NDArray[np.uint8]:
    """Return the bytes of a file with so many axes."""
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            head = file.read(4 + 4 * axes)
            if len(head) < 4 + 4 * axes or head[:2] != b"\0\0" or head[2] != _UBYTE or head[3] != axes:
                raise DataError(
                    f"{path} must begin as an idx file of bytes with {axes} axes does, but begins {head[:4]!r}"
                )
            sizes = struct.unpack(f">{axes}I", head[4:])
            n = math.prod(sizes)
            # One more than there should be, and no more: a small packed file may hold any number of bytes.
            data = file.read(n + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is damaged: {error}") from error
    if len(data) != n:
        held = "more" if len(data) > n else f"{len(data):,}"
        raise DataError(f"{path} must hold {n:,} bytes by its sizes {list(sizes)}, but holds {held}")
    return np.frombuffer(data, np.uint8).reshape(sizes)
