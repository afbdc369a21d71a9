"""The numbers of spiking networks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.spaces.spikenas import SpikeNas


@given(number=st.integers(0, 15624))
def test_numbers_and_architectures_are_one_to_one(number: int) -> None:
    space = SpikeNas()
    arch = space.of_number(number)
    assert space.number(arch) == number
    assert space.parse(str(number)) == arch


def test_digits_are_edges_by_source_the_first_one_least() -> None:
    # Source: the official summary of network 14862: e01 2, e02 2, e03 4, e12 3, e13 3, e23 4.
    (cell,) = SpikeNas().cells(SpikeNas().of_number(14862))
    assert {edge[:2]: edge[2] for edge in cell.edges} == {
        (0, 1): 2,
        (0, 2): 2,
        (0, 3): 4,
        (1, 2): 3,
        (1, 3): 3,
        (2, 3): 4,
    }


def test_the_text_of_edges_is_read_too() -> None:
    text = "|lif_0.5_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|lif_1.5_conv_3x3~2|"
    assert SpikeNas().parse(text) == Arch("spikenas", (2, 0, 1, 0, 0, 4))


@pytest.mark.parametrize("text", ["15625", "-1", "99999999999", "1.5"])
def test_numbers_outside_are_refused(text: str) -> None:
    with pytest.raises(ArchError, match="spikenas"):
        SpikeNas().parse(text)
