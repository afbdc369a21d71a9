"""Networks of NAS-Bench-1Shot1 are those of NAS-Bench-101."""

from __future__ import annotations

import pytest
import torch

from archwright.core.rng import derive
from archwright.data.shapes import ImageShape
from archwright.nets.build import build
from archwright.spaces.nb1shot1 import NasBench1Shot1
from archwright.spaces.nb101 import NasBench101

SHAPE = ImageShape(3, 8, 8, 4)
SIZE = {"channels": 8, "cells": 1}


@pytest.mark.parametrize("subset", [1, 2, 3])
def test_the_network_is_the_one_of_the_same_cell_in_nas_bench_101(subset: int) -> None:
    space, whole = NasBench1Shot1(subset), NasBench101()
    for seed in range(4):
        arch = space.random(rng=derive(seed, "arch"))
        mine = build(arch, space, SHAPE, rng=derive(0, "net"), **SIZE).state_dict()
        theirs = build(space.as_nb101(arch), whole, SHAPE, rng=derive(0, "net"), **SIZE).state_dict()
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_blocks_that_nothing_reads_are_left_out() -> None:
    space = NasBench1Shot1(2)
    loose = space.parse(
        "{'choice_block_1_op': 'conv3x3-bn-relu', 'choice_block_2_op': 'conv3x3-bn-relu', "
        "'choice_block_3_op': 'conv3x3-bn-relu', 'choice_block_4_op': 'conv3x3-bn-relu', "
        "'choice_block_1_parents': (0,), 'choice_block_2_parents': (1,), 'choice_block_3_parents': (0, 1), "
        "'choice_block_4_parents': (0, 1), 'choice_block_5_parents': (0, 1, 2)}"
    )
    model = build(loose, space, SHAPE, rng=derive(0, "net"), **SIZE)
    kernels = [p for p in model.parameters() if p.ndim == 4 and p.shape[-1] == 3]
    # The stem, and two blocks in each of three stacks.
    assert len(kernels) == 1 + 2 * 3
