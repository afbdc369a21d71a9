"""Rows on a device and their order."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archwright.data.arrays import Arrays, Split, load_arrays, save_arrays
from archwright.train.tensors import Order, Rows

CPU = torch.device("cpu")


def split(n: int, weight: bool = False) -> Split:
    rng = np.random.default_rng(n)
    num, cat = rng.normal(size=(n, 3)).astype(np.float32), rng.integers(0, 4, (n, 2)).astype(np.int32)
    return Split(num, cat, rng.random(n).astype(np.float32), rng.random(n).astype(np.float32) if weight else None)


@given(n=st.integers(2, 200), batch=st.integers(1, 50), epoch_steps=st.integers(1, 10), seed=st.integers(0, 99))
def test_every_pass_sees_every_row_once(n: int, batch: int, epoch_steps: int, seed: int) -> None:
    order = Order(n, batch=batch, epoch_steps=epoch_steps, seed=seed, device=CPU)
    steps = 2 * -(-n // order.batch)
    seen = torch.cat([order.rows(step) for step in range(steps)])[: 2 * n]
    assert sorted(seen[:n].tolist()) == sorted(seen[n:].tolist()) == list(range(n))
    assert order.batch <= batch
    assert order.steps <= epoch_steps


def test_the_rows_of_a_step_depend_on_seed_and_step_only() -> None:
    one, two = (Order(100, batch=30, epoch_steps=9, seed=5, device=CPU) for _ in range(2))
    forwards = [one.rows(step).tolist() for step in range(12)]
    assert [two.rows(step).tolist() for step in (11, 3)] == [forwards[11], forwards[3]]
    assert Order(100, batch=30, epoch_steps=9, seed=6, device=CPU).rows(0).tolist() != forwards[0]


def test_batches_of_an_epoch_are_equal() -> None:
    order = Order(1000, batch=512, epoch_steps=200, seed=0, device=CPU)
    assert (order.batch, order.steps) == (500, 2)


def test_mapped_arrays_become_tensors_over_the_same_memory(tmp_path: Path) -> None:
    save_arrays(tmp_path, Arrays(split(500), split(500)))
    arrays = load_arrays(tmp_path)
    rows = Rows.of(arrays.train, CPU)
    assert torch.equal(rows.num, torch.from_numpy(split(500).num))
    assert (tmp_path / "train_num.npy").stat().st_size > 0
    assert rows.take(torch.tensor([3, 1])).cat.tolist() == split(500).cat[[3, 1]].tolist()
    assert torch.equal(rows.part(10, 20).y, rows.y[10:20])


def test_a_part_of_a_mapped_array_keeps_its_place(tmp_path: Path) -> None:
    save_arrays(tmp_path, Arrays(split(500), split(500)))
    train = load_arrays(tmp_path).train
    part = Split(train.num[100:], train.cat[100:], train.y[100:])
    assert torch.equal(Rows.of(part, CPU).num, torch.from_numpy(split(500).num[100:]))


def test_weights_have_mean_one() -> None:
    weight = Rows.of(split(50, weight=True), CPU).weight
    assert weight is not None
    assert float(weight.mean()) == pytest.approx(1.0)
