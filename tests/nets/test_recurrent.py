"""Language models of recurrent cells: recorded numbers of parameters, a slow twin, torch's own LSTM."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archwright.core.rng import derive
from archwright.data.shapes import TokenShape
from archwright.nets.build import build
from archwright.nets.counting import count_flops, count_params
from archwright.nets.recurrent import LanguageModel, RecurrentCell
from archwright.spaces import recipe
from archwright.spaces.nlp import NasBenchNlp

SPACE = NasBenchNlp()

RNN = {"f": ("linear", "x", "h_prev_0"), "h_new_0": ("activation_tanh", "f")}

GRU = {
    "r": ("linear", "x", "h_prev_0"),
    "r_act": ("activation_sigm", "r"),
    "z": ("linear", "x", "h_prev_0"),
    "z_act": ("activation_sigm", "z"),
    "rh": ("elementwise_prod", "r_act", "h_prev_0"),
    "h": ("linear", "x", "rh"),
    "h_act": ("activation_tanh", "h"),
    "h_new_0": ("blend", "z_act", "h_prev_0", "h_act"),
}

#: Differs from the one of the benchmark, whose output gate is a tanh.
LSTM = {
    "i": ("linear", "x", "h_prev_0"),
    "f": ("linear", "x", "h_prev_0"),
    "g": ("linear", "x", "h_prev_0"),
    "o": ("linear", "x", "h_prev_0"),
    "i_act": ("activation_sigm", "i"),
    "f_act": ("activation_sigm", "f"),
    "g_act": ("activation_tanh", "g"),
    "o_act": ("activation_sigm", "o"),
    "kept": ("elementwise_prod", "f_act", "h_prev_1"),
    "added": ("elementwise_prod", "i_act", "g_act"),
    "h_new_1": ("elementwise_sum", "kept", "added"),
    "h_new_1_act": ("activation_tanh", "h_new_1"),
    "h_new_0": ("elementwise_prod", "h_new_1_act", "o_act"),
}

#: WikiText-2's vocabulary in the benchmark.
WORDS = TokenShape(33_278)


def cell_of(nodes: Mapping[str, tuple[str, ...]]) -> recipe.Cell:
    return recipe.read(json.dumps({name: {"op": op, "input": read} for name, (op, *read) in nodes.items()}))


def drawn(layer: RecurrentCell, seed: int = 0) -> RecurrentCell:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for param in layer.parameters():
            param.uniform_(-0.5, 0.5, generator=generator)
    return layer


@pytest.mark.parametrize(("nodes", "recorded"), [(RNN, 15_066_078), (GRU, 18_509_278), (LSTM, 20_230_878)])
def test_parameters_are_those_that_the_benchmark_records(nodes: Any, recorded: int) -> None:
    with torch.device("meta"):
        assert count_params(LanguageModel(cell_of(nodes), WORDS)) == recorded


def test_parameters_of_all_recorded_runs_are_the_recorded_ones(shared_data: Path) -> None:
    with gzip.open(shared_data / "misc_nas" / "nas_bench_nlp_wikitext2.json.gz") as file:
        runs = json.load(file)["runs"]
    assert len(runs) == 345
    with torch.device("meta"):
        counts = [count_params(LanguageModel(recipe.read(json.dumps(run["recepie"])), WORDS)) for run in runs]
    assert counts == [run["num_params"] for run in runs]


def test_a_recipe_of_an_lstm_is_torchs_lstm() -> None:
    layer, lstm, width = drawn(RecurrentCell(cell_of(LSTM), 3, 4)), nn.LSTM(3, 4), 4
    # The slots of the recipe in the order of torch's gates: i, f, g, o.
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(torch.cat([layer.inputs[str(slot)].weight for slot in range(4)]))
        lstm.weight_hh_l0.copy_(torch.cat([layer.states[str(slot)].weight for slot in range(4)]))
        lstm.bias_ih_l0.copy_(torch.cat([layer.states[str(slot)].bias for slot in range(4)]))
        lstm.bias_hh_l0.zero_()
    x = torch.randn(6, 2, 3, generator=torch.Generator().manual_seed(0))
    given, (hidden, memory) = layer(x)
    expected, (last, inner) = lstm(x)
    assert given.shape == (6, 2, width)
    assert torch.allclose(given, expected, atol=1e-6)
    assert torch.allclose(hidden, last[0], atol=1e-6)
    assert torch.allclose(memory, inner[0], atol=1e-6)


def slowly(layer: RecurrentCell, nodes: dict[str, Any], x: Tensor) -> list[Tensor]:
    """Return what `layer` gives at each moment: node by node, a matrix for each input of a linear operation."""
    n_hidden, given = len(layer.cell.hidden), []
    values = {f"h_prev_{n}": torch.zeros(x.shape[1], layer.width) for n in range(n_hidden)}
    for moment in x:
        values["x"] = moment
        for slot, (name, node) in enumerate(nodes.items()):
            values[name] = _node(layer, str(slot), node["op"], [values[source] for source in node["input"]], node)
        given.append(values["h_new_0"])
        values = {f"h_prev_{n}": values[f"h_new_{n}"] for n in range(n_hidden)}
    return given


def _node(layer: RecurrentCell, slot: str, op: str, read: list[Tensor], node: dict[str, Any]) -> Tensor:
    if op == "linear":
        blocks = iter(layer.states[slot].weight.split(layer.width, dim=1))
        total = layer.states[slot].bias
        for source, value in zip(node["input"], read, strict=True):
            total = total + value @ (layer.inputs[slot].weight if source == "x" else next(blocks)).T
        return total
    if op == "blend":
        return read[0] * read[1] + (1 - read[0]) * read[2]
    if op.startswith("elementwise"):
        return read[0] + read[1] if op.endswith("sum") else read[0] * read[1]
    name = op.removeprefix("activation_")
    return {"sigm": torch.sigmoid, "tanh": torch.tanh, "leaky_relu": lambda a: torch.where(a > 0, a, a / 100)}[name](
        read[0]
    )


@pytest.mark.parametrize("seed", range(8))
def test_a_layer_gives_what_its_recipe_says(seed: int) -> None:
    arch = SPACE.random(rng=derive(seed, "cell"))
    layer = drawn(RecurrentCell(SPACE.cell(arch), 3, 4), seed)
    x = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(seed))
    expected = torch.stack(slowly(layer, json.loads(SPACE.text(arch)), x))
    assert torch.allclose(layer(x)[0], expected, rtol=1e-4, atol=1e-5)


def small(**size: Any) -> LanguageModel:
    arch = SPACE.canonical(SPACE.parse(json.dumps({k: {"op": op, "input": r} for k, (op, *r) in GRU.items()})))
    sizes = {"embedding": 5, "hidden": 7, "layers": 2} | size
    model = build(arch, SPACE, TokenShape(13, 6), rng=derive(0, "model"), **sizes)
    assert isinstance(model, LanguageModel)
    return model


TOKENS = torch.tensor([[1, 2, 3, 4, 5, 6], [12, 0, 7, 7, 7, 3]])


def test_a_text_in_two_parts_is_the_text() -> None:
    model = small()
    first, states = model.unrolled(TOKENS[:, :4])
    second, _ = model.unrolled(TOKENS[:, 4:], states)
    assert torch.allclose(torch.cat((first, second), dim=1), model.features(TOKENS), atol=1e-6)


def test_logits_depend_on_earlier_tokens_only() -> None:
    model, changed = small(), TOKENS.clone()
    changed[:, 3] = 9
    before, after = model(TOKENS), model(changed)
    assert torch.equal(before[:, :3], after[:, :3])
    assert (before[:, 3:] != after[:, 3:]).any(dim=2).all()


def test_a_tied_decoder_shares_the_embeddings_and_another_has_its_own() -> None:
    tied, free = small(), small(tied=False)
    assert tied.decoder.weight is tied.embedding.weight
    assert tied.features(TOKENS).shape == (2, 6, 5)
    assert free.features(TOKENS).shape == (2, 6, 7)
    assert free(TOKENS).shape == (2, 6, 13)
    rows = 2 * 6 * 5
    assert count_params(free) - count_params(tied) > 13 * 7 > rows / 2


def test_parameters_start_as_the_benchmark_starts_them() -> None:
    model = small(tied=False)
    assert 0.08 < float(model.embedding.weight.detach().abs().max()) <= 0.1
    assert 0.08 < float(model.decoder.weight.detach().abs().max()) <= 0.1
    assert not model.decoder.bias.any()
    for layer in model.layers:
        assert isinstance(layer, RecurrentCell)
        largest = max(float(param.detach().abs().max()) for param in layer.parameters())
        assert 0.9 / layer.width**0.5 < largest <= 1 / layer.width**0.5


def test_multiply_adds_are_those_of_the_matrices_at_each_moment() -> None:
    model = small()
    matrices = sum(p.numel() for p in model.layers.parameters()) + model.decoder.weight.numel() + 13
    assert count_flops(model, TokenShape(13, 6)) == 6 * matrices
