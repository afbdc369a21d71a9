"""From outputs to predictions."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from archwright.nets.link import predictions

logits = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 8), st.integers(1, 4)), elements=st.floats(-1e4, 1e4, width=32)
)


@given(logits)
def test_class_probabilities_sum_to_one_and_keep_the_order(z: np.ndarray) -> None:
    shares = predictions("classes", z)
    assert np.allclose(shares.sum(axis=1), 1)
    assert (np.take_along_axis(shares, z.argmax(axis=1)[:, None], 1)[:, 0] == shares.max(axis=1)).all()


@given(logits)
def test_binary_probabilities_are_the_logistic_function(z: np.ndarray) -> None:
    p = predictions("binary", z)
    assert ((p >= 0) & (p <= 1)).all()
    mild = np.abs(z[:, 0]) < 500
    assert np.allclose(p[mild], 1 / (1 + np.exp(-z[mild, 0].astype(np.float64))))


def test_real_values_stay_as_they_are() -> None:
    assert predictions("real", np.float32([[1.5], [-2.0]])).tolist() == [1.5, -2.0]
