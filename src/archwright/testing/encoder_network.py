"""The laws of a network that encodes architectures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from archwright.core.arch import Arch
from archwright.core.errors import NasError
from archwright.core.rng import derive
from archwright.spaces.base import Space
from archwright.testing.generators import left_alone

if TYPE_CHECKING:
    import torch

    from archwright.encode.network import EncoderNetwork

__all__ = ["EncoderNetworkContract"]


class EncoderNetworkContract:
    """Inherit, set `name` to the catalogue's name, and give `make` and `spaces`.

    Encodings count as equal if they differ by at most a hundred-thousandth of the largest number in them.
    """

    name = ""
    #: Parameters, by name, that no gradient reaches, and that is how it should be.
    unreached: frozenset[str] = frozenset()

    def make(self, space: Space) -> EncoderNetwork:
        """Return a small network for `space`; its weights may come from torch's global generator."""
        raise NotImplementedError

    def spaces(self) -> Sequence[Space]:
        """Return the spaces whose architectures it must read; at least one."""
        raise NotImplementedError

    def archs(self, space: Space, n: int = 10) -> list[Arch]:
        """Return `n` random architectures."""
        return [space.random(rng=derive(0, "encoder network", k)) for k in range(n)]

    def network(self, space: Space, *, seed: int = 0) -> EncoderNetwork:
        """Return the network with the weights of `seed`."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.make(space)

    def test_there_is_a_finite_vector_of_length_dim_for_each_architecture(self) -> None:
        import torch

        for space in self._some():
            net, archs = self.network(space), self.archs(space)
            batch = net.prepare(archs)
            encodings = net(batch)
            assert len(batch) == len(archs)
            assert encodings.shape == (len(archs), net.dim)
            assert encodings.dtype == torch.float32
            assert torch.isfinite(encodings).all()

    def test_an_encoding_depends_on_nothing_else_in_the_batch(self) -> None:
        import torch

        for space in self._some():
            net, archs = self.network(space), self.archs(space)
            # Alone, an architecture is padded to its own size; beside others, to the largest one's.
            alone = torch.cat([self._encode(net, [arch]) for arch in archs])
            assert _alike(self._encode(net, archs), alone)

    def test_the_order_of_the_batch_is_the_order_of_the_encodings(self) -> None:
        for space in self._some():
            net, archs = self.network(space), self.archs(space)
            assert _alike(self._encode(net, archs[::-1]), self._encode(net, archs).flip(0))

    def test_a_part_of_a_batch_is_the_batch_of_a_part(self) -> None:
        import torch

        for space in self._some():
            net, archs = self.network(space), self.archs(space)
            batch, whole = net.prepare(archs), self._encode(net, archs)
            index = torch.tensor([3, 1, 4])
            with torch.no_grad():
                assert len(batch.take(index)) == 3
                assert _alike(net(batch.take(index)), whole[index])
                assert _alike(net(batch.take(slice(2, 7))), whole[2:7])

    def test_equal_architectures_have_equal_encodings(self) -> None:
        for space in self._some():
            net, archs = self.network(space), self.archs(space, 4)
            both = self._encode(net, [*archs, *archs])
            assert _alike(both[:4], both[4:])

    def test_not_all_architectures_have_the_same_encoding(self) -> None:
        for space in self._some():
            encodings = self._encode(self.network(space), self.archs(space))
            assert not _alike(encodings, encodings[:1].expand_as(encodings))

    def test_asking_twice_gives_the_same(self) -> None:
        import torch

        for space in self._some():
            net, archs = self.network(space), self.archs(space)
            assert torch.equal(self._encode(net, archs), self._encode(net, archs))

    def test_gradients_reach_every_parameter(self) -> None:
        import torch

        for space in self._some():
            net, archs = self.network(space), self.archs(space, 30)
            encodings = net(net.prepare(archs))
            generator = torch.Generator().manual_seed(0)
            (encodings * torch.randn(encodings.shape, generator=generator, dtype=encodings.dtype)).sum().backward()
            reached = {name for name, each in net.named_parameters() if each.grad is not None and each.grad.any()}
            wanted = {name for name, each in net.named_parameters() if each.requires_grad} - self.unreached
            assert wanted <= reached, f"no gradient reaches {sorted(wanted - reached)} in {space.name}"
            finite = [torch.isfinite(each.grad).all() for each in net.parameters() if each.grad is not None]
            assert all(finite)

    def test_its_weights_are_all_that_it_knows(self) -> None:
        import torch

        for space in self._some():
            one, other, archs = self.network(space), self.network(space, seed=1), self.archs(space)
            wanted = self._encode(one, archs)
            assert not _alike(self._encode(other, archs), wanted)
            other.load_state_dict(one.state_dict())
            assert torch.equal(self._encode(other, archs), wanted)

    def test_reading_and_encoding_leave_global_generators_alone(self) -> None:
        for space in self._some():
            net = self.network(space).eval()
            with left_alone():
                self._encode(net, self.archs(space))

    def test_an_architecture_of_another_space_is_refused_in_one_line(self) -> None:
        for space in self._some():
            net, message = self.network(space), ""
            try:
                net.prepare([*self.archs(space, 2), Arch("no-such-space", self.archs(space, 1)[0].genes)])
            except NasError as error:
                message = str(error)
            assert message, "it must be refused by a NasError"
            assert "\n" not in message

    def _encode(self, net: EncoderNetwork, archs: Sequence[Arch]) -> torch.Tensor:
        import torch

        with torch.no_grad():
            encodings: torch.Tensor = net(net.prepare(archs))
        return encodings

    def _some(self) -> Sequence[Space]:
        spaces = self.spaces()
        assert spaces
        return spaces


def _alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    most = float(other.abs().max())
    return one.shape == other.shape and float((one - other).abs().max()) <= 1e-5 * most
