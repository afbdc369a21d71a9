from __future__ import annotations

from archwright.proxies.base import proxy
from archwright.proxies.expressflow import expressflow


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
