"""Every network of the catalogue keeps the laws of networks."""

from __future__ import annotations

from typing import Any

import pytest

from archwright.core.catalog import CATALOGUE, find, names
from archwright.core.errors import SpaceError
from archwright.core.rng import derive
from archwright.data.shapes import ImageShape, Shape, TokenShape, VectorShape
from archwright.nets.build import build, has_network
from archwright.spaces.base import Space
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.testing import NetworkContract

#: What makes a network small, by name; others are tested as images of CIFAR-10 with the sizes of the benchmark.
SMALL: dict[str, tuple[Shape, dict[str, Any]]] = {
    "tabular_mlp": (VectorShape(7, 3), {}),
    "nb101": (ImageShape(3, 8, 8, 5), {"channels": 8, "cells": 1}),
    "nb201": (ImageShape(3, 8, 8, 5), {"channels": 4, "cells": 1}),
    "nats_sss": (ImageShape(3, 8, 8, 5), {}),
    "transnas_micro": (ImageShape(3, 32, 32, 5), {"channels": 4, "cells": 1}),
    "transnas_macro": (ImageShape(3, 32, 32, 5), {"channels": 4, "blocks": 1}),
    "nb_macro": (ImageShape(3, 8, 8, 5), {"channels": 4, "last": 16}),
    "nb1shot1_1": (ImageShape(3, 8, 8, 5), {"channels": 8, "cells": 1}),
    "nb1shot1_2": (ImageShape(3, 8, 8, 5), {"channels": 8, "cells": 1}),
    "nb1shot1_3": (ImageShape(3, 8, 8, 5), {"channels": 8, "cells": 1}),
    "darts": (ImageShape(3, 8, 8, 5), {"channels": 4, "cells": 3}),
    "nds_enas": (ImageShape(3, 8, 8, 5), {"channels": 4, "cells": 3}),
    "enas_dvae": (ImageShape(3, 8, 8, 5), {"channels": 4}),
    "fbnet": (ImageShape(3, 8, 8, 5), {"head": 16}),
    "nlp": (TokenShape(11, 4), {"embedding": 5, "hidden": 6, "layers": 2}),
    "mr": (ImageShape(3, 32, 32, 5), {}),
}


def _contract(network: str) -> type[NetworkContract]:
    """Return the class of tests for one name."""

    class Contract(NetworkContract):
        name = network
        shape, size = SMALL.get(network, (ImageShape(), {}))

        def space(self) -> Space:
            return find("space", network)()

    return Contract


for _name in names("network"):
    globals()[f"Test{_name.title().replace('_', '')}"] = _contract(_name)


def test_every_network_belongs_to_a_space() -> None:
    assert set(CATALOGUE["network"]) <= set(CATALOGUE["space"])


@pytest.mark.parametrize("name", sorted(set(CATALOGUE["space"]) - set(CATALOGUE["network"])))
def test_a_space_without_a_network_says_so_and_names_those_that_have_one(name: str) -> None:
    space = find("space", name)()
    if isinstance(space, TabularMlp):
        pytest.skip("every space of tabular MLPs has the network of that name")
    assert not has_network(space)
    with pytest.raises(SpaceError, match=f"no network for space {name!r}; there is one for .*nb201"):
        build(space.random(rng=derive(0, "arch")), space, ImageShape(), rng=derive(0, "network"))


def test_every_space_of_tabular_mlps_has_a_network() -> None:
    space = TabularMlp((4, 8), layers=2, name="mine")
    assert has_network(space)
    model = build(space.arch((8, 4)), space, VectorShape(5, 2), rng=derive(0, "network"))
    assert [tuple(param.shape) for param in model.parameters() if param.ndim == 2] == [(8, 5), (4, 8), (2, 4)]


def test_a_size_that_is_nearly_right_is_offered() -> None:
    space = find("space", "nb201")()
    with pytest.raises(SpaceError, match=r"no size 'chanels'\. Did you mean 'channels'"):
        build(space.at(0), space, ImageShape(), rng=derive(0, "network"), chanels=4)
