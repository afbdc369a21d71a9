"""The neural tangent kernel with BatchNorm's statistics held constant: one backward pass and a rule for each layer."""

# Legend: B samples, C channels in, O channels out, G groups of channels, L places of a map, K kernel places.

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from archwright.core.errors import ProxyError

if TYPE_CHECKING:
    from archwright.proxies.copies import Copy

__all__ = ["frozen_ntk"]

#: From the gradient by a layer's output, the terms that each of its parameters adds.
Rule = Callable[[Tensor], "list[_Term]"]


@dataclass(frozen=True)
class _Term:
    """What one use of a parameter adds to the samples' gradients by it.

    Args:
        param: The parameter.
        rows: Per-sample gradients [B, P]; with `times`, the first factor of an outer product.
        times: The second factor [B, Q]: the gradient of a sample is the outer product of its two rows.
    """

    param: Tensor
    rows: Tensor
    times: Tensor | None = None

    def gram(self) -> Tensor:
        gram = self.rows @ self.rows.T
        return gram if self.times is None else gram.mul_(self.times @ self.times.T)

    def dense(self) -> Tensor:
        """Return the per-sample gradients themselves [B, P]."""
        return self.rows if self.times is None else torch.einsum("bp,bq->bpq", self.rows, self.times).flatten(1)


def frozen_ntk(copy: Copy, x: Tensor, params: Mapping[str, Tensor], values_of: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the kernel [B, B] of a network whose normalisation uses the batch's statistics as constants.

    Samples do not meet, so one backward pass of the summed values gives every sample's gradient by every layer's
    output, and the layer's inputs do the rest: (A A^T) * (D D^T) for a linear layer, with A its inputs and D those
    gradients, and per-sample weight gradients from unfolded inputs for a convolution, reduced to [B, B] at once.
    Parameters that are used in any other way, an embedding's for example, get a backward pass per sample through the
    same graph.

    Args:
        copy: Stand-in whose BatchNorm uses the batch's statistics.
        x: Inputs [B, ...].
        params: Those leaves of `copy.params` that count.
        values_of: Gives the scalar [B] of each sample from the network's outputs.

    Raises:
        ProxyError: if no output depends on any of the parameters.
    """
    from archwright.proxies.per_sample import per_sample_gradients

    with torch.inference_mode(False), torch.enable_grad():
        recorder = _Recorder(params.values(), len(x))
        with recorder:
            logits = copy(x.clone())
        values = values_of(logits)
        uses, odd = recorder.sorted_out()
        kernel = _kernel_of(values, uses)
        rest = [param for param in params.values() if id(param) in odd]
        if rest:
            gradients = per_sample_gradients(values, rest, x)
            kernel = kernel + gradients @ gradients.T
    if not (uses or rest):
        raise ProxyError("the network's outputs must depend on its parameters, but they depend on none")
    return kernel


def _kernel_of(values: Tensor, uses: list[_Use]) -> Tensor:
    kernel = torch.zeros(len(values), len(values), dtype=values.dtype, device=values.device)
    if not uses:
        return kernel
    grads = torch.autograd.grad(values.sum(), [use.output for use in uses], retain_graph=True, allow_unused=True)
    n_uses: dict[int, int] = {}
    for use, grad in zip(uses, grads, strict=True):
        for param in use.params if grad is not None else ():
            n_uses[id(param)] = n_uses.get(id(param), 0) + 1
    shared: dict[int, Tensor] = {}
    with torch.no_grad():
        for use, grad in zip(uses, grads, strict=True):
            for term in use.rule(grad) if grad is not None else ():
                key = id(term.param)
                if n_uses[key] == 1:
                    kernel += term.gram()
                else:  # a layer that is used twice: its gradients add up before they are multiplied
                    shared[key] = shared[key] + term.dense() if key in shared else term.dense()
        for rows in shared.values():
            kernel += rows @ rows.T
    return kernel


@dataclass(frozen=True, eq=False)
class _Use:
    """One call of a layer whose parameters count."""

    output: Tensor
    version: int
    params: tuple[Tensor, ...]
    rule: Rule


class _Recorder(TorchFunctionMode):
    """Notes how parameters are used while a network runs, and holds BatchNorm's statistics constant."""

    def __init__(self, params: Iterable[Tensor], n: int) -> None:
        super().__init__()
        self.wanted = {id(param) for param in params}
        self.n = n
        self.uses: list[_Use] = []
        #: Parameters that were used in a way that has no rule here.
        self.odd: set[int] = set()

    def _by_sample(self, func: Any, output: Tensor) -> bool:
        """Return whether the first axis of a layer's output is surely that of the samples.

        A recurrent network may run over [time, samples], and a layer may see all places of all samples as rows.
        """
        between = output.shape[1:-1] if func is functional.linear else ()
        return output.ndim > 1 and len(output) == self.n and self.n not in between

    def sorted_out(self) -> tuple[list[_Use], set[int]]:
        """Return the uses whose rules hold, and the parameters for which there is more than those uses.

        A layer whose output was changed in place has no gradient to give its rule. What shares a use with a parameter
        that has no rule is handled with it.
        """
        uses = [use for use in self.uses if use.output._version == use.version]
        odd = self.odd | {id(param) for use in self.uses if use not in uses for param in use.params}
        while True:
            touched = [use for use in uses if odd & {id(param) for param in use.params}]
            if not touched:
                return uses, odd
            uses = [use for use in uses if use not in touched]
            odd |= {id(param) for use in touched for param in use.params}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is functional.relu:
            return func(args[0] if args else kwargs["input"])  # not in place: that would hide a layer's output
        handler = _HANDLERS.get(func)
        if handler is None:
            if not _is_question(func):
                self.odd |= {id(value) for value in _tensors((*args, *kwargs.values()))} & self.wanted
            return func(*args, **kwargs)
        output, params, rule = handler(*args, **kwargs)
        mine = tuple(param for param in params if id(param) in self.wanted)
        if rule is None or not self._by_sample(func, output):
            self.odd.update(map(id, mine))
        elif mine:
            self.uses.append(_Use(output, output._version, mine, _only(rule, {id(param) for param in mine})))
        return output


def _only(rule: Rule, wanted: set[int]) -> Rule:
    return lambda grad: [term for term in rule(grad) if id(term.param) in wanted]


def _is_question(func: Any) -> bool:
    """Return whether a function only asks for a property of a tensor, such as its shape."""
    return getattr(func, "__name__", "") in {"__get__", "size", "dim", "numel", "is_floating_point", "stride"} and (
        getattr(func, "__self__", None) not in {Tensor.T, Tensor.mT, Tensor.H, Tensor.mH, Tensor.data, Tensor.real}
    )


def _tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


# A handler runs one layer, and says by which parameters and how: (output, parameters, rule). Without a rule the
# parameters are handled in the general way.


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> tuple[Tensor, list[Tensor], Rule]:
    output = functional.linear(x, weight, bias)
    a = x.detach()

    def rule(grad: Tensor) -> list[_Term]:
        if a.ndim == 2:
            terms = [_Term(weight, grad, a)]
        else:
            d, rows = grad.flatten(1, -2), a.flatten(1, -2)  # [B, L, O], [B, L, C]
            terms = [_Term(weight, torch.bmm(d.transpose(1, 2), rows).flatten(1))]
        return terms if bias is None else [*terms, _Term(bias, grad if a.ndim == 2 else grad.flatten(1, -2).sum(1))]

    return output, [weight] if bias is None else [weight, bias], rule


def _conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> tuple[Tensor, list[Tensor], Rule | None]:
    output = functional.conv2d(x, weight, bias, stride, padding, dilation, groups)
    params = [weight] if bias is None else [weight, bias]
    if isinstance(padding, str) or x.ndim != 4:
        return output, params, None
    a = x.detach()

    def rule(grad: Tensor) -> list[_Term]:
        d = grad.flatten(2)  # [B, O, L]
        patches = _patches(a, tuple(weight.shape[2:]), stride, padding, dilation)  # [B, C K, L]
        if groups > 1:
            d, patches = (torch.unflatten(part, 1, (groups, -1)).flatten(0, 1) for part in (d, patches))
        rows = torch.bmm(d, patches.transpose(1, 2)).view(len(a), -1)
        terms = [_Term(weight, rows)]
        return terms if bias is None else [*terms, _Term(bias, grad.flatten(2).sum(2))]

    return output, params, rule


def _patches(x: Tensor, kernel: tuple[int, ...], stride: Any, padding: Any, dilation: Any) -> Tensor:
    """Return what each place of the output looks at [B, C K, L]."""
    steps = (stride, stride) if isinstance(stride, int) else tuple(stride)
    pads = (padding, padding) if isinstance(padding, int) else tuple(padding)
    if kernel == (1, 1) and pads == (0, 0):
        return x[..., :: steps[0], :: steps[1]].flatten(2)
    return functional.unfold(x, kernel, dilation=dilation, padding=pads, stride=steps)


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Tensor, list[Tensor], Rule]:
    if training or running_mean is None or running_var is None:
        with torch.no_grad():
            axes = [0, *range(2, input.ndim)]
            variance, mean = torch.var_mean(input, axes, unbiased=False)
    else:
        mean, variance = running_mean, running_var
    output = functional.batch_norm(input, mean, variance, weight, bias, False, 0.0, eps)
    params = [param for param in (weight, bias) if param is not None]

    def rule(grad: Tensor) -> list[_Term]:
        terms = []
        d = grad.flatten(2) if grad.ndim > 2 else grad[..., None]
        if weight is not None:
            normal = functional.batch_norm(input, mean, variance, None, None, False, 0.0, eps)
            terms.append(_Term(weight, (d * normal.view_as(d)).sum(2)))
        if bias is not None:
            terms.append(_Term(bias, d.sum(2)))
        return terms

    return output, params, rule


_HANDLERS: dict[Any, Callable[..., tuple[Tensor, list[Tensor], Rule | None]]] = {
    functional.linear: _linear,
    functional.conv2d: _conv2d,
    functional.batch_norm: _batch_norm,
}
