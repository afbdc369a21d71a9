"""The six-layer networks of D-VAE: size, the published file, the graph."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.errors import ArchError
from archwright.core.rng import derive
from archwright.spaces.enas_dvae import EnasDvae

SPACE = EnasDvae()

#: The first line of the published file.
FIRST = "[[1],[4,0],[5,0,0],[0,1,1,1],[2,1,1,1,1],[3,0,0,0,0,1]]"


def test_six_operations_and_fifteen_links() -> None:
    assert SPACE.size() == 6**6 * 2**15 == 1_528_823_808


@pytest.mark.parametrize("step", [10, pytest.param(1, marks=pytest.mark.slow)])
def test_lines_of_the_published_file_read_and_print_back(shared_data: Path, step: int) -> None:
    import pandas as pd

    texts = pd.read_parquet(shared_data / "misc_nas" / "enas_dvae_structures6.parquet", columns=["arch"])["arch"]
    assert len(texts) == 20_020
    assert all(SPACE.text(SPACE.parse(text)) == text for text in texts[::step])


def test_links_come_from_the_input_and_earlier_layers() -> None:
    (graph,) = SPACE.graphs(SPACE.parse(FIRST))
    assert [SPACE.op_names[op] for op in graph.ops] == [
        "input", "sep3", "avg3", "max3", "conv3", "conv5", "sep5", "output",
    ]  # fmt: skip
    chain = {(n, n + 1) for n in range(7)}
    assert graph.edges == chain | {(0, 4), (1, 4), (2, 4), (0, 5), (1, 5), (2, 5), (3, 5), (4, 6)}


@given(seed=st.integers(0, 10_000))
def test_the_flat_form_is_the_genes(seed: int) -> None:
    arch = SPACE.random(rng=derive(seed, "dvae"))
    assert SPACE.parse(" ".join(map(str, arch.genes))) == arch


@given(seed=st.integers(0, 10_000))
def test_no_two_neighbours_are_the_same_network(seed: int) -> None:
    arch = SPACE.random(rng=derive(seed, "dvae"))
    near = [arch, *SPACE.neighbours(arch)]
    assert len(near) == 1 + 6 * 5 + 15
    assert len({SPACE.graphs(each)[0].key() for each in near}) == len(near)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (FIRST.replace(",[3,0,0,0,0,1]", ""), "6 layers"),
        (FIRST.replace("[4,0]", "[4,2]"), r"gene 2 must be 0\.\.1"),
        (FIRST.replace("[[1]", "[[6]"), r"gene 0 must be 0\.\.5"),
        (FIRST.replace("[4,0]", "['x',0]"), "6 layers"),
        ("1 4 0", "3 genes, not 21"),
        ("[[1],[4,0]", "must read"),
        ("7", "1 genes"),
    ],
)
def test_other_texts_are_refused(text: str, says: str) -> None:
    with pytest.raises(ArchError, match=says):
        SPACE.parse(text)
