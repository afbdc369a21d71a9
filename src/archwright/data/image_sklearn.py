"""The images that scikit-learn carries inside: they need no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from archwright.core.errors import DataError

if TYPE_CHECKING:
    from archwright.data.images import Images

__all__ = ["read_digits"]

#: Largest grey value of the digits.
_WHITE = 16.0


def read_digits(name: str) -> Images:
    """Return the 1,797 handwritten digits, 8 x 8 grey values from 0 to 1.

    Raises:
        DataError: if another set is named.
    """
    from sklearn.datasets import load_digits

    from archwright.data.images import make_images

    if name != "digits":
        raise DataError(f"scikit-learn bundles no images {name!r}; there are: sklearn:digits")
    bunch = load_digits()
    return make_images((bunch.images / _WHITE).astype(np.float32), bunch.target, origin="sklearn:digits")
