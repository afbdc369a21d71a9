"""Saliencies once measured: in memory for this process, and in a folder for all others."""

# N architectures, G genes, C cells, M operations, Z metrics

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.errors import RunError
from archwright.nets.storage import read_arrays, write_arrays

__all__ = ["SaliencyStore"]

#: New architectures after which the file is written, within a call and at the end of one.
_WITHIN, _AT_END = 512, 32

Floats = npt.NDArray[np.float64]

#: What the stores of each key have measured or read in this process. Values follow from the key alone.
_KNOWN: dict[str, dict[Arch, Floats]] = {}


class SaliencyStore:
    """Values of architectures, for one key.

    The file is read before the first look, and written when enough is new, with all that this process knows. Several
    processes may share it: each adds what it finds there, and the last one's file is whole.

    Args:
        key: All that values depend on beside the architecture, for JSON; its `space` names the space.
        folder: Where the file is; None for memory only.
    """

    def __init__(self, key: Mapping[str, Any], folder: Path | None = None) -> None:
        text = json.dumps(dict(key), sort_keys=True)
        self._key: dict[str, Any] = json.loads(text)
        self._known = _KNOWN.setdefault(text, {})
        name = f"{key['space']}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.safetensors"
        self.path = None if folder is None else folder / name
        self._is_read = False
        self._n_saved = 0

    def values(self, archs: Sequence[Arch], measure: Callable[[Arch], Floats]) -> list[Floats]:
        """Return the values [C, M, Z] of each architecture; what is not known is measured.

        Raises:
            RunError: if the file cannot be read or written.
        """
        self._read()
        found = []
        for arch in archs:
            if arch not in self._known:
                self._known[arch] = measure(arch)
                self._save_from(_WITHIN)
            found.append(self._known[arch])
        self._save_from(_AT_END)
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy in another process needs none of the values: they follow from the key.
        return SaliencyStore, (self._key, None if self.path is None else self.path.parent)

    def save(self) -> None:
        """Write all that is known, with what others have written meanwhile.

        Raises:
            RunError: if the file cannot be read or written.
        """
        if self.path is None:
            return
        self._is_read = False
        self._read()
        if len(self._known) == self._n_saved:
            return
        archs, values = zip(*self._known.items(), strict=True)
        shape = np.max([each.shape for each in values], axis=0)
        padded = np.full((len(values), *shape), np.nan)
        for row, each in zip(padded, values, strict=True):
            row[:, : each.shape[1]] = each
        arrays = {
            "genes": np.array([arch.genes for arch in archs], dtype=np.int32),
            "n_ops": np.array([each.shape[1] for each in values], dtype=np.int32),
            "values": padded,
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError.of_system(f"{self.path.parent} must be a folder to write to, but: {error}") from error
        write_arrays(self.path, arrays, self._key)
        self._n_saved = len(archs)

    def _save_from(self, n_new: int) -> None:
        if self.path is not None and len(self._known) - self._n_saved >= n_new:
            self.save()

    def _read(self) -> None:
        if self.path is None or self._is_read:
            return
        self._is_read, self._n_saved = True, 0
        if not self.path.exists():
            return
        stored = read_arrays(self.path)
        try:
            if stored.meta != self._key:
                raise RunError(f"{self.path} must hold saliencies of {self._key}, but holds {stored.meta}")
            genes, n_ops, values = (stored.arrays[name] for name in ("genes", "n_ops", "values"))
            rows = zip(genes.tolist(), n_ops.tolist(), values, strict=True)
            read = {Arch(self._key["space"], tuple(each)): z[:, :n] for each, n, z in rows}
        except (KeyError, ValueError, TypeError) as error:
            raise RunError(f"{self.path} is damaged: {type(error).__name__} {error}; delete it") from error
        self._n_saved = len(read)
        for arch, z in read.items():
            self._known.setdefault(arch, z)
