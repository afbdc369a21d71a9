"""Training settings."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.nets.recipe import ENCODINGS, Recipe, RecipeError


@given(
    encoding=st.sampled_from(ENCODINGS),
    dropout=st.floats(0, 0.9),
    lr=st.floats(1e-6, 1),
    batch=st.integers(1, 10_000),
    patience=st.integers(0, 100),
)
def test_a_recipe_survives_json(encoding: str, dropout: float, lr: float, batch: int, patience: int) -> None:
    recipe = Recipe(encoding=encoding, dropout=dropout, lr=lr, batch=batch, patience=patience)
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_the_papers_preset_has_the_papers_settings() -> None:
    atlas = Recipe.atlas()
    assert (atlas.encoding, atlas.embedding, atlas.batch, atlas.lr) == ("linear", 10, 512, 1e-3)
    assert (atlas.epoch_steps, atlas.max_epochs) == (200, 20)
    assert atlas.dropout == atlas.weight_decay == atlas.clip == atlas.patience == 0


def test_settings_that_a_file_does_not_name_keep_their_defaults() -> None:
    assert Recipe.from_json({"batch": 64}) == Recipe(batch=64)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"encoding": "fourier"}, "linear, ple, quantile"),
        ({"table_init": "zero"}, "xavier"),
        ({"dropout": 1.0}, "below 1"),
        ({"dropout": -0.1}, "at least 0"),
        ({"lr": 0.0}, "above 0"),
        ({"lr": float("nan")}, "above 0"),
        ({"batch": 0}, "at least 1"),
        ({"learning_rate": 0.1}, "learning_rate"),
    ],
)
def test_settings_out_of_range_are_refused(values: dict[str, object], word: str) -> None:
    with pytest.raises(RecipeError, match=word):
        Recipe.from_json(values)


@given(n_rows=st.integers(2, 2_000_000))
def test_sizing_is_idempotent_and_gives_small_tables_enough_steps(n_rows: int) -> None:
    sized = Recipe().sized(n_rows)
    assert sized.sized(n_rows) == sized
    assert sized.batch <= Recipe().batch
    assert sized.max_epochs * min(sized.epoch_steps, -(-n_rows // sized.batch)) >= 20
    assert sized.sized(n_rows).patience * Recipe().max_epochs == sized.max_epochs * Recipe().patience


@given(n_rows=st.integers(1, 1_000_000))
def test_a_small_table_gets_enough_steps_and_a_large_one_keeps_its_settings(n_rows: int) -> None:
    sized = Recipe().sized(n_rows)
    steps = min(sized.epoch_steps, -(-n_rows // sized.batch))
    assert sized.max_epochs * steps >= 1000
    assert sized.patience / sized.max_epochs == Recipe().patience / Recipe().max_epochs
    assert sized.sized(n_rows) == sized
    if n_rows >= 512 * 50:
        assert sized == Recipe()
