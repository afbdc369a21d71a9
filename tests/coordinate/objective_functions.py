"""Objectives for tests; importable by worker processes."""

from __future__ import annotations

import numpy as np

from archwright.core.arch import Arch


def height(arch: Arch) -> float:
    return float(sum(arch.genes))


def noisy(arch: Arch, *, rng: np.random.Generator) -> dict[str, float]:
    return {"score": sum(arch.genes) + float(rng.random()), "params": 10.0 * sum(arch.genes)}
