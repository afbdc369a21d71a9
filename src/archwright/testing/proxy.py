"""The laws of a zero-cost proxy."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["ProxyContract"]


class ProxyContract:
    """Inherit, set `name` to the catalogue's name, and give `proxy`, `model` and `batch`."""

    name = ""

    def proxy(self, model: torch.nn.Module, batch: Any) -> float:
        """Return the score; calls the function under test."""
        raise NotImplementedError

    def function(self) -> Any:
        """Return the decorated function itself."""
        raise NotImplementedError

    def model(self) -> torch.nn.Module:
        """Return an untrained network; the same weights each time."""
        raise NotImplementedError

    def batch(self) -> Any:
        """Return a batch; the same each time."""
        raise NotImplementedError

    def test_the_score_is_a_finite_float(self) -> None:
        score = self.proxy(self.model(), self.batch())
        assert type(score) is float
        assert math.isfinite(score)

    def test_it_is_deterministic(self) -> None:
        assert self.proxy(self.model(), self.batch()) == self.proxy(self.model(), self.batch())

    def test_asking_twice_gives_the_same(self) -> None:
        model, batch = self.model(), self.batch()
        assert self.proxy(model, batch) == self.proxy(model, batch)

    def test_it_leaves_the_model_as_it_was(self) -> None:
        model = self.model()
        before = _snapshot(model)
        self.proxy(model, self.batch())
        _assert_same(before, _snapshot(model))

    def test_it_leaves_no_hooks(self) -> None:
        model = self.model()
        self.proxy(model, self.batch())
        assert not [name for name, module in model.named_modules() for kind in _HOOKS if getattr(module, kind)]

    def test_it_leaves_the_global_generator_alone(self) -> None:
        import torch

        model, batch = self.model(), self.batch()
        before = torch.get_rng_state()
        self.proxy(model, batch)
        assert torch.equal(torch.get_rng_state(), before)

    def test_it_says_what_it_needs(self) -> None:
        function = self.function()
        assert function.needs <= {"batchnorm", "labels"}
        assert function.direction in {1, -1}
        assert function.source


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _snapshot(model: torch.nn.Module) -> dict[str, Any]:
    """Return everything about a model that a proxy may not change."""
    return {
        "state": copy.deepcopy(model.state_dict()),
        "training": [module.training for module in model.modules()],
        "requires_grad": [parameter.requires_grad for parameter in model.parameters()],
        "dtype": [parameter.dtype for parameter in model.parameters()],
        "grad": [None if p.grad is None else p.grad.clone() for p in model.parameters()],
    }


def _assert_same(before: dict[str, Any], after: dict[str, Any]) -> None:
    import torch

    assert before["state"].keys() == after["state"].keys()
    assert all(torch.equal(value, after["state"][key]) for key, value in before["state"].items())
    for old, new in zip(before["grad"], after["grad"], strict=True):
        assert (old is None and new is None) or torch.equal(old, new)
    for key in ("training", "requires_grad", "dtype"):
        assert before[key] == after[key]
