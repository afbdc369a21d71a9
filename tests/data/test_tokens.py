"""Text as numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.core.errors import DataError
from archwright.core.rng import derive
from archwright.data.tokens import Tokens, load_tokens, token_batch

TEXT = "the cat saw the dog\n\nthe dog ran\n"


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "train.txt"
    path.write_text(TEXT)
    return path


def test_words_and_ends_of_lines_are_numbered_by_how_often_they_come(text):
    tokens = load_tokens(text)
    assert tokens.words == ("<eos>", "the", "dog", "cat", "ran", "saw")
    assert [tokens.words[number] for number in tokens.ids] == [
        "the", "cat", "saw", "the", "dog", "<eos>", "<eos>", "the", "dog", "ran", "<eos>",
    ]  # fmt: skip


def test_rare_words_are_unknown(text):
    tokens = load_tokens(text, most_words=3)
    assert tokens.words == ("<eos>", "the", "<unk>")
    assert [tokens.words[number] for number in tokens.ids[:5]] == ["the", "<unk>", "<unk>", "the", "<unk>"]


@settings(max_examples=30, deadline=None)
@given(n=st.integers(20, 90), size=st.integers(1, 4), length=st.integers(1, 4), seed=st.integers(0, 9))
def test_each_word_is_followed_by_its_target_and_none_comes_twice(n, size, length, seed):
    tokens = Tokens(np.arange(n), tuple(map(str, range(n))))
    x, y = token_batch(tokens, size, length=length, rng=derive(seed, "batch"))
    assert x.shape == y.shape == (size, length)
    assert np.array_equal(y, x + 1)
    assert len(np.unique(x)) == x.size


def test_a_text_must_be_long_enough(text):
    with pytest.raises(DataError, match="1 to 2 sequences of 5 words"):
        token_batch(load_tokens(text), 3, length=5, rng=derive(0, "batch"))


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "two different words"), (b"\n\n", "two"), (b"\xff\xfe\x00", "UTF-8")]
)
def test_what_is_no_text_is_refused(tmp_path, content, said):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError, match=said) as error:
        load_tokens(tmp_path / "a.txt")
    assert "\n" not in str(error.value)


def test_a_missing_text_is_refused(tmp_path):
    with pytest.raises(DataError, match="no file"):
        load_tokens(tmp_path / "a.txt")
    with pytest.raises(DataError, match="a folder"):
        load_tokens(tmp_path)
