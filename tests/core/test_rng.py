import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.rng import derive, numbered


@given(st.integers(), st.text(max_size=5), st.integers())
def test_equal_keys_give_equal_numbers(seed: int, name: str, k: int) -> None:
    assert derive(seed, name, k).random(3).tolist() == derive(seed, name, k).random(3).tolist()


def test_every_part_of_the_key_counts() -> None:
    keys = [(0, "a", 1), (1, "a", 1), (0, "b", 1), (0, "a", 2), (0, "a", "1"), (0, "a"), (0,)]
    first = [derive(*key).random() for key in keys]
    assert len(set(first)) == len(keys)


def test_numbers_are_the_same_on_every_machine() -> None:
    assert derive(0, "trial", 7).integers(10**6, size=3).tolist() == [616651, 632173, 853845]


def test_neighbouring_keys_are_independent() -> None:
    columns = [derive(0, "trial", k).random(50) for k in range(50)]
    for a, b in itertools.pairwise(columns):
        assert abs(((a - a.mean()) * (b - b.mean())).mean()) / (a.std() * b.std()) < 0.6


@given(st.integers(), st.text(max_size=5), st.integers(0, 10**12))
def test_equal_numbers_give_equal_generators(seed: int, name: str, k: int) -> None:
    ours, again = numbered(seed, name, k), numbered(seed, name, k)
    assert ours.bit_generator.state == again.bit_generator.state
    for _ in range(2):
        assert [child.random() for child in ours.spawn(2)] == [child.random() for child in again.spawn(2)]
    assert ours.random() == again.random()


def test_numbered_generators_are_the_same_on_every_machine() -> None:
    assert numbered(0, "trial", 7).integers(10**6, size=3).tolist() == [342285, 26371, 456672]
    assert numbered(0, "trial", 200).integers(10**6, size=3).tolist() == [544295, 527078, 727821]


def test_every_part_of_a_numbered_name_counts() -> None:
    keys = [(0, "a", 1), (1, "a", 1), (0, "b", 1), *((0, "a", k) for k in range(2, 400))]
    states = {repr(numbered(*key).bit_generator.state) for key in keys}
    assert len(states) == len(keys)


def test_numbered_generators_are_independent_of_each_other_and_of_their_children() -> None:
    generators = [numbered(0, "trial", k) for k in range(250)]
    columns = [each.random(64) for each in (*generators, *(child for each in generators for child in each.spawn(1)))]
    matrix = np.corrcoef(columns)
    off = matrix[~np.eye(len(matrix), dtype=bool)]
    # Correlations of 64 pairs have a standard deviation of 1 / 8, and these are 125,000 of them.
    assert abs(off).max() < 6 / 8
    assert off.std() == pytest.approx(1 / 8, rel=0.03)
    assert np.mean(columns) == pytest.approx(0.5, abs=5 * (1 / 12 / 32_000) ** 0.5)


def test_first_numbers_of_consecutive_generators_are_uniform() -> None:
    first = np.array([numbered(3, "propose", k).random() for k in range(20_000)])
    counts = np.histogram(first, bins=20, range=(0.0, 1.0))[0]
    # Chi-square with 19 degrees of freedom: 43.8 is exceeded once in a thousand times.
    assert ((counts - 1000.0) ** 2 / 1000.0).sum() < 43.8
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 4 / 20_000**0.5


def test_numbered_generators_travel_to_another_process() -> None:
    there = pickle.loads(pickle.dumps(numbered(3, "trial", 200)))  # noqa: S301 - our own bytes
    assert there.random() == numbered(3, "trial", 200).random()
    assert there.spawn(1)[0].random() == numbered(3, "trial", 200).spawn(1)[0].random()
