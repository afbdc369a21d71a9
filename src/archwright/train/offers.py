"""Networks that workers hand to the driver through files. Needs no torch."""

from __future__ import annotations

import itertools
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path

from archwright.core.errors import RunError
from archwright.core.files import write_atomically
from archwright.nets.frozen import FrozenNet
from archwright.nets.inputs import Inputs
from archwright.nets.storage import read_arrays, write_arrays

__all__ = ["Offer", "known_score", "offered", "read_offer", "write_known_score", "write_offer"]

_numbers = itertools.count()


@dataclass(frozen=True)
class Offer:
    """A validated network: `score` on validation (higher is better), `epochs` trained (a part counts)."""

    net: FrozenNet
    arch: str
    score: float
    epochs: float


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
    write_arrays(path, offer.net.arrays, meta)
    return path


def read_offer(path: Path) -> Offer:
    """Return what `write_offer` wrote.

    Raises:
        RunError: if the file is missing or damaged.
    """
    stored = read_arrays(path)
    meta = stored.meta
    try:
        net = FrozenNet(stored.arrays, Inputs.from_json(meta["inputs"]), meta["widths"], meta["encoding"])
        return Offer(net, str(meta["arch"]), float(meta["score"]), float(meta["epochs"]))
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is damaged: {type(error).__name__} {error}") from error


def offered(folder: Path) -> list[Path]:
    """Return the offers that lie in `folder`, the highest score first."""

    def score(path: Path) -> float:
        return float(path.name.removesuffix(".safetensors").rsplit("-", 2)[0])

    return sorted(folder.glob("[!.]*.safetensors"), key=score, reverse=True)


def known_score(folder: Path) -> float:
    """Return the score of the driver's incumbent; minus infinity if there is none."""
    try:
        return float(json.loads((folder / "best.json").read_text())["score"])
    except (OSError, ValueError, KeyError, TypeError):
        return -math.inf


def write_known_score(folder: Path, score: float) -> None:
    """Tell the workers the score of the driver's incumbent, so that they offer only what is better.

    Raises:
        RunError: if it cannot be written.
    """
    write_atomically(folder / "best.json", json.dumps({"score": score}).encode())
