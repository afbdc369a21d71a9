"""The numpy forward pass against torch, for every encoding."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.nets.frozen import FrozenNet
from archwright.nets.inputs import Inputs
from archwright.nets.mlp import TabularMlp
from archwright.nets.recipe import ENCODINGS, Recipe
from archwright.train.step import Stepper
from archwright.train.tensors import Rows


def trained(
    encoding: str,
    n_numeric: int,
    cardinalities: tuple[int, ...],
    widths: tuple[int, ...],
    seed: int,
    n_outputs: int = 1,
) -> TabularMlp:
    """Return a network after some steps on noise, so that nothing has its initial value."""
    rng = np.random.default_rng(seed)
    edges = tuple(tuple(np.cumsum(rng.random(2 + i % 4) + 0.1).tolist()) for i in range(n_numeric))
    inputs = Inputs(n_numeric, cardinalities, n_outputs, () if encoding == "linear" else edges)
    net = TabularMlp(inputs, widths, Recipe(encoding=encoding, lr=0.05), rng=rng)
    net.use_rng(torch.Generator().manual_seed(seed))
    stepper = Stepper(net, "binary" if n_outputs == 1 else "classes")
    num, cat = rows(inputs, 64, seed)
    y = torch.randint(0, 2, (64,), generator=torch.Generator().manual_seed(seed))
    batch = Rows(torch.from_numpy(num), torch.from_numpy(cat), y.float() if n_outputs == 1 else y)
    for _ in range(5):
        stepper.step(batch, lr=0.05)
    return net.eval()


def rows(inputs: Inputs, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed + 1)
    num = rng.normal(size=(n, inputs.n_numeric)).astype(np.float32) * 2
    cat = np.stack([rng.integers(0, k, n) for k in inputs.cardinalities] or [np.zeros(n)], axis=1)
    return num, cat.astype(np.int32)[:, : len(inputs.cardinalities)]


def by_torch(net: TabularMlp, num: np.ndarray, cat: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return net(torch.from_numpy(num), torch.from_numpy(cat)).numpy()


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=15, deadline=None)
@given(
    n_numeric=st.integers(0, 5),
    cardinalities=st.lists(st.integers(1, 6), max_size=4).map(tuple),
    widths=st.lists(st.integers(1, 20), max_size=3).map(tuple),
    seed=st.integers(0, 1000),
)
def test_numpy_agrees_with_torch(
    encoding: str, n_numeric: int, cardinalities: tuple[int, ...], widths: tuple[int, ...], seed: int
) -> None:
    if not n_numeric and not cardinalities:
        n_numeric = 1
    net = trained(encoding, n_numeric, cardinalities, widths, seed)
    num, cat = rows(net.inputs, 33, seed)
    frozen = FrozenNet(net.frozen(), net.inputs, widths, encoding)
    ours, theirs = frozen.forward(num, cat), by_torch(net, num, cat)
    assert ours.dtype == np.float32
    assert np.abs(ours - theirs).max() < 1e-5 * max(1.0, np.abs(theirs).max())


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_many_rows_are_the_same_as_few(encoding: str) -> None:
    net = trained(encoding, 3, (4, 5), (16, 8), seed=1, n_outputs=3)
    num, cat = rows(net.inputs, 40_000, 3)
    frozen = FrozenNet(net.frozen(), net.inputs, net.widths, encoding)
    whole = frozen.forward(num, cat)
    assert whole.shape == (40_000, 3)
    assert np.abs(whole[20_000:20_010] - frozen.forward(num[20_000:20_010], cat[20_000:20_010])).max() < 1e-5


def test_a_constant_network_answers_the_same_to_everything() -> None:
    inputs = Inputs(2, (3, 4), 3, ((0.0, 1.0), (0.0, 1.0)))
    num, cat = rows(inputs, 10, 0)
    assert (FrozenNet.constant((0.5, -1.0, 2.0), inputs).forward(num, cat) == np.float32([0.5, -1.0, 2.0])).all()


def test_no_rows_give_no_logits() -> None:
    net = trained("ple", 2, (3,), (4,), seed=0)
    frozen = FrozenNet(net.frozen(), net.inputs, net.widths, "ple")
    assert frozen.forward(np.zeros((0, 2), np.float32), np.zeros((0, 1), np.int32)).shape == (0, 1)


def test_n_params_counts_what_is_learned() -> None:
    net = trained("ple", 2, (3,), (4,), seed=0)
    folded_away = 2 * 4  # BatchNorm's scale and shift are in the Linear
    frozen = FrozenNet(net.frozen(), net.inputs, net.widths, "ple")
    assert frozen.n_params == sum(param.numel() for param in net.parameters()) - folded_away


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_row_has_the_same_answer_alone_as_among_few_others(encoding: str) -> None:
    net = trained(encoding, 3, (4, 2), (16, 8), seed=0)
    num, cat = rows(net.inputs, 40, 0)
    frozen = FrozenNet(net.frozen(), net.inputs, net.widths, encoding)
    alone = [frozen.forward(num[i : i + 1], cat[i : i + 1]) for i in range(40)]
    np.testing.assert_array_equal(frozen.forward(num, cat), np.concatenate(alone))
