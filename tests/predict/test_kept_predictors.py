"""Predictors that are kept as arrays do what their sources say, and read back without the library that made them."""

import importlib.util
import json
import sys

import numpy as np
import pytest
import torch

from archwright.core.catalog import find
from archwright.core.errors import MissingExtraError, PredictorError
from archwright.core.rng import derive
from archwright.core.trial import Evidence
from archwright.predict.bohamiann import _Sampler
from archwright.predict.bonas import _importance
from archwright.predict.sparse_gp import InducedGaussian

SPACE = find("space", "nb201")()
#: Quick settings, and what each gives a state of without the package.
BY_LIBRARY = {
    "ngboost": ("ngboost", {"trees": 10}),
    "omni": ("ngboost", {"trees": 10, "proxies": ["jacov"]}),
    "sparse_gp": ("gpytorch", {"steps": 3, "inducing": 10}),
}


def drawn(n: int, seed: int) -> tuple[list[Evidence], np.ndarray]:
    """Return architectures with a curve and a proxy, and an invented score."""
    rng = derive(seed, "kept")
    archs = [SPACE.random(rng=rng) for _ in range(n)]
    scores = np.array([float(np.isin(arch.genes, (2, 3)).sum()) for arch in archs])
    evidence = [Evidence(arch, (0.0, score), {"jacov": 10.0**score}) for arch, score in zip(archs, scores, strict=True)]
    return evidence, scores


@pytest.mark.parametrize("name", BY_LIBRARY)
def test_the_package_is_needed_to_fit_and_not_to_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package, settings = BY_LIBRARY[name]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"the package {package} is not installed")
    evidence, scores = drawn(30, 0)
    make = find("predictor", name)
    made = make(SPACE, **settings).fit(evidence, scores, rng=derive(0))
    values, arrays = made.state()
    monkeypatch.setitem(sys.modules, package, None)
    back = make.from_state(SPACE, json.loads(json.dumps(values)), arrays)
    wanted, found = made.predict(evidence), back.predict(evidence)
    assert np.array_equal(found.mean, wanted.mean)
    assert np.array_equal(found.std, wanted.std)
    with pytest.raises(MissingExtraError, match=f"needs the package {package}"):
        make(SPACE, **settings).fit(evidence, scores, rng=derive(0))


def test_with_every_observation_as_inducing_point_the_sparse_process_is_the_whole_one() -> None:
    rng = derive(0, "sparse")
    x, y, asked = rng.normal(size=(20, 3)), rng.normal(size=20), rng.normal(size=(7, 3))
    kernel = lambda a, b: 2.0 * np.exp(-0.5 * np.square(a[:, None] - b).sum(-1) / 1.5**2)  # noqa: E731
    found = InducedGaussian.of(x, y, x, scale=1.5, amplitude=2.0, noise=0.3).predict(asked)
    inverse = np.linalg.inv(kernel(x, x) + 0.3 * np.eye(20))
    across = kernel(asked, x)
    assert np.allclose(found.mean, across @ inverse @ y, atol=1e-4)
    assert np.allclose(found.std**2, 2.0 - np.einsum("bn,nm,bm->b", across, inverse, across), atol=1e-4)


def test_the_sampler_has_the_spread_of_its_target() -> None:
    scale, rng = torch.tensor([0.3, 1.0, 3.0]), torch.Generator().manual_seed(0)
    sampler, kept = _Sampler(torch.zeros(200, 3), lr=0.03, friction=0.05), []
    for step in range(2000):
        sampler.step(sampler.weights / scale**2, rng, adapt=step < 600)
        if step >= 1200 and step % 10 == 0:
            kept.append(sampler.weights)
    spread = torch.stack(kept).std((0, 1)) / scale
    assert ((spread > 0.85) & (spread < 1.15)).all(), spread


def test_chains_that_run_away_are_an_error_of_one_line() -> None:
    evidence, scores = drawn(10, 0)
    wild = find("predictor", "bohamiann")(SPACE, widths=[4], chains=2, burn_in=60, samples=4, lr=1e6)
    with pytest.raises(PredictorError, match="chains must stay finite"):
        wild.fit(evidence, scores, rng=derive(0))


def test_the_best_architecture_counts_most_and_the_worst_not_at_all() -> None:
    weight = _importance(torch.tensor([3.0, 1.0, 2.0]))
    assert weight[1] == 0
    assert torch.allclose(weight[0] / weight[2], torch.tensor((np.e - 1) / (np.e**0.5 - 1), dtype=torch.float32))
    assert torch.equal(_importance(torch.ones(3)), torch.ones(3))


def test_the_decoder_learns_to_write_the_architecture_down() -> None:
    evidence, scores = drawn(40, 0)
    made = find("predictor", "nao")(SPACE, epochs=120, lr=0.01, trade_off=0.3).fit(evidence, scores, rng=derive(0))
    tokens = made._network.tokens([each.arch for each in evidence])
    with torch.inference_mode():
        _, logits = made._network(tokens)
    assert (logits.argmax(-1) == tokens).float().mean() > 0.9


def test_architectures_without_scores_change_what_is_learned() -> None:
    evidence, scores = drawn(12, 0)
    small = {"embedding": 8, "hidden": 8, "epochs": 5}
    plain, more = (
        find("predictor", "nao")(SPACE, **small, unlabelled=n)
        .fit(evidence, scores, rng=derive(0))
        .predict(evidence)
        .mean
        for n in (0, 50)
    )
    assert not np.array_equal(plain, more)


def test_omni_reads_what_it_is_told_and_says_what_is_missing() -> None:
    pytest.importorskip("ngboost")
    evidence, scores = drawn(60, 0)
    make = find("predictor", "omni")
    assert make(SPACE).needs == {"curve", "proxies"}
    assert make(SPACE, curve=False).needs == {"proxies"}
    assert make(SPACE, proxies=[], curve=False).needs == frozenset()
    made = make(SPACE, trees=40).fit(evidence, scores, rng=derive(0))
    # The architecture stays the same, and what was measured of it changes.
    bad, good = (Evidence(evidence[0].arch, (0.0, value), {"jacov": 10.0**value}) for value in (0.0, 6.0))
    assert made.predict([bad]).mean < made.predict([good]).mean
    longer = Evidence(good.arch, (*good.curve, -50.0), good.proxies)
    assert made.predict([longer]).mean == made.predict([good]).mean
    with pytest.raises(PredictorError, match="proxy 'jacov' of each architecture, but 1 of 2 lack it"):
        made.predict([good, Evidence(good.arch, good.curve)])
    with pytest.raises(PredictorError, match="curve of 2 epochs or more of each architecture, but 1 of 2"):
        made.predict([good, Evidence(good.arch, (1.0,), good.proxies)])
    with pytest.raises(PredictorError, match="1 of 1 values of the proxy 'jacov' are not"):
        made.predict([Evidence(good.arch, good.curve, {"jacov": np.nan})])
    with pytest.raises(PredictorError, match="named once"):
        make(SPACE, proxies=["jacov", "jacov"])


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("ngboost", {"share": 1.5}, "share of the boosted trees must be above 0 and at most 1"),
        ("omni", {"last": 0}, "last of the boosted trees must be above 0"),
        ("sparse_gp", {"inducing": 0}, "inducing, steps and lr must be above 0"),
        ("bohamiann", {"widths": []}, "must be above 0"),
        ("bonas", {"epochs": 0}, "must be above 0"),
        ("nao", {"hidden": 0}, "must be above 0"),
        ("nao", {"trade_off": 0}, "trade_off must be above 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(name: str, wrong: dict, message: str) -> None:
    with pytest.raises(PredictorError, match=message):
        find("predictor", name)(SPACE, **wrong)
