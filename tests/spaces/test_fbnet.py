"""The space of FBNet: size, published texts, which networks are the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.rng import derive
from archwright.spaces.fbnet import FbNet

SPACE = FbNet()
SKIP = 8


def test_there_are_9_to_the_22_points() -> None:
    # Source: arXiv:1812.03443, section 3.1; the tutorial rounds it to 10^21.
    assert SPACE.size() == 9**22
    assert f"{SPACE.size():.0e}" == "1e+21"


def test_different_networks_are_counted_stage_by_stage() -> None:
    # A stage of four layers: nine first layers, then 0 to 3 blocks out of eight in a row.
    assert SPACE.count() == 9 * (9 * (1 + 8 + 64 + 512)) ** 5 * 9


def test_every_published_architecture_reads_and_prints_back(shared_data: Path) -> None:
    import pandas as pd

    texts = pd.read_parquet(shared_data / "misc_nas" / "fbnet_device_latency.parquet", columns=["arch"])["arch"]
    assert len(texts) == 5_000
    assert all(SPACE.text(SPACE.parse(text)).replace(" ", "") == text for text in texts)


def test_skips_of_a_stage_move_behind_its_blocks_and_no_further() -> None:
    genes = (SKIP, *(SKIP, SKIP, 1, 2), *(0, SKIP, SKIP, 3), *(4,) * 13)
    moved = (SKIP, *(SKIP, 1, 2, SKIP), *(0, 3, SKIP, SKIP), *(4,) * 13)
    assert SPACE.canonical(Arch("fbnet", genes)) == Arch("fbnet", moved)


@given(seed=st.integers(0, 10_000), stage=st.integers(0, 4), order=st.permutations(range(3)))
def test_two_orders_are_one_network_exactly_if_the_blocks_stay_in_order(
    seed: int, stage: int, order: list[int]
) -> None:
    genes = list(SPACE.random(rng=derive(seed, "fbnet")).genes)
    start = 2 + 4 * stage
    genes[start] = SKIP
    inner = genes[start : start + 3]
    other = [*genes[:start], *(inner[k] for k in order), *genes[start + 3 :]]
    blocks = [gene for gene in inner if gene != SKIP]
    same = blocks == [inner[k] for k in order if inner[k] != SKIP]
    one, two = Arch("fbnet", tuple(genes)), Arch("fbnet", tuple(other))
    assert (SPACE.canonical(one) == SPACE.canonical(two)) == same
    assert (SPACE.graphs(one) == SPACE.graphs(two)) == same


def test_names_of_blocks_are_read() -> None:
    names = ["k3_e6", "skip", *("k5_e1_g2",) * 20]
    assert SPACE.parse(str(names)).genes == (3, 8, *(5,) * 20)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[0, 1]", "2 genes, not 22"),
        (str([9] * 22), r"gene 0 must be 0\.\.8"),
        (str(["k9"] * 22), "must read"),
        (str([0.5] * 22), "must read"),
        ("0, 1, 2", "3 genes"),
        ("{}", "must read"),
        (str([[0]] * 22), "must read"),
    ],
)
def test_other_texts_are_refused(text: str, says: str) -> None:
    with pytest.raises(ArchError, match=says):
        SPACE.parse(text)
