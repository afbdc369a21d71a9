"""Predictors as studies name them: text, files of settings, and what becomes of them."""

from pathlib import Path

import pytest

from archwright.coordinate.predictors.entrant import Entrant, read_entrants
from archwright.coordinate.predictors.making import make
from archwright.core.catalog import find, names
from archwright.core.errors import NasError, PredictorError, RunError, UnknownNameError
from archwright.core.protocols import Predictor
from archwright.predict.anytime import Anytime
from archwright.predict.saliency import OperationSaliencies

SPACE = find("space", "nb201")()


def made(text: str, **given):
    return make(Entrant.parse(text), SPACE, **given)


def test_a_text_says_name_and_settings() -> None:
    entrant = Entrant.parse("ta_gates:steps=2:symmetry=none:head=30+20:training.epochs=5:detach=true:scale=1e-2")
    assert (entrant.label, entrant.name) == (
        "ta_gates:steps=2:symmetry=none:head=30+20:training.epochs=5:detach=true:scale=1e-2",
        "ta_gates",
    )
    assert entrant.settings == {
        "steps": 2,
        "symmetry": "none",
        "head": [30, 20],
        "training": {"epochs": 5},
        "detach": True,
        "scale": 0.01,
    }
    assert Entrant(**entrant.to_json()) == entrant
    assert ":" not in entrant.place


def test_a_setting_finds_its_place_in_a_neural_predictor() -> None:
    predictor = made("ta_gates:steps=2:symmetry=none:head=30+20:epochs=5:training.lr=0.01")
    assert predictor.settings["steps"] == 2
    assert predictor.settings["symmetry"] == "none"
    assert predictor.settings["widths"] == made("ta_gates").settings["widths"], "what is not named is the preset's"
    assert predictor.head == (30, 20)
    assert (predictor.training.epochs, predictor.training.lr, predictor.training.loss) == (5, 0.01, "hinge")


def test_settings_of_encodings_and_libraries_find_theirs() -> None:
    forest = made("random_forest:trees=7:encoder=path")
    assert (forest.trees, forest.settings["encoder"]) == (7, "path")


def test_one_value_is_a_list_of_one_where_several_are_taken() -> None:
    predictor = made("gates:widths=64:head=8")
    assert (predictor.settings["widths"], predictor.head) == ([64], (8,))
    assert made("omni:proxies=params:curve=false").proxies == ("params",)


def test_settings_of_members_find_their_place_too() -> None:
    ensemble = made("ensemble:of=gates:members=2:epochs=3:embedding=8")
    assert [(each.training.epochs, each.settings["embedding"]) for each in ensemble._members] == [(3, 8)] * 2
    trees = made("ensemble:of=xgboost:trees=4")
    assert {each.trees for each in trees._members} == {4}


def test_a_preset_is_for_all_that_name_none() -> None:
    assert made("ta_gates", preset="code").settings["steps"] == made("ta_gates:preset=code").settings["steps"] == 4
    assert made("ta_gates:preset=paper", preset="code").settings["steps"] == 3
    assert made("xgboost:trees=3", preset="code").trees == 3, "who knows no presets is left alone"


def test_several_signals_are_for_those_that_can() -> None:
    predictor = made("ta_gates:epochs=5:symmetry=none", is_anytime=True)
    assert isinstance(predictor, Anytime)
    assert (predictor.training.epochs, predictor.training.loss, predictor.heads) == (5, "mse", "steps")
    assert "steps" not in predictor.settings, "as many as there are signals"
    assert made("single_gates", is_anytime=True).heads == "one"
    assert not isinstance(made("xgboost", is_anytime=True), Anytime)
    with pytest.raises(PredictorError, match="--anytime half,final"):
        made("multi_gates")


def test_saliencies_are_kept_where_a_study_wants_them(tmp_path: Path) -> None:
    kept = made("ta_gates:symmetry=concat", cache=tmp_path).saliency
    assert isinstance(kept, OperationSaliencies)
    assert kept._store.path.parent == tmp_path
    assert made("ta_gates:symmetry=none", cache=tmp_path).saliency is None


@pytest.mark.parametrize("name", names("predictor"))
def test_every_predictor_of_the_catalogue_can_take_part(name: str) -> None:
    assert isinstance(made(name), Predictor)


def test_an_encoder_of_the_catalogue_is_a_neural_predictor_where_none_has_its_name() -> None:
    assert {*names("encoder_network")} <= {*names("predictor")}
    assert made("gates").encoder == "gates"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gats", "Did you mean 'gates'"),
        ("gates:widths", "must read NAME or NAME:KEY=VALUE"),
        ("gates:=3", "must read NAME or NAME:KEY=VALUE"),
        ("gates:embedding=", "must read NAME or NAME:KEY=VALUE"),
        ("gates:embedding=3:embedding=4", "each key once"),
        ("gates:a.b.c=3", "must read NAME"),
        ("gates:widths=1/2", "must be called by letters, digits"),
        ("gates:embedding=nan", "must be numbers, words and lists"),
        ("gates:embeding=3", "Did you mean 'embedding'"),
        ("gates:epoch=3", "Did you mean 'epochs'"),
        ("gates:training.epoch=3", "Did you mean 'epochs'"),
        ("gates:training=3", "training of .* must have settings of its own"),
        ("gates:epochs=0", "epochs of a predictor's training must be above 0"),
        ("gates:preset=cod", "must be one of paper, code"),
        ("xgboost:tres=3", "Did you mean 'trees'"),
        ("xgboost:encoder=pat", "Did you mean 'path'"),
        ("ensemble:of=xgboost:tres=3", "Did you mean 'trees'"),
        ("ensemble:of=xgbost:trees=3", "Did you mean 'xgboost'"),
        ("nasbowl:stepz=3", "Did you mean 'steps'"),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_hint(text: str, said: str) -> None:
    with pytest.raises(NasError, match=said) as refused:
        made(text)
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)


def test_a_file_gives_settings_under_labels(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("gates: {embedding: 16}\nshort: {predictor: ta_gates, steps: 2, training: {epochs: 9}}\nxgboost:\n")
    entrants = read_entrants((), file)
    assert [each.label for each in entrants] == ["gates", "short", "xgboost"]
    assert entrants[1] == Entrant("short", "ta_gates", {"steps": 2, "training": {"epochs": 9}})
    assert entrants[2] == Entrant("xgboost", "xgboost", {})
    chosen = read_entrants(("short", "lstm", "gates", "short"), file)
    assert [each.label for each in chosen] == ["short", "lstm", "gates"]
    assert chosen[2].settings == {"embedding": 16}


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("- a", RunError, "must say settings for each label"),
        ("", RunError, "must say settings for each label"),
        ("a: [", RunError, "must be a YAML file"),
        ("gates: 3", PredictorError, "must be KEY: VALUE"),
        ("gates: {3: 4}", PredictorError, "must be KEY: VALUE"),
        ("small: {widths: [3]}", UnknownNameError, "no predictor 'small'"),
        ("gates: {when: 2026-01-01}", PredictorError, "must be numbers, words and lists"),
    ],
)
def test_a_file_that_says_nothing_useful_is_refused(tmp_path: Path, text: str, error: type, said: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    with pytest.raises(error, match=said):
        read_entrants((), file)
    with pytest.raises(RunError, match="must be a YAML file"):
        read_entrants((), tmp_path / "nowhere.yaml")
