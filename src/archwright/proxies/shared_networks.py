"""Proxies of networks that share one draw of weights, as an evaluator: a width space scored many networks at a time."""

# Legend: B rows, d inputs, N architectures.

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from archwright.core.errors import NasError, ProxyError
from archwright.core.trial import Proposal, Result
from archwright.data.shapes import VectorShape, require_shape
from archwright.proxies.base import Batch
from archwright.proxies.networks import SECONDS, Arrays, NetworkProxies
from archwright.proxies.tabular import DATA_FREE, TABULAR, score_drawn
from archwright.proxies.tabular_draw import SharedDraw

if TYPE_CHECKING:
    from torch import nn

    from archwright.core.arch import Arch
    from archwright.spaces.tabular_mlp import TabularMlp

__all__ = ["SHARED", "SharedNetworkProxies"]

#: Proxies that are computed for many networks together. Not `grasp`, whose fast form takes BatchNorm's eps as nothing:
#: on real tables that moves ranks.
SHARED = tuple(name for name in TABULAR if name != "grasp")
#: Networks that are scored together at most: about a second of work, after which what is done can be kept.
_TOGETHER = 512

#: Measures of one architecture.
_Measures = dict[str, float]


class SharedNetworkProxies(NetworkProxies):
    """`NetworkProxies` of a width space whose networks are corners of one draw of weights; picklable.

    Repeat k scores `SharedDraw(..., seed=seed + k).network(arch)`. Proxies of `SHARED` are computed for whole sets of
    networks, which is several times faster and gives what the proxy gives for each of these networks, up to rounding;
    `expressflow`, which draws weights of its own, takes those of `WholeSpace`. All other proxies score network by
    network, and so does one of `SHARED` where its fast form has no value: it then gives its value, or says why not.

    `seconds:NAME` of a fast proxy is its share of the pass that it was computed in: of the networks, and of the
    proxies, evenly. `seconds:build` is zero where no network was made.

    Args:
        space: Width space.
        shape: Inputs and outputs of the networks.
        batches: Rows [B, d] and targets [B]; see `NetworkProxies`.
        proxies: Names of the catalogue, all different.
        seed: Of the weights and of the proxies that draw.
        repeats: Draws; values are means over them.
        ahead: Architectures that will be asked for, in this order: when one is, up to 512 are scored together.

    Raises:
        UnknownNameError: if the catalogue has no such proxy.
        ShapeError: if `shape` is not one of vectors.
        ProxyError: as `NetworkProxies`.
    """

    def __init__(
        self,
        space: TabularMlp,
        shape: VectorShape,
        batches: Sequence[Arrays],
        proxies: Sequence[str],
        *,
        seed: int,
        repeats: int = 1,
        ahead: Sequence[Arch] = (),
    ) -> None:
        super().__init__(space, shape, batches, proxies, seed=seed, repeats=repeats)
        shape = require_shape(shape, VectorShape, space=space.name)
        self._fast = tuple(name for name in self.proxies if name in SHARED)
        self._draws = [
            SharedDraw(space, shape.features, n_outputs=shape.classes, seed=seed + repeat) for repeat in range(repeats)
        ]
        self.expect(ahead)

    def expect(self, archs: Sequence[Arch]) -> None:
        """Say what will be asked for from now on, in this order; scores that nobody asked for are forgotten."""
        self._ahead, self._place = tuple(archs), {arch: place for place, arch in enumerate(archs)}
        self._scored: dict[Arch, _Measures] = {}

    def network(self, arch: Arch, *, repeat: int = 0) -> nn.Module:
        """Return the untrained network of `arch` that repeat `repeat` scores.

        Raises:
            ArchError: if `arch` is not in the space.
        """
        return self._draws[repeat].network(arch)

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Return all values of `proposal.arch`; what is not in the space is a result with an error.

        `limit_s` counts for the proxies that score network by network.
        """
        began_s, arch = time.monotonic(), proposal.arch
        try:
            self.space.require(arch)
            if arch not in self._scored:
                self._score(arch)
            measures = self._scored.pop(arch)
            missing = [name for name in self.proxies if name not in measures]
            failed: Mapping[str, str] = {}
            if missing:
                found, failed = self._measured(arch, missing, limit_s)
                measures |= found
        except NasError as error:
            return Result(None, time.monotonic() - began_s, error=" ".join(str(error).split()))
        return self._result(measures, failed, time.monotonic() - began_s)

    def _score(self, arch: Arch) -> None:
        """Score an architecture by all fast proxies, and with it those that come next."""
        place = self._place.get(arch)
        archs = (arch,) if place is None else self._ahead[place : place + _TOGETHER]
        values = np.zeros((len(archs), len(self._fast)))
        seconds = np.zeros(len(self._fast))
        batches = self._tensors()
        for repeat, draw in enumerate(self._draws):
            batch = batches[repeat % len(batches)]
            for names in self._passes():
                columns = [self._fast.index(name) for name in names]
                start_s = time.monotonic()
                found = _drawn(draw, archs, batch, names)
                seconds[columns] += (time.monotonic() - start_s) / len(names) / len(archs)
                values[:, columns] += np.stack([found[name] for name in names], axis=1) / self.repeats
        for one, row in zip(archs, values.tolist(), strict=True):
            self._scored[one] = {f"{SECONDS}build": 0.0} | {
                key: number
                for name, value, took_s in zip(self._fast, row, seconds.tolist(), strict=True)
                if np.isfinite(value)
                for key, number in ((name, value), (f"{SECONDS}{name}", took_s))
            }

    def _passes(self) -> list[list[str]]:
        """Return the fast proxies by what is computed at once: each without data alone, all others in one walk."""
        alone = [[name] for name in self._fast if name in DATA_FREE]
        together = [name for name in self._fast if name not in DATA_FREE]
        return [*alone, together] if together else alone


def _drawn(
    draw: SharedDraw, archs: Sequence[Arch], batch: Batch, names: Sequence[str]
) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """Return values [N] of each proxy; NaN for all where the batch has too few rows or other targets than they need."""
    try:
        with torch.inference_mode(False):
            return score_drawn(draw, archs, batch, names)
    except ProxyError:
        return {name: np.full(len(archs), np.nan) for name in names}
