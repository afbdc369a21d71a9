"""The laws of a network that is built from an architecture."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from archwright.core.arch import Arch
from archwright.core.errors import ArchError, NasError, SpaceError
from archwright.core.rng import derive
from archwright.data.shapes import ImageShape, Shape, ShapeError, TokenShape, VectorShape
from archwright.nets.build import build
from archwright.spaces.base import Space

if TYPE_CHECKING:
    import torch

__all__ = ["NetworkContract"]

_ROWS = 2


class NetworkContract:
    """Inherit, set `name` to the catalogue's name, and give `space`, `shape`, and `size` to make it small."""

    name = ""
    shape: Shape = ImageShape()
    #: Sizes of a small network, by keyword.
    size: Mapping[str, Any] = MappingProxyType({})

    def space(self) -> Space:
        """Return the space whose networks are tested."""
        raise NotImplementedError

    def archs(self, n: int = 3) -> list[Arch]:
        """Return `n` random architectures."""
        return [self.space().random(rng=derive(0, "archs", k)) for k in range(n)]

    def network(self, arch: Arch, *, seed: int = 0, **options: Any) -> torch.nn.Module:
        """Return the small network of `arch`."""
        return build(arch, self.space(), self.shape, rng=derive(seed, "network"), **(dict(self.size) | options))

    def batch(self) -> torch.Tensor:
        """Return two inputs of `shape`."""
        import torch

        generator = torch.Generator().manual_seed(0)
        if isinstance(self.shape, TokenShape):
            size = (_ROWS, self.shape.length)
            return torch.randint(self.shape.vocabulary, size, generator=generator)
        return torch.randn(_ROWS, *_sides(self.shape), generator=generator)

    def test_forward_gives_finite_logits(self) -> None:
        import torch

        shape = self.shape
        rows = (_ROWS, shape.length, shape.vocabulary) if isinstance(shape, TokenShape) else (_ROWS, shape.classes)
        for arch in self.archs():
            logits = self.network(arch)(self.batch())
            assert logits.shape == rows
            assert torch.isfinite(logits).all()

    def test_networks_for_images_give_maps_that_are_pooled(self) -> None:
        import torch

        if isinstance(self.shape, ImageShape):
            for arch in self.archs(1):
                model: Any = self.network(arch).eval()
                with torch.no_grad():
                    maps, logits = model.features(self.batch()), model(self.batch())
                    assert maps.ndim == 4
                    assert torch.allclose(model.classifier(maps.mean((2, 3))), logits, atol=1e-5)

    def test_a_network_can_be_trained(self) -> None:
        import torch

        for arch in self.archs(1):
            model = self.network(arch)
            model(self.batch()).square().sum().backward()
            grads = [param.grad for param in model.parameters() if param.grad is not None]
            assert grads
            assert all(torch.isfinite(grad).all() for grad in grads)

    def test_parameters_depend_on_the_generator_alone(self) -> None:
        import torch

        for arch in self.archs(2):
            model, again, other = self.network(arch), self.network(arch), self.network(arch, seed=1)
            assert _same(model, again)
            assert not _same(model, other)
            assert all(torch.isfinite(value).all() for value in model.state_dict().values())

    def test_the_global_generator_is_left_alone(self) -> None:
        import torch

        before = torch.get_rng_state()
        self.network(self.archs(1)[0])
        assert torch.equal(torch.get_rng_state(), before)

    def test_without_batchnorm_there_is_none(self) -> None:
        import torch
        from torch import nn

        for arch in self.archs():
            model = self.network(arch, batchnorm=False)
            assert not [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
            assert torch.isfinite(model(self.batch())).all()

    def test_counting_leaves_the_network_as_it_was(self) -> None:
        import torch

        from archwright.nets.counting import count_flops, count_params

        model, again = (self.network(self.archs(1)[0]) for _ in range(2))
        before = torch.get_rng_state()
        assert count_flops(model, self.shape) > 0
        assert count_params(model) == sum(param.numel() for param in model.parameters()) > 0
        assert _same(model, again)
        assert torch.equal(torch.get_rng_state(), before)

    def test_another_shape_is_refused_in_one_line(self) -> None:
        shapes = (ImageShape(), TokenShape(10), VectorShape(4), None)
        for shape in shapes:
            if type(shape) is not type(self.shape):
                _refused(self, ShapeError, shape=shape)

    def test_an_architecture_of_another_space_is_refused_in_one_line(self) -> None:
        _refused(self, ArchError, arch=Arch("no-such-space", self.archs(1)[0].genes))

    def test_an_unknown_size_is_refused_in_one_line(self) -> None:
        _refused(self, SpaceError, no_such_size=1)


def _refused(contract: NetworkContract, error: type[NasError], **options: Any) -> None:
    """Assert that building with `options` raises `error` with a message of one line."""
    arch, shape = options.pop("arch", contract.archs(1)[0]), options.pop("shape", contract.shape)
    message = ""
    try:
        build(arch, contract.space(), shape, rng=derive(0, "network"), **(dict(contract.size) | options))
    except error as refusal:
        message = str(refusal)
    assert message
    assert "\n" not in message


def _sides(shape: ImageShape | VectorShape) -> tuple[int, ...]:
    if isinstance(shape, VectorShape):
        return (shape.features,)
    return (shape.channels, shape.height, shape.width)


def _same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    import torch

    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)
