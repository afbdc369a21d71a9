from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from expressflow_twin import expressflow_by_definition, layers_in
from scipy.stats import kendalltau, spearmanr
from torch import Tensor, nn
from torch.nn import functional

from archwright.core.errors import ProxyError
from archwright.core.rng import derive
from archwright.nets.inputs import Inputs
from archwright.nets.mlp import TabularMlp
from archwright.nets.recipe import Recipe
from archwright.proxies.base import Batch
from archwright.proxies.expressflow import expressflow

WIDTHS = (8, 16, 32, 64, 96)
D = 20


def mlp(widths: tuple[int, ...], *, d: int = D, outputs: int = 2, seed: int = 0, norm: bool = False) -> nn.Sequential:
    """Return a network with PyTorch's own initial weights, biases included, from a generator of its own."""
    parts: list[nn.Module] = []
    fan_in = d
    for width in widths:
        parts += [nn.Linear(fan_in, width), *([nn.BatchNorm1d(width)] if norm else []), nn.ReLU()]
        fan_in = width
    model = nn.Sequential(*parts, nn.Linear(fan_in, outputs))
    generator = torch.Generator().manual_seed(seed)
    for part in model:
        if isinstance(part, nn.Linear):
            for parameter in part.parameters():
                nn.init.uniform_(parameter, -1, 1, generator=generator).data *= part.in_features**-0.5
    return model


def random_mlps(n: int) -> list[nn.Sequential]:
    rng = derive(0, "widths")
    return [mlp(tuple(rng.choice(WIDTHS, 3).tolist()), seed=seed) for seed in range(n)]


def rows(n: int, d: int = D) -> Tensor:
    return torch.rand(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def directions(n: int, d: int = D) -> Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


# The definition


@pytest.mark.parametrize("recalibrate", ["both", "width", "depth", "none"])
@pytest.mark.parametrize("reference", [False, True])
def test_score_is_the_definition(recalibrate: str, reference: bool) -> None:
    model, probes = mlp((30, 10, 20)), directions(3)
    ones = torch.ones(4, D, dtype=torch.float64)
    expected = expressflow_by_definition(layers_in(model), ones, probes, reference=reference, recalibrate=recalibrate)
    score = expressflow(model, probes=probes, init=None, reference=reference, recalibrate=recalibrate)
    assert score == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("absolute", [False, True])
def test_score_of_a_real_batch_is_the_definition(absolute: bool) -> None:
    model, probes, x = mlp((30, 10, 20)), directions(3), rows(6)
    expected = expressflow_by_definition(layers_in(model, absolute=absolute), x, probes)
    score = expressflow(model, Batch(x), probes=probes, init=None, absolute=absolute, inputs="batch")
    assert score == pytest.approx(expected, rel=1e-6)


def test_without_biases_every_layer_has_the_same_saliency() -> None:
    # Euler: sum_n z_n dF/dz_n = F for a linear network, so the sum over L layers is L times B rows of F.
    model = mlp((30, 10, 20))
    for part in model:
        if isinstance(part, nn.Linear):
            nn.init.zeros_(part.bias)
            part.weight.data.abs_()
    total = model(torch.ones(4, D)).sum().item()
    assert expressflow(model, init=None, recalibrate="none") == pytest.approx(3 * total, rel=1e-5)


# What it takes


class Nested(nn.Module):
    def __init__(self, flat: nn.Sequential) -> None:
        super().__init__()
        self.first = nn.ModuleList([flat[0]])
        self.rest = nn.Sequential(nn.Sequential(flat[2], nn.ReLU(inplace=True)), nn.Dropout(0.5))
        self.head = flat[4]
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = functional.dropout(functional.relu(self.first[0](x)))
        return self.head(self.rest(x))


def test_nesting_dropout_and_function_calls_do_not_matter() -> None:
    flat = mlp((30, 10))
    plain = expressflow(flat, init=None)
    assert expressflow(Nested(flat), init=None) == pytest.approx(plain, rel=1e-12)


def test_batchnorm_is_passed_by() -> None:
    plain, normed = mlp((30, 10)), mlp((30, 10), norm=True)
    normed[1].running_mean += 3.0
    assert expressflow(normed, init=None) == pytest.approx(expressflow(plain, init=None), rel=1e-12)
    assert expressflow(normed) == pytest.approx(expressflow(plain), rel=1e-12)


def test_the_tabular_network_is_scored_behind_its_embeddings() -> None:
    inputs = Inputs(n_numeric=2, cardinalities=(3, 5), n_outputs=1)
    recipe = Recipe.atlas()
    net = TabularMlp(inputs, (12, 7), recipe, rng=derive(0, "net"))
    dense = nn.Sequential(*(part for part in [*net.layers, net.head] if isinstance(part, nn.Linear)))
    plain = nn.Sequential(dense[0], nn.ReLU(), dense[1], nn.ReLU(), dense[2])
    assert dense[0].in_features == 4 * recipe.embedding
    assert expressflow(net, init=None) == pytest.approx(expressflow(plain, init=None), rel=1e-12)


def test_convolutions_of_one_pixel_are_dense_layers() -> None:
    dense = mlp((30, 10))
    parts = [nn.Conv2d(D, 30, 1), nn.ReLU(), nn.Conv2d(30, 10, 1), nn.ReLU(), nn.Conv2d(10, 2, 1), nn.Flatten()]
    convolutions = nn.Sequential(*parts)
    for mine, other in zip(parts[::2], dense[::2], strict=False):
        mine.weight.data = other.weight.data[:, :, None, None]
        mine.bias.data = other.bias.data
    pixel, probes = Batch(torch.ones(4, D, 1, 1)), directions(3)
    for init in ("he", "xavier", None):  # the same numbers in the same order: the fans are those of dense layers
        assert expressflow(convolutions, pixel, probes=probes[:, :, None, None], init=init) == pytest.approx(
            expressflow(dense, probes=probes, init=init), rel=1e-12
        )


def test_every_place_of_a_map_is_a_neuron() -> None:
    # Twice as many equal places: F stays (a mean), K and |J g|^2 double where each place has its own copy of the input.
    narrow, probes = (
        nn.Sequential(nn.Conv2d(3, 5, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        directions(2, 3),
    )
    one = expressflow(narrow, Batch(torch.ones(4, 3, 1, 1)), probes=probes[:, :, None, None], init=None)
    two = expressflow(
        narrow, Batch(torch.ones(4, 3, 1, 2)), probes=probes[:, :, None, None].expand(-1, -1, 1, 2), init=None
    )
    assert two == pytest.approx(one * 2 / np.sqrt(2), rel=1e-9)


def test_a_weight_of_two_layers_is_one_weight() -> None:
    model = mlp((D, D))
    model[2].weight = model[0].weight
    assert expressflow(model) > 0


def test_the_model_is_left_as_it_was() -> None:
    model = nn.Sequential(*mlp((30, 10), norm=True), nn.Dropout(0.5))
    model[3].weight.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    versions = [parameter._version for parameter in model.parameters()]
    state = torch.get_rng_state()
    expressflow(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [parameter._version for parameter in model.parameters()] == versions
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(part.training and not part._forward_hooks for part in model.modules())
    assert not model[3].weight.requires_grad
    assert isinstance(model[1], nn.BatchNorm1d)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_score_is_deterministic_in_any_gradient_mode() -> None:
    model = mlp((30, 10))
    first = expressflow(model, seed=5)
    with torch.no_grad():
        second = expressflow(model, seed=5)
    with torch.inference_mode():
        third = expressflow(model, seed=5)
    assert first == second == third
    assert expressflow(model, seed=6) != first


def test_a_dead_layer_adds_nothing() -> None:
    model = mlp((30, 10))
    nn.init.zeros_(model[2].weight)
    nn.init.zeros_(model[2].bias)
    score = expressflow(model, init=None)
    assert score == 0
    assert isinstance(score, float)


# What it refuses


def test_a_network_without_relu_is_refused() -> None:
    with pytest.raises(ProxyError, match="with a ReLU"):
        expressflow(nn.Sequential(nn.Linear(4, 3), nn.GELU(), nn.Linear(3, 1)))


def test_an_unknown_input_width_is_refused() -> None:
    with pytest.raises(ProxyError, match="give a batch"):
        expressflow(nn.Sequential(nn.ReLU()))


def test_a_batch_is_needed_for_its_inputs() -> None:
    with pytest.raises(ProxyError, match="needs a batch"):
        expressflow(mlp((3,)), inputs="batch")


@pytest.mark.parametrize(("option", "message"), [({"probes": 0}, "at least one probe"), ({"init": "zeros"}, "'zeros'")])
def test_a_wrong_option_is_refused(option: dict, message: str) -> None:
    with pytest.raises(ProxyError, match=message):
        expressflow(mlp((3,)), **option)


def test_parameters_that_are_not_finite_are_refused() -> None:
    model = mlp((3,))
    nn.init.constant_(model[0].weight, float("nan"))
    with pytest.raises(ProxyError, match="must be finite"):
        expressflow(model, init=None)


# The paper's ablations, as directions (App. D.1)


def test_batch_size_does_not_change_the_ranks() -> None:
    models = random_mlps(30)
    scores = {n: np.array([expressflow(m, Batch(torch.ones(n, D))) for m in models]) for n in (4, 16, 128)}
    assert scores[128] == pytest.approx(32 * scores[4], rel=1e-9)
    assert kendalltau(scores[4], scores[16]).statistic > 0.999


def test_batch_size_of_real_rows_hardly_changes_the_ranks() -> None:
    models, x = random_mlps(30), rows(128)
    scores = {n: [expressflow(m, Batch(x[:n]), inputs="batch") for m in models] for n in (4, 32, 128)}
    assert kendalltau(scores[4], scores[128]).statistic > 0.97
    assert kendalltau(scores[32], scores[128]).statistic > 0.97


def test_all_ones_ranks_as_a_real_batch_does() -> None:
    models, x = random_mlps(40), rows(32)
    ones = [expressflow(model) for model in models]
    real = [expressflow(model, Batch(x), inputs="batch") for model in models]
    assert spearmanr(ones, real).statistic > 0.98


def test_absolute_values_change_the_ranks() -> None:
    models = random_mlps(60)
    positive, again = ([expressflow(model, seed=seed) for model in models] for seed in (0, 1))
    signed = [expressflow(model, absolute=False) for model in models]
    assert spearmanr(positive, signed).statistic < 0.9
    assert spearmanr(positive, again).statistic > 0.95


@pytest.mark.parametrize("init", ["xavier", "lecun"])
def test_initialisations_rank_alike(init: str) -> None:
    models = random_mlps(60)
    he = [expressflow(model) for model in models]
    other = [expressflow(model, init=init) for model in models]
    assert spearmanr(he, other).statistic > 0.9


def test_lecun_is_he_scaled() -> None:
    # Bounds sqrt(3 / fan_in) and sqrt(6 / fan_in): each of the L + 1 matrices scales F, each length the ones above it.
    model = mlp((30,))
    assert expressflow(model, init="lecun") == pytest.approx(expressflow(model) / np.sqrt(2), rel=1e-9)


class _Gated(nn.Module):
    """Two paths from the input to the output; `open` says which of them are left."""

    def __init__(self, *left: bool) -> None:
        super().__init__()
        self.left, self.first = left, nn.ModuleList(nn.Linear(5, 6) for _ in left)
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        paths = zip(self.left, self.first, strict=True)
        return self.head(sum(torch.relu(part(x) if is_left else x.new_zeros(len(x), 6)) for is_left, part in paths))


def test_a_layer_that_no_input_reaches_adds_nothing() -> None:
    batch = Batch(torch.ones(4, 5))
    both = _Gated(True, False)
    alone = _Gated(True)
    alone.load_state_dict({name: value for name, value in both.state_dict().items() if "first.1" not in name})
    assert expressflow(both, batch, init=None) == pytest.approx(expressflow(alone, batch, init=None), rel=1e-9)


def test_a_network_whose_outputs_do_not_depend_on_the_input_is_refused() -> None:
    with pytest.raises(ProxyError, match="depend on the input"):
        expressflow(_Gated(False), Batch(torch.ones(4, 5)))
