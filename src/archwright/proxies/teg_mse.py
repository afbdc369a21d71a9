"""TEG-NAS's generalisation: the error of regression with the neural tangent kernel."""

# Legend: n rows to train on, m to test on, P parameters.

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from archwright.core.errors import ProxyError, require_one_of
from archwright.nets.initialise import Scheme
from archwright.proxies.base import Batch, proxy
from archwright.proxies.layer_grams import frozen_ntk
from archwright.proxies.per_sample import per_sample_gradients, scalar_outputs
from archwright.proxies.teg_repeats import Repeat, Repeats, mean_of, targets_of

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Layers", "regression", "teg_mse"]

#: By whose parameters the kernel is: those of the network's last layer, of its cells, of all layers, or a test of
#: names.
Layers = Literal["last", "cells", "all"] | Callable[[str], bool]

#: Ridge, as a share of the kernel's mean eigenvalue.
RIDGE = 1e-6


@proxy(batchnorm=True, labels=True, higher_is_better=False, source="TEG-NAS, eq. 8-9 and section 4.2")
def teg_mse(
    model: nn.Module,
    batch: Batch,
    *,
    repeats: int = 3,
    rows: int | None = None,
    init: Scheme | None = "kaiming",
    layers: Layers = "last",
    ridge: float = RIDGE,
    frozen: bool = False,
    seed: int = 0,
    reference: bool = False,
) -> float:
    """Return the mean test error of kernel regression with the neural tangent kernel. Lower is better.

    Rows are split into two halves; the targets of the first, centred one-hot labels, are regressed onto the second, and
    the error of a row is the length of the difference. In float64. With `layers="last"` it costs two forward passes a
    repeat, else as many backward passes as there are rows.

    Args:
        model: Network; of its parameters only the shapes count, unless `init` is None.
        batch: Inputs [B, ...] and targets.
        repeats: Networks and splits.
        rows: Rows to train on and rows to test on, drawn from the batch; None takes a half for each.
        init: How parameters are drawn; None keeps the model's own.
        layers: By which parameters. `"last"` are those of the last module that has some, in the order of the modules;
            `"cells"` those with "cell" in their name.
        ridge: What is added to the kernel's diagonal, as a share of its mean.
        frozen: Take BatchNorm's statistics, of both halves together, as constants.
        seed: Seed of parameters and rows.
        reference: The released code's choices: torch's default initialisation, the same rows in every repeat, the
            cells' parameters with "weight" in their name, squared lengths, float32, no ridge.

    Raises:
        ProxyError: if the regression fails in any repeat, there are no such parameters or no targets, or the batch
            is too small.

    Source: TEG-NAS, eq. 8-9. Differs: with a ridge, since the last layer's kernel is singular as soon as there are
    more rows than features; the paper does not centre the targets, its code does.
    """
    how = Repeats(repeats, rows, init, seed)
    if reference:
        how = Repeats(repeats, rows, "torch", seed, same_rows=True, dtype=torch.float32)
        layers, ridge = (lambda name: "cell" in name and "weight" in name), 0.0

    def value(repeat: Repeat) -> float:
        assert repeat.test is not None
        kernel, n_outputs = _kernel(repeat, layers, frozen=frozen)
        n = len(repeat.train.x)
        train, test = (targets_of(part.y, n_outputs).to(kernel) for part in (repeat.train, repeat.test))
        wrong = regression(kernel[:n, :n], kernel[n:, :n], train, ridge=ridge) - test
        lengths = wrong.norm(dim=1)
        return float(lengths.square().mean() if reference else lengths.mean())

    return mean_of(value, how.of(model, batch, test=True), what="the regression error")


def regression(kernel: Tensor, cross: Tensor, targets: Tensor, *, ridge: float = RIDGE) -> Tensor:
    """Return predictions [m, outputs] of kernel regression.

    Args:
        kernel: Symmetric kernel [n, n] between the rows to train on.
        cross: Kernel [m, n] of the rows to test on with these.
        targets: [n, outputs].
        ridge: What is added to the diagonal, as a share of its mean; zero solves the plain system.

    Raises:
        ProxyError: if the kernel is zero, not finite, or singular and there is no ridge.

    Source: TEG-NAS, eq. 8. Differs: by Cholesky where there is a ridge, no inverse.
    """
    mean = float(kernel.diagonal().mean())
    if not 0 < mean < float("inf"):
        raise ProxyError(f"the kernel must be finite and not zero, but the mean of its diagonal is {mean:g}")
    if ridge == 0:
        solution, info = torch.linalg.solve_ex(kernel, targets)
    else:
        factor, info = torch.linalg.cholesky_ex(kernel + ridge * mean * torch.eye(len(kernel)).to(kernel))
        solution = torch.cholesky_solve(targets, factor)
    if int(info) != 0:
        raise ProxyError("the kernel must be regular, but it is singular; use a larger ridge")
    regressed: Tensor = cross @ solution
    return regressed


def _kernel(repeat: Repeat, layers: Layers, *, frozen: bool) -> tuple[Tensor, int]:
    """Return the kernel of all rows [n + m, n + m], those to train on first, and the network's outputs."""
    assert repeat.test is not None
    net, sides = repeat.net, (repeat.train.x, repeat.test.x)
    params = _params(net.params, layers)
    width = 0

    def values_of(logits: Tensor) -> Tensor:
        nonlocal width
        width = logits[0].numel()
        return scalar_outputs(logits)

    if frozen:
        kernel = frozen_ntk(net, torch.cat(sides), params, values_of)
        return kernel, width
    rows = []
    with torch.inference_mode(False), torch.enable_grad():
        for x in sides:
            rows.append(per_sample_gradients(values_of(net(x.clone())), params.values(), x))
    gradients = torch.cat(rows)
    return gradients @ gradients.T, width


def _params(params: dict[str, Tensor], layers: Layers) -> dict[str, Tensor]:
    if isinstance(layers, str):
        require_one_of(("last", "cells", "all"), ProxyError, layers=layers)
    if layers == "last":
        owner = next(reversed(params), "").rpartition(".")[0]
        found = {name: param for name, param in params.items() if name.rpartition(".")[0] == owner}
    elif layers == "cells":
        found = {name: param for name, param in params.items() if "cell" in name}
    else:
        found = {name: param for name, param in params.items() if layers == "all" or layers(name)}
    if not found:
        raise ProxyError(f"no parameter belongs to layers={layers!r}; use 'all', or 'last'")
    return found
