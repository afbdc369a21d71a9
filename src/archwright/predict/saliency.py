"""Zero-cost saliencies of operations, by which TA-GATES tells operations of one type at symmetric places apart."""

# B architectures, C cells of each, M operations (nodes or edges), Z metrics

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from archwright.core.arch import Arch
from archwright.core.errors import PredictorError
from archwright.core.rng import derive
from archwright.predict.saliency_store import SaliencyStore
from archwright.proxies.base import Batch
from archwright.proxies.cells import CellSaliencies, images, small_side, small_size
from archwright.proxies.operations import METRICS
from archwright.spaces.base import Space

__all__ = ["OperationSaliencies"]

#: Architectures that the constants of the standardisation come from.
_SAMPLE = 128
#: Quantile of the absolute values below which the logarithm goes over into a line.
_LINEAR = 0.05
#: Number of the way in which saliencies are measured; another one is another store.
_VERSION = 1

Floats = npt.NDArray[np.float64]


class OperationSaliencies:
    """Gives the saliencies Z of the operations of architectures, as `add` and `concat` of `TaGates` want them.

    Each architecture is built as a small network with weights of one seed, and measured on one batch; see
    `proxies.cells.CellSaliencies`. Then sign(z) log(1 + |z| / c), minus a mean, divided by a standard deviation, metric
    by metric. c is the 5 % quantile of |z|; c, mean and deviation are of the operations with z != 0 in 128
    architectures that the seed draws from the space, so they do not depend on which architectures are asked for.

    Saliencies once measured are kept for all providers of the same `spec` in this process, and in `folder`.

    Args:
        space: Space of the architectures, with networks for images: nb101, nb1shot1_1 to 3, nb201, transnas_micro,
            darts, nds_enas, enas_dvae, nb_macro.
        metrics: Some of grad_norm, snip, grasp, plain, synflow, in the order of Z.
        seed: Of weights, images and the sample.
        size: Keywords of the space's builder; by default `proxies.cells.small_size`.
        side: Side of the images.
        n_images: Number of images.
        batch: Images and labels to measure on, instead of noise.
        folder: Where saliencies are kept, each kind in a file of its own.

    Raises:
        SpaceError: if operations cannot be told apart in networks of the space.
        ProxyError: if a metric is unknown, or the batch is not one of images with labels.

    Source: TA-GATES (NeurIPS 2022), section 3.2. Differs: the paper does not say which network, batch, seed and
    scale it measures with.
    """

    def __init__(
        self,
        space: Space,
        *,
        metrics: Sequence[str] = METRICS,
        seed: int = 0,
        size: Mapping[str, int] | None = None,
        side: int | None = None,
        n_images: int = 8,
        batch: Batch | None = None,
        folder: Path | str | None = None,
    ) -> None:
        self.space, self.metrics, self.seed = space, tuple(metrics), seed
        self.size = dict(small_size(space) if size is None else size)
        self.side, self.n_images = small_side(space) if side is None else side, n_images
        self._digest = None if batch is None else _digest(batch)
        used = images(n_images, self.side, rng=derive(seed, "saliencies", "images")) if batch is None else batch
        self._cells = CellSaliencies(space, metrics=self.metrics, seed=seed, size=self.size, batch=used)
        self._store = SaliencyStore(self._key(), None if folder is None else Path(folder))
        self._constants: Floats | None = None

    def __call__(self, archs: Sequence[Arch]) -> Tensor:
        """Return the standardised saliencies [B, C, M, Z] of B architectures; 0 where a cell has fewer than M.

        Raises:
            SpaceError: if the space has no network, or not of this size.
            ArchError: if an architecture is not in the space.
            ProxyError: if a value is not finite.
            RunError: if the folder cannot be read or written.
        """
        scale, mean, std = self.constants()
        values = self.raw(archs)
        shape = np.max([each.shape for each in values], axis=0) if values else (0, 0, len(self.metrics))
        z = np.full((len(values), *shape), np.nan)
        for row, each in zip(z, values, strict=True):
            row[:, : each.shape[1]] = each
        z = (_log(z, scale) - mean) / std
        return torch.from_numpy(np.nan_to_num(z, nan=0.0)).float()

    def raw(self, archs: Sequence[Arch]) -> list[Floats]:
        """Return the saliencies [C, M, Z] of each architecture as measured; NaN behind the last operation of a cell."""
        return self._store.values(archs, self._cells.measure)

    def save(self) -> None:
        """Write what is not yet in the folder; calls that measure many architectures do so by themselves."""
        self._store.save()

    def constants(self) -> Floats:
        """Return c, mean and standard deviation of each metric [3, Z]."""
        if self._constants is None:
            rng = derive(self.seed, "saliencies", "sample")
            sample = self.raw([self.space.random(rng=rng) for _ in range(_SAMPLE)])
            rows = np.concatenate([each.reshape(-1, len(self.metrics)) for each in sample])
            self._constants = np.stack([_constants(column[column != 0]) for column in np.nan_to_num(rows).T], axis=1)
        return self._constants

    def spec(self) -> dict[str, Any]:
        """Return what `from_spec` makes this provider of, with its constants, for JSON; of a given batch the digest."""
        return {**self._key(), "constants": self.constants().tolist()}

    @classmethod
    def from_spec(
        cls, space: Space, spec: Mapping[str, Any], *, batch: Batch | None = None, folder: Path | str | None = None
    ) -> Self:
        """Return the provider that `spec` described.

        Raises:
            PredictorError: if the spec is of another space or version, damaged, or of another batch than `batch`.
        """
        try:
            made = cls(
                space, metrics=spec["metrics"], seed=spec["seed"], size=spec["size"], side=spec["side"],
                n_images=spec["n_images"], batch=batch, folder=folder,
            )  # fmt: skip
            constants = np.asarray(spec["constants"], dtype=np.float64)
            stated = {key: spec[key] for key in made._key()}
        except (KeyError, TypeError, ValueError) as error:
            raise PredictorError(f"these are no saliencies of operations of {space.name!r}: {error}") from error
        if stated != made._key() or constants.shape != (3, len(made.metrics)):
            other = [name for name, value in made._key().items() if stated[name] != value] or ["constants"]
            raise PredictorError(
                f"saliencies must be measured as those that a predictor was trained with, but {other[0]} differs; "
                "give the same space and batch"
            )
        made._constants = constants
        return made

    def _key(self) -> dict[str, Any]:
        """Return all that saliencies depend on."""
        return {
            "version": _VERSION,
            "space": self.space.name,
            "op_names": list(self.space.op_names),
            "metrics": list(self.metrics),
            "seed": self.seed,
            "size": self.size,
            "side": self.side,
            "n_images": self.n_images,
            "batch": self._digest,
        }


def _log(values: Floats, scale: Floats) -> Floats:
    logs: Floats = np.sign(values) * np.log1p(np.abs(values) / scale)
    return logs


def _constants(values: Floats) -> Floats:
    """Return scale, mean and standard deviation for the values of one metric, all different from 0."""
    if not len(values):
        return np.array([1.0, 0.0, 1.0])
    scale = np.quantile(np.abs(values), _LINEAR)
    logs = _log(values, scale)
    return np.array([scale, logs.mean(), logs.std() or 1.0])


def _digest(batch: Batch) -> str:
    parts = [batch.x] if batch.y is None else [batch.x, batch.y]
    arrays = [np.ascontiguousarray(part.detach().cpu().numpy()) for part in parts]
    told = hashlib.sha256(json.dumps([[str(each.dtype), each.shape] for each in arrays]).encode())
    for each in arrays:
        told.update(each.tobytes())
    return told.hexdigest()[:32]
