"""The laws of an encoding of architectures as vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archwright.core.arch import Arch
from archwright.core.errors import NasError
from archwright.core.protocols import Encoder
from archwright.core.rng import derive
from archwright.spaces.base import Space
from archwright.testing.generators import left_alone

__all__ = ["EncoderContract"]


class EncoderContract:
    """Inherit, set `name` to the catalogue's name, and give `make` and `spaces`; `refused` where there are some."""

    name = ""

    def make(self, space: Space) -> Encoder:
        """Return a fresh encoder of `space`; equal each time."""
        raise NotImplementedError

    def spaces(self) -> Sequence[Space]:
        """Return the spaces that it must encode; at least one."""
        raise NotImplementedError

    def refused(self) -> Sequence[Space]:
        """Return spaces that it must refuse."""
        return ()

    def archs(self, space: Space, n: int = 12) -> list[Arch]:
        """Return `n` random architectures."""
        return [space.random(rng=derive(0, "encoder", k)) for k in range(n)]

    def fitted(self, space: Space) -> Encoder:
        """Return an encoder that has learned from some architectures, where it learns at all."""
        return self.make(space).fit(self.archs(space), rng=derive(0, "fit"))

    def test_there_is_a_finite_float32_vector_of_length_dim_for_each_architecture(self) -> None:
        for space in self._some():
            encoder, archs = self.fitted(space), self.archs(space)
            vectors = encoder.encode(archs)
            assert isinstance(encoder, Encoder)
            assert encoder.dim > 0
            assert vectors.shape == (len(archs), encoder.dim)
            assert vectors.dtype == np.float32
            assert np.isfinite(vectors).all()

    def test_no_architectures_have_no_vectors(self) -> None:
        for space in self._some():
            encoder = self.fitted(space)
            assert encoder.encode([]).shape == (0, encoder.dim)

    def test_fitting_gives_the_encoder_itself(self) -> None:
        for space in self._some():
            encoder = self.make(space)
            assert encoder.fit(self.archs(space), rng=derive(0, "fit")) is encoder

    def test_equal_encoders_give_equal_vectors(self) -> None:
        for space in self._some():
            archs = self.archs(space)
            assert np.array_equal(self.fitted(space).encode(archs), self.fitted(space).encode(archs))

    def test_equal_architectures_have_equal_vectors(self) -> None:
        for space in self._some():
            archs = self.archs(space)
            copies = [Arch(arch.space, tuple(arch.genes)) for arch in archs]
            both = self.fitted(space).encode([*archs, *copies])
            assert np.array_equal(both[: len(archs)], both[len(archs) :])

    def test_not_all_architectures_have_the_same_vector(self) -> None:
        for space in self._some():
            vectors = self.fitted(space).encode(self.archs(space))
            assert len(np.unique(vectors, axis=0)) > 1

    def test_a_vector_depends_on_nothing_else_in_the_batch(self) -> None:
        for space in self._some():
            encoder, archs = self.fitted(space), self.archs(space)
            alone = np.concatenate([encoder.encode([arch]) for arch in archs])
            assert np.allclose(encoder.encode(archs), alone, atol=1e-6)
            assert np.allclose(encoder.encode(archs[::-1]), alone[::-1], atol=1e-6)

    def test_vectors_are_the_callers_own(self) -> None:
        for space in self._some():
            encoder, archs = self.fitted(space), self.archs(space)
            wanted = encoder.encode(archs).copy()
            encoder.encode(archs).fill(7)
            assert np.array_equal(encoder.encode(archs), wanted)

    def test_it_leaves_global_generators_alone(self) -> None:
        for space in self._some():
            with left_alone():
                self.fitted(space).encode(self.archs(space))

    def test_an_architecture_of_another_space_is_refused_in_one_line(self) -> None:
        for space in self._some():
            encoder, archs = self.fitted(space), self.archs(space, 2)
            _assert_one_line(_refusal(encoder, [*archs, Arch("no-such-space", archs[0].genes)]))

    def test_spaces_that_it_cannot_encode_are_refused_in_one_line(self) -> None:
        for space in self.refused():
            message = ""
            try:
                self.make(space)
            except NasError as error:
                message = str(error)
            _assert_one_line(message)

    def _some(self) -> Sequence[Space]:
        spaces = self.spaces()
        assert spaces
        return spaces


def _refusal(encoder: Encoder, archs: Sequence[Arch]) -> str:
    try:
        encoder.encode(archs)
    except NasError as error:
        return str(error)
    return ""


def _assert_one_line(message: str) -> None:
    assert message, "it must be refused by a NasError"
    assert "\n" not in message
