"""Images as NumPy arrays: `.npz` files and objects in memory.

Layouts of a `.npz` file or a mapping; `train` or `test` stands before or after each name (`x_train`, `train_x`), or
neither does where there is one part only:

- `x`, `y`: pixels and labels; also `X`, `images`, `image`, `data` and `labels`, `label`, `targets`, `target`;
- `jpeg`, `offset`, `label`: the bytes of all encoded images one after another, where each begins and the last one ends
  (N + 1 numbers), and labels;
- `classes`, if any: names of the classes, for labels that are numbers into it.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import DataError, UnsafeFileError
from archwright.data.image_files import Decoding, decode_all

if TYPE_CHECKING:
    from archwright.data.images import Images, Split

__all__ = ["from_memory", "read_npz"]

_X = ("x", "X", "images", "image", "data")
_Y = ("y", "Y", "labels", "label", "targets", "target")
_ENCODED, _OFFSETS = ("jpeg", "png", "encoded"), ("offset", "offsets")


def read_npz(path: Path, split: Split, decoding: Decoding) -> Images:
    """Return the images of a `.npz` file; arrays of Python objects in it are refused, unread.

    Raises:
        DataError: if it is no such file, or holds none of the layouts.
        UnsafeFileError: if an array that is needed holds pickled objects.
    """
    try:
        # Opened here, since numpy leaves a file open that is none of its own.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise DataError(f"{path} must hold named arrays (.npz), but holds a single one: save it with np.savez")
            return _images(_Members(path, arrays), str(path), split, decoding)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise DataError(f"{path} is no .npz file that can be read: {error}") from error
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise _refused(path, error) from error


def from_memory(source: object, split: Split, decoding: Decoding) -> Images:
    """Return images from a mapping of arrays, or from a pair (x, y).

    Raises:
        DataError: if it is neither, or the arrays are no images.
    """
    from archwright.data.images import make_images

    if isinstance(source, Mapping):
        arrays = {str(key): np.asarray(value) for key, value in source.items()}
        return _images(arrays, "the arrays", split, decoding)
    if isinstance(source, tuple | list) and len(source) == 2:
        return make_images(np.asarray(source[0]), np.asarray(source[1]), origin="the arrays")
    raise DataError(
        f"cannot read images from a {type(source).__name__}; give a path, sklearn:digits, a pair (x, y) of arrays or a "
        "mapping of arrays"
    )


class _Members(Mapping[str, npt.NDArray[Any]]):
    """The arrays of a file, each read when it is asked for."""

    def __init__(self, path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._path, self._arrays = path, arrays

    def __getitem__(self, key: str) -> npt.NDArray[Any]:
        try:
            return self._arrays[key]
        except ValueError as error:
            raise _refused(self._path, error, key) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def _refused(path: Path, error: ValueError, key: str = "") -> DataError:
    """Return the error for what numpy would not read: objects, or a damaged array."""
    if "pickle" not in str(error).lower():
        return DataError(f"{path} is damaged: {' '.join(str(error).split())[:200]}")
    what = f"its array {key!r} holds" if key else "it holds"
    return UnsafeFileError(
        f"{path}: {what} pickled Python objects, which can run any code; save plain arrays of numbers"
    )


def _images(arrays: Mapping[str, npt.NDArray[Any]], origin: str, split: Split, decoding: Decoding) -> Images:
    from archwright.data.images import make_images

    part = _part(arrays, origin, split)
    classes = [str(name) for name in arrays["classes"].ravel()] if "classes" in arrays else None
    label = _need(arrays, part, _Y, origin)
    encoded = _find(arrays, part, _ENCODED)
    if encoded is None:
        return make_images(arrays[_need(arrays, part, _X, origin)], arrays[label], origin=origin, classes=classes)
    offsets = arrays[_need(arrays, part, _OFFSETS, origin)]
    labels = arrays[label]
    if len(labels) != len(offsets) - 1:
        raise DataError(f"{origin}: {len(labels)} labels need {len(labels) + 1} offsets, but there are {len(offsets)}")
    rows = decoding.chosen(len(labels))
    pixels = _decode(arrays[encoded], offsets, rows, origin, decoding)
    return make_images(pixels, labels[rows], origin=origin, classes=classes)


def _decode(
    data: npt.NDArray[Any],
    offsets: npt.NDArray[Any],
    rows: npt.NDArray[np.int64],
    origin: str,
    decoding: Decoding,
) -> npt.NDArray[np.uint8]:
    ends = offsets.astype(np.int64) if offsets.dtype.kind in "iu" and offsets.ndim == 1 else np.array([-1])
    if data.dtype != np.uint8 or data.ndim != 1 or ends[0] < 0 or (np.diff(ends) < 0).any() or ends[-1] > data.size:
        raise DataError(
            f"{origin}: encoded images must be one row of bytes, with offsets into it that never fall, but are not"
        )
    if not len(rows):
        raise DataError(f"{origin} holds no images.")
    encoded = [data[ends[row] : ends[row + 1]].tobytes() for row in rows]
    return decode_all(encoded, size=decoding.size, name=lambda place: f"image {rows[place]} of {origin}")


def _part(arrays: Mapping[str, npt.NDArray[Any]], origin: str, split: Split) -> str:
    """Return the part that is wanted: "train", "test", or "" where the names say none."""
    there = [part for part in ("train", "test", "") if _find(arrays, part, (*_X, *_ENCODED)) is not None]
    if not there:
        raise DataError(
            f"{origin} must hold arrays x and y (or x_train and y_train, or jpeg, offset and label), but holds "
            f"{', '.join(sorted(arrays)[:12]) or 'nothing'}"
        )
    if split is not None and split not in there:
        raise DataError(f"{origin} holds no images of its own for {split!r}, but only {', '.join(sorted(arrays)[:12])}")
    return split or there[0]


def _find(arrays: Mapping[str, npt.NDArray[Any]], part: str, names: tuple[str, ...]) -> str | None:
    for name in names:
        for key in (f"{part}_{name}", f"{name}_{part}") if part else (name,):
            if key in arrays:
                return key
    return None


def _need(arrays: Mapping[str, npt.NDArray[Any]], part: str, names: tuple[str, ...], origin: str) -> str:
    key = _find(arrays, part, names)
    if key is None:
        wanted = f"{names[0]}_{part}" if part else names[0]
        raise DataError(f"{origin} must hold the array {wanted!r}, but holds {', '.join(sorted(arrays)[:12])}")
    return key
