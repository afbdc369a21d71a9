import itertools
import pickle

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
def test_numbered_generators_are_the_derived_ones(seed: int, name: str, k: int) -> None:
    ours, slow = numbered(seed, name, k), derive(seed, name, k)
    assert ours.bit_generator.state == slow.bit_generator.state
    for _ in range(2):
        assert [child.random() for child in ours.spawn(2)] == [child.random() for child in slow.spawn(2)]
    assert ours.random() == slow.random()


def test_numbered_generators_travel_to_another_process() -> None:
    there = pickle.loads(pickle.dumps(numbered(3, "trial", 200)))  # noqa: S301 - our own bytes
    assert there.random() == derive(3, "trial", 200).random()
    assert there.spawn(1)[0].random() == derive(3, "trial", 200).spawn(1)[0].random()
