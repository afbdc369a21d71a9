"""Named arrays and JSON in one safetensors file, written so that a reader never sees half of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import RunError
from archwright.core.files import replacing

__all__ = ["Arrays", "Stored", "read_arrays", "write_arrays"]

Arrays = dict[str, npt.NDArray[Any]]
_META = "archwright"


@dataclass(frozen=True)
class Stored:
    """What a file holds: arrays by name, and the JSON that was stored with them."""

    arrays: Arrays
    meta: dict[str, Any]


def write_arrays(
    path: Path, arrays: Mapping[str, npt.NDArray[Any]], meta: Mapping[str, Any], *, durable: bool = False
) -> None:
    """Write the file in one step: first beside its place, then renamed over it.

    Args:
        path: File to write; a file that is there is replaced.
        arrays: Arrays by name.
        meta: JSON values.
        durable: Also wait until the disk has it, so that a power cut cannot lose it. Costs a few milliseconds.
    Raises:
        RunError: if the file cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    content = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    with replacing(path, durable=durable) as beside:
        beside.touch()
        mode = beside.stat().st_mode
        try:
            # The library writes the file itself: half the time of making bytes first (17 MB: 20 ms against 40 ms).
            save_file(content, beside, {_META: json.dumps(dict(meta))})
        except SafetensorError as error:
            raise OSError(str(error)) from error
        # It makes files that only their owner may read; ours are as readable as the rest of the folder.
        beside.chmod(mode)


def read_arrays(path: Path) -> Stored:
    """Return what `write_arrays` wrote.

    Raises:
        RunError: if the file is missing, damaged, or not one of ours.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            meta = json.loads((file.metadata() or {})[_META])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    except FileNotFoundError as error:
        raise RunError(f"{path} does not exist") from error
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise RunError(f"{path} is damaged or not written by archwright: {error}") from error
    return Stored(arrays, meta)
