"""Text as numbered words, and batches of it for language models."""

# Legend: N words of a text, V words of the vocabulary, B sequences of a batch, T their length.

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from archwright.core.errors import DataError
from archwright.data.tables import missing_file

__all__ = ["Tokens", "load_tokens", "token_batch"]

#: Words of a vocabulary, unless more are asked for: those of the Penn Treebank as language models use it.
MOST_WORDS = 10_000
_END, _UNKNOWN = "<eos>", "<unk>"


@dataclass(frozen=True, eq=False)
class Tokens:
    """A text.

    Args:
        ids: Number of each word [N], int64.
        words: The words by number, the commonest first.
        origin: Where it came from, for messages and the run record.
    """

    ids: npt.NDArray[np.int64]
    words: tuple[str, ...]
    origin: str = "text"

    def __len__(self) -> int:
        return len(self.ids)


def load_tokens(path: str | Path, *, most_words: int = MOST_WORDS) -> Tokens:
    """Return the words of a text file, which are what stands between white space; a line ends with `<eos>`.

    Args:
        path: UTF-8 text, as the Penn Treebank and WikiText are handed out.
        most_words: Size of the vocabulary; rarer words are `<unk>`.

    Raises:
        DataError: if the file cannot be read, or has less than two words.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise DataError(f"{path} is a folder; give a text file.") if path.exists() else missing_file(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} must be a text file in UTF-8, but: {error}") from error
    words = [word for line in lines for word in (*line.split(), _END)]
    counts = Counter(words)
    if len(counts) < 2 or most_words < 2:
        raise DataError(f"{path}: a text and its vocabulary must have two different words or more")
    kept = [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    if len(kept) > most_words:
        kept = [*[word for word in kept if word != _UNKNOWN][: most_words - 1], _UNKNOWN]
    number_of = {word: number for number, word in enumerate(kept)}
    rare = number_of.get(_UNKNOWN, -1)
    return Tokens(np.array([number_of.get(word, rare) for word in words], dtype=np.int64), tuple(kept), str(path))


def token_batch(
    tokens: Tokens, size: int, *, length: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return sequences x [B, T] that do not overlap, and the word that follows each of their words, y [B, T].

    Args:
        tokens: The text.
        size: B.
        length: T.
        rng: Draws them; the same one draws the same batch.

    Raises:
        DataError: if the text is too short.
    """
    there = (len(tokens) - 1) // length
    if not 0 < size <= there:
        raise DataError(
            f"a batch must have 1 to {there} sequences of {length} words of {tokens.origin}, but {size} were asked for"
        )
    starts = rng.permutation(there)[:size] * length
    x = tokens.ids[starts[:, None] + np.arange(length)]
    return x, tokens.ids[starts[:, None] + np.arange(1, length + 1)]
