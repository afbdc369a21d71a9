"""Labelled images from anything a user may hold, and batches of them that a network can be given."""

# Legend: N images, B images of a batch, H, W pixels, C channels.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from archwright.core.errors import DataError
from archwright.data.image_files import Decoding
from archwright.data.tables import missing_file

if TYPE_CHECKING:
    from archwright.data.shapes import ImageShape

__all__ = ["Images", "Split", "load_images", "make_images", "normalised_batch"]

#: Which images of a source that has both; None means the training images where there are some, else all.
Split = Literal["train", "test"] | None
#: Pixels that the mean and the spread are computed from at once: a few MB in double precision.
_BLOCK = 1 << 18


@dataclass(frozen=True, eq=False)
class Images:
    """Images of one size with a class each.

    Args:
        x: Pixels [N, H, W, C]: uint8 from 0 to 255, or float32, finite and taken as they are.
        y: Class of each image [N], int64, from 0.
        classes: Names of the classes, by number.
        origin: Where they came from, for messages and the run record.
    """

    x: npt.NDArray[Any]
    y: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    origin: str = "images"

    def __len__(self) -> int:
        return len(self.y)

    @property
    def shape(self) -> ImageShape:
        """What a network for these images takes and gives."""
        from archwright.data.shapes import ImageShape

        _, height, width, channels = self.x.shape
        return ImageShape(channels=channels, height=height, width=width, classes=len(self.classes))

    @cached_property
    def mean_std(self) -> npt.NDArray[np.float64]:
        """Mean and standard deviation of each channel [2, C] over all images, with uint8 pixels taken as 0 to 1."""
        flat = self.x.reshape(-1, self.x.shape[-1])
        total, squares = np.zeros(flat.shape[1]), np.zeros(flat.shape[1])
        middle = flat[:_BLOCK].mean(axis=0, dtype=np.float64)
        for start in range(0, len(flat), _BLOCK):
            # Around the middle, since squares of numbers far from zero would cancel.
            block = flat[start : start + _BLOCK] - middle
            total += block.sum(axis=0)
            squares += np.einsum("nc,nc->c", block, block)
        mean = total / len(flat)
        spread = np.sqrt(np.maximum(0.0, squares / len(flat) - mean**2))
        return np.stack([mean + middle, spread]) / self.unit

    @property
    def unit(self) -> float:
        """What a pixel is divided by before it is normalised."""
        return 255.0 if self.x.dtype == np.uint8 else 1.0


def load_images(
    source: object,
    *,
    split: Split = None,
    resize: int | tuple[int, int] | None = None,
    most: int | None = None,
) -> Images:
    """Read labelled images from a file, a folder, a name or arrays in memory.

    Args:
        source: One of
            - a `.npz` file, see `archwright.data.image_arrays`, or a mapping of such arrays;
            - a pair `(x, y)` of arrays, x [N, H, W, C], [N, C, H, W] or [N, H, W];
            - a folder with a sub-folder of image files per class (Pillow), or with `train` and `test` of that kind;
            - a `.bin` file of CIFAR-10 or CIFAR-100's binary version, or the folder that holds them;
            - an `idx3-ubyte` file of MNIST's format, `.gz` too, with its labels beside it, or the folder;
            - `sklearn:digits`;
            - `Images`, which are taken as they are.
        split: Which part of a source that has two; None takes the training images where there are some.
        resize: Height and width that encoded images (JPEG, PNG, ...) are scaled to; one number makes them square.
        most: Encoded images that are decoded at most, always the same ones of a source; None takes all.

    Raises:
        DataError: if the source cannot be read, holds no images, or images of several sizes, or labels do not fit.
        UnsafeFileError: if a file asks for code to be run, as pickles do.
        MissingExtraError: if image files are to be decoded and Pillow is not installed.
    """
    decoding = Decoding(_size(resize), most)
    if isinstance(source, Images):
        return source
    if isinstance(source, str) and source.startswith("sklearn:"):
        from archwright.data.image_sklearn import read_digits

        return read_digits(source.removeprefix("sklearn:"))
    if isinstance(source, str | Path):
        return _read_path(Path(source).expanduser(), split, decoding)
    from archwright.data.image_arrays import from_memory

    return from_memory(source, split, decoding)


def make_images(
    x: npt.NDArray[Any], y: npt.NDArray[Any], *, origin: str, classes: Sequence[str] | None = None
) -> Images:
    """Return arrays as images once they are what they should be.

    Args:
        x: Pixels [N, H, W, C], [N, C, H, W] or [N, H, W]. Channels are found where one axis of the two has 1, 3 or 4.
        y: Classes [N], numbers or texts.
        origin: For messages.
        classes: Names of the classes, where `y` holds numbers.

    Raises:
        DataError: if shapes, values or labels are wrong.
    """
    if x.dtype == object or y.dtype == object:
        raise DataError(
            f"{origin}: images and labels must be arrays of numbers, but hold Python objects; save them anew"
        )
    x = _pixels(_channels_last(x, origin), origin)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim != 1 or len(y) != len(x):
        raise DataError(f"{origin}: there must be one label per image, but {len(x)} images have labels {list(y.shape)}")
    if not len(x):
        raise DataError(f"{origin} holds no images.")
    labels, names = _labels(y, classes, origin)
    if len(names) < 2:
        raise DataError(f"{origin}: images must belong to two classes or more, but all are of {names[0]!r}")
    return Images(x, labels, names, origin)


def normalised_batch(
    images: Images, size: int, *, rng: np.random.Generator, balanced: bool = False
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return drawn images as a network takes them, x float32 [B, C, H, W], and their classes y int64 [B].

    Each channel has mean 0 and standard deviation 1 over all images, not over the batch; a channel that is the same
    everywhere is 0. No image is drawn twice.

    Args:
        images: What to draw from.
        size: B.
        rng: Draws them; the same one draws the same batch.
        balanced: Draw equally many of each class, or one more of some classes where B leaves a rest.

    Raises:
        DataError: if there are fewer images, or too few of a class.
    """
    if not 0 < size <= len(images):
        raise DataError(f"a batch must have 1 to {len(images)} images of {images.origin}, but {size} were asked for")
    chosen = _balanced(images, size, rng) if balanced else rng.permutation(len(images))[:size]
    mean, std = images.mean_std
    scaled = (images.x[chosen] / images.unit - mean) / np.where(std > 0, std, 1.0)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), dtype=np.float32), images.y[chosen]


def _balanced(images: Images, size: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    each, rest = divmod(size, len(images.classes))
    counts = np.full(len(images.classes), each)
    counts[rng.permutation(len(counts))[:rest]] += 1
    there = np.bincount(images.y, minlength=len(counts))
    if (there < counts).any():
        short = int(np.argmax(counts - there))
        raise DataError(
            f"a balanced batch of {size} takes {counts[short]} images of class {images.classes[short]!r}, but "
            f"{images.origin} has {there[short]}; ask for a smaller batch"
        )
    drawn = [rng.permutation(np.flatnonzero(images.y == k))[:count] for k, count in enumerate(counts)]
    return rng.permutation(np.concatenate(drawn))


def _read_path(path: Path, split: Split, decoding: Decoding) -> Images:
    if not path.exists():
        raise missing_file(path)
    try:
        if path.is_dir():
            return _read_folder(path, split, decoding)
        return _read_file(path, split, decoding)
    except (OSError, EOFError, MemoryError) as error:
        raise DataError(f"cannot read {path}: {' '.join(str(error).split())[:200]}") from error


def _read_folder(path: Path, split: Split, decoding: Decoding) -> Images:
    from archwright.data.cifar_binary import is_cifar_folder, read_cifar
    from archwright.data.image_folder import read_image_folder
    from archwright.data.mnist_idx import is_idx_folder, read_idx

    if is_cifar_folder(path):
        return read_cifar(path, split)
    if is_idx_folder(path):
        return read_idx(path, split)
    return read_image_folder(path, split, decoding)


def _read_file(path: Path, split: Split, decoding: Decoding) -> Images:
    from archwright.data.cifar_binary import read_cifar, refuse_pickles
    from archwright.data.image_arrays import read_npz
    from archwright.data.mnist_idx import is_idx_name, read_idx

    if path.suffix.lower() == ".npz":
        return read_npz(path, split, decoding)
    if path.suffix.lower() == ".bin":
        return read_cifar(path, split)
    if is_idx_name(path.name):
        return read_idx(path, split)
    refuse_pickles(path)
    known = "a folder with a sub-folder per class, .npz, CIFAR's .bin, MNIST's idx3-ubyte or sklearn:digits"
    raise DataError(f"{path} is no image data that can be read. Known: {known}.")


def _size(resize: int | tuple[int, int] | None) -> tuple[int, int] | None:
    if resize is None:
        return None
    pair = (resize, resize) if isinstance(resize, int) else resize
    if len(pair) != 2 or min(pair) < 1:
        raise DataError(f"images must be resized to a height and a width of at least 1, but {resize} was given")
    return pair


def _channels_last(x: npt.NDArray[Any], origin: str) -> npt.NDArray[Any]:
    if x.ndim == 3:
        return x[..., None]
    if x.ndim == 4 and x.shape[-1] in (1, 3, 4):
        return x
    if x.ndim == 4 and x.shape[1] in (1, 3, 4):
        return x.transpose(0, 2, 3, 1)
    raise DataError(
        f"{origin}: images must have the shape [N, H, W], [N, H, W, C] or [N, C, H, W] with 1, 3 or 4 channels, but "
        f"theirs is {list(x.shape)}"
    )


def _pixels(x: npt.NDArray[Any], origin: str) -> npt.NDArray[Any]:
    if 0 in x.shape[1:]:
        raise DataError(f"{origin}: images must have at least one pixel, but their shape is {list(x.shape[1:])}")
    if x.dtype == np.uint8:
        return x
    if x.dtype.kind in "biu" and x.size and x.min() >= 0 and x.max() <= 255:
        return x.astype(np.uint8)
    if x.dtype.kind not in "f":
        raise DataError(
            f"{origin}: pixels must be whole numbers from 0 to 255 or floats, but are {x.dtype} beyond that"
        )
    pixels = x.astype(np.float32, copy=False)
    if not np.isfinite(pixels).all():
        raise DataError(f"{origin}: pixels must be finite, but some are NaN or infinite")
    return pixels


def _labels(
    y: npt.NDArray[Any], classes: Sequence[str] | None, origin: str
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return numbers from 0 without gaps where no names say otherwise, and the names."""
    whole = y.dtype.kind in "biu" or (y.dtype.kind == "f" and bool((y == np.floor(y)).all()))
    if y.dtype.kind not in "US" and not whole:
        raise DataError(f"{origin}: labels must be whole numbers or texts, but {y.dtype} with fractions was given")
    if classes is None:
        found, numbers = np.unique(y, return_inverse=True)
        names = [str(name.decode() if isinstance(name, bytes) else name) for name in found.tolist()]
        return numbers.astype(np.int64).reshape(-1), tuple(names)
    if y.dtype.kind in "US":
        raise DataError(f"{origin}: with `classes`, labels must be numbers into it, but are texts; leave `classes` out")
    labels = y.astype(np.int64)
    if labels.min() < 0 or labels.max() >= len(classes):
        outside = int(labels.min()) if labels.min() < 0 else int(labels.max())
        raise DataError(
            f"{origin}: labels must be 0..{len(classes) - 1}, as there are {len(classes)} classes: one is {outside}"
        )
    return labels, tuple(map(str, classes))
