"""Networks of NAS-Bench-101."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.core.errors import SpaceError
from archwright.core.rng import derive
from archwright.data.shapes import ImageShape
from archwright.nets.build import build
from archwright.nets.image_ops import Norm
from archwright.nets.initialise import initialise
from archwright.nets.nb101 import VertexCell, vertex_channels
from archwright.spaces.nb101 import NasBench101

SPACE = NasBench101()


def _cell(text: str) -> Any:
    return SPACE.graphs(SPACE.parse(text))[0]


def test_what_does_not_divide_goes_to_the_first_vertices_that_the_output_joins() -> None:
    cell = _cell("01110/00001/00001/00001/00000|input,conv1x1-bn-relu,conv1x1-bn-relu,maxpool3x3,output")
    assert vertex_channels(cell, 16, 128) == (16, 43, 43, 42, 128)


def test_a_vertex_has_as_many_channels_as_the_widest_that_reads_it() -> None:
    # Vertex 1 is read by 2, 3 and 4, which have 43, 43 and 42 channels.
    rows = "010000/001110/000001/000001/000001/000000"
    cell = _cell(f"{rows}|input,{','.join(['conv3x3-bn-relu'] * 4)},output")
    assert vertex_channels(cell, 128, 128) == (128, 43, 43, 43, 42, 128)


def test_a_link_from_input_to_output_alone_is_a_projection() -> None:
    model = build(SPACE.parse("01/00|input,output"), SPACE, ImageShape(), rng=derive(0, "link"), channels=4, cells=1)
    first = model.get_submodule("body.cells.0")
    assert [tuple(param.shape) for param in first.parameters() if param.ndim == 4] == [(4, 4, 1, 1)]


def test_a_cell_that_joins_more_vertices_than_channels_is_refused() -> None:
    cell = "01110/00001/00001/00001/00000|input,conv1x1-bn-relu,conv1x1-bn-relu,maxpool3x3,output"
    with pytest.raises(SpaceError, match="a channel for each of the 3 vertices"):
        build(SPACE.parse(cell), SPACE, ImageShape(), rng=derive(0, "narrow"), channels=2)


def test_resolution_halves_and_channels_double_between_stacks() -> None:
    arch = SPACE.random(rng=derive(0, "arch"))
    model: Any = build(arch, SPACE, ImageShape(3, 16, 16), rng=derive(0, "stacks"), channels=8, cells=2)
    assert model.features(torch.randn(2, 3, 16, 16)).shape == (2, 32, 4, 4)
    assert sum(isinstance(layer, VertexCell) for layer in model.modules()) == 6


def test_running_statistics_are_as_slow_as_in_the_released_code() -> None:
    model = build(SPACE.random(rng=derive(0, "arch")), SPACE, ImageShape(), rng=derive(0, "slow"), channels=8)
    assert {part.momentum for part in model.modules() if isinstance(part, nn.BatchNorm2d)} == {0.003}


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_a_cell_gives_what_its_definition_says(seed: int) -> None:
    arch = SPACE.random(rng=derive(seed, "arch"))
    (graph,) = SPACE.graphs(arch)
    cell = VertexCell(graph, SPACE.op_names, 6, 11, norm=Norm())
    initialise(cell, rng=derive(seed, "cell"))
    x = torch.randn(2, 6, 5, 5, generator=torch.Generator().manual_seed(seed))
    assert torch.allclose(cell(x), _by_definition(cell, arch, x), atol=1e-5)


def _by_definition(cell: VertexCell, arch: Arch, x: Tensor) -> Tensor:
    """Return the output of a cell, vertex by vertex, zeros standing for what is not there."""
    (graph,) = SPACE.graphs(arch)
    last = len(graph.ops) - 1

    def entering(vertex: int) -> Tensor:
        width = cell.channels[vertex]
        total = torch.zeros(x.shape[0], width, *x.shape[2:])
        for source in range(vertex):
            if (source, vertex) in graph.edges:
                total = total + (cell.projections[str(vertex)](x) if source == 0 else outputs[source][:, :width])
        return total

    outputs: dict[int, Tensor] = {}
    for vertex in range(1, last):
        outputs[vertex] = cell.ops[str(vertex)](entering(vertex))
    joined = [outputs[vertex] for vertex in outputs if (vertex, last) in graph.edges]
    result = torch.cat(joined, dim=1) if joined else torch.zeros(x.shape[0], cell.channels[last], *x.shape[2:])
    return result + cell.projections[str(last)](x) if (0, last) in graph.edges else result
