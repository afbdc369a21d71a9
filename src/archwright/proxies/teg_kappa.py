"""TEG-NAS's trainability: the condition number of the neural tangent kernel, averaged."""

# Legend: B samples.

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from archwright.nets.initialise import Scheme
from archwright.proxies.base import Batch, proxy
from archwright.proxies.ntk import condition
from archwright.proxies.per_sample import Parameters, ntk
from archwright.proxies.teg_repeats import Repeat, Repeats, mean_of

if TYPE_CHECKING:
    from torch import nn

__all__ = ["teg_kappa"]


@proxy(batchnorm=True, labels=False, higher_is_better=False, source="TEG-NAS, eq. 4 and section 4.2")
def teg_kappa(
    model: nn.Module,
    batch: Batch,
    *,
    repeats: int = 3,
    rows: int | None = None,
    init: Scheme | None = "kaiming",
    parameters: Parameters = "all",
    frozen: bool = False,
    seed: int = 0,
    reference: bool = False,
) -> float:
    """Return the mean condition number of the neural tangent kernel over fresh networks and rows. Lower is better.

    In float64. Costs `repeats` times as many backward passes as there are rows, or `repeats` with `frozen`. On
    NAS-Bench-201 the paper uses networks of three channels and one cell per stage, and 64 rows.

    Args:
        model: Network; of its parameters only the shapes count, unless `init` is None.
        batch: Inputs [B, ...].
        repeats: Networks and mini-batches.
        rows: Rows of a mini-batch, drawn from the batch; None takes all.
        init: How parameters are drawn; None keeps the model's own.
        parameters: By which parameters outputs are differentiated.
        frozen: Take BatchNorm's statistics as constants: several times faster, another kernel.
        seed: Seed of parameters and rows.
        reference: The released code's choices: torch's default initialisation (it asks for another by a name that
            nothing recognises), the same first rows in every repeat, parameters with "weight" in their name, float32,
            and no check for singular kernels, so that the value may be negative.

    Raises:
        ProxyError: if a kernel is singular or not finite in any repeat, or the batch is too small.

    Source: TEG-NAS, eq. 4; three repeats: section 4.2.
    """
    how = Repeats(repeats, rows, init, seed)
    if reference:
        how = Repeats(repeats, rows, "torch", seed, same_rows=True, dtype=torch.float32)
    which: Parameters = "weights" if reference else parameters

    def value(repeat: Repeat) -> float:
        kernel = ntk(repeat.net, repeat.train.x, parameters=which, frozen=frozen)
        return condition(kernel, guard=not reference)

    return mean_of(value, how.of(model, batch), what="the condition number")
