"""TEG-NAS's expressivity: into how many linear regions a network divides its inputs."""

# Legend: S samples, C channels, N activations of a sample.

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from archwright.core.errors import ProxyError, require_one_of
from archwright.nets.initialise import Scheme
from archwright.proxies.activations import watching
from archwright.proxies.base import Batch, proxy
from archwright.proxies.teg_repeats import Repeat, Repeats, mean_of

if TYPE_CHECKING:
    from torch import nn

    from archwright.proxies.copies import Copy

__all__ = ["activation_patterns", "count_distinct", "small_inputs", "teg_regions"]

Inputs = Literal["crops", "noise", "batch"]


@proxy(batchnorm=True, labels=False, higher_is_better=True, source="TEG-NAS, eq. 6 and section 4.2")
def teg_regions(
    model: nn.Module,
    batch: Batch,
    *,
    repeats: int = 3,
    init: Scheme | None = "kaiming",
    inputs: Inputs | None = None,
    samples: int = 1000,
    passes: int = 3,
    size: int = 3,
    channels: int | None = None,
    seed: int = 0,
    reference: bool = False,
) -> float:
    """Return the mean number of distinct activation patterns of many small inputs. Higher is better.

    A pattern says of every activation of every ReLU whether it is on. At most `passes * samples` patterns can differ,
    so networks must be thin to be told apart: on NAS-Bench-201 the released code takes one cell of one channel without
    a stem. Costs `repeats * passes` forward passes; patterns are packed into bits and counted as keys, exactly.

    Args:
        model: Network; of its parameters only the shapes count, unless `init` is None.
        batch: Images [B, C, H, W] that inputs are cut out of, or any inputs for `inputs="batch"`.
        repeats: Networks and samples of inputs.
        init: How parameters are drawn; None keeps the model's own.
        inputs: `"crops"` of random images at random places, normal `"noise"` of their shape, or the `"batch"` itself;
            by default crops where the batch holds images that are large enough, else the batch.
        samples: Inputs of a pass; BatchNorm's statistics are theirs.
        passes: Passes whose patterns are counted together.
        size: Side of the inputs.
        channels: Channels of the inputs, drawn for each input; by default those of the batch.
        seed: Seed of parameters and inputs.
        reference: The released code's choice of torch's default initialisation.

    Raises:
        ProxyError: if the network has no ReLU, or the inputs cannot be made.

    Source: TEG-NAS, eq. 6; numbers of inputs, their size and channels, and that they are cut out of training images:
    its released code. Differs: patterns of all ReLUs count, not of those on maps only.
    """
    scheme: Scheme | None = "torch" if reference else init
    kind = _kind(batch.x, inputs, size)
    n_channels = channels

    def value(repeat: Repeat) -> float:
        patterns = []
        for _ in range(1 if kind == "batch" else passes):
            x = batch.x if kind == "batch" else small_inputs(batch.x, kind, samples, size, n_channels, rng=repeat.rng)
            patterns.append(activation_patterns(repeat.net, x))
        return float(count_distinct(np.concatenate(patterns)))

    how = Repeats(repeats, None, scheme, seed, dtype=torch.float32)
    return mean_of(value, how.of(model, batch), what="the number of regions")


def activation_patterns(net: Copy, x: Tensor) -> npt.NDArray[np.uint8]:
    """Return which activations are on, eight to a byte [S, ceil(N / 8)].

    Raises:
        ProxyError: if there is no ReLU.
    """
    parts: list[npt.NDArray[np.bool_]] = []
    with torch.no_grad(), watching(lambda z: parts.append((z > 0).flatten(1).cpu().numpy())):
        net(x)
    if not parts:
        raise ProxyError("activation patterns need a network with a ReLU, but this one has none")
    return np.packbits(np.concatenate(parts, axis=1), axis=1)


def count_distinct(rows: npt.NDArray[np.uint8]) -> int:
    """Return how many rows [S, bytes] differ, by their hashes and, where these agree, their bytes."""
    rows = np.ascontiguousarray(rows)
    return len({row.tobytes() for row in rows})


def _kind(x: Tensor, inputs: Inputs | None, size: int) -> Inputs:
    large = x.ndim == 4 and min(x.shape[2:]) >= size
    if inputs is None:
        return "crops" if large else "batch"
    require_one_of(get_args(Inputs), ProxyError, inputs=inputs)
    if (inputs != "batch" and x.ndim != 4) or (inputs == "crops" and not large):
        raise ProxyError(
            f"inputs={inputs!r} of side {size} need images [B, C, H, W] of that size, but the batch is "
            f"{list(x.shape)}; use inputs='batch'"
        )
    return inputs


def small_inputs(
    x: Tensor, kind: Inputs, samples: int, size: int, channels: int | None, *, rng: np.random.Generator
) -> Tensor:
    """Return small inputs [S, C, size, size].

    Args:
        x: Images [B, C, H, W] that crops are cut out of.
        kind: `"crops"` or `"noise"`.
        samples: S.
        size: Side of the inputs.
        channels: Their channels, drawn for each input; None for all.
        rng: Draws them.

    Raises:
        ProxyError: if the images have fewer channels.
    """
    n, n_channels, height, width = x.shape
    wanted = channels or n_channels
    if wanted > n_channels:
        raise ProxyError(f"inputs cannot have {wanted} channels, as the batch's images have {n_channels}")
    if kind == "noise":
        return torch.from_numpy(rng.standard_normal((samples, wanted, size, size), dtype=np.float32)).to(x.device)
    image = rng.integers(n, size=samples)[:, None, None, None]
    # A sorted choice of channels per input, as the first of a random order of all.
    channel = np.sort(rng.random((samples, n_channels)).argsort(axis=1)[:, :wanted])[:, :, None, None]
    top = rng.integers(height - size + 1, size=samples)[:, None, None, None] + np.arange(size)[:, None]
    left = rng.integers(width - size + 1, size=samples)[:, None, None, None] + np.arange(size)
    return x[tuple(torch.from_numpy(part).to(x.device) for part in (image, channel, top, left))]
