"""Fixed encodings: sizes of the literature, and one vector for one architecture."""

import numpy as np
import pytest

from archwright.core.catalog import find, names
from archwright.core.errors import ArchError, EncodingError
from archwright.core.protocols import Encoder
from archwright.core.rng import derive
from archwright.encode.adjacency import Adjacency, AdjacencyCategorical, AdjacencyContinuous
from archwright.encode.path import Path, PathCategorical, PathContinuous

NB201, NB101 = find("space", "nb201")(), find("space", "nb101")()
ARCH = NB201.parse("|avg_pool_3x3~0|+|none~0|skip_connect~1|+|none~0|nor_conv_1x1~1|nor_conv_3x3~2|")
NAMES = ["onehot", "adjacency", "adjacency_categorical", "adjacency_continuous"]
PATHS = ["path", "path_categorical", "path_continuous"]


def test_the_catalogue_has_them_all() -> None:
    assert {*NAMES, *PATHS} <= set(names("encoder"))


@pytest.mark.parametrize("space", [NB201, NB101, find("space", "darts")()], ids=lambda space: space.name)
@pytest.mark.parametrize("name", [*NAMES, *PATHS])
def test_vectors_are_float32_of_one_width_and_equal_for_equal_architectures(name: str, space) -> None:
    encoder = find("encoder", name)(space)
    assert isinstance(encoder, Encoder)
    rng = derive(1, "fixed")
    archs = [space.random(rng=rng) for _ in range(20)]
    vectors = encoder.fit(archs, rng=rng).encode(archs)
    assert vectors.dtype == np.float32
    assert vectors.shape == (20, encoder.dim)
    assert np.array_equal(encoder.encode(archs[:3]), vectors[:3])
    assert len(np.unique(vectors, axis=0)) > 10
    assert encoder.encode([]).shape == (0, encoder.dim)
    with pytest.raises(ArchError):
        encoder.encode([find("space", "nats_sss")().at(0)])


@pytest.mark.parametrize("name", ["onehot", "adjacency", "adjacency_categorical", "adjacency_continuous"])
def test_architectures_of_nb201_have_different_vectors(name: str) -> None:
    archs = [NB201.at(n) for n in range(0, NB201.size(), 37)]
    assert len(np.unique(find("encoder", name)(NB201).encode(archs), axis=0)) == len(archs)


def test_paths_are_as_many_as_the_papers_say() -> None:
    assert Path(NB201).dim == 5 + 25 + 125 + 1
    assert Path(NB101).dim == 364, "3^0 + ... + 3^5"
    assert Path(NB101, truncate=3).dim == 40
    assert PathContinuous(NB101, truncate=3).dim == 41


def test_the_paths_of_a_cell_of_nb201() -> None:
    # From the input to the output lead: none | avg_pool, conv_1x1 | none, conv_3x3 | avg_pool, skip, conv_3x3.
    direct = [1 + 0]
    two = [1 + 5 + 4 * 5 + 2, 1 + 5 + 0 * 5 + 3]
    three = [1 + 5 + 25 + (4 * 5 + 1) * 5 + 3]
    present = sorted(direct + two + three)
    assert np.flatnonzero(Path(NB201).encode([ARCH])[0]).tolist() == present
    assert np.flatnonzero(Path(NB201, truncate=2).encode([ARCH])[0]).tolist() == sorted(direct + two)
    assert PathCategorical(NB201).encode([ARCH])[0].tolist() == [1 + number for number in present]
    assert PathCategorical(NB201, n_present=2).encode([ARCH])[0].tolist() == [1 + number for number in present[:2]]
    weights = PathContinuous(NB201).encode([ARCH])[0]
    assert weights[0] == 4
    assert np.array_equal(weights[1:], Path(NB201).encode([ARCH])[0])


def test_the_edges_of_a_cell() -> None:
    (cell,) = NB201.graphs(ARCH)
    pairs = [(i, j) for i in range(8) for j in range(i + 1, 8)]
    present = [n for n, pair in enumerate(pairs) if pair in cell.edges]
    one_hot = Adjacency(NB201).encode([ARCH])[0]
    assert np.flatnonzero(one_hot[:28]).tolist() == present
    assert one_hot[28:].reshape(8, 7).argmax(1).tolist() == list(cell.ops)
    assert one_hot[28:].sum() == 8
    categorical = AdjacencyCategorical(NB201).encode([ARCH])[0]
    assert categorical[:10].tolist() == [n + 1 for n in present]
    assert categorical[10:].tolist() == [op + 1 for op in cell.ops]
    continuous = AdjacencyContinuous(NB201).encode([ARCH])[0]
    assert continuous[0] == 10
    assert np.array_equal(continuous[1:29], one_hot[:28])


def test_what_has_no_room_is_said_in_one_line() -> None:
    with pytest.raises(EncodingError, match="at most n_nodes=5 nodes"):
        Adjacency(NB201, n_nodes=5).encode([ARCH])
    with pytest.raises(EncodingError, match="at most n_edges=3 edges"):
        AdjacencyCategorical(NB201, n_edges=3).encode([ARCH])
    with pytest.raises(EncodingError, match="give a smaller truncate"):
        Path(find("space", "fbnet")())


@pytest.mark.parametrize("name", ["enas_dvae", "nb101", "nds_enas"])
def test_categorical_edges_have_room_for_the_largest_cell(name):
    space = find("space", name)()
    encoder = AdjacencyCategorical(space)
    rng = derive(5, name)
    cells = [space.random(rng=rng) for _ in range(300)]
    if name == "enas_dvae":
        cells.append(space.parse("[[0],[0,1],[0,1,1],[0,1,1,1],[0,1,1,1,1],[0,1,1,1,1,1]]"))
        assert encoder.n_edges == len(space.graphs(cells[-1])[0].edges)
    assert encoder.encode(cells).shape == (len(cells), encoder.dim)


@pytest.mark.parametrize(
    "name", ["adjacency", "adjacency_categorical", "adjacency_continuous", "path", "path_continuous"]
)
def test_a_truncated_vector_is_the_beginning_of_each_cells_vector(name: str) -> None:
    space = find("space", "darts")()
    archs = [space.random(rng=derive(0, "truncated", k)) for k in range(5)]
    make = find("encoder", name)
    whole = make(space).encode(archs).reshape(5, 2, -1)
    part = make(space, truncate=2)
    first = part.encode(archs).reshape(5, 2, -1)
    n = first.shape[-1]
    assert part.dim == 2 * n < whole[0].size
    if name == "path_continuous":
        assert np.array_equal(first[..., 1:], whole[..., 1:n])
        assert np.array_equal(first[..., 0], first[..., 1:].sum(-1)), "the number of paths that are kept"
    else:
        assert np.array_equal(first, whole[..., :n])


def test_the_largest_cells_have_room() -> None:
    full = find("space", "enas_dvae")()
    arch = full.parse(str(type(full.at(0))(full.name, tuple(arity - 1 for arity in full.arities))))
    assert np.count_nonzero(AdjacencyCategorical(full).encode([arch])[0][:22]) == 22, "every link there can be"


def test_a_cell_of_very_many_paths_is_refused_or_truncated_at_once() -> None:
    mr = find("space", "mr")()
    with pytest.raises(EncodingError, match="give a smaller truncate"):
        Path(mr)
    with pytest.raises(EncodingError, match="truncate must be 1 or more"):
        Adjacency(NB201, truncate=0)


@pytest.mark.parametrize("name", ["nb101", "nb201", "darts", "enas_dvae", "nats_sss"])
def test_the_longest_path_is_the_longest_of_all(name: str) -> None:
    space = find("space", name)()
    encoder = Path(space, truncate=2)
    for k in range(5):
        for cell in space.graphs(space.random(rng=derive(k, "longest"))):
            assert encoder._length(cell) == max((len(walk) - 1 for walk in encoder._walks(cell, None)), default=0)
