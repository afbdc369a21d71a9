"""Adam without `torch.optim`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

__all__ = ["Adam"]

#: Source: ATLAS, App. B (Adam 0.9, 0.999, 1e-8), which are Kingma and Ba's.
_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8
_FUSED_DEVICES = ("cpu", "cuda")


class Adam:
    """Adam with decoupled weight decay, over given gradients.

    The first optimiser of `torch.optim` in a process imports `torch._dynamo`, which takes 0.9 to 1.4 s, as long
    as torch itself; this class takes none of it, and calls the same fused kernel (19 us a step for a 4 x 64
    network against 152 us with foreach operations; 0.39 ms against 2.0 ms for 4 x 512; one thread).

    Args:
        params: Tensors to update in place.
        decayed: Those of them that weight decay pulls to zero.
        weight_decay: Decay per unit of learning rate, as in AdamW.
        table: A further tensor [rows, E] of which a step touches few rows; see `step`.

    Source: Kingma and Ba, arXiv:1412.6980; decay: Loshchilov and Hutter, arXiv:1711.05101.
    """

    def __init__(
        self,
        params: Sequence[Tensor],
        *,
        decayed: Sequence[Tensor] = (),
        weight_decay: float = 0.0,
        table: Tensor | None = None,
    ) -> None:
        self.params = [param.detach() for param in params]
        self.decayed = [param.detach() for param in decayed]
        self.weight_decay = weight_decay
        self.table = None if table is None else table.detach()
        everything = self.params if self.table is None else [*self.params, self.table]
        self.means = [torch.zeros_like(param) for param in everything]
        self.squares = [torch.zeros_like(param) for param in everything]
        self.count = torch.zeros((), device=everything[0].device)

    @torch.no_grad()
    def step(self, grads: Sequence[Tensor], *, lr: float, clip: float = 0.0, rows: Tensor | None = None) -> None:
        """Make one update.

        Args:
            grads: One gradient for each of `params`; with `rows`, one more [len(rows), E]. They may be overwritten.
            lr: Learning rate.
            clip: Largest norm of all gradients together; 0 means no limit.
            rows: Rows of the table that the last gradient is about, each once. Differs: other rows keep
                their moments and are not moved, as in `torch.optim.SparseAdam`.
        """
        self.count += 1
        if self.weight_decay:
            torch._foreach_mul_(self.decayed, 1 - lr * self.weight_decay)
        params, means, squares = list(self.params), list(self.means), list(self.squares)
        if rows is not None:
            assert self.table is not None
            params.append(self.table[rows])
            means[-1], squares[-1] = means[-1][rows], squares[-1][rows]
        scale = _scale(grads, clip) if clip else None
        update = _fused if params[0].device.type in _FUSED_DEVICES else _foreach
        # The kernel walks over memory, and autograd.grad, unlike .backward(), promises no layout.
        update(params, [grad.contiguous() for grad in grads], means, squares, self.count, lr, scale)
        if rows is not None and self.table is not None:
            self.table[rows], self.means[-1][rows], self.squares[-1][rows] = params[-1], means[-1], squares[-1]

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Yield everything that a checkpoint must hold, by name. Copy into these to restore."""
        yield "count", self.count
        for i, (mean, square) in enumerate(zip(self.means, self.squares, strict=True)):
            yield f"mean.{i}", mean
            yield f"square.{i}", square


def _scale(grads: Sequence[Tensor], clip: float) -> Tensor:
    """Return what gradients must be divided by so that their common norm is at most `clip`."""
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(list(grads))))
    return torch.clamp_min(norm / clip, 1.0)


def _fused(
    params: list[Tensor],
    grads: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
    count: Tensor,
    lr: float,
    scale: Tensor | None,
) -> None:
    torch._fused_adam_(
        params,
        grads,
        means,
        squares,
        [],
        [count] * len(params),
        lr=lr,
        beta1=_BETA1,
        beta2=_BETA2,
        weight_decay=0.0,
        eps=_EPS,
        amsgrad=False,
        maximize=False,
        grad_scale=scale,
        found_inf=None,
    )


def _foreach(
    params: list[Tensor],
    grads: list[Tensor],
    means: list[Tensor],
    squares: list[Tensor],
    count: Tensor,
    lr: float,
    scale: Tensor | None,
) -> None:
    """The same step for devices without the fused kernel, and the slow twin of the tests."""
    if scale is not None:
        torch._foreach_div_(grads, scale)
    torch._foreach_lerp_(means, grads, 1 - _BETA1)
    torch._foreach_mul_(squares, _BETA2)
    torch._foreach_addcmul_(squares, grads, grads, 1 - _BETA2)
    done = float(count)
    sizes = torch._foreach_sqrt(squares)
    torch._foreach_div_(sizes, (1 - _BETA2**done) ** 0.5)
    torch._foreach_add_(sizes, _EPS)
    torch._foreach_addcdiv_(params, means, sizes, -lr / (1 - _BETA1**done))
