"""The pairwise hinge against its sum over pairs."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from archwright.predict.losses import pairwise_hinge, squared_error

numbers = st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 3)), min_size=1, max_size=9)


@given(numbers, st.sampled_from([0.1, 1.0]))
def test_the_hinge_is_the_mean_over_ordered_pairs(pairs: list[tuple[int, int]], margin: float) -> None:
    s, y = (torch.tensor([float(each) for each in column]) for column in zip(*pairs, strict=True))
    lacking = [
        max(0.0, margin - float(s[i] - s[j])) for i, j in itertools.permutations(range(len(s)), 2) if y[i] > y[j]
    ]
    wanted = sum(lacking) / len(lacking) if lacking else 0.0
    assert float(pairwise_hinge(s, y, margin=margin)) == pytest.approx(wanted, abs=1e-5)


def test_scores_apart_in_the_right_order_cost_nothing() -> None:
    y = torch.tensor([3.0, 1.0, 2.0])
    assert float(pairwise_hinge(y, y)) == 0
    assert float(pairwise_hinge(-y, y)) > 1


def test_alike_architectures_have_no_loss_and_a_gradient() -> None:
    s = torch.zeros(4, requires_grad=True)
    loss = pairwise_hinge(s, torch.ones(4))
    loss.backward()
    assert float(loss.detach()) == 0
    assert s.grad is not None
    assert not s.grad.any()


def test_squared_error_is_the_mean_of_squares() -> None:
    assert float(squared_error(torch.tensor([[1.0], [3.0]]), torch.tensor([[0.0], [1.0]]))) == pytest.approx(2.5)
