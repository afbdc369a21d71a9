"""Networks that workers hand to the driver through files. Needs no torch."""

from __future__ import annotations

import itertools
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.errors import RunError
from archwright.core.files import write_atomically
from archwright.nets.frozen import FrozenNet
from archwright.nets.inputs import Inputs
from archwright.nets.storage import read_arrays, write_arrays

__all__ = [
    "BEST",
    "BEST_LOGITS",
    "Known",
    "Offer",
    "checkpoint_path",
    "known",
    "offered",
    "read_checkpoint",
    "read_offer",
    "write_known",
    "write_offer",
]

#: In a checkpoint: what its best network's arrays begin with, and that network's outputs on the validation rows.
BEST, BEST_LOGITS = "best.", "best_logits"
_LOGITS = "valid.logits"
_numbers = itertools.count()


@dataclass(frozen=True)
class Offer:
    """A validated network.

    Args:
        net: The network.
        arch: Text of its architecture.
        score: On validation, higher is better.
        epochs: Epochs trained; a part counts.
        logits: Its outputs on the validation rows [B, n_outputs].
    """

    net: FrozenNet
    arch: str
    score: float
    epochs: float
    logits: npt.NDArray[np.float32]


class Known(NamedTuple):
    """What an offer must beat: `best`, to be the result alone; `seat`, to be heard in a committee."""

    best: float = -math.inf
    seat: float = -math.inf


def write_offer(folder: Path, offer: Offer) -> Path:
    """Write `<score>-<pid>-<number>.safetensors` in one step and return its path.

    Raises:
        RunError: if it cannot be written.
    """
    path = folder / f"{offer.score:.9f}-{os.getpid()}-{next(_numbers)}.safetensors"
    meta = {
        "arch": offer.arch,
        "score": offer.score,
        "epochs": offer.epochs,
        "inputs": offer.net.inputs.to_json(),
        "widths": offer.net.widths,
        "encoding": offer.net.encoding,
    }
    write_arrays(path, {**offer.net.arrays, _LOGITS: offer.logits}, meta)
    return path


def read_offer(path: Path) -> Offer:
    """Return what `write_offer` wrote.

    Raises:
        RunError: if the file is missing or damaged.
    """
    arrays, meta = _stored(path)
    try:
        logits = arrays.pop(_LOGITS)
        net = FrozenNet(arrays, Inputs.from_json(meta["inputs"]), meta["widths"], meta["encoding"])
        return Offer(net, str(meta["arch"]), float(meta["score"]), float(meta["epochs"]), logits)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is damaged: {type(error).__name__} {error}") from error


def checkpoint_path(folder: Path, arch: Arch) -> Path:
    """Return where the checkpoint of `arch` lies, if it has one."""
    return folder / f"{arch.space}-{'.'.join(map(str, arch.genes))}.safetensors"


def read_checkpoint(path: Path, *, arch: str, inputs: Inputs) -> Offer:
    """Return the best network of a checkpoint as its worker offered it.

    Args:
        path: A checkpoint of `train.state`.
        arch: Text of its architecture.
        inputs: Fields and outputs of the task.

    Raises:
        RunError: if the file is missing, damaged, or holds no validated network.
    """
    arrays, meta = _stored(path)
    try:
        own = {name.removeprefix(BEST): array for name, array in arrays.items() if name.startswith(BEST)}
        net = FrozenNet(own, inputs, meta["widths"], meta["recipe"]["encoding"])
        return Offer(net, arch, float(meta["best_score"]), float(meta["best_epochs"]), arrays[BEST_LOGITS])
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is damaged: {type(error).__name__} {error}") from error


def offered(folder: Path) -> list[Path]:
    """Return the offers that lie in `folder`, the highest score first."""

    def score(path: Path) -> float:
        return float(path.name.removesuffix(".safetensors").rsplit("-", 2)[0])

    return sorted(folder.glob("[!.]*.safetensors"), key=score, reverse=True)


def known(folder: Path) -> Known:
    """Return what the driver knows; minus infinities before it knows anything."""
    try:
        values = json.loads((folder / "best.json").read_text())
        return Known(float(values["best"]), float(values["seat"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Known()


def write_known(folder: Path, known: Known) -> None:
    """Tell the workers what the driver knows, so that they offer only what is better.

    Raises:
        RunError: if it cannot be written.
    """
    # Python's JSON writes and reads -Infinity.
    write_atomically(folder / "best.json", json.dumps(known._asdict()).encode())


def _stored(path: Path) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    stored = read_arrays(path)
    return stored.arrays, stored.meta
