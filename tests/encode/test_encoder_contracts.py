"""Every fixed encoding and every encoder network of the catalogue keeps the laws of its kind."""

from collections.abc import Sequence

import pytest
import torch

from archwright.core.arch import Arch
from archwright.core.catalog import find, names
from archwright.core.errors import EncodingError
from archwright.core.protocols import Encoder
from archwright.core.rng import derive
from archwright.encode.network import EncoderNetwork
from archwright.spaces.base import Space
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.testing import EncoderContract, EncoderNetworkContract, covered

SPACES = {name: find("space", name)() for name in names("space") if name != "tabular_mlp"}
SPACES["tabular_mlp"] = TabularMlp((8, 16, 32), layers=3)
#: Small spaces of every kind: operations on nodes, on edges, several cells, one long chain.
SOME = ["nb101", "nb201", "darts", "tabular_mlp", "nb_macro"]
#: Their paths are too many.
NO_PATHS = ["diabetes", "fbnet", "frappe", "mr", "nb_macro", "nlp"]


class OfCatalogue(EncoderContract):
    """A fixed encoding, on spaces of every kind."""

    def make(self, space: Space) -> Encoder:
        return find("encoder", self.name)(space)

    def spaces(self) -> Sequence[Space]:
        return [SPACES[name] for name in SOME if not (self.name.startswith("path") and name in NO_PATHS)]

    def refused(self) -> Sequence[Space]:
        return [SPACES["fbnet"]] if self.name.startswith("path") else []


FIXED = [type(f"Test_{name}_encoder", (OfCatalogue,), {"name": name}) for name in names("encoder")]
globals().update({made.__name__: made for made in FIXED})
del OfCatalogue

#: Settings of small networks; those that have none here are made with their own.
SMALL = {
    "gates": {"embedding": 6, "widths": [8] * 4},
    "ta_gates": {"embedding": 6, "widths": [8] * 4, "convert": 8, "scale": 1.0},
    "gcn": {"embedding": 6, "widths": [8] * 3},
    "lstm": {"embedding": 6, "hidden": 8},
    "mlp": {"widths": [16, 8]},
    "seminas": {"embedding": 6, "hidden": 8},
}


class NetworkOfCatalogue(EncoderNetworkContract):
    """An encoder network, on spaces of every kind."""

    def make(self, space: Space) -> EncoderNetwork:
        return find("encoder_network", self.name)(space, **SMALL.get(self.name, {}))

    def spaces(self) -> Sequence[Space]:
        return [SPACES[name] for name in ("nb101", "nb201", "darts")]


NETWORKS = [type(f"Test_{name}_network", (NetworkOfCatalogue,), {"name": name}) for name in names("encoder_network")]
globals().update({made.__name__: made for made in NETWORKS})


class TestMessages(NetworkOfCatalogue):
    """TA-GATES whose operations are updated from messages."""

    def make(self, space: Space) -> EncoderNetwork:
        return find("encoder_network", "ta_gates")(space, **SMALL["ta_gates"] | {"contact": "message"})


class TestConcat(NetworkOfCatalogue):
    """TA-GATES with saliencies, which here say where an operation stands."""

    def make(self, space: Space) -> EncoderNetwork:
        reader = find("encoder_network", "gates")(space, **SMALL["gates"])

        def saliency(archs: Sequence[Arch]) -> torch.Tensor:
            shape = reader.prepare(archs).ops.shape
            return torch.arange(shape[-1] * 2.0).reshape(1, 1, -1, 2).expand(*shape, 2).sin()

        settings = SMALL["ta_gates"] | {"symmetry": "concat", "saliencies": 2, "saliency": saliency}
        return find("encoder_network", "ta_gates")(space, **settings)


class TestMean(NetworkOfCatalogue):
    """GCN that takes the mean of the nodes."""

    def make(self, space: Space) -> EncoderNetwork:
        return find("encoder_network", "gcn")(space, **SMALL["gcn"] | {"pool": "mean"})


del NetworkOfCatalogue


@pytest.mark.parametrize(
    ("network", "setting", "allowed"),
    [
        ("gates", "skips", "identity, layer, operation"),
        ("ta_gates", "skips", "identity, layer, operation"),
        ("ta_gates", "symmetry", "none, random, add, concat"),
        ("ta_gates", "contact", "message, node"),
        ("gcn", "pool", "global, mean"),
        ("lstm", "pool", "last, mean"),
        ("mlp", "reads", "one_hot, categorical"),
    ],
)
def test_a_setting_that_there_is_not_is_refused(network: str, setting: str, allowed: str) -> None:
    with pytest.raises(EncodingError, match=f"^{setting} must be one of {allowed}, but 'ad' was given$"):
        find("encoder_network", network)(SPACES["nb201"], **{setting: "ad"})


@pytest.mark.parametrize("name", sorted(SPACES))
@pytest.mark.parametrize("encoder", names("encoder"))
def test_every_space_is_encoded_or_refused_in_one_line(encoder: str, name: str) -> None:
    space = SPACES[name]
    if encoder.startswith("path") and name in NO_PATHS:
        with pytest.raises(EncodingError, match="give a smaller truncate") as caught:
            find("encoder", encoder)(space)
        assert "\n" not in str(caught.value)
    else:
        made = find("encoder", encoder)(space)
        assert made.encode([space.random(rng=derive(0, "every", name))]).shape == (1, made.dim)


def test_every_encoder_has_a_contract() -> None:
    assert covered(EncoderContract, "encoder") == set(names("encoder"))


def test_every_encoder_network_has_a_contract() -> None:
    assert covered(EncoderNetworkContract, "encoder_network") == set(names("encoder_network"))
