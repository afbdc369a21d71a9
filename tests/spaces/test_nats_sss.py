"""NATS-Bench's size space."""

from __future__ import annotations

import pytest

from archwright.core.errors import ArchError
from archwright.spaces.nats_sss import NatsSizes


def test_it_has_32768_networks() -> None:
    # Source: arXiv:2009.00437, section 3.2.
    space = NatsSizes()
    assert space.size() == 32_768
    assert len(set(space.enumerate())) == 32_768


def test_widths_and_text_agree_with_either_mark_between() -> None:
    space = NatsSizes()
    arch = space.parse("8:64:16:40:32")
    assert space.widths_of(arch) == (8, 64, 16, 40, 32)
    assert space.parse("8-64-16-40-32") == arch
    assert space.text(arch) == "8:64:16:40:32"
    (graph,) = space.graphs(arch)
    assert [space.op_names[op] for op in graph.ops][1:3] == ["channels-8", "channels-64"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("8:8:8:8", "must read like"),
        ("8:8:8:8:8:8", "must read like"),
        ("8:8-8:8-8", "must read like"),
        ("8:8:8:8:9", "must be one of 8, 16"),
        ("8:8:8:8:72", "must be one of 8, 16"),
        ("nats_sss:0.0.0.0.8", r"must be 0\.\.7"),
    ],
)
def test_malformed_text_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ArchError, match=reason):
        NatsSizes().parse(text)
