"""The repeats that TEG-NAS's three indicators are averaged over: fresh parameters and other rows each time."""

# Legend: B samples.

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from archwright.core.errors import ProxyError
from archwright.core.rng import derive
from archwright.nets.initialise import Scheme, initialise
from archwright.proxies.base import Batch
from archwright.proxies.copies import Copy, stand_in

__all__ = ["Repeat", "Repeats", "mean_of", "targets_of"]


@dataclass(frozen=True)
class Repeat:
    """One of the networks, and its rows.

    Args:
        net: Stand-in of the network; BatchNorm uses the batch's statistics.
        train: Rows of the batch.
        test: Other rows, where the indicator needs some; else None.
        rng: For whatever else this repeat draws.
    """

    net: Copy
    train: Batch
    test: Batch | None
    rng: np.random.Generator


@dataclass(frozen=True)
class Repeats:
    """How repeats are made.

    Args:
        n: How many.
        rows: Rows of the batch in each repeat (and as many others to test on); None for all (or half).
        init: How parameters are drawn anew each time, see `nets.initialise`; None keeps the model's own.
        seed: Of the draws.
        same_rows: Every repeat takes the batch's first rows, as the released code does.
        dtype: Precision.
    """

    n: int
    rows: int | None
    init: Scheme | None
    seed: int
    same_rows: bool = False
    dtype: torch.dtype = torch.float64

    def of(self, model: nn.Module, batch: Batch, *, test: bool = False) -> Iterator[Repeat]:
        """Yield the repeats; parameters depend on seed and repeat alone, so equal networks get equal parameters.

        Raises:
            ProxyError: if there are fewer rows than needed, or no repeat is asked for.
        """
        if self.n < 1:
            raise ProxyError(f"an indicator needs at least one repeat, but {self.n} were asked for")
        sides = 2 if test else 1
        rows = len(batch.x) // sides if self.rows is None else self.rows
        if rows < 2 or rows * sides > len(batch.x):
            raise ProxyError(f"each repeat needs {max(rows, 2) * sides} rows, but the batch has {len(batch.x)}")
        for number in range(self.n):
            order = np.arange(len(batch.x))
            if not self.same_rows:
                order = derive(self.seed, "teg rows", number).permutation(order)
            net = self._network(model, number)
            train = _rows(batch, order[:rows])
            yield Repeat(
                net, train, _rows(batch, order[rows : 2 * rows]) if test else None, derive(self.seed, "teg", number)
            )

    def _network(self, model: nn.Module, number: int) -> Copy:
        if self.init is not None:
            with torch.inference_mode(False):
                model = initialise(copy.deepcopy(model), self.init, rng=derive(self.seed, "teg network", number))
        return stand_in(model, batchnorm="batch", dtype=self.dtype)


def mean_of(values_of: Callable[[Repeat], float], repeats: Iterator[Repeat], *, what: str) -> float:
    """Return the mean over all repeats.

    Raises:
        ProxyError: if the value of one repeat is not finite. A network that fails now and then is a bad one: a
            mean over the other repeats would make it look better than it is.
    """
    values = [values_of(repeat) for repeat in repeats]
    mean = float(np.mean(values))
    if not np.isfinite(mean):
        raise ProxyError(f"{what} must be finite, but this network's is not in {np.sum(~np.isfinite(values))} repeats")
    return mean


def targets_of(y: Tensor | None, n_outputs: int) -> Tensor:
    """Return targets [B, outputs], centred: one-hot labels, or real targets as they are.

    Raises:
        ProxyError: if there are no targets, not one label for each row, or a label is no output of the network.
    """
    if y is None:
        raise ProxyError("kernel regression needs targets, but the batch has none; give them")
    if y.is_floating_point():
        values = y.double().flatten(1) if y.ndim > 1 else y.double()[:, None]
    else:
        if y.ndim != 1:
            raise ProxyError(f"kernel regression needs one label for each row, but the labels are {list(y.shape)}")
        n_classes = max(2, n_outputs)
        if int(y.min()) < 0 or int(y.max()) >= n_classes:
            raise ProxyError(f"labels must be 0..{n_classes - 1}, but reach from {int(y.min())} to {int(y.max())}")
        values = nn.functional.one_hot(y.long(), n_classes).double()
    return values - values.mean(0)


def _rows(batch: Batch, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Batch:
    index = torch.from_numpy(rows).to(batch.x.device)
    return Batch(batch.x[index], None if batch.y is None else batch.y[index])
