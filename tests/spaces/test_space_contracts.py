"""Every space of the catalogue keeps the laws of a space."""

from archwright.core.arch import Arch
from archwright.core.catalog import names
from archwright.core.graph import Graph
from archwright.spaces.asr import NasBenchAsr
from archwright.spaces.base import Space
from archwright.spaces.darts import Darts
from archwright.spaces.enas_dvae import EnasDvae
from archwright.spaces.fbnet import FbNet
from archwright.spaces.four_nodes import FourNodeSpace
from archwright.spaces.mr import NasBenchMr
from archwright.spaces.nats_sss import NatsSizes
from archwright.spaces.nb1shot1 import nb1shot1_1, nb1shot1_2, nb1shot1_3
from archwright.spaces.nb101 import NasBench101
from archwright.spaces.nb201 import NasBench201
from archwright.spaces.nb_graph import NasBenchGraph, proteins
from archwright.spaces.nb_macro import NasBenchMacro
from archwright.spaces.nds_enas import NdsEnas
from archwright.spaces.nlp import NasBenchNlp
from archwright.spaces.spikenas import SpikeNas
from archwright.spaces.tabular_mlp import TabularMlp, criteo, diabetes, frappe
from archwright.spaces.transnas_macro import TransNasMacro
from archwright.spaces.transnas_micro import TransNasMicro
from archwright.testing import SpaceContract, covered


class TestTabularMlp(SpaceContract):
    name = "tabular_mlp"

    def make(self) -> Space:
        return TabularMlp((32, 8, 16), layers=3)


class TestOneNetwork(SpaceContract):
    def make(self) -> Space:
        return TabularMlp((64,), layers=1)

    def test_one_hot_has_one_per_decision_and_tells_architectures_apart(self) -> None:
        assert self.make().one_hot(self.some(2)).tolist() == [[1.0], [1.0]]


class TestFrappe(SpaceContract):
    name = "frappe"

    def make(self) -> Space:
        return frappe()


class TestDiabetes(SpaceContract):
    name = "diabetes"

    def make(self) -> Space:
        return diabetes()


class TestCriteo(SpaceContract):
    name = "criteo"

    def make(self) -> Space:
        return criteo()


class FourNodeContract(SpaceContract):
    """Graphs keep `none` and `skip` as nodes, for encoders; canonical forms resolve them."""

    def test_canonical_keeps_the_graphs(self) -> None:
        space = self.make()
        assert isinstance(space, FourNodeSpace)
        for arch in self.some():
            assert space.unique_text(space.canonical(arch)) == space.unique_text(arch)


class TestNasBench101(SpaceContract):
    name = "nb101"

    def make(self) -> Space:
        return NasBench101()


class TestNasBench1Shot1Subset1(SpaceContract):
    name = "nb1shot1_1"

    def make(self) -> Space:
        return nb1shot1_1()


class TestNasBench1Shot1Subset2(SpaceContract):
    name = "nb1shot1_2"

    def make(self) -> Space:
        return nb1shot1_2()


class TestNasBench1Shot1Subset3(SpaceContract):
    name = "nb1shot1_3"

    def make(self) -> Space:
        return nb1shot1_3()


class TestNasBench201(FourNodeContract):
    name = "nb201"

    def make(self) -> Space:
        return NasBench201()


class TestTransNasMicro(FourNodeContract):
    name = "transnas_micro"

    def make(self) -> Space:
        return TransNasMicro()


class TestTransNasMacro(SpaceContract):
    name = "transnas_macro"

    def make(self) -> Space:
        return TransNasMacro()


class TestNatsSizes(SpaceContract):
    name = "nats_sss"

    def make(self) -> Space:
        return NatsSizes()


class TestNasBenchMacro(SpaceContract):
    name = "nb_macro"

    def make(self) -> Space:
        return NasBenchMacro()


class TestSpikeNas(FourNodeContract):
    name = "spikenas"

    def make(self) -> Space:
        return SpikeNas()


class TestDarts(SpaceContract):
    name = "darts"

    def make(self) -> Space:
        return Darts()


class TestNdsEnas(SpaceContract):
    name = "nds_enas"

    def make(self) -> Space:
        return NdsEnas()


class TestEnasDvae(SpaceContract):
    name = "enas_dvae"

    def make(self) -> Space:
        return EnasDvae()


class TestNlp(SpaceContract):
    name = "nlp"

    def make(self) -> Space:
        return NasBenchNlp()


class TestAsr(SpaceContract):
    name = "asr"

    def make(self) -> Space:
        return NasBenchAsr()


class TestFbNet(SpaceContract):
    name = "fbnet"

    def make(self) -> Space:
        return FbNet()


class TestGraph(SpaceContract):
    name = "graph"

    def make(self) -> Space:
        return NasBenchGraph()


class TestGraphProteins(SpaceContract):
    name = "graph_proteins"

    def make(self) -> Space:
        return proteins()


class TestMr(SpaceContract):
    name = "mr"

    def make(self) -> Space:
        return NasBenchMr()


class Ruled(Space):
    """A grid of which only the points with an even sum are valid; mutants are two steps away in a neighbour's sense."""

    name = "ruled"
    arities = (4, 3, 5)
    op_names = tuple("abcdefghijkl")

    def check(self, arch: Arch) -> str | None:
        return super().check(arch) or ("the sum is odd" if sum(arch.genes) % 2 else None)

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        return (Graph(arch.genes, frozenset({(0, 1), (1, 2)})),)


class TestSpaceWithRules(SpaceContract):
    def make(self) -> Space:
        return Ruled()


def test_every_space_has_a_contract() -> None:
    assert covered(SpaceContract, "space") == set(names("space"))
