"""Proxies as an evaluator: builds the network of an architecture and scores it on fixed batches."""

# Legend: B rows of a batch.

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from archwright.core.catalog import find
from archwright.core.errors import NasError, ProxyError
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result

if TYPE_CHECKING:
    from torch import nn

    from archwright.core.arch import Arch
    from archwright.nets.initialise import Scheme
    from archwright.proxies.base import Batch
    from archwright.spaces.base import Space

__all__ = ["SECONDS", "Arrays", "NetworkProxies", "failures"]

#: Prefix of the measure that holds how long a proxy took; `seconds:build` is the making of the networks.
SECONDS = "seconds:"
#: What a batch is here: inputs [B, ...] and targets [B, ...], or None where there are none.
Arrays = tuple[npt.NDArray[Any], npt.NDArray[Any] | None]
#: What a proxy, of a plug-in too, may fail by; each of them is that proxy's failure and no other's.
_FAILURES = (NasError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


class NetworkProxies:
    """Scores one architecture per call by several proxies; picklable.

    The result's `measures` hold `NAME` and `seconds:NAME` (of all repeats together) for every proxy that could be
    computed, with the proxy's own sign, and `seconds:build`. Its score is the first proxy times that proxy's
    direction, so higher is better. A proxy that fails has no measure and a line `NAME: reason` in `error`, see
    `failures`; the others keep theirs.
    Everything follows from `seed` and the architecture, not from the trial: equal architectures have equal values.
    Fidelity is ignored.

    Args:
        space: Where architectures come from; a space that has networks.
        shape: What a network takes and gives: `ImageShape`, `TokenShape`, or what the space's builder wants.
        batches: One or more batches; repeat k uses batch k, and the first again after the last.
        proxies: Names of the catalogue, all different.
        seed: Seed of the networks' parameters and of the proxies that draw.
        size: Keywords of the space's builder: `channels`, `cells`, ...
        init: How parameters are drawn, see `nets.initialise`; `"torch"` as the layers of torch do it.
        repeats: Networks per architecture, each with parameters of its own; values are means over them.

    Raises:
        UnknownNameError: if the catalogue has no such proxy; the message offers the nearest one.
        ProxyError: if no proxy or batch is given, a proxy is named twice, or one needs labels and there are none.
    """

    def __init__(
        self,
        space: Space,
        shape: Any,
        batches: Sequence[Arrays],
        proxies: Sequence[str],
        *,
        seed: int,
        size: Mapping[str, Any] | None = None,
        init: Scheme = "torch",
        repeats: int = 1,
    ) -> None:
        if not proxies or len(set(proxies)) < len(proxies):
            raise ProxyError(f"proxies must be one or more different names, but {', '.join(proxies) or 'none'} given")
        if not batches or repeats < 1:
            raise ProxyError(f"scoring needs a batch and a repeat, but {len(batches)} and {repeats} were given")
        functions = {name: find("proxy", name) for name in proxies}
        unlabelled = any(y is None for _, y in batches)
        needy = [name for name, function in functions.items() if unlabelled and "labels" in function.needs]
        if needy:
            raise ProxyError(f"{', '.join(needy)} need labels, but the batch has none; leave them out")
        self.space, self.shape, self.proxies = space, shape, tuple(proxies)
        self.batches = tuple(batches)
        self.seed, self.size, self.init, self.repeats = seed, dict(size or {}), init, repeats

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Return all values of `proposal.arch`; what cannot be built is a result with an error.

        With `limit_s`, proxies whose turn comes later than that are not begun and count as failed.
        """
        began_s = time.monotonic()
        try:
            measures, failed = self._measured(proposal.arch, self.proxies, limit_s)
        except (NasError, TypeError) as error:
            return Result(None, time.monotonic() - began_s, error=_reason(error))
        return self._result(measures, failed, time.monotonic() - began_s)

    def network(self, arch: Arch, *, repeat: int = 0) -> nn.Module:
        """Return the untrained network of `arch` that repeat `repeat` scores.

        Raises:
            ArchError: if `arch` is not in the space.
        """
        from archwright.nets.build import build
        from archwright.nets.initialise import initialise

        arch = self.space.require(arch)
        # The same generator for every architecture: what two have in common differs as little as can be.
        model: nn.Module = build(arch, self.space, self.shape, rng=derive(self.seed, "network", repeat), **self.size)
        if self.init != "torch":
            initialise(model, self.init, rng=derive(self.seed, "initialise", repeat))
        return model

    def expect(self, archs: Sequence[Arch]) -> None:
        """Say what will be asked for next; here networks are scored one by one, and nothing follows from it."""

    def _measured(
        self, arch: Arch, names: Sequence[str], limit_s: float | None
    ) -> tuple[dict[str, float], dict[str, str]]:
        """Return the measures of some proxies, and why others have none, from networks that are built now.

        Raises:
            NasError, TypeError: if the network cannot be built.
        """
        began_s = time.monotonic()
        networks = [self.network(arch, repeat=repeat) for repeat in range(self.repeats)]
        measures, failed = {f"{SECONDS}build": time.monotonic() - began_s}, {}
        batches = self._tensors()
        for name in names:
            start_s = time.monotonic()
            try:
                if limit_s is not None and start_s - began_s >= limit_s:
                    raise ProxyError(f"its turn did not come within {limit_s:g} s")
                measures[name] = self._value(name, networks, batches)
            except _FAILURES as error:
                failed[name] = _reason(error)
                continue
            measures[f"{SECONDS}{name}"] = time.monotonic() - start_s
        return measures, failed

    def _result(self, measures: Mapping[str, float], failed: Mapping[str, str], cost_s: float) -> Result:
        first = measures.get(self.proxies[0])
        score = None if first is None else first * find("proxy", self.proxies[0]).direction
        error = "\n".join(f"{name}: {reason}" for name, reason in failed.items())
        return Result(score, cost_s, measures=measures, error=error)

    def _value(self, name: str, networks: Sequence[nn.Module], batches: Sequence[Batch]) -> float:
        values = []
        for repeat, network in enumerate(networks):
            value = self._call(name)(network, batches[repeat % len(batches)], repeat)
            if not math.isfinite(value):
                raise ProxyError(f"the value is {value}")
            values.append(float(value))
        return sum(values) / len(values)

    def _call(self, name: str) -> Callable[[nn.Module, Batch, int], float]:
        """Return the proxy as a function of network, batch and repeat, which draws another seed where it takes one."""
        function = find("proxy", name)
        if "seed" not in inspect.signature(function).parameters:
            return lambda network, batch, repeat: function(network, batch)
        seed = self.seed
        return lambda network, batch, repeat: function(network, batch, seed=seed + repeat)

    def _tensors(self) -> list[Batch]:
        import torch

        from archwright.proxies.base import Batch

        # Copies of the arrays that come from another process may be read-only, which torch warns of.
        pairs = [(np.require(x, requirements="W"), y) for x, y in self.batches]
        return [
            Batch(torch.from_numpy(x), None if y is None else torch.from_numpy(np.require(y, requirements="W")))
            for x, y in pairs
        ]


def failures(result: Result) -> dict[str, str]:
    """Return the proxies that failed in a result of `NetworkProxies`, each with its reason.

    Empty where none did, and where the network itself could not be built: then there are no measures at all.
    """
    lines = result.error.split("\n") if result.measures else []
    return {name: reason for name, colon, reason in (line.partition(": ") for line in lines) if colon}


def _reason(error: Exception) -> str:
    """Return one line about a failure; an error of another library keeps the name of its class."""
    words = " ".join(str(error).split()) or "no reason given"
    words = words if len(words) <= 200 else f"{words[:197]}..."
    return words if isinstance(error, NasError) else f"{type(error).__name__}: {words}"
