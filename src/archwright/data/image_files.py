"""Encoded images (JPEG, PNG, ...) as arrays, decoded by Pillow."""

# Legend: N images, H, W pixels, C channels.

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import DataError, MissingExtraError
from archwright.core.rng import derive

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["SUFFIXES", "Decoding", "decode_all"]

#: Files that are taken for images in a folder.
SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"))
#: Pillow's names for grey images of eight bits or one.
_GREY = ("1", "L", "LA")


@dataclass(frozen=True, slots=True)
class Decoding:
    """How encoded images become arrays.

    Args:
        size: Height and width that they are scaled to; None leaves them, and they must be alike.
        most: Images at most; None takes all.
    """

    size: tuple[int, int] | None = None
    most: int | None = None

    def chosen(self, n: int) -> npt.NDArray[np.int64]:
        """Return which of `n` images are taken, ascending; always the same."""
        if self.most is None or n <= self.most:
            return np.arange(n)
        return np.sort(derive(0, "images", n).permutation(n)[: self.most])


def decode_all(
    sources: Sequence[Path | bytes], *, size: tuple[int, int] | None, name: Callable[[int], str]
) -> npt.NDArray[np.uint8]:
    """Return encoded images as pixels [N, H, W, C]: C is 1 where all are grey, else 3. Transparency is left out.

    Args:
        sources: Files, or their contents; one at least.
        size: Height and width that they are scaled to.
        name: Of the image at a place, for messages.

    Raises:
        DataError: if one cannot be decoded, or they have several sizes and `size` is None.
        MissingExtraError: if Pillow is not installed.
    """
    pixels: npt.NDArray[np.uint8] | None = None
    for place, source in enumerate(sources):
        image = _decoded(source, size, name(place))
        if pixels is None:
            pixels = np.empty((len(sources), *image.shape), np.uint8)
        if image.shape[:2] != pixels.shape[1:3]:
            (h, w), (other_h, other_w) = pixels.shape[1:3], image.shape[:2]
            raise DataError(
                f"images must have one size, but {name(0)} has {w} x {h} pixels and {name(place)} {other_w} x "
                f"{other_h}: scale them, with --resize {max(h, other_h)} for example"
            )
        if image.shape[2] > pixels.shape[3]:
            pixels = np.repeat(pixels, 3, axis=3)
        pixels[place] = image
    assert pixels is not None
    return pixels


def _decoded(source: Path | bytes, size: tuple[int, int] | None, name: str) -> npt.NDArray[np.uint8]:
    pillow = _pillow()
    try:
        with pillow.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            return _array(image, size, name)
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{name} is no image that can be decoded: {' '.join(str(error).split())[:200]}") from error


def _array(image: Image, size: tuple[int, int] | None, name: str) -> npt.NDArray[np.uint8]:
    if image.mode[:1] in "IF":
        raise DataError(f"{name}: images must have eight bits per channel, but Pillow calls its mode {image.mode!r}")
    plain = image.convert("L" if image.mode in _GREY else "RGB")
    if size is not None and plain.size != size[::-1]:
        plain = plain.resize(size[::-1], _pillow().Resampling.BILINEAR)
    array = np.asarray(plain, dtype=np.uint8)
    return array[..., None] if array.ndim == 2 else array


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError("image files are decoded by Pillow: pip install 'archwright[images]'") from error
    return Image
