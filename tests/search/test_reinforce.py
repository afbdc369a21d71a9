import numpy as np
import pytest

from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result, Trial
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.reinforce import Reinforce
from archwright.spaces.base import Space
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.testing import Toy

SPACE = TabularMlp((1, 2, 3, 4), layers=3)


class Ragged(Space):
    """Decisions with 1, 2 and 5 choices."""

    name = "ragged"  # type: ignore[assignment]
    arities = (1, 2, 5)  # type: ignore[assignment]
    op_names = ()  # type: ignore[assignment]

    def graphs(self, arch: Arch) -> tuple:
        return ()


def history(*pairs: tuple[int, float | None], space: Space = SPACE) -> History:
    return History(Trial(k, Proposal(space.at(at)), Result(score, 0.0), 0.0) for k, (at, score) in enumerate(pairs))


def test_before_any_trial_all_choices_are_equally_likely() -> None:
    assert all(row == pytest.approx(np.full(4, 0.25)) for row in Reinforce(SPACE).probabilities(History()))


def test_one_step_of_sgd_is_the_gradient_of_the_log_probability() -> None:
    # Baseline after 1.0 and 3.0: (0.9 * 0.1 * 1 + 0.1 * 3) / (0.9 * 0.1 + 0.1); the first advantage is zero.
    advantage = 3.0 - (0.09 + 0.3) / 0.19
    (row, *_) = Reinforce(SPACE, lr=0.5, optimizer="sgd").probabilities(history((0, 1.0), (0, 3.0)))
    logits = 0.5 * advantage * (np.array([1.0, 0.0, 0.0, 0.0]) - 0.25)
    assert row == pytest.approx(np.exp(logits) / np.exp(logits).sum())


def test_adam_agrees_with_torch() -> None:
    torch = pytest.importorskip("torch")
    pairs = [(5, 0.3), (17, 0.9), (60, 0.1), (17, 0.7), (42, 0.95)]
    logits = torch.zeros((3, 4), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    up = down = 0.0
    for at, score in pairs:
        up, down = 0.9 * up + 0.1 * score, 0.9 * down + 0.1
        chosen = torch.log_softmax(logits, dim=1)[range(3), SPACE.at(at).genes].sum()
        optimizer.zero_grad()
        (-chosen * (score - up / down)).backward()
        optimizer.step()
    expected = torch.softmax(logits, dim=1).detach().numpy()
    assert np.array(Reinforce(SPACE, lr=0.1).probabilities(history(*pairs))) == pytest.approx(expected, abs=1e-9)


def test_failed_trials_teach_nothing() -> None:
    with_failure = Reinforce(SPACE).probabilities(history((0, 1.0), (9, None), (1, 2.0)))
    without = Reinforce(SPACE).probabilities(history((0, 1.0), (1, 2.0)))
    assert np.array_equal(with_failure, without)


def test_it_learns_the_best_choice_of_each_decision() -> None:
    study = run(Reinforce(SPACE, lr=0.1), SimulatedExecutor(Toy()), Budget(trials=400), seed=0)
    rows = Reinforce(SPACE, lr=0.1).probabilities(study.history)
    assert all(row[3] > 0.8 for row in rows)


def test_decisions_may_have_different_numbers_of_choices() -> None:
    space = Ragged()
    asked = Reinforce(space).propose(history((3, 0.1), (9, 0.9), space=space), 300, rng=derive(0))
    assert {proposal.arch.genes for proposal in asked} == {(0, b, c) for b in range(2) for c in range(5)}


def test_a_choice_that_a_decision_does_not_have_stays_impossible() -> None:
    space = Ragged()
    pairs = [(k % 10, float(k % 7)) for k in range(50)]
    rows = Reinforce(space, lr=3.0).probabilities(history(*pairs, space=space))
    assert [len(row) for row in rows] == [1, 2, 5]
    assert all(row.sum() == pytest.approx(1.0) for row in rows)


def light(arch: Arch) -> bool:
    return sum(arch.genes) <= 4


def test_under_limits_the_gradient_is_that_of_the_probability_given_valid() -> None:
    searcher = Reinforce(SPACE, lr=0.5, optimizer="sgd", valid=light, samples=200_000)
    (row, *_) = searcher.probabilities(history((0, 1.0), (1, 3.0)))
    advantage = 3.0 - (0.09 + 0.3) / 0.19
    kept = np.array([arch.genes for arch in SPACE.enumerate() if light(arch)])
    share = np.bincount(kept[:, 0], minlength=4) / len(kept)
    logits = 0.5 * advantage * (np.array([1.0, 0.0, 0.0, 0.0]) - share)
    assert row == pytest.approx(np.exp(logits) / np.exp(logits).sum(), abs=0.002)


def test_under_limits_only_valid_ones_are_drawn() -> None:
    asked = Reinforce(SPACE, valid=light).propose(History(), 200, rng=derive(0))
    assert all(light(proposal.arch) for proposal in asked)


class Corner:
    """TabNAS's toy: the best valid architecture has decisions that are not the best one by one."""

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        a, b = proposal.arch.genes
        return Result(float(a) + 0.1 * b if small(proposal.arch) else -5.0, 1.0)


def small(arch: Arch) -> bool:
    return (arch.genes[0] + 2) * (arch.genes[1] + 2) <= 8


def test_with_the_correction_the_policy_finds_the_corner_of_what_is_allowed() -> None:
    space = TabularMlp((2, 3, 4), layers=2)
    found = []
    for seed in range(10):
        searcher = Reinforce(space, lr=0.05, valid=small)
        study = run(searcher, SimulatedExecutor(Corner()), Budget(trials=300), seed=seed)
        found.append(tuple(int(row.argmax()) for row in searcher.probabilities(study.history)))
    assert found == [(2, 0)] * 10


def test_where_nothing_is_valid_it_says_so() -> None:
    with pytest.raises(SearchError, match="none of 1000 architectures that reinforce drew"):
        Reinforce(SPACE, valid=lambda arch: False).propose(History(), 1, rng=derive(0))


@pytest.mark.parametrize(
    "settings",
    [{"lr": 0.0}, {"momentum": 1.0}, {"samples": 0}, {"batch": 0}, {"optimizer": "rmsprop"}, {"valid": "all"}],
)
def test_wrong_settings_are_refused(settings: dict) -> None:
    with pytest.raises(SearchError, match="reinforce"):
        Reinforce(SPACE, **settings)
