"""Texts that were written by hand, cut off or changed are read or refused in one line, whatever they hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.catalog import find
from archwright.core.errors import ArchError
from archwright.core.rng import derive
from archwright.spaces.base import Space

NAMES = ("darts", "nds_enas", "enas_dvae", "nlp", "asr", "fbnet", "graph", "graph_proteins", "mr")
SPACES: dict[str, Space] = {name: find("space", name)() for name in NAMES}

#: What is put into texts: brackets, numbers too large for anything, other types, bytes that no parser likes.
BITS = (
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    ",",
    "'",
    '"',
    "\\",
    "\n",
    "\0",
    "-1",
    "9" * 25,
    "1e9",
    "None",
    "x",
    "²",
    "**",
    ":",
    "#",
)


def _refused_or_read(space: Space, text: str) -> None:
    told = "an architecture"
    try:
        arch = space.parse(text)
    except ArchError as error:
        told = str(error)
    else:
        assert space.check(arch) is None
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_changed_texts_are_read_or_refused(name: str, data: st.DataObject) -> None:
    space = SPACES[name]
    text = space.text(space.random(rng=derive(data.draw(st.integers(0, 99)), "text")))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 8, len(text))))
        text = text[:start] + data.draw(st.sampled_from(BITS)) + text[end:]
    _refused_or_read(space, text)


@pytest.mark.parametrize("name", NAMES)
@given(text=st.text(max_size=40))
def test_any_text_is_read_or_refused(name: str, text: str) -> None:
    _refused_or_read(SPACES[name], text)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("other", NAMES)
def test_texts_of_other_spaces_are_refused_or_valid(name: str, other: str) -> None:
    arch = SPACES[other].random(rng=derive(0, "text"))
    if name != other:
        with pytest.raises(ArchError):
            SPACES[name].parse(str(arch))
    _refused_or_read(SPACES[name], SPACES[other].text(arch))
