"""One step, and validation."""

import math

import numpy as np
import pytest
import torch

from archwright.data.metrics import auc
from archwright.nets.inputs import Inputs
from archwright.nets.mlp import TabularMlp
from archwright.nets.recipe import Recipe
from archwright.train import step as step_module
from archwright.train.limit import Limit
from archwright.train.step import Stepper, loss_of, validate
from archwright.train.tensors import Rows

INPUTS = Inputs(2, (6, 7), 1)
PLAIN = Recipe(encoding="linear", dropout=0, clip=0, weight_decay=0.1)


def batch(kind: str = "binary", n: int = 64, *, weight: torch.Tensor | None = None) -> Rows:
    generator = torch.Generator().manual_seed(0)
    num = torch.randn(n, 2, generator=generator)
    cat = torch.randint(0, 6, (n, 2), generator=generator, dtype=torch.int32)
    signal = num[:, 0] + (cat[:, 0] > 2)
    y = {"binary": (signal > 0.5).float(), "classes": (signal > 0.5).long() + (signal > 1), "real": signal}[kind]
    return Rows(num, cat, y, weight)


def stepper(kind: str = "binary", recipe: Recipe = PLAIN) -> Stepper:
    inputs = Inputs(2, (6, 7), 3 if kind == "classes" else 1)
    return Stepper(TabularMlp(inputs, (16, 8), recipe, rng=np.random.default_rng(0)), kind)


@pytest.mark.parametrize("kind", ["binary", "classes", "real"])
def test_steps_lower_the_loss(kind: str) -> None:
    trained, rows = stepper(kind), batch(kind)
    first = float(trained.step(rows, lr=0.01))
    for _ in range(30):
        last = float(trained.step(rows, lr=0.01))
    assert last < 0.6 * first


@pytest.mark.parametrize("kind", ["binary", "classes", "real"])
def test_equal_weights_are_no_weights(kind: str) -> None:
    logits = torch.randn(64, 3 if kind == "classes" else 1)
    weighted = batch(kind, weight=torch.ones(64))
    assert float(loss_of(kind, logits, weighted)) == pytest.approx(float(loss_of(kind, logits, batch(kind))), rel=1e-5)


@pytest.mark.parametrize("kind", ["binary", "classes", "real"])
def test_a_row_of_weight_zero_does_not_count(kind: str) -> None:
    logits = torch.randn(64, 3 if kind == "classes" else 1)
    weight = torch.ones(64)
    weight[5] = 0
    one, two = batch(kind, weight=weight), batch(kind, weight=weight)
    changed = logits.clone()
    changed[5] += 10
    assert torch.equal(loss_of(kind, logits, one), loss_of(kind, changed, two))


def test_the_lazy_table_learns_what_the_dense_one_learns_from_a_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    dense = stepper()
    dense.step(batch(), lr=0.01)
    monkeypatch.setattr(step_module, "LAZY_ROWS", 1)
    lazy = stepper()
    assert lazy.lazy
    assert not dense.lazy
    lazy.step(batch(), lr=0.01)
    ours, theirs = lazy.net.state_dict(), dense.net.state_dict()
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-6) for name in ours)


def test_validation_over_batches_is_the_metric_over_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_module, "_VALID_ROWS", 10)
    trained, rows = stepper(), batch()
    found = validate(trained.net, rows, kind="binary", metric="auc", limit=Limit(None))
    with torch.inference_mode():
        logits = trained.net.eval()(rows.num, rows.cat).numpy()[:, 0]
    assert found is not None
    assert found.score == pytest.approx(auc(logits, rows.y.numpy()), abs=2e-6)
    assert np.abs(found.logits[:, 0] - logits).max() < 1e-5


def test_validation_ends_at_the_limit_and_leaves_training_mode() -> None:
    trained = stepper()
    assert validate(trained.net, batch(), kind="binary", metric="auc", limit=Limit(0.0)) is None
    assert trained.net.training


def test_rmse_is_in_the_targets_units() -> None:
    trained, rows = stepper("real"), batch("real")
    plain = validate(trained.net, rows, kind="real", metric="rmse", limit=Limit(None))
    trained.net.inputs = Inputs(2, (6, 7), 1, target_std=10.0)
    scaled = validate(trained.net, rows, kind="real", metric="rmse", limit=Limit(None))
    assert plain is not None
    assert scaled is not None
    assert plain.score < 0
    assert scaled.score == pytest.approx(10 * plain.score)


def test_a_network_of_nan_has_the_score_nan() -> None:
    trained = stepper()
    torch.nn.init.constant_(trained.net.head.weight, math.nan)
    found = validate(trained.net, batch(), kind="binary", metric="auc", limit=Limit(None))
    assert found is not None
    assert math.isnan(found.score)
