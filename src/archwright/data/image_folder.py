"""Folders of image files, a sub-folder per class."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archwright.core.errors import DataError
from archwright.data.cifar_binary import refuse_pickles
from archwright.data.image_files import SUFFIXES, Decoding, decode_all

if TYPE_CHECKING:
    from archwright.data.images import Images, Split

__all__ = ["read_image_folder"]

_log = logging.getLogger(__name__)

#: Names of the folders of a part.
_PARTS = {"train": ("train", "training"), "test": ("test", "testing", "val", "valid", "validation")}


def read_image_folder(folder: Path, split: Split, decoding: Decoding) -> Images:
    """Return the images below the sub-folders of `folder`; their names, sorted, are the classes.

    A folder with `train` and `test` (or `val`) holds such folders. Hidden files, and files that are no images by their
    suffix, are passed over.

    Raises:
        DataError: if there is no class, a class without images, or an image that cannot be decoded.
        UnsafeFileError: if it holds the pickles of CIFAR.
    """
    from archwright.data.images import make_images

    for path in sorted(folder.glob("*_batch*")):
        refuse_pickles(path)
    folder = _part(folder, split)
    classes = _folders(folder)
    if not classes:
        loose = any(path.suffix.lower() in SUFFIXES for path in folder.iterdir())
        said = "images, but no sub-folders: put those of a class into a folder of its own" if loose else "no images"
        raise DataError(f"{folder} must hold a sub-folder of images per class, but holds {said}.")
    files = [(path, number) for number, each in enumerate(classes) for path in _images(each)]
    rows = decoding.chosen(len(files))
    if len(rows) < len(files):
        _log.info("%d of the %d images of %s are used", len(rows), len(files), folder)
    paths = [files[row][0] for row in rows]
    pixels = decode_all(paths, size=decoding.size, name=lambda place: str(paths[place]))
    labels = np.array([files[row][1] for row in rows])
    return make_images(pixels, labels, origin=str(folder), classes=[each.name for each in classes])


def _part(folder: Path, split: Split) -> Path:
    """Return the folder of the part that is wanted."""
    there = {path.name.lower(): path for path in _folders(folder)}
    parts = {part: there[name] for part, names in _PARTS.items() for name in reversed(names) if name in there}
    # A lone class may be called `train`: only both together, or nothing beside it, are parts.
    if len(parts) == len(_PARTS) or list(there) == ["train"]:
        if (split or "train") in parts:
            return parts[split or "train"]
    elif split is None:
        return folder
    raise DataError(f"{folder} must hold a folder {split!r} for it to be chosen, but holds {', '.join(sorted(there))}")


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _images(folder: Path) -> list[Path]:
    """Return the image files at any depth below a class's folder, sorted."""
    found = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
    if not found:
        raise DataError(f"the class folder {folder} must hold an image, but holds none: fill it, or remove it")
    return found
