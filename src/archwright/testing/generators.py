"""Everybody's generators of random numbers, which nothing here may draw from."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

__all__ = ["left_alone"]


@contextmanager
def left_alone() -> Iterator[None]:
    """Assert that what happens inside draws from no global generator: Python's, numpy's, or torch's if it is loaded."""
    before = _states()
    yield
    assert _states() == before, "a global generator of random numbers was drawn from or seeded"


def _states() -> tuple[str, ...]:
    states = [repr(random.getstate()), repr(np.random.get_state(legacy=True))]  # noqa: NPY002 - they are only compared
    torch = sys.modules.get("torch")
    if torch is not None:
        states.append(torch.get_rng_state().numpy().tobytes().hex())
    return tuple(states)
