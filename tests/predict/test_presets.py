"""Presets are what the paper and the released configurations say, and every one makes a predictor."""

import pytest
import torch

from archwright.core.catalog import find
from archwright.core.errors import PredictorError, UnknownNameError
from archwright.core.rng import derive
from archwright.predict.neural import NeuralPredictor, Training
from archwright.predict.presets import ENCODERS, layers_needed, preset

OWN = ["nb101", "nb201", "darts", "nds_enas"]


def settings(encoder: str, space: str, which="paper") -> dict[str, object]:
    return preset(encoder, space, which)["settings"]


def test_sizes_are_those_of_appendix_b() -> None:
    for space in ("nb101", "nb201"):
        assert settings("gates", space) == settings("gcn", space) == {"embedding": 48, "widths": [128] * 5}
        assert settings("mlp", space)["widths"] == [512, 2048, 2048, 512]
        assert settings("lstm", space) == {"embedding": 100, "hidden": 100}
    for space, layers in (("darts", 5), ("nds_enas", 6)):
        assert settings("gates", space) == settings("gcn", space) == {"embedding": 32, "widths": [64] * layers}
        assert settings("mlp", space)["widths"] == [128, 128, 128, 32]
        assert settings("lstm", space) == {"embedding": 48, "hidden": 128}
    assert settings("seminas", "nb101") == {"embedding": 48, "hidden": 96}


def test_ta_gates_has_the_sizes_of_gates_and_what_table_1_was_made_with() -> None:
    rows = {"nb101": (3, 0.1, False), "nb201": (3, 0.5, False), "darts": (4, 1.0, True)}
    for space, (steps, beta, mask) in rows.items():
        found = settings("ta_gates", space)
        own = {"steps": steps, "symmetry": "add", "beta": beta, "mask_fixed": mask, "scale": 0.1}
        assert found == settings("gates", space) | own | {"convert": found["widths"][0]}


def test_the_code_differs_where_its_configurations_do() -> None:
    def changes(space: str) -> dict[str, object]:
        paper, code = settings("ta_gates", space), settings("ta_gates", space, "code")
        return {key: value for key, value in code.items() if paper.get(key) != value}

    changed = {space: changes(space) for space in OWN}
    assert changed["nb101"] == changed["darts"] == {"detach": True}
    assert changed["nds_enas"] == {"detach": True, "symmetry": "concat"}
    nb201 = {"widths": [128] * 3, "steps": 4, "symmetry": "concat", "mask_fixed": True, "contact": "message"}
    assert changed["nb201"] == nb201 | {"detach": True, "skips": "layer"}
    assert settings("gates", "nb201", "code")["skips"] == "operation"
    assert preset("ta_gates", "darts", "code")["training"].batch == 128
    assert preset("gates", "nb101", "code")["training"].epochs == 80
    for gcn in ("gcn", "line_gcn"):
        assert settings(gcn, "nb201", "code") == settings(gcn, "nb201") | {"pool": "mean"}
        assert settings(gcn, "nb101", "code") == settings(gcn, "nb101")
    for encoder in ("lstm", "mlp", "seminas"):
        paper, code = preset(encoder, "nb201"), preset(encoder, "nb201", "code")
        assert (paper["training"].dropout, code["training"].dropout) == (0.0, 0.1)
        assert code == paper | {"training": code["training"]}


def test_training_is_that_of_appendix_b() -> None:
    for encoder in ENCODERS:
        for space in OWN:
            assert preset(encoder, space)["training"] == Training(epochs=200, batch=512, lr=1e-3, margin=0.1)
    squared = {space: preset("gates", space, loss="mse")["training"] for space in OWN}
    assert all(training.loss == "mse" and training.batch == 512 for training in squared.values())
    assert {space: training.lr for space, training in squared.items()} == {
        "nb101": 1e-4,
        "nb201": 1e-3,
        "darts": 1e-4,
        "nds_enas": 1e-3,
    }
    assert [space for space in OWN if squared[space].epochs == 500] == ["nb201"]
    assert preset("gates", "nb101", "code", loss="mse")["training"].lr == 1e-3


@pytest.mark.parametrize("space", [*OWN, "enas_dvae", "nb_macro", "transnas_micro"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_preset_makes_a_predictor(encoder: str, space: str) -> None:
    made = find("space", space)()
    for which in ("paper", "code"):
        found = preset(encoder, made, which)
        assert found == preset(encoder, space, which)
        predictor = NeuralPredictor(made, **found)
        assert predictor.training is found["training"]
        with torch.random.fork_rng(devices=[]):
            assert find("encoder_network", predictor.encoder)(made, **predictor.settings).dim > 0


def test_a_line_gcn_is_a_gcn() -> None:
    assert preset("line_gcn", "nb201") == preset("gcn", "nb201")
    assert preset("line_gcn", "nb201")["encoder"] == "gcn"


def test_a_preset_is_nobodys() -> None:
    preset("ta_gates", "nb101", "code")["settings"]["widths"].append(1)
    preset("ta_gates", "nb201", "code")["settings"]["widths"].append(1)
    assert settings("ta_gates", "nb101", "code")["widths"] == [128] * 5
    assert settings("ta_gates", "nb201", "code")["widths"] == [128] * 3


def test_other_spaces_have_as_many_layers_as_their_longest_path() -> None:
    spaces = ("nb201", "transnas_micro", "darts", "nds_enas", "nb_macro", "enas_dvae")
    needed = {name: layers_needed(find("space", name)()) for name in spaces}
    assert needed["nb201"] == needed["transnas_micro"] == 3
    assert (needed["darts"], needed["nds_enas"]) == (5, 6), "as appendix B.3 has it"
    assert needed["nb_macro"] == 9, "a chain of eight blocks, and its output"
    for name in ("transnas_micro", "nb_macro", "enas_dvae"):
        assert settings("ta_gates", name)["widths"] == [128] * needed[name]
        assert settings("ta_gates", name)["symmetry"] == "none"
    assert settings("gates", "nb_macro", "code") == settings("gates", "nb_macro")


def test_information_reaches_the_output_of_every_architecture() -> None:
    space = find("space", "nb_macro")()
    archs = [space.random(rng=derive(0, "macro", k)) for k in range(20)]
    net = find("encoder_network", "gates")(space, **settings("gates", "nb_macro") | {"embedding": 4})
    with torch.no_grad():
        assert (net(net.prepare(archs)).abs().sum(dim=1) > 0).all()


def test_what_there_is_no_preset_for_is_said_in_one_line() -> None:
    with pytest.raises(PredictorError, match=r"no preset for the encoder 'gate'\. Did you mean 'gates'\?"):
        preset("gate", "nb201")
    with pytest.raises(PredictorError, match="must be one of paper, code, but 'papers' was given"):
        preset("gates", "nb201", "papers")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="no space 'nb2001'"):
        preset("gates", "nb2001")
    with pytest.raises(PredictorError, match="the loss must be hinge or mse, but 'mae'"):
        preset("gates", "nb201", loss="mae")  # type: ignore[arg-type]
