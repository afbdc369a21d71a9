"""Names of neural predictors stand for an encoder with a preset."""

from dataclasses import replace

import numpy as np
import pytest

from archwright.core.catalog import find
from archwright.core.errors import PredictorError
from archwright.core.rng import derive
from archwright.core.trial import Evidence
from archwright.predict.neural import NeuralPredictor, Training
from archwright.predict.neural_names import NamedPredictor
from archwright.predict.presets import ENCODERS, preset
from archwright.predict.storage import load_predictor, save_predictor

SPACE = find("space", "nb201")()
NODES = find("space", "nb101")()


@pytest.mark.parametrize("name", ENCODERS)
def test_a_name_is_its_preset(name: str) -> None:
    made = find("predictor", name)(SPACE)
    wanted = preset(name, SPACE)
    assert isinstance(made, NeuralPredictor)
    assert (made.encoder, made.settings, made.training) == (wanted["encoder"], wanted["settings"], wanted["training"])
    assert made.head == tuple(wanted["head"])


def test_what_is_given_goes_before_the_preset() -> None:
    made = find("predictor", "gates")(SPACE, settings={"widths": [8]}, head=[5], training={"epochs": 3})
    assert made.settings == preset("gates", SPACE)["settings"] | {"widths": [8]}
    assert made.head == (5,)
    assert made.training == replace(preset("gates", SPACE)["training"], epochs=3)


def test_the_loss_decides_which_training_is_meant() -> None:
    made = find("predictor", "gates")(SPACE, training={"loss": "mse"})
    assert made.training == Training(epochs=500, loss="mse")


def test_the_released_configuration_can_be_asked_for() -> None:
    assert find("predictor", "gates")(NODES, which="code").settings["widths"] == [128] * 4
    with pytest.raises(PredictorError, match="paper, code, but 'article'"):
        find("predictor", "gates")(NODES, which="article")


def test_a_line_graph_is_read_where_operations_are_on_edges_and_there_alone() -> None:
    archs = [SPACE.random(rng=derive(0, place)) for place in range(6)]
    evidence, scores = [Evidence(arch) for arch in archs], np.arange(6.0)
    small = {"settings": {"widths": [8, 8]}, "training": {"epochs": 2}}
    line, plain = (
        find("predictor", name)(SPACE, **small).fit(evidence, scores, rng=derive(1)) for name in ("line_gcn", "gcn")
    )
    assert np.array_equal(line.predict(evidence).mean, plain.predict(evidence).mean)
    with pytest.raises(PredictorError, match=r"needs operations on edges, but space 'nb101' .* use gcn"):
        find("predictor", "line_gcn")(NODES)
    assert find("predictor", "gcn")(NODES).encoder == "gcn"


def test_what_there_is_not_is_refused() -> None:
    with pytest.raises(PredictorError, match=r"fields of Training, but: .*momentum"):
        find("predictor", "lstm")(SPACE, training={"momentum": 0.9})
    with pytest.raises(PredictorError, match="no preset for the encoder 'transformer'"):
        NamedPredictor("transformer")(SPACE)


def test_it_can_be_kept(tmp_path) -> None:
    evidence = [Evidence(SPACE.random(rng=derive(0, place))) for place in range(6)]
    made = find("predictor", "lstm")(SPACE, settings={"hidden": 8}, training={"epochs": 2})
    made.fit(evidence, np.arange(6.0), rng=derive(1))
    save_predictor(made, tmp_path / "lstm.predictor")
    back = load_predictor(tmp_path / "lstm.predictor")
    assert np.array_equal(back.predict(evidence).mean, made.predict(evidence).mean)
