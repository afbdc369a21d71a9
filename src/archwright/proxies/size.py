"""Sizes as proxies: parameters and multiply-adds."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from archwright.data.shapes import ImageShape
from archwright.nets.counting import count_flops, count_params
from archwright.proxies.base import Batch, proxy
from archwright.proxies.copies import stand_in

__all__ = ["flops", "params"]


@proxy(batchnorm=True, labels=False, higher_is_better=True, source="NAS-Bench-Suite-Zero, arXiv:2210.03230, baselines")
def params(model: nn.Module, batch: Batch | None = None) -> float:
    """Return the number of parameters. Higher is better, as a baseline."""
    return float(count_params(model))


@proxy(batchnorm=True, labels=False, higher_is_better=True, source="NAS-Bench-Suite-Zero, arXiv:2210.03230, baselines")
def flops(model: nn.Module, batch: Batch) -> float:
    """Return the multiply-adds for one input of the batch. Higher is better, as a baseline.

    For images as NAS-Bench-201 counts them, see `nets.counting`; for other inputs those of products and convolutions.
    """
    if batch.x.ndim == 4:
        channels, height, width = batch.x.shape[1:]
        with torch.inference_mode(False), torch.no_grad():
            return float(count_flops(model, ImageShape(channels, height, width)))
    net = stand_in(model, batchnorm="running")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(batch.x[:1])
    return float(counter.get_total_flops()) / 2
