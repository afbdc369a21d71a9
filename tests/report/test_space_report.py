"""A space in numbers, and pictures of its architectures in which nothing is on top of anything else."""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.core.arch import Arch
from archwright.core.catalog import find, names
from archwright.core.errors import ArchError, ExportError, MissingExtraError
from archwright.core.graph import Graph
from archwright.core.rng import derive
from archwright.report.cell_drawing import diagrams, drawing, save_drawing
from archwright.report.layered import lay_out
from archwright.report.space import describe_space, lines, list_lines, list_spaces
from archwright.spaces.base import Space
from archwright.spaces.compose import Cell, Chain, Choice, Composed, Ints, Repeat
from archwright.spaces.tabular_mlp import frappe


def nb201() -> Space:
    space: Space = find("space", "nb201")()
    return space


def test_nas_bench_201_is_described_as_published() -> None:
    facts = describe_space(nb201())
    assert facts["size"] == 15_625
    assert facts["architectures"] == {"number": 15_625, "how": "exact"}
    # Source: arXiv:2001.00326, section 2.1.
    assert facts["unique"]["number"] == 6_466
    assert facts["neighbours"] == 24
    assert facts["depth"]["max"] == 3


def test_a_composed_space_is_described_with_its_value() -> None:
    # Source: arXiv:1902.09635: 91 cells of at most four vertices.
    space = Composed("small", Cell(["conv3x3", "conv1x1", "maxpool3x3"], nodes=2, edges=6))
    facts = describe_space(space)
    assert (facts["size"], facts["architectures"]["number"], facts["unique"]["number"]) == (576, 423, 91)
    assert facts["depth"] == {"min": 0, "mean": pytest.approx(facts["depth"]["mean"]), "max": 2, "over": "all 423"}
    assert space.arch(facts["value"]) == space.parse(facts["example"])
    said = "\n".join(lines(facts))
    assert "91 (up to isomorphism)" in said
    assert "576 points" in said


def test_depth_counts_operations_between_input_and_output() -> None:
    space = nb201()
    chain = space.parse("|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|nor_conv_3x3~2|")
    cut = space.parse("|none~0|+|none~0|nor_conv_3x3~1|+|none~0|nor_conv_3x3~1|nor_conv_3x3~2|")
    assert describe_space(Depth(chain, cut))["depth"] == {"min": 0, "mean": 1.5, "max": 3, "over": "all 2"}


class Depth(Space):
    """The graphs of two architectures of NAS-Bench-201."""

    name: str = "two"
    arities: tuple[int, ...] = (2,)
    op_names: tuple[str, ...] = nb201().op_names

    def __init__(self, *archs: Arch) -> None:
        self._graphs = [nb201().graphs(arch) for arch in archs]

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        return self._graphs[arch.genes[0]]


class Odd(Depth):
    """A large grid of which one half is valid."""

    arities = (2,) * 40

    def check(self, arch: Arch) -> str | None:
        return super().check(arch) or (None if sum(arch.genes) % 2 else "the sum is even")


def test_what_is_too_large_to_count_is_estimated_and_says_so() -> None:
    space = nb201()
    known = describe_space(Odd(space.at(1), space.at(2)))["architectures"]
    assert "estimated from 10,000" in known["how"]
    assert known["number"] == pytest.approx(2**39, rel=0.1)


def test_huge_spaces_are_described_at_once() -> None:
    space = Composed("huge", Repeat(Cell(["a", "b"], nodes=5, edges=9), times=Ints(1, 4)))
    facts = describe_space(space)
    assert facts["architectures"]["number"] == space.count()
    assert facts["unique"] == {"number": None, "how": "not counted (too large)"}
    assert "random sample" in facts["depth"]["over"]
    assert re.search(r"size +\d\.\d\de\d+ points", "\n".join(lines(facts)))


def test_counting_ends_when_its_time_is_over() -> None:
    space = Composed("grid", Cell(["a", "b"], nodes=3, edges=10))
    assert describe_space(space, limit_s=0.0)["unique"]["number"] is None


def test_a_wanted_example_is_shown_and_a_strange_one_refused() -> None:
    space = frappe()
    facts = describe_space(space, space.arch((8, 16, 24, 32)))
    assert facts["example_widths"] == [8, 16, 24, 32]
    with pytest.raises(ArchError, match="not in space"):
        describe_space(space, Arch("other", (0, 0, 0, 0)))


def test_every_space_of_the_catalogue_is_listed() -> None:
    listed = list_spaces()
    assert [each["name"] for each in listed] == list(names("space"))
    assert all(each["size"] > 0 and each["what"] for each in listed)
    assert len(list_lines(listed)) == len(listed)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_boxes_are_apart_and_lines_pass_between_them(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 12))
    pairs = [(i, j) for j in range(n) for i in range(j)]
    edges = data.draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    sizes = data.draw(st.lists(st.tuples(st.floats(10, 200), st.floats(10, 60)), min_size=n, max_size=n))
    layout = lay_out(sizes, edges)
    boxes = [(x - w / 2, x + w / 2, y - h / 2, y + h / 2) for (x, y), (w, h) in zip(layout.centres, sizes, strict=True)]
    for left, right, top, bottom in boxes:
        assert left >= -1e-6
        assert top >= -1e-6
        assert right <= layout.length + 1e-6
        assert bottom <= layout.breadth + 1e-6
    for k, a in enumerate(boxes):
        assert not any(_overlap(a, b) for b in boxes[k + 1 :])
    for edge, way in zip(edges, layout.ways, strict=True):
        assert way.points[0][0] == pytest.approx(boxes[edge[0]][1])
        assert way.points[-1][0] == pytest.approx(boxes[edge[1]][0])
        assert all(a[0] <= b[0] + 1e-6 for a, b in pairwise(way.points))
        # Straight pieces, the even ones, cross layers; bent ones stay in gaps between layers, where no box is.
        for (x1, y1), (x2, _) in list(pairwise(way.points))[::2]:
            line = (x1, x2, y1, y1)
            assert not any(_overlap(line, box) for k, box in enumerate(boxes) if k not in edge)


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    inside = 1e-6
    return a[0] < b[1] - inside and b[0] < a[1] - inside and a[2] < b[3] - inside and b[2] < a[3] - inside


def hierarchical() -> Composed:
    cell = Cell(["conv3x3", "conv5x5", "<pool>"], nodes=3, inputs=2, predecessors=2)
    return Composed("hier", Chain({"stem": Choice(["a", "b"]), "body": Repeat(cell, times=Ints(1, 3))}))


@pytest.mark.parametrize("make", [nb201, frappe, hierarchical, find("space", "nb101"), find("space", "darts")])
def test_drawings_name_every_operation(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    space: Space = make()
    arch = space.random(rng=derive(0, "draw"))
    path = save_drawing(space, arch, tmp_path / "cell.svg")
    found = [text.text for text in ElementTree.parse(path).iter() if text.tag.endswith("}text")]
    shown = [box.shown for diagram in diagrams(space, arch) for box in diagram.boxes]
    titles = [diagram.title for diagram in diagrams(space, arch) if diagram.title]
    assert sorted(found) == sorted(shown + titles)
    assert save_drawing(space, arch, tmp_path / "again.svg").read_bytes() == path.read_bytes()


def test_operations_on_edges_are_drawn_between_numbered_nodes() -> None:
    space = nb201()
    arch = space.parse("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|")
    (diagram,) = diagrams(space, arch)
    named = [(diagram.boxes[i].name, diagram.boxes[j].name) for i, j in diagram.edges]
    assert ("0", "nor_conv_3x3") in named
    assert ("nor_conv_3x3", "1") in named
    assert "none" not in {box.name for box in diagram.boxes}


def test_the_cells_of_darts_have_names_and_a_plain_output() -> None:
    space = find("space", "darts")()
    found = diagrams(space, space.random(rng=derive(0)))
    assert [diagram.title for diagram in found] == ["normal", "reduction"]
    for diagram in found:
        assert diagram.boxes[-1].name == "output"
        assert sum(box.look == "op" for box in diagram.boxes) == 8


def test_a_deep_network_is_drawn_downwards() -> None:
    space = Composed("deep", Repeat(Choice(["conv3x3", "conv5x5"]), times=20))
    drawn = drawing(diagrams(space, space.random(rng=derive(0)))[0])
    assert drawn.downwards
    assert drawn.height > drawn.width


def test_a_png_is_a_png_and_the_same_every_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    space = hierarchical()
    arch = space.random(rng=derive(0))
    path = save_drawing(space, arch, tmp_path / "cell.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert save_drawing(space, arch, tmp_path / "again.png").read_bytes() == path.read_bytes()


def test_a_png_without_matplotlib_is_refused_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    space = nb201()
    with pytest.raises(MissingExtraError, match=r"archwright\[plots\]"):
        save_drawing(space, space.at(7), tmp_path / "cell.png")
    assert not (tmp_path / "cell.png").exists()


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    space = nb201()
    with pytest.raises(ExportError, match=r"\.svg or"):
        save_drawing(space, space.at(7), tmp_path / "cell.jpeg")
    large = Composed("large", Repeat(Choice(["a", "b"]), times=500))
    with pytest.raises(ExportError, match="at most 400 boxes"):
        save_drawing(large, large.random(rng=derive(0)), tmp_path / "cell.svg")
