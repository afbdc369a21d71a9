"""Recurrent cells of NAS-Bench-NLP: recipes, rules, canonical forms, what can be drawn and listed."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.rng import derive
from archwright.spaces import recipe as recipe_
from archwright.spaces.nlp import NasBenchNlp

SPACE = NasBenchNlp()
SEEDS = st.integers(0, 10_000)

Recipe = dict[str, dict[str, Any]]

RNN: Recipe = {
    "f": {"op": "linear", "input": ["x", "h_prev_0"]},
    "h_new_0": {"op": "activation_tanh", "input": ["f"]},
}
GRU: Recipe = {
    "r": {"op": "linear", "input": ["x", "h_prev_0"]},
    "r_act": {"op": "activation_sigm", "input": ["r"]},
    "z": {"op": "linear", "input": ["x", "h_prev_0"]},
    "z_act": {"op": "activation_sigm", "input": ["z"]},
    "rh": {"op": "elementwise_prod", "input": ["r_act", "h_prev_0"]},
    "h": {"op": "linear", "input": ["x", "rh"]},
    "h_act": {"op": "activation_tanh", "input": ["h"]},
    "h_new_0": {"op": "blend", "input": ["z_act", "h_prev_0", "h_act"]},
}


def _parse(recipe: Recipe) -> Arch:
    return SPACE.parse(json.dumps(recipe))


def _computed(recipe: Recipe, seed: int = 0) -> list[np.ndarray]:
    """The new hidden states of a recipe with fixed inputs, where linear layers are told apart by no weights at all.

    A linear layer is a symmetric function that is no other operation, so recipes that compute the same are the
    same up to the names of nodes and the order of like inputs, but for accidents.
    """
    rng = np.random.default_rng(seed)
    known = {name: rng.uniform(-1, 1, 5) for name in ("x", "h_prev_0", "h_prev_1", "h_prev_2")}
    operations = {
        "activation_sigm": lambda a: 1 / (1 + np.exp(-a)),
        "activation_tanh": np.tanh,
        "activation_leaky_relu": lambda a: np.where(a > 0, a, 0.01 * a),
        "elementwise_sum": lambda a, b: a + b,
        "elementwise_prod": lambda a, b: a * b,
        "linear": lambda *all_: sum(np.sin(3 * a + 1) for a in all_) * 0.7 + 0.1 * len(all_),
        "blend": lambda z, a, b: z * a + (1 - z) * b,
    }

    def value(name: str) -> Any:
        if name not in known:
            node = recipe[name]
            known[name] = operations[node["op"]](*map(value, node["input"]))
        return known[name]

    return [value(f"h_new_{n}") for n in range(3) if f"h_new_{n}" in recipe]


def _of(arch: Arch) -> Recipe:
    recipe: Recipe = json.loads(SPACE.text(arch))
    return recipe


def _same(one: Recipe, two: Recipe) -> bool:
    pairs = list(itertools.zip_longest(_computed(one), _computed(two)))
    return all(a is not None and b is not None and np.allclose(a, b, atol=1e-12) for a, b in pairs)


@pytest.mark.parametrize("recipe", [RNN, GRU])
def test_known_cells_read_and_print_back(recipe: Recipe) -> None:
    arch = _parse(recipe)
    printed = _of(arch)
    assert [node["op"] for node in printed.values()] == [node["op"] for node in recipe.values()]
    assert list(printed)[-1] == "h_new_0"
    assert _same(printed, recipe)


def test_recipes_of_the_benchmark_with_12_nodes_or_fewer_are_in_the_space(shared_data: Path) -> None:
    with gzip.open(shared_data / "misc_nas" / "nas_bench_nlp_wikitext2.json.gz", "rt") as file:
        recipes: list[Recipe] = [run["recepie"] for run in json.load(file)["runs"]]
    small = [recipe for recipe in recipes if len(_named(recipe)) <= 12]
    assert (len(recipes), len(small)) == (345, 278)
    for recipe in small:
        arch = _parse(recipe)
        assert SPACE.parse(SPACE.text(arch)) == arch
        assert _same(_of(arch), recipe)
        assert _same(_of(SPACE.canonical(arch)), recipe)
    for recipe in recipes:
        if len(_named(recipe)) > 12:
            with pytest.raises(ArchError):
                _parse(recipe)


def _named(recipe: Recipe) -> set[str]:
    return {*recipe, *(name for node in recipe.values() for name in node["input"])}


def test_recipes_that_canonical_makes_one_have_equally_many_parameters(shared_data: Path) -> None:
    with gzip.open(shared_data / "misc_nas" / "nas_bench_nlp_wikitext2.json.gz", "rt") as file:
        runs = [run for run in json.load(file)["runs"] if len(_named(run["recepie"])) <= 12]
    sizes: dict[Arch, set[int]] = {}
    for run in runs:
        sizes.setdefault(SPACE.canonical(_parse(run["recepie"])), set()).add(run["num_params"])
    assert len(sizes) == 207
    assert all(len(each) == 1 for each in sizes.values())


@settings(max_examples=50)
@given(seed=SEEDS, shuffle=st.randoms(use_true_random=False))
def test_names_and_order_of_nodes_do_not_matter(seed: int, shuffle: Any) -> None:
    arch = SPACE.random(rng=derive(seed, "nlp"))
    recipe = _of(arch)
    inner = [name for name in recipe if not name.startswith("h_new")]
    renamed = dict(zip(inner, shuffle.sample([f"n{k}" for k in range(len(inner))], len(inner)), strict=True))
    items = [
        (renamed.get(name, name), {"op": node["op"], "input": [renamed.get(i, i) for i in node["input"]]})
        for name, node in recipe.items()
    ]
    shuffle.shuffle(items)
    for _, node in items:
        if node["op"] != "blend":
            shuffle.shuffle(node["input"])
    other = _parse(dict(items))
    assert SPACE.canonical(other) == SPACE.canonical(arch)
    assert SPACE.graphs(other)[0].key() == SPACE.graphs(arch)[0].key()


@given(seed=SEEDS)
def test_canonical_computes_the_same(seed: int) -> None:
    arch = SPACE.random(rng=derive(seed, "nlp"))
    assert _same(_of(SPACE.canonical(arch)), _of(arch))


def test_inputs_of_a_blend_keep_their_places() -> None:
    forms = set()
    for order in itertools.permutations(GRU["h_new_0"]["input"]):
        recipe = GRU | {"h_new_0": {"op": "blend", "input": list(order)}}
        forms.add(SPACE.canonical(_parse(recipe)))
    assert len(forms) == 6


@settings(max_examples=30)
@given(seed=SEEDS)
def test_every_neighbour_is_another_cell_of_as_many_operations(seed: int) -> None:
    arch = SPACE.random(rng=derive(seed, "nlp"))
    for near in SPACE.neighbours(arch):
        assert len(SPACE.cell(near).slots) == len(SPACE.cell(arch).slots)


def test_random_cells_have_one_to_three_hidden_states_and_several_sizes() -> None:
    cells = [SPACE.cell(SPACE.random(rng=derive(seed, "nlp"))) for seed in range(150)]
    counts = [sum(len(cell.hidden) == n for cell in cells) for n in (1, 2, 3)]
    assert min(counts) > 30
    assert len({len(cell.slots) for cell in cells}) >= 5


@given(seed=SEEDS)
def test_random_cells_follow_the_rules_of_the_generator(seed: int) -> None:
    recipe = _of(SPACE.random(rng=derive(seed, "nlp")))
    for name, node in recipe.items():
        if name.startswith("h_new"):
            assert not any(source.startswith("h_prev") for source in node["input"])
        if node["op"].startswith("activation"):
            assert recipe[node["input"][0]]["op"] == "linear"


def test_enumerate_begins_with_exactly_the_valid_points() -> None:
    # The listing is in the order of `index`, so it lists cells whose first operation is the first one first; all of
    # them have ten operations at first. A point between two neighbours in the list is not valid.
    listed = list(itertools.islice(SPACE.enumerate(), 40))
    assert all(SPACE.check(arch) is None for arch in listed)
    indices = [SPACE.index(arch) for arch in listed]
    assert indices == sorted(set(indices))
    for low, high in itertools.pairwise(indices[:12]):
        between = range(low + 1, min(high, low + 500))
        assert not any(SPACE.check(SPACE.at(index)) is None for index in between)


@settings(max_examples=20)
@given(seed=SEEDS)
def test_enumerate_would_come_to_every_cell(seed: int) -> None:
    cell = SPACE.cell(SPACE.random(rng=derive(seed, "nlp")))
    for n, slot in enumerate(cell.slots):
        assert slot in set(recipe_.extensions(cell.slots[:n], max_nodes=12))
    assert cell.hidden in set(recipe_.new_states(cell.slots, max_nodes=12))


@pytest.mark.parametrize("genes", [(6, 1, 2, 0), (6, 2, 1, 0)])
def test_the_least_cells_are_one_linear_layer(genes: tuple[int, ...]) -> None:
    arch = Arch("nlp", (*genes, *(0,) * 36, 1, 0, 0))
    assert SPACE.check(arch) is None
    assert SPACE.canonical(arch).genes[:4] == (6, 1, 2, 0)


def test_the_graph_says_which_operations_are_new_hidden_states() -> None:
    (graph,) = SPACE.graphs(_parse(RNN))
    assert [SPACE.op_names[op] for op in graph.ops] == ["x", "h_prev_0", "linear", "activation_tanh", "h_new_0"]
    assert graph.edges == {(0, 2), (1, 2), (2, 3), (3, 4)}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"f": {"op": "linear", "input": ["x", "x"]}}, "the inputs of 'linear' must differ"),
        ({"f": {"op": "linear", "input": ["x"]}}, r"'linear' must have 2\.\.3 inputs, but has 1"),
        ({"f": {"op": "elementwise_sum", "input": ["x", "h_prev_0"]}}, "'x' must enter 'linear' only"),
        ({"f": {"op": "linear", "input": ["h_prev_0", "h_prev_1"]}}, "must read just the inputs x, h_prev_0"),
        ({"f": {"op": "linear", "input": ["x", "h_prev_0", "h_prev_1"]}}, "must read just the inputs x, h_prev_0"),
        ({"g": {"op": "activation_tanh", "input": ["f"]}}, "neither read nor a new hidden state"),
        ({"f": {"op": "conv", "input": ["x", "h_prev_0"]}}, "operations of a recipe are activation_sigm"),
        ({"f": {"op": "linear", "input": ["x", "h_new_0"]}}, "without a circle"),
        ({"f": {"op": "linear", "input": ["x", "nobody"]}}, "without a circle"),
        ({"f": {"op": "linear", "input": "x"}}, "must have `op` and `input`"),
        ({"f": {"op": "linear", "input": ["x", 1]}}, "read up to three nodes by name"),
        ({"f": {"op": "linear", "input": ["x", "h_prev_0", "h_prev_1", "h_prev_2"]}}, "up to three"),
        ({"x": {"op": "linear", "input": ["h_prev_0", "h_prev_1"]}}, "must have `op` and `input`"),
        ({"h_new_2": {"op": "activation_tanh", "input": ["f"]}}, "h_new_0..h_new_2"),
        ({"f": 3}, "must have `op` and `input`"),
    ],
)
def test_recipes_that_are_no_cells_are_refused(change: Any, says: str) -> None:
    with pytest.raises(ArchError, match=says) as error:
        _parse(RNN | change)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["{}", "[]", "3", "{1: 2}", "{"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ArchError, match=r"must (read|have)"):
        SPACE.parse(text)


def test_thirteen_nodes_are_too_many() -> None:
    chain: Recipe = {"n0": {"op": "linear", "input": ["x", "h_prev_0"]}}
    for n in range(1, 10):
        chain[f"n{n}"] = {"op": "activation_tanh", "input": [f"n{n - 1}"]}
    ten = chain | {"h_new_0": chain["n9"]}
    del ten["n9"]
    assert len(SPACE.cell(_parse(ten)).slots) == 10
    with pytest.raises(ArchError, match="at most 12 nodes, but has 13"):
        _parse(chain | {"h_new_0": {"op": "activation_tanh", "input": ["n9"]}})


def test_gaps_among_slots_are_refused() -> None:
    genes = _parse(RNN).genes
    moved = (*genes[:4], 0, 0, 0, 0, *genes[4:8], *genes[12:])
    assert "must stand before empty ones" in str(SPACE.check(Arch("nlp", moved)))
    filled = (*genes[:8], 0, 1, 0, 0, *genes[12:])
    assert "an empty slot must have no inputs" in str(SPACE.check(Arch("nlp", filled)))
    hole = (*genes[:2], 0, 2, *genes[4:])
    assert "before its empty places" in str(SPACE.check(Arch("nlp", hole)))
    nobody = (*genes[:40], 0, 0, 0)
    assert "new hidden states" in str(SPACE.check(Arch("nlp", nobody)))
