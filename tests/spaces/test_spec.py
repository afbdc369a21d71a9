"""Spaces that are written down as JSON and made again."""

import json

import pytest

from archwright.core.catalog import find, names
from archwright.core.errors import SpaceError
from archwright.core.rng import derive
from archwright.spaces.base import Space
from archwright.spaces.four_nodes import FourNodeSpace
from archwright.spaces.spec import space_from_spec, space_spec
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.spaces.yaml_space import parse_space

OTHERS = [
    TabularMlp((8, 16), layers=3),
    FourNodeSpace("four", ("none", "skip", "conv"), none="none", skip="skip"),
    parse_space("name: tiny\nspace: {chain: {stem: {choice: [a, b]}, width: {ints: [8, 64, 8]}}}"),
]


def archs(space: Space) -> list[str]:
    return [str(space.random(rng=derive(0, "spec", k))) for k in range(5)]


@pytest.mark.parametrize(
    "space", [*(find("space", name)() for name in names("space")), *OTHERS], ids=lambda space: space.name
)
def test_a_space_is_made_again_from_its_description(space: Space) -> None:
    made = space_from_spec(json.loads(json.dumps(space_spec(space))))
    assert type(made) is type(space)
    assert (made.name, made.arities, made.op_names) == (space.name, space.arities, space.op_names)
    assert archs(made) == archs(space)


def test_a_space_of_a_users_own_class_has_no_description() -> None:
    class Own(FourNodeSpace):
        """Not in the catalogue."""

    with pytest.raises(SpaceError, match="to be written down, a space must be in the catalogue"):
        space_spec(Own("own", ("none", "skip"), none="none", skip="skip"))


@pytest.mark.parametrize("spec", [{}, {"kind": "os"}, {"kind": "catalogue", "name": "os"}, {"kind": "tabular_mlp"}, []])
def test_a_damaged_description_is_refused_in_one_line(spec) -> None:
    with pytest.raises(SpaceError, match="must be one that can be made here") as caught:
        space_from_spec(spec)
    assert "\n" not in str(caught.value)
