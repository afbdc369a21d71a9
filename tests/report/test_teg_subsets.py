"""The picture of what each of TEG-NAS's indicators alone would choose."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from archwright.core.arch import Arch
from archwright.core.rng import derive
from archwright.proxies.teg import Indicators
from archwright.report.teg_subsets import subsets_of, write_subsets_png
from archwright.spaces.nb201 import NasBench201

SPACE = NasBench201()
N = 60


def cells() -> list[Arch]:
    return [SPACE.random(rng=derive(0, "cell", number)) for number in range(N)]


def indicators(archs: list[Arch]) -> Indicators:
    """Return indicators that like skips, convolutions and pooling."""
    count = {gene: np.array([arch.genes.count(gene) for arch in archs], float) for gene in range(5)}
    noise = derive(0, "noise").random(N) / 100
    return Indicators(-count[1] + noise, count[2] + count[3] + noise, -count[4] + noise)


def test_each_subset_shows_what_its_indicator_likes() -> None:
    archs = cells()
    found = subsets_of(SPACE, archs, indicators(archs))
    everything = found["all"]
    assert everything.n == N
    assert 0 < found["kappa"].n <= N // 10
    assert found["kappa"].operations["skip_connect"] > 2 * everything.operations["skip_connect"]
    assert found["regions"].convolutions > 1.5 * everything.convolutions
    assert found["mse"].operations["avg_pool_3x3"] > 2 * everything.operations["avg_pool_3x3"]


def test_the_picture_is_a_png_also_with_an_empty_subset(tmp_path: Path) -> None:
    archs = cells()
    path = tmp_path / "subsets.png"
    assert write_subsets_png(path, SPACE, archs, indicators(archs), title="Cells")["all"].n == N
    assert path.read_bytes().startswith(b"\x89PNG")
    bad = np.full(N, np.nan)
    subsets = write_subsets_png(path, SPACE, archs, Indicators(bad, np.arange(N, dtype=float), bad))
    assert [subsets[name].n for name in ("kappa", "regions", "mse")] == [0, 6, 0]
