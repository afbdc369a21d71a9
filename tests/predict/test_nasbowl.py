"""The kernel of neighbourhoods, and Gaussian processes, against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from archwright.core.catalog import find
from archwright.core.errors import PredictorError
from archwright.core.graph import Graph
from archwright.core.rng import derive
from archwright.core.trial import Evidence
from archwright.predict.nasbowl import Nasbowl, _alive, relabelled
from archwright.predict.posterior import posterior

NB201 = find("space", "nb201")()


def test_labels_tell_what_a_node_reads_and_what_reads_it() -> None:
    chain = Graph((0, 1, 1, 1, 1, 2), frozenset({(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)}))
    zero, one, two = relabelled(chain, 2)
    assert zero == ["0", "1", "1", "1", "1", "2"]
    assert len(set(one)) == 5, "the two inner ones are alike"
    assert one[2] == one[3]
    assert len(set(two)) == 6
    turned = Graph((1, 0, 2), frozenset({(0, 1), (0, 2)}))
    other = Graph((0, 2, 1), frozenset({(0, 2), (1, 2)}))
    assert set(relabelled(turned, 1)[1]).isdisjoint(relabelled(other, 1)[1]), "directions count"


@given(st.integers(0, 15624))
def test_numbering_nodes_differently_changes_no_label(index: int) -> None:
    (cell,) = NB201.graphs(NB201.at(index))
    for mine, theirs in zip(relabelled(cell, 3), relabelled(cell.canonical(), 3), strict=True):
        assert sorted(map(repr, mine)) == sorted(map(repr, theirs))


def test_what_nothing_passes_through_does_not_count() -> None:
    # Node 1 passes nothing on; 2 reads only it; 4 feeds only it.
    cell = Graph((5, 0, 3, 2, 4, 6), frozenset({(0, 1), (1, 2), (2, 5), (0, 3), (3, 5), (0, 4)}))
    left = _alive(cell, frozenset({0}))
    assert left.ops == (5, 2, 4, 6), "what ends nowhere is an end of its own"
    assert left.edges == {(0, 1), (1, 3), (0, 2)}
    empty = _alive(NB201.graphs(NB201.at(0))[0], frozenset({0}))
    assert empty.ops == (5, 6)
    assert not empty.edges


def test_architectures_that_are_the_same_network_without_none_get_one_prediction() -> None:
    rng = derive(0, "bowl")
    archs = [NB201.random(rng=rng) for _ in range(30)]
    predictor = Nasbowl(NB201).fit([Evidence(arch) for arch in archs], rng.normal(size=30), rng=rng)
    # Node 1 reads nothing, so that what leads on from it does not matter.
    same = [
        f"|none~0|+|nor_conv_3x3~0|{op}~1|+|skip_connect~0|{op}~1|nor_conv_1x1~2|" for op in ("none", "avg_pool_3x3")
    ]
    one, two = predictor.predict([Evidence(NB201.parse(text)) for text in same]).mean
    assert one == two
    with pytest.raises(PredictorError, match="steps of the kernel must be 0 or more"):
        Nasbowl(NB201, steps=-1)


def test_structure_that_shows_after_one_step_needs_a_step() -> None:
    rng = derive(1, "bowl")
    archs = [NB201.random(rng=rng) for _ in range(120)]
    # The score is whether the third operation, whose input is node 1, follows a convolution: counts cannot tell.
    scores = np.array([float(arch.genes[0] == 3) * float(arch.genes[2] == 2) for arch in archs])
    predictor = Nasbowl(NB201).fit([Evidence(arch) for arch in archs], scores + 0.01 * rng.normal(size=120), rng=rng)
    assert predictor.chosen >= 1


def test_a_posterior_is_the_textbooks() -> None:
    rng = derive(2, "bowl")
    x = rng.normal(size=(40, 2))
    kernel = np.exp(-0.5 * np.square(x[:, None] - x[None]).sum(-1))
    scores = rng.multivariate_normal(np.zeros(40), kernel + 0.05 * np.eye(40))
    known, asked = slice(0, 30), slice(30, 40)
    found = posterior(kernel[known, known], scores[known])
    full = found.amplitude * (kernel[known, known] + found.ratio * np.eye(30))
    assert found.log_evidence == pytest.approx(multivariate_normal(np.zeros(30), full).logpdf(scores[known]))
    for change in (0.8, 1.25):
        worse = found.amplitude * (kernel[known, known] + change * found.ratio * np.eye(30))
        assert multivariate_normal(np.zeros(30), worse).logpdf(scores[known]) < found.log_evidence
        assert multivariate_normal(np.zeros(30), change * full).logpdf(scores[known]) < found.log_evidence
    across = found.amplitude * kernel[asked, known]
    assert found.mean(kernel[asked, known]) == pytest.approx(across @ np.linalg.solve(full, scores[known]))
    variance = found.amplitude - np.einsum("bn,nb->b", across, np.linalg.solve(full, across.T))
    assert np.square(found.std(kernel[asked, known], np.ones(10))) == pytest.approx(variance)
