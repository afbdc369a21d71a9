"""Saliencies of single operations against their definitions, and of an architecture's operations on a small network."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from archwright.core.arch import Arch
from archwright.core.catalog import find
from archwright.core.errors import ArchError, ProxyError, SpaceError
from archwright.core.rng import derive
from archwright.data.shapes import ImageShape
from archwright.encode.batch import EdgeBatch, GraphBatch
from archwright.nets.build import build
from archwright.nets.operations import paths_of
from archwright.proxies.alike import representative
from archwright.proxies.base import Batch
from archwright.proxies.cells import CellSaliencies, images, small_side, small_size
from archwright.proxies.operations import METRICS, operation_saliencies
from archwright.proxies.saliency import grad_norm, grasp, plain, snip, synflow

NB201, NB101 = find("space", "nb201")(), find("space", "nb101")()
NONE, SKIP, CONV1, CONV3, POOL = range(5)
SPACES = ["nb201", "transnas_micro", "nb101", "nb1shot1_1", "nb1shot1_3", "darts", "nds_enas", "enas_dvae", "nb_macro"]


def network() -> nn.Sequential:
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 5, 3, padding=1),
            nn.Sequential(nn.ReLU(), nn.Conv2d(5, 4, 3, bias=False), nn.Tanh(), nn.Conv2d(4, 4, 1)),
            nn.BatchNorm2d(4),
            nn.MaxPool2d(2),
            nn.Sequential(nn.Flatten(), nn.Linear(16, 3)),
        ).double()


def batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    return Batch(torch.randn(8, 3, 6, 6, generator=generator, dtype=torch.float64), torch.arange(8) % 3)


def layers(part: nn.Module) -> list[nn.Module]:
    return [each for each in part.modules() if isinstance(each, nn.Conv2d | nn.Linear)]


def slow(net: nn.Module, given: Batch, paths: list[str]) -> np.ndarray:
    """Return the five metrics, weight by weight, the Hessian product by a row of second derivatives."""
    net = copy.deepcopy(net).train()
    every = [layer.weight for layer in layers(net)]
    grads = torch.autograd.grad(nn.functional.cross_entropy(net(given.x), given.y), every, create_graph=True)
    fixed = [g.detach().clone() for g in grads]
    product = [torch.zeros_like(w) for w in every]
    for g, weight in zip(grads, fixed, strict=True):
        for entry, factor in zip(g.flatten(), weight.flatten(), strict=True):
            row = torch.autograd.grad(entry, every, retain_graph=True, allow_unused=True)
            for total, second in zip(product, row, strict=True):
                total += 0 if second is None else factor * second
    flow = copy.deepcopy(net).requires_grad_()
    for part in flow.modules():
        if isinstance(part, nn.Sequential):
            for name, child in part.named_children():
                if isinstance(child, nn.BatchNorm2d):
                    setattr(part, name, nn.Identity())
    with torch.no_grad():
        for param in flow.parameters():
            param.abs_()
    flow(torch.ones_like(given.x[:1])).sum().backward()
    number = {id(w): k for k, w in enumerate(every)}
    rows = []
    for path in paths:
        mine = [number[id(layer.weight)] for layer in layers(net.get_submodule(path))]
        w = [every[k].detach() for k in mine]
        rows.append(
            [
                sum(float(fixed[k].norm()) for k in mine),
                sum(float((a * fixed[k]).abs().sum()) for a, k in zip(w, mine, strict=True)),
                sum(-float((a * product[k]).sum()) for a, k in zip(w, mine, strict=True)),
                sum(float((a * fixed[k]).sum()) for a, k in zip(w, mine, strict=True)),
                sum(float((v.weight * v.weight.grad).sum().detach()) for v in layers(flow.get_submodule(path))),
            ]
        )
    return np.array(rows)


def test_each_metric_is_its_definition_weight_by_weight() -> None:
    paths = ["0", "1", "3", "4.1"]
    found = operation_saliencies(network(), batch(), paths)
    np.testing.assert_allclose(found, slow(network(), batch(), paths), rtol=1e-9, atol=1e-15)
    assert not found[2].any(), "pooling has no weights"
    assert (found[[0, 1, 3]] != 0).all()


def test_over_all_layers_they_are_the_proxies() -> None:
    net, given = network(), batch()
    total = operation_saliencies(net, given, ["0", "1", "4"]).sum(0)
    wanted = [proxy(net, given) for proxy in (grad_norm, snip, grasp, plain, synflow)]
    np.testing.assert_allclose(total, wanted, rtol=1e-12)


def test_some_metrics_are_columns_of_all_and_the_network_is_never_touched() -> None:
    net, given = network(), batch()
    before = copy.deepcopy(net.state_dict())
    whole = operation_saliencies(net, given, ["0", "1"])
    for chosen in (["synflow"], ["plain", "grad_norm"], ["grasp", "synflow", "snip"]):
        part = operation_saliencies(net, given, ["0", "1"], metrics=chosen)
        np.testing.assert_allclose(part, whole[:, [METRICS.index(name) for name in chosen]], rtol=1e-12)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert net.training
    assert all(param.grad is None for param in net.parameters())


def test_what_the_outputs_do_not_depend_on_has_zeros() -> None:
    class Loose(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.loose = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.loose(x)
            return self.used(x)

    given = Batch(torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 3)
    found = operation_saliencies(Loose(), given, ["loose", "used"])
    assert not found[0].any()
    assert found[1].all()


def test_wrong_questions_are_answered_in_one_line() -> None:
    net, given = network(), batch()
    with pytest.raises(ProxyError, match=r"one or more of grad_norm, .*, not \['fisher'\]"):
        operation_saliencies(net, given, ["0"], metrics=["fisher"])
    with pytest.raises(ProxyError, match="must be a module of the network, but '7' is none"):
        operation_saliencies(net, given, ["7"])
    for paths in (["1", "1.1"], ["0", "0"], [""], ["", "0"]):
        with pytest.raises(ProxyError, match="different modules, none a part of another"):
            operation_saliencies(net, given, paths)
    with pytest.raises(ProxyError, match="needs labels"):
        operation_saliencies(net, Batch(given.x), ["0"])
    with torch.no_grad():
        net[0].weight[0, 0, 0, 0] = float("nan")
    with pytest.raises(ProxyError, match="must be finite"):
        operation_saliencies(net, given, ["1"])
    with pytest.raises(ProxyError, match="2 images or more"):
        images(1, 8, rng=derive(0))
    with pytest.raises(ProxyError, match=r"images .* and their labels"):
        CellSaliencies(NB201, seed=0, size={}, batch=Batch(given.x))


def cells_of(name: str, **size: int) -> CellSaliencies:
    space = find("space", name)()
    made = images(4, small_side(space), rng=derive(0, "images"))
    return CellSaliencies(space, seed=0, size=small_size(space) | size, batch=made)


@pytest.mark.parametrize("name", SPACES)
def test_there_is_a_row_for_each_operation_that_an_encoder_reads(name: str) -> None:
    """Only operations with parameters have values, and those that count have them."""
    measured, rng, values = cells_of(name), derive(1, name), []
    space = measured.space
    for _ in range(3):
        arch = space.random(rng=rng)
        cells = (EdgeBatch if hasattr(space, "cells") else GraphBatch).of(space, [arch])
        found = measured.measure(arch)
        assert found.shape == (*cells.ops.shape[1:], 5)
        names = np.array([*space.op_names, "padding"])[cells.ops[0]]
        assert (np.isnan(found).all(-1) == (names == "padding")).all()
        weighed = np.isin(
            names, [each for each in space.op_names if each.startswith(("conv", "nor_conv", "sep", "dil"))]
        )
        weighed |= np.isin(names, [each for each in space.op_names if each.startswith("mb") or "identity-" in each])
        if name in ("darts", "nds_enas", "transnas_micro"):
            weighed |= names == "skip_connect"  # where it halves the resolution it is two convolutions
        assert not found[~weighed & (names != "padding")].any()
        values.append(found[weighed].ravel())
    assert np.concatenate(values).any()


def test_a_row_belongs_to_its_own_operation() -> None:
    """One convolution more gives values at its own place, pooling in its stead none."""
    space = cells_of("enas_dvae").space
    for at in range(6):
        genes = [4 if k in (0, 1, 3, 6, 10, 15) else 0 for k in range(21)]
        genes[(0, 1, 3, 6, 10, 15)[at]] = 0
        (rows,) = cells_of("enas_dvae").measure(Arch(space.name, tuple(genes)))
        assert np.flatnonzero(rows[:, 0]).tolist() == [1 + at]
    for at in range(6):
        genes = [POOL] * 6
        genes[at] = CONV3
        (rows,) = cells_of("nb201").measure(Arch("nb201", tuple(genes)))
        assert np.flatnonzero(rows[:, 0]).tolist() == [at]


def test_paths_lead_to_modules_of_the_operations_of_darts() -> None:
    """The edges of a cell are ordered by target and source, its modules by genes."""
    space = find("space", "darts")()
    conv, pool, deep = (space.operations.index(name) for name in ("sep_conv_3x3", "max_pool_3x3", "dil_conv_5x5"))
    cell = (1, conv, 0, pool, 0, deep, 2, pool, 3, conv, 1, deep, 0, pool, 4, conv)
    arch = Arch("darts", cell * 2)
    model = build(arch, space, ImageShape(height=8, width=8), rng=derive(0), channels=4, cells=4)
    for (edges,), paths, n_copies in zip(
        ([each] for each in space.cells(arch)), paths_of(model, arch, space), (2, 2), strict=True
    ):
        assert [len(copies) for copies in paths] == [n_copies] * 8 + [0] * 4
        for (_, _, op), copies in zip(edges.edges[:8], paths, strict=False):
            for path in copies:
                part = model.get_submodule(path)
                kernels = [each.kernel_size[0] for each in part.modules() if isinstance(each, nn.Conv2d)]
                assert kernels == {conv: [3, 1, 3, 1], pool: [], deep: [5, 1]}[op]
                assert isinstance(part, nn.MaxPool2d) == (op == pool)


def test_isomorphic_cells_have_the_same_saliencies() -> None:
    one = Arch("nb201", (CONV1, CONV3, NONE, POOL, CONV3, CONV1))
    two = Arch("nb201", (CONV3, CONV1, NONE, POOL, CONV1, CONV3))
    rows = [cells_of("nb201").measure(arch)[0] for arch in (one, two)]
    assert np.array_equal(rows[0], rows[1][[1, 0, 2, 3, 5, 4]])
    matrix = np.zeros((7, 7), int)
    for i, j in ((0, 1), (0, 2), (1, 3), (2, 4), (3, 6), (4, 6), (1, 6), (3, 5), (5, 6)):
        matrix[i, j] = 1
    ops = ["input", "conv3x3-bn-relu", "conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3", "conv1x1-bn-relu", "output"]
    order = [0, 2, 1, 4, 3, 5, 6]
    first = NB101.arch(matrix, ops)
    second = NB101.arch(matrix[np.ix_(order, order)], [ops[k] for k in order])
    assert first != second
    rows = [cells_of("nb101", channels=8).measure(arch)[0] for arch in (first, second)]
    assert np.array_equal(rows[0][order], rows[1])
    assert len(np.unique(rows[0][[1, 2, 3, 5]], axis=0)) == 4
    darts = find("space", "darts")()
    arch = darts.random(rng=derive(0, "pairs"))
    other = Arch("darts", (*arch.genes[2:4], *arch.genes[:2], *arch.genes[4:]))
    assert np.array_equal(cells_of("darts").measure(arch), cells_of("darts").measure(other))


def test_what_is_measured_for_another_is_what_it_would_have_itself() -> None:
    """Operations on no way to the output change nothing, so cells without them may stand for cells with them."""
    measured, rng = cells_of("nb201"), derive(2, "alike")
    whole = [arch for arch in (NB201.random(rng=rng) for _ in range(40)) if representative(arch, NB201).arch != arch]
    renamed = [arch for arch in whole if representative(arch, NB201).numbers == tuple(range(6))]
    assert len(whole) > 10
    assert not renamed
    same_names = [a for a in whole if all(n in (None, k) for k, n in enumerate(representative(a, NB201).numbers))]
    for arch in same_names[:4]:
        np.testing.assert_allclose(measured.measure(arch), measured._measure(arch, NB201), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["nb1shot1_1", "nb101"])
def test_a_representative_is_the_same_cell(name: str) -> None:
    space, rng = find("space", name)(), derive(3, name)
    for _ in range(20):
        arch = space.random(rng=rng)
        alike = representative(arch, space)
        (mine,), (other,) = space.graphs(arch), alike.space.graphs(alike.arch)
        assert {(alike.numbers[i], alike.numbers[j]) for i, j in mine.edges} == set(other.edges)
        assert all(other.ops[number] == op for number, op in zip(alike.numbers, mine.ops, strict=True))


def test_spaces_without_such_networks_are_refused() -> None:
    macro = find("space", "transnas_macro")()
    arch = macro.random(rng=derive(0))
    with pytest.raises(SpaceError, match=r"operations can be found in networks of nb101, .* not of 'transnas_macro'"):
        paths_of(nn.Identity(), arch, macro)
    with pytest.raises(SpaceError, match="the one that `build` makes, with a SumCell"):
        paths_of(nn.Identity(), NB201.at(0), NB201)
    with pytest.raises(SpaceError, match="3 cells or more"):
        cells_of("darts", cells=2).measure(find("space", "darts")().random(rng=derive(0)))
    with pytest.raises(ArchError, match="not in space 'nb201'"):
        cells_of("nb201").measure(Arch("nb201", (9,) * 6))
