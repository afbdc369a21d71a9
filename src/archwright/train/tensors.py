"""A split as tensors on a device, and the order in which its rows are seen. N rows, B rows of a batch."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from archwright.core.rng import derive
from archwright.data.arrays import Split

__all__ = ["Order", "Rows"]


@dataclass(frozen=True, slots=True)
class Rows:
    """Encoded rows: numbers [N, M], codes [N, C], targets [N], weights [N] of mean 1 or None."""

    num: Tensor
    cat: Tensor
    y: Tensor
    weight: Tensor | None = None

    def __len__(self) -> int:
        return len(self.y)

    @classmethod
    def of(cls, split: Split, device: torch.device) -> Self:
        """Return `split` on `device`. On a CPU mapped files stay mapped: workers share one copy of the table."""
        weight = None
        if split.weight is not None:
            # Of mean 1, so that the learning rate means the same with and without weights.
            weight = torch.from_numpy(np.asarray(split.weight / split.weight.mean(), dtype=np.float32)).to(device)
        num, cat, y = (_tensor(array).to(device) for array in (split.num, split.cat, split.y))
        return cls(num, cat, y, weight)

    def take(self, index: Tensor) -> Rows:
        """Return the rows of `index` [B]."""
        weight = None if self.weight is None else self.weight[index]
        return Rows(self.num[index], self.cat[index], self.y[index], weight)

    def part(self, start: int, stop: int) -> Rows:
        """Return the rows from `start` to `stop` without copying."""
        weight = None if self.weight is None else self.weight[start:stop]
        return Rows(self.num[start:stop], self.cat[start:stop], self.y[start:stop], weight)


class Order:
    """The rows of every training step: one permutation after the other, cut into batches of equal size.

    A function of `seed` and the number of the step, so a checkpoint need not hold it.

    Args:
        n_rows: Rows N to go through.
        batch: Most rows of a batch. Batches are made equal (1,000 rows in batches of 512 are two of 500), as a
            small last batch would spoil the running statistics of BatchNorm.
        epoch_steps: Most steps of an epoch; a larger table goes on in the next epoch where it stopped.
        seed: Of the permutations.
        device: Where indices are wanted.
    """

    def __init__(self, n_rows: int, *, batch: int, epoch_steps: int, seed: int, device: torch.device) -> None:
        per_pass = -(-n_rows // batch)
        self.batch = -(-n_rows // per_pass)
        self.steps = min(per_pass, epoch_steps)
        self._n_rows, self._seed, self._device = n_rows, seed, device
        self._passes: dict[int, Tensor] = {}

    def rows(self, step: int) -> Tensor:
        """Return the rows [B] of training step `step`, counted from 0 over all epochs."""
        first = step * self.batch
        number, start = divmod(first, self._n_rows)
        index = self._permutation(number)[start : start + self.batch]
        if len(index) < self.batch:
            rest = self._permutation(number + 1)[: self.batch - len(index)]
            index = torch.cat([index, rest])
        return index

    def _permutation(self, number: int) -> Tensor:
        if number not in self._passes:
            self._passes.pop(number - 2, None)
            order = derive(self._seed, "shuffle", number).permutation(self._n_rows)
            self._passes[number] = torch.from_numpy(order).to(self._device)
        return self._passes[number]


def _tensor(array: npt.NDArray[Any]) -> Tensor:
    """Return a tensor over the same memory.

    Torch warns about memory that it could not write to. A mapped file is mapped once more as copy-on-write;
    pages are still shared between processes, as nobody writes.
    """
    if array.flags.writeable:
        return torch.from_numpy(array)
    base: object = array.base  # a mapping itself: not a part of one, whose offset would be that of the whole
    if isinstance(array, np.memmap) and isinstance(base, mmap.mmap) and array.filename is not None:
        shared = np.memmap(array.filename, dtype=array.dtype, mode="c", offset=array.offset, shape=array.shape)
        return torch.from_numpy(shared)
    return torch.from_numpy(array.copy())
