"""What the networks of a ranking see: batches of images, text or embedded rows of a table, drawn once and kept."""

# Legend: B rows of a batch, M + C fields of a table, E embedding width, N architectures, G genes.

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.coordinate.options import TaskOptions
from archwright.coordinate.source import task_of
from archwright.core.arch import Arch
from archwright.core.errors import DataError, RunError
from archwright.core.files import replacing
from archwright.core.rng import derive
from archwright.data.images import Images, Split, load_images, normalised_batch
from archwright.data.shapes import ImageShape, Shape, TokenShape, VectorShape
from archwright.data.tables import read_table
from archwright.data.tokens import load_tokens, token_batch

if TYPE_CHECKING:
    from archwright.data.task import Task

__all__ = ["RankInputs", "load_inputs", "of_images", "of_table", "of_text", "save_inputs"]

#: Encoded images that are decoded at most, besides what the batches need: enough for their mean and spread.
_DECODED = 10_000
_SHAPES: dict[str, type[Any]] = {kind.__name__: kind for kind in (ImageShape, TokenShape, VectorShape)}
#: Classes of the head, by the kind of a target: a probability and an amount are one number.
_HEAD = {"binary": 1, "real": 1}


@dataclass(frozen=True, eq=False)
class RankInputs:
    """Batches, and the shape of the networks that they fit.

    Args:
        shape: What a network takes and gives.
        batches: Inputs [B, ...] and targets [B] of each repeat.
        archs: What is scored, in this order.
        about: The data in words and numbers, as JSON values, for the record and the page.
    """

    shape: Shape
    batches: tuple[tuple[npt.NDArray[Any], npt.NDArray[Any]], ...]
    archs: tuple[Arch, ...]
    about: Mapping[str, Any]


def of_images(
    source: object,
    archs: Sequence[Arch],
    *,
    batch: int,
    repeats: int,
    balanced: bool,
    seed: int,
    split: Split = None,
    resize: int | tuple[int, int] | None = None,
) -> RankInputs:
    """Return batches of images, each drawn by itself.

    Raises:
        DataError: if the images cannot be read, or are too few.
    """
    images = load_images(source, split=split, resize=resize, most=max(_DECODED, batch))
    batches = tuple(
        normalised_batch(images, batch, rng=derive(seed, "batch", repeat), balanced=balanced)
        for repeat in range(repeats)
    )
    return RankInputs(images.shape, batches, tuple(archs), _about_images(images))


def of_table(
    source: object,
    target: str,
    archs: Sequence[Arch],
    *,
    batch: int,
    repeats: int,
    balanced: bool,
    seed: int,
    options: TaskOptions | None = None,
) -> RankInputs:
    """Return batches of a table's training rows, embedded as the networks of `fit` embed them before any training.

    The proxies then see the dense part of those networks: inputs [B, (M + C) * E]. Targets are class numbers (0 or 1
    of a binary target, whose head has one output), or standardised amounts.

    Raises:
        DataError: if the table cannot be learned from, or has too few rows.
    """
    options = options or TaskOptions()
    table = read_table(source, encoding=options.encoding)
    test = None if options.test is None else read_table(options.test, encoding=options.encoding)
    task = task_of(table, target, options, test=test, seed=seed)
    rows = [_rows(task, batch, balanced=balanced, rng=derive(seed, "batch", repeat)) for repeat in range(repeats)]
    x = _embedded(task, np.concatenate(rows), seed=seed)
    y = task.train.y if task.kind == "real" else task.train.y.astype(np.int64)
    batches = tuple((x[k * batch : (k + 1) * batch], y[chosen]) for k, chosen in enumerate(rows))
    shape = VectorShape(features=int(x.shape[1]), classes=_HEAD.get(task.kind, task.n_outputs))
    return RankInputs(shape, batches, tuple(archs), {"origin": table.origin, **task.describe()})


def of_text(source: str | Path, archs: Sequence[Arch], *, batch: int, repeats: int, seed: int) -> RankInputs:
    """Return batches of sequences of words, whose targets are the words that follow.

    Raises:
        DataError: if the text cannot be read, or is too short.
    """
    tokens = load_tokens(source)
    shape = TokenShape(vocabulary=len(tokens.words))
    batches = tuple(
        token_batch(tokens, batch, length=shape.length, rng=derive(seed, "batch", repeat)) for repeat in range(repeats)
    )
    about = {"origin": tokens.origin, "kind": "text", "words": len(tokens), "vocabulary": len(tokens.words)}
    return RankInputs(shape, batches, tuple(archs), about)


def save_inputs(path: Path, inputs: RankInputs) -> None:
    """Write everything but `about` in one step.

    Raises:
        RunError: if the file cannot be written (exit code 1).
    """
    arrays: dict[str, npt.NDArray[Any]] = {
        "space": np.array(inputs.archs[0].space),
        "genes": np.array([arch.genes for arch in inputs.archs]),
        "shape": np.array(type(inputs.shape).__name__),
        "sizes": np.array(list(asdict(inputs.shape).values())),
    }
    for repeat, (x, y) in enumerate(inputs.batches):
        arrays |= {f"x{repeat}": x, f"y{repeat}": y}
    with replacing(path) as beside, beside.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_inputs(path: Path, about: Mapping[str, Any]) -> RankInputs:
    """Return what `save_inputs` wrote.

    Raises:
        RunError: if the file is damaged.
    """
    try:
        # Opened here: numpy leaves a damaged file open that it opened itself.
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as arrays:
            kind, space = _SHAPES[str(arrays["shape"])], str(arrays["space"])
            n = sum(name.startswith("x") for name in arrays.files)
            batches = tuple((arrays[f"x{repeat}"], arrays[f"y{repeat}"]) for repeat in range(n))
            archs = tuple(Arch(space, tuple(genes)) for genes in arrays["genes"].tolist())
            return RankInputs(kind(*map(int, arrays["sizes"])), batches, archs, about)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        cause = " ".join(str(error).split())[:100]
        raise RunError(f"{path} is damaged ({cause}): rank anew in another folder") from error


def _about_images(images: Images) -> dict[str, Any]:
    mean, std = images.mean_std.tolist()
    return {
        "origin": images.origin,
        "kind": "images",
        "images": len(images),
        "shape": list(images.x.shape[1:]),
        "classes": list(images.classes),
        "channel_mean": mean,
        "channel_std": std,
    }


def _rows(task: Task, n: int, *, balanced: bool, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return `n` different training rows."""
    if not 0 < n <= len(task.train):
        raise DataError(f"a batch must have 1 to {len(task.train):,} rows of the table, but {n} were asked for")
    if not balanced or task.kind == "real":
        return rng.permutation(len(task.train))[:n]
    y = task.train.y.astype(np.int64)
    # Row k of a class comes in round k, and rounds are taken one after another, whatever is left of a class.
    order = rng.permutation(len(y))
    sorted_by_class = order[np.argsort(y[order], kind="stable")]
    starts = np.concatenate(([0], np.cumsum(np.bincount(y))))[:-1]
    rounds = np.arange(len(y)) - starts[y[sorted_by_class]]
    return rng.permutation(sorted_by_class[np.argsort(rounds, kind="stable")[:n]])


def _embedded(task: Task, rows: npt.NDArray[np.int64], *, seed: int) -> npt.NDArray[np.float32]:
    """Return rows [B, (M + C) * E] as an untrained network hands them to its first dense layer."""
    import torch
    from torch import nn

    from archwright.nets.inputs import Inputs
    from archwright.nets.mlp import TabularMlp
    from archwright.nets.recipe import Recipe

    recipe = Recipe()
    network = TabularMlp(Inputs.of(task, recipe), (), recipe, rng=derive(seed, "embedding")).eval()
    # Without hidden layers and head, the embeddings are what comes out.
    network.head = nn.Identity()  # type: ignore[assignment]
    num, cat = (torch.from_numpy(np.ascontiguousarray(part[rows])) for part in (task.train.num, task.train.cat))
    with torch.no_grad():
        embedded: npt.NDArray[np.float32] = network(num, cat).numpy()
    return embedded
