"""A saved predictor predicts the same; what is no predictor is refused in one line."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from archwright.core.arch import Arch
from archwright.core.catalog import find
from archwright.core.errors import MissingExtraError, NasError, PredictorError, RunError
from archwright.core.graph import Graph
from archwright.core.protocols import Predictor
from archwright.core.rng import derive
from archwright.core.trial import Evidence
from archwright.nets.storage import read_arrays, write_arrays
from archwright.predict.neural import NeuralPredictor, Training
from archwright.predict.refit import EncodedPredictor
from archwright.predict.storage import load_predictor, predictor_from_state, predictor_state, save_predictor
from archwright.predict.svr import Svr
from archwright.spaces.base import Space
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.spaces.yaml_space import parse_space

NB201 = find("space", "nb201")()


class Own(Space):
    """A space of a user, which nothing describes."""

    name, op_names = "own", ("a", "b", "c")

    def __init__(self, n: int = 4) -> None:
        self._n = n

    @property
    def arities(self) -> tuple[int, ...]:
        return (3,) * self._n

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        return (Graph(arch.genes, frozenset((i, i + 1) for i in range(len(arch.genes) - 1))),)


COMPOSED = parse_space("name: tiny\nspace: {chain: {stem: {choice: [a, b]}, width: {ints: [8, 64, 8]}}}")


def drawn(space: Space, n: int = 12) -> tuple[list[Evidence], np.ndarray]:
    archs = [space.random(rng=derive(0, "stored", k)) for k in range(n)]
    return [Evidence(arch) for arch in archs], np.array([float(sum(arch.genes)) for arch in archs])


def fitted(predictor: Predictor, space: Space = NB201) -> Predictor:
    evidence, scores = drawn(space)
    return predictor.fit(evidence, scores, rng=derive(1))


def saved(path: Path, predictor: Predictor | None = None) -> Path:
    save_predictor(predictor or fitted(Svr(NB201)), path)
    return path


def same(one: Predictor, other: Predictor, space: Space) -> bool:
    evidence, _ = drawn(space, 30)
    return np.array_equal(one.predict(evidence).mean, other.predict(evidence).mean)


@pytest.mark.parametrize("space", [NB201, TabularMlp((8, 16), layers=3), COMPOSED], ids=lambda space: space.name)
def test_the_file_knows_the_space(tmp_path: Path, space: Space) -> None:
    predictor = fitted(Svr(space), space)
    found = load_predictor(saved(tmp_path / "p.safetensors", predictor))
    assert isinstance(found, Svr)
    assert found.space.arities == space.arities
    assert same(found, predictor, space)
    assert [path.name for path in tmp_path.iterdir()] == ["p.safetensors"]


def test_a_space_of_ones_own_must_be_given_again(tmp_path: Path) -> None:
    path = saved(tmp_path / "p.safetensors", fitted(Svr(Own()), Own()))
    with pytest.raises(PredictorError, match="its space 'own' is of your own: give it"):
        load_predictor(path)
    assert same(load_predictor(path, Own()), load_predictor(path, Own()), Own())
    for other in (Own(5), NB201):
        with pytest.raises(PredictorError, match="its space must be 'own' as it was then"):
            load_predictor(path, other)


def test_neural_predictors_keep_their_weights(tmp_path: Path) -> None:
    small = {"embedding": 8, "widths": [16, 16, 16]}
    predictor = fitted(NeuralPredictor(NB201, settings=small, training=Training(epochs=3, loss="mse")))
    found = load_predictor(saved(tmp_path / "p.safetensors", predictor), NB201)
    assert isinstance(found, NeuralPredictor)
    assert found.training == Training(epochs=3, loss="mse")
    assert same(found, predictor, NB201)


def test_what_was_read_can_be_fitted_and_written_again(tmp_path: Path) -> None:
    first = load_predictor(saved(tmp_path / "first"))
    second = load_predictor(saved(tmp_path / "second", first))
    assert same(first, second, NB201)
    assert same(fitted(second), first, NB201)


def test_only_fitted_predictors_of_the_catalogue_are_written(tmp_path: Path) -> None:
    class Mine(Svr):
        """Not in the catalogue."""

    with pytest.raises(PredictorError, match="must be in the catalogue, with state and from_state, but Mine is not"):
        save_predictor(fitted(Mine(NB201)), tmp_path / "p")
    with pytest.raises(PredictorError, match="must be fitted before"):
        save_predictor(Svr(NB201), tmp_path / "p")
    assert not list(tmp_path.iterdir())
    with pytest.raises(RunError, match="must be writable"):
        save_predictor(fitted(Svr(NB201)), tmp_path / "nowhere" / "p")


def test_an_old_file_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "p")
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.numpy.save_file", full)
    with pytest.raises(RunError, match="No space left"):
        save_predictor(fitted(Svr(NB201)), path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path, keep: int) -> None:
    path = saved(tmp_path / "p")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(RunError, match="damaged"):
        load_predictor(path)


def test_missing_and_foreign_files_are_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="does not exist"):
        load_predictor(tmp_path / "p")
    write_arrays(tmp_path / "model", {}, {"format": 2})
    with pytest.raises(PredictorError, match="must be a saved predictor, but holds something else"):
        load_predictor(tmp_path / "model")
    (tmp_path / "pickle").write_bytes(pickle.dumps({"what": "archwright predictor"}))
    with pytest.raises(RunError, match="damaged or not written by archwright"):
        load_predictor(tmp_path / "pickle")


def changed(path: Path, **changes: object) -> Path:
    """Write the file with other JSON values."""
    stored = read_arrays(path)
    write_arrays(path, stored.arrays, stored.meta | changes)
    return path


def test_a_newer_file_is_said_to_be_newer(tmp_path: Path) -> None:
    with pytest.raises(PredictorError, match="of format 1, but has 2: it was written by another version"):
        load_predictor(changed(saved(tmp_path / "p"), format=2))


def test_the_name_is_looked_up_in_the_catalogue_and_nowhere_else(tmp_path: Path) -> None:
    for name in ("os:system", "archwright.predict.svr:Svr", "neural_", ""):
        with pytest.raises(PredictorError, match="no predictor"):
            load_predictor(changed(saved(tmp_path / "p"), predictor=name))


WRONG = [
    {"predictor": None},
    {"predictor": []},
    {"values": None},
    {"values": {}},
    {"values": {"settings": {"cost": 3}, "seed": "x"}},
    {"values": {"settings": {"encoder": "no"}, "seed": 1}},
    {"values": {"settings": {"path": "x"}, "seed": 1}},
    {"space": None},
    {"space": {}},
    {"space": {"name": "nb201", "arities": [5] * 6, "spec": {"kind": "catalogue", "name": "os"}}},
    {"space": {"name": "nb201", "arities": [5] * 6, "spec": [1]}},
    {"space": {"name": "nb101", "arities": [5] * 6, "spec": {"kind": "catalogue", "name": "nb201"}}},
    {"predictor": "neural"},
    {"predictor": "nasbowl"},
]


@pytest.mark.parametrize("changes", WRONG, ids=json.dumps)
def test_wrong_contents_are_refused_in_one_line(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(PredictorError, match="cannot be read") as caught:
        load_predictor(changed(saved(tmp_path / "p"), **changes))
    assert "\n" not in str(caught.value)


def test_arrays_that_do_not_belong_are_refused_in_one_line(tmp_path: Path) -> None:
    path = saved(tmp_path / "p", fitted(NeuralPredictor(NB201, encoder="gcn", training=Training(epochs=1))))
    stored = read_arrays(path)
    name = next(iter(stored.arrays))
    for arrays in (stored.arrays | {name: np.zeros((3, 2))}, {name: stored.arrays[name]}, {}):
        write_arrays(path, arrays, stored.meta)
        with pytest.raises(PredictorError, match="cannot be read") as caught:
            load_predictor(path)
        assert "\n" not in str(caught.value)
    svr = read_arrays(saved(tmp_path / "svr"))
    for arrays in ({}, svr.arrays | {"scores": np.zeros(3)}, svr.arrays | {"genes": svr.arrays["genes"] + 9}):
        write_arrays(tmp_path / "svr", arrays, svr.meta)
        with pytest.raises(PredictorError, match="cannot be read"):
            load_predictor(tmp_path / "svr")


def test_a_missing_library_is_said_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Svr, *_: object) -> None:
        raise MissingExtraError("needs a package")

    path = saved(tmp_path / "p")
    monkeypatch.setattr(Svr, "_learn_vectors", refuse)
    with pytest.raises(MissingExtraError, match="needs a package"):
        load_predictor(path)


def test_predictors_made_of_others_can_keep_them() -> None:
    predictor = fitted(Svr(NB201))
    kept, arrays = predictor_state(predictor)
    again = predictor_from_state(NB201, json.loads(json.dumps(kept)), arrays)
    assert kept["predictor"] == "svr"
    assert same(again, predictor, NB201)
    with pytest.raises(NasError, match="no predictor 'svm'"):
        predictor_from_state(NB201, {"predictor": "svm", "values": {}}, {})


def test_a_function_of_the_catalogue_is_not_asked_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        __import__("archwright.core.catalog", fromlist=["x"]).CATALOGUE["predictor"],
        "maker",
        "archwright.predict.refit:library",
    )
    with pytest.raises(PredictorError, match="'maker' must be a predictor that can be read"):
        predictor_from_state(NB201, {"predictor": "maker", "values": {}}, {})
    assert issubclass(Svr, EncodedPredictor)
