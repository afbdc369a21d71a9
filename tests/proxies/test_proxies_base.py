from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from archwright.core.errors import ProxyError
from archwright.proxies.base import Batch, proxy
from archwright.proxies.copies import stand_in
from archwright.proxies.expressflow import expressflow
from archwright.proxies.knas import knas
from archwright.proxies.ntk import ntk_cond
from archwright.proxies.teg_mse import teg_mse
from archwright.proxies.teg_regions import teg_regions

NET = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
IMAGES = Batch(torch.zeros(4, 3, 4, 4), torch.tensor([0, 1, 0, 1]))


def test_a_proxy_declares_what_it_needs_and_stays_a_plain_function() -> None:
    def score(model, batch) -> float:
        return 1.5

    declared = proxy(batchnorm=True, labels=True, higher_is_better=False, source="somewhere, eq. 2")(score)
    assert declared is score
    assert score(None, None) == 1.5
    assert (score.needs, score.direction, score.source) == ({"batchnorm", "labels"}, -1, "somewhere, eq. 2")


def test_expressflow_needs_neither_batchnorm_nor_labels() -> None:
    assert expressflow.needs == frozenset()
    assert expressflow.direction == 1
    assert "eq. 1" in expressflow.source


@pytest.mark.parametrize(
    ("score", "setting", "allowed"),
    [
        (expressflow, "inputs", "ones, batch"),
        (expressflow, "recalibrate", "both, width, depth, none"),
        (expressflow, "init", "he, xavier, lecun or None"),
        (knas, "of", "outputs, loss"),
        (knas, "parameters", "all, weights"),
        (ntk_cond, "outputs", "sum, label"),
        (teg_mse, "layers", "last, cells, all"),
        (teg_regions, "inputs", "crops, noise, batch"),
    ],
)
def test_a_word_that_is_none_of_those_allowed_is_refused(score, setting: str, allowed: str) -> None:
    with pytest.raises(ProxyError, match=f"^{re.escape(setting)} must be one of {allowed}, but 'wrong' was given$"):
        score(NET, IMAGES, **{setting: "wrong"})


def test_what_batchnorm_can_do_is_one_of_three() -> None:
    with pytest.raises(ProxyError, match=r"^batchnorm must be one of batch, running, off, but 'on' was given$"):
        stand_in(NET, batchnorm="on")
