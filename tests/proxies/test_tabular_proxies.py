"""Whole-space proxies against their slow twins: the module forms, on the same network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from archwright.core.catalog import find
from archwright.core.errors import ArchError, ProxyError, SpaceError
from archwright.proxies.base import Batch
from archwright.proxies.tabular import DATA_FREE, TABULAR, score_drawn, score_many, score_space
from archwright.proxies.tabular_draw import SharedDraw
from archwright.proxies.whole_space import WholeSpace
from archwright.spaces.tabular_mlp import TabularMlp, frappe

SPACE = TabularMlp((8, 11, 20, 30), layers=3)
PLACES = (5, 60, 17)
D = 9
#: Its own weights, and a first-order form; both have tests of their own below.
OTHERS = {"expressflow", "grasp"}


def targets(kind: str, n_rows: int = 16) -> tuple[torch.Tensor, int]:
    """Return targets and outputs of the head."""
    generator = torch.Generator().manual_seed(1)
    if kind == "real":
        return torch.randn(n_rows, generator=generator, dtype=torch.float64), 1
    n_classes = 3 if kind == "classes" else 2
    return torch.randint(0, n_classes, (n_rows,), generator=generator), 1 if kind == "binary" else n_classes


def rows(n: int = 16, d: int = D, *, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * scale


def slow(name: str, draw: SharedDraw, place: int, batch: Batch, *, frozen: bool = False) -> float:
    options = {"frozen": frozen} if name in ("ntk_cond", "ntk_trace") else {}
    return find("proxy", name)(draw.network(draw.space.at(place)).to(batch.x), batch, **options)


@pytest.mark.parametrize("init", ["torch", "he", "lecun"])
@pytest.mark.parametrize("kind", ["binary", "classes", "real"])
def test_every_proxy_equals_its_module_form_on_the_same_network(kind: str, init: str) -> None:
    y, n_outputs = targets(kind)
    names = [name for name in TABULAR if name not in OTHERS and (name, kind) != ("epe_nas", "real")]
    draw, batch = SharedDraw(SPACE, D, n_outputs=n_outputs, seed=3, init=init), Batch(rows(), y)
    found = score_drawn(draw, [SPACE.at(place) for place in PLACES], batch, names)
    for name in names:
        expected = [slow(name, draw, place, batch) for place in PLACES]
        # Parameters are float32 on both sides, but scaled before or after a product.
        assert found[name] == pytest.approx(expected, rel=2e-5, abs=1e-9), name


def test_tangent_kernels_equal_the_module_form_with_constant_statistics() -> None:
    y, n_outputs = targets("classes")
    draw, batch = SharedDraw(SPACE, D, n_outputs=n_outputs, seed=3), Batch(rows(), y)
    names = ("ntk_cond", "ntk_trace")
    found = score_drawn(draw, [SPACE.at(place) for place in PLACES], batch, names, frozen=True)
    for name in names:
        assert found[name] == pytest.approx([slow(name, draw, place, batch, frozen=True) for place in PLACES], rel=2e-5)


@pytest.mark.parametrize("kind", ["binary", "classes", "real"])
def test_grasp_in_two_first_order_passes_equals_the_double_backward(kind: str) -> None:
    # Its identity holds up to BatchNorm's eps against the variance of a layer: inputs of size 10 leave it small.
    space = TabularMlp((24, 40, 64), layers=3)
    y, n_outputs = targets(kind, 32)
    draw, batch = SharedDraw(space, D, n_outputs=n_outputs, seed=3, init="he"), Batch(rows(32, scale=10), y)
    places = list(range(0, 27, 2))
    found = score_drawn(draw, [space.at(place) for place in places], batch, ["grasp"])["grasp"]
    expected = np.array([slow("grasp", draw, place, batch) for place in places])
    assert np.abs(found - expected).max() < 2e-3 * np.abs(expected).max()
    assert spearmanr(found, expected).statistic > 0.99


def test_expressflow_is_that_of_the_whole_space() -> None:
    archs = [SPACE.at(place) for place in PLACES]
    whole = WholeSpace(SPACE, D, n_outputs=2, seed=4).scores()
    assert score_many(SPACE, archs, D, ["expressflow"], seed=4, n_outputs=2)["expressflow"] == pytest.approx(
        whole[list(PLACES)], rel=1e-5
    )
    assert score_space(SPACE, D, ["expressflow"], seed=4, n_outputs=2)["expressflow"] == pytest.approx(whole, rel=1e-6)


SPACES = st.builds(
    TabularMlp, st.lists(st.integers(1, 20), min_size=1, max_size=3, unique=True), layers=st.integers(1, 4)
)


@settings(max_examples=12, deadline=None)
@given(space=SPACES, seed=st.integers(0, 9), order=st.randoms(use_true_random=False))
def test_a_whole_space_and_its_architectures_in_any_order_have_equal_scores(space, seed, order) -> None:
    names = [name for name in TABULAR if name not in ("expressflow", "ntk_cond")]
    batch = Batch(rows(6), targets("binary", 6)[0])
    places = [order.randrange(space.size()) for _ in range(7)]
    whole = score_space(space, batch, names, seed=seed)
    many = score_many(space, [space.at(place) for place in places], batch, names, seed=seed)
    for name in names:
        assert whole[name].shape == (space.size(),)
        np.testing.assert_allclose(whole[name][places], many[name], rtol=1e-6, atol=1e-12, err_msg=name)


def test_sizes_and_synflow_of_the_papers_space_equal_the_module_forms() -> None:
    space, batch = frappe(), Batch(torch.ones(2, 100))
    draw = SharedDraw(space, 100, seed=0)
    names = ("params", "flops", "l2_norm", "synflow")
    whole = score_space(space, 100, names, seed=0)
    for place in (0, 777, 43_210, 159_999):
        for name in names:
            assert whole[name][place] == pytest.approx(slow(name, draw, place, batch), rel=1e-5)


def test_single_precision_ranks_as_double_precision_does() -> None:
    y, _ = targets("binary")
    names = [name for name in TABULAR if name not in DATA_FREE and name != "plain"]
    double = score_space(SPACE, Batch(rows(), y), names, seed=0)
    single = score_space(SPACE, Batch(rows().float(), y), names, seed=0)
    for name in names:
        both = np.isfinite(single[name]) & np.isfinite(double[name])
        assert both.mean() > 0.9, name
        assert spearmanr(single[name][both], double[name][both]).statistic > 0.999, name


def test_networks_with_equal_first_layers_have_equal_weights_there() -> None:
    draw = SharedDraw(SPACE, D, seed=0)
    wide, narrow = draw.network(SPACE.arch((20, 30, 11))), draw.network(SPACE.arch((20, 8, 30)))
    assert torch.equal(wide.layers[0].weight, narrow.layers[0].weight)
    assert torch.equal(wide.layers[3].weight[:8], narrow.layers[3].weight)


@pytest.mark.parametrize(("init", "gain"), [("torch", 1), ("he", 6), ("lecun", 3)])
def test_weights_are_uniform_up_to_their_bound(init: str, gain: float) -> None:
    space = TabularMlp((300,), layers=1)
    network = SharedDraw(space, 200, seed=0, init=init).network(space.at(0))
    weight = network.layers[0].weight.detach()
    bound = (gain / 200) ** 0.5
    assert 0.99 * bound < float(weight.abs().max()) <= bound
    assert float(weight.var()) == pytest.approx(bound**2 / 3, rel=0.02)
    assert bool(network.layers[0].bias.any()) == (init == "torch")


def test_two_rows_with_one_pattern_have_no_naswot() -> None:
    x = rows()
    x[3] = x[5]
    found = score_space(SPACE, Batch(x), ["nwot", "synflow", "jacflow"], seed=0)
    assert np.isnan(found["nwot"]).all()
    assert np.isnan(found["jacflow"]).all()
    assert np.isfinite(found["synflow"]).all()


def test_equal_rows_have_a_trace_and_no_condition() -> None:
    x = rows()
    x[3] = x[5]
    for frozen in (False, True):
        found = score_many(SPACE, [SPACE.at(63)], Batch(x), ["ntk_cond", "ntk_trace"], seed=0, frozen=frozen)
        assert np.isnan(found["ntk_cond"]).all()
        assert np.isfinite(found["ntk_trace"]).all()


def test_rows_that_nothing_reaches_have_no_correlations() -> None:
    # One input has a gradient of one number, which is constant.
    found = score_space(SPACE, Batch(rows(d=1), targets("binary")[0]), ["jacov", "epe_nas", "snip"], seed=0)
    assert np.isnan(found["jacov"]).all()
    assert np.isnan(found["epe_nas"]).all()
    assert np.isfinite(found["snip"]).all()


def test_the_same_call_gives_the_same_and_leaves_torchs_generator_alone() -> None:
    y, _ = targets("binary")
    state = torch.get_rng_state()
    first, second = (score_space(SPACE, Batch(rows(), y), TABULAR, seed=2) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    for name in TABULAR:
        np.testing.assert_array_equal(first[name], second[name])
    other = score_space(SPACE, Batch(rows(), y), ["snip"], seed=3)
    assert not np.array_equal(other["snip"], first["snip"])


def test_it_works_inside_inference_mode() -> None:
    y, _ = targets("binary")
    batch = Batch(rows(), y)
    expected = score_space(SPACE, batch, ["snip", "grasp"], seed=0)
    with torch.inference_mode():
        found = score_space(SPACE, Batch(batch.x * 1, y), ["snip", "grasp"], seed=0)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12)


def test_no_architectures_have_no_scores() -> None:
    assert score_many(SPACE, [], Batch(rows()), ["nwot", "params"], seed=0)["nwot"].shape == (0,)


@pytest.mark.parametrize(
    ("batch", "names", "options", "message"),
    [
        (Batch(rows()), ["snipp"], {}, "Did you mean 'snip'"),
        (Batch(rows()), ["zen"], {}, "no version for whole width spaces"),
        (Batch(rows()), [], {}, "one or more different names"),
        (Batch(rows()), ["nwot", "nwot"], {}, "one or more different names"),
        (Batch(rows()), ["snip"], {}, "need labels"),
        (Batch(rows()), ["epe_nas"], {}, "needs integer labels"),
        (D, ["nwot"], {}, "a batch of two rows or more"),
        (Batch(rows(1)), ["nwot"], {}, "a batch of two rows or more"),
        (Batch(rows(), torch.full((16,), 2)), ["snip"], {}, "labels"),
        (Batch(rows(), torch.zeros(16)), ["snip"], {"n_outputs": 2}, "real targets"),
        (Batch(rows()[0]), ["nwot"], {}, "rows must be real numbers"),
        (Batch(rows().long()), ["nwot"], {}, "rows must be real numbers"),
        (Batch(rows()), ["nwot"], {"init": "xavier"}, "init must be one of"),
        (Batch(rows()), ["nwot"], {"n_outputs": 0}, "an input and an output"),
    ],
)
def test_what_cannot_be_scored_is_refused(batch: Batch | int, names: list[str], options: dict, message: str) -> None:
    with pytest.raises(ProxyError, match=message):
        score_space(SPACE, batch, names, seed=0, **options)


def test_foreign_architectures_and_endless_spaces_are_refused() -> None:
    with pytest.raises(ArchError):
        score_many(SPACE, [frappe().at(0)], D, ["params"], seed=0)
    with pytest.raises(SpaceError, match="scored whole"):
        score_space(TabularMlp(range(1, 101), layers=4), D, ["params"], seed=0)


def test_an_endless_space_has_scores_for_some() -> None:
    space = TabularMlp(range(1, 101), layers=4)
    names = ("params", "synflow", "nwot")
    found = score_many(space, [space.at(place) for place in (0, 10**7, 10**8 - 1)], Batch(rows()), names, seed=0)
    assert found["params"].tolist() == sorted(found["params"])
    assert np.isfinite(found["synflow"]).all()
