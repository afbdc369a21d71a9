"""A benchmark as an evaluator, and as a space of its own rows."""

import time
from functools import cache

import numpy as np
import pytest
import shared_benches
from small_bench import EPOCHS, SPACE, numbers, opened, outcome, written

from archwright import bench as benchmarks
from archwright.bench.evaluator import TableEvaluator
from archwright.bench.subspace import Restricted
from archwright.bench.table import Bench, Outcome
from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.catalog import find
from archwright.core.errors import ArchError, BenchError
from archwright.core.history import History
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Trial
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.evolution import Evolution
from archwright.search.halving import Halving
from archwright.search.random import RandomSearch
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.testing import EvaluatorContract, SpaceContract

ARCHS = list(SPACE.enumerate())


def ask(evaluator, arch, fidelity=None, key=0):
    return evaluator.evaluate(Proposal(arch, fidelity), rng=derive(0, "trial", key))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return opened(tmp_path_factory.mktemp("small") / "b")


class TestContract(EvaluatorContract):
    @pytest.fixture(autouse=True)
    def _bench(self, small):
        self.bench = small

    def make(self):
        return TableEvaluator(self.bench)

    def proposal(self):
        return Proposal(ARCHS[4])


class TestContractOfRandomSeeds(TestContract):
    def make(self):
        return TableEvaluator(self.bench, seed_policy="random")


def test_a_result_tells_what_was_recorded(small):
    result = ask(TableEvaluator(small), ARCHS[3])
    assert (result.score, result.cost_s, result.curve) == (307.0, 32.0, (305.0, 306.0, 307.0))
    assert dict(result.measures) == {"params": 30.0, "epochs": 16.0}
    assert dict(result.hidden) == {"test": 307.5, "valid": 307.0}


def test_the_test_accuracy_is_nowhere_but_in_hidden(small):
    result = ask(TableEvaluator(small), ARCHS[3])
    seen = {result.score, *result.curve, *result.measures.values()}
    assert result.hidden["test"] not in seen
    history = History([Trial(0, Proposal(ARCHS[3]), result, 1.0)])
    assert not history.done[0].result.hidden


@pytest.mark.parametrize(("fidelity", "epoch", "score"), [(1, 1, 305.0), (3, 1, 305.0), (4, 4, 306.0), (16, 16, 307.0)])
def test_the_latest_recorded_epoch_answers_and_is_what_it_costs(small, fidelity, epoch, score):
    result = ask(TableEvaluator(small), ARCHS[3], fidelity)
    assert (result.score, result.measures["epochs"], result.cost_s) == (score, epoch, 2.0 * epoch)
    assert len(result.curve) == EPOCHS.index(epoch) + 1


@pytest.mark.parametrize("fidelity", [0, 17, 1000])
def test_an_epoch_out_of_range_is_a_failed_result(small, fidelity):
    result = ask(TableEvaluator(small), ARCHS[3], fidelity)
    assert result.score is None
    assert f"has epochs 1..16, but epoch {fidelity} was asked for" in result.error
    assert "\n" not in result.error


def test_an_unknown_architecture_is_a_failed_result(tmp_path):
    evaluator = TableEvaluator(opened(tmp_path / "b", ARCHS[:5]))
    assert "has no architecture tabular_mlp:2.2.2" in ask(evaluator, ARCHS[26]).error
    assert ask(evaluator, Arch("tabular_mlp", (0, 0))).score is None
    assert "not of space" in ask(evaluator, Arch("nb201", (0, 0, 0))).error


def test_a_gap_is_a_failed_result_at_that_epoch_only(tmp_path):
    valid = numbers(27)
    valid[3, :, 2] = np.nan
    evaluator = TableEvaluator(opened(tmp_path / "b", outcomes=[outcome(27, valid=valid)]))
    assert "no valid value of tabular_mlp:0.1.0 at epoch 16" in ask(evaluator, ARCHS[3]).error
    assert ask(evaluator, ARCHS[3], 4).score == 306.0


def test_a_metric_that_is_better_when_lower_is_negated(tmp_path):
    bench = opened(tmp_path / "b", outcomes=[outcome(27, higher_is_better=False)])
    result = ask(TableEvaluator(bench), ARCHS[3])
    assert (result.score, result.curve, result.hidden["test"]) == (-307.0, (-305.0, -306.0, -307.0), -307.5)
    assert bench.values("data", [3]).tolist() == [307.0]


def test_one_outcome_is_searched_and_another_reported(tmp_path):
    short = Outcome("data-e12", "accuracy", "percent", (12,), valid=numbers(27, seeds=1, epochs=1, start=7.0))
    bench = opened(tmp_path / "b", outcomes=[short, outcome(27)])
    with pytest.raises(BenchError, match="has outcomes data-e12, data: name one"):
        TableEvaluator(bench)
    result = ask(TableEvaluator(bench, "data-e12", report="data"), ARCHS[3])
    assert (result.score, result.hidden["test"], result.cost_s) == (307.0, 307.5, 12.0)
    assert ask(TableEvaluator(bench, "data-e12", epoch_s=60.0), ARCHS[3]).cost_s == 720.0


def test_searching_on_a_test_must_be_said(tmp_path):
    bench = opened(tmp_path / "b", outcomes=[outcome(27, valid=None)])
    with pytest.raises(BenchError, match="no validation values; to search on its test values, say so"):
        TableEvaluator(bench)
    assert ask(TableEvaluator(bench, split="test"), ARCHS[3]).score == 307.5
    with pytest.raises(BenchError, match="valid or test, but 'train'"):
        TableEvaluator(bench, split="train")


def test_random_seeds_are_those_of_the_generator(small):
    evaluator = TableEvaluator(small, seed_policy="random")
    scores = [ask(evaluator, ARCHS[3], key=key).score for key in range(40)]
    assert set(scores) == {302.0, 312.0}
    assert scores == [ask(TableEvaluator(small, seed_policy="random"), ARCHS[3], key=key).score for key in range(40)]
    assert ask(evaluator, ARCHS[3]).hidden["test"] == 307.5
    with pytest.raises(BenchError, match="seed policy"):
        TableEvaluator(small, seed_policy="best")


def test_a_continued_training_costs_what_it_adds(small):
    evaluator = TableEvaluator(small, continued=True, seed_policy="random")
    results = [ask(evaluator, ARCHS[3], fidelity, key=fidelity) for fidelity in (1, 4, 16, 4)]
    assert [result.cost_s for result in results] == [2.0, 6.0, 24.0, 0.0]
    assert len({result.curve[0] for result in results}) == 1
    assert ask(evaluator, ARCHS[4], 16).cost_s == 32.0


def test_a_resumed_run_remembers_what_was_trained(small):
    first = TableEvaluator(small, continued=True, seed_policy="random")
    trial = Trial(0, Proposal(ARCHS[3], 4), ask(first, ARCHS[3], 4), 1.0)
    second = TableEvaluator(small, continued=True, seed_policy="random")
    second.remember([trial])
    assert ask(second, ARCHS[3], 16, key=9) == ask(first, ARCHS[3], 16, key=9)


def test_unknown_seconds_are_those_of_the_others(tmp_path):
    seconds = np.array(outcome(27).seconds)
    seconds[3, :, 2] = np.nan
    seconds[:, :, 0] = np.nan
    evaluator = TableEvaluator(opened(tmp_path / "b", outcomes=[outcome(27, seconds=seconds)]))
    assert (ask(evaluator, ARCHS[3]).cost_s, ask(evaluator, ARCHS[3], 1).cost_s) == (32.0, 1.0)


def test_large_tables_answer_as_small_ones(small, monkeypatch):
    listed = [ask(TableEvaluator(small), arch, epoch) for arch in ARCHS for epoch in (1, 4, None)]
    monkeypatch.setattr("archwright.bench.evaluator._LISTED", 0)
    assert [ask(TableEvaluator(small), arch, epoch) for arch in ARCHS for epoch in (1, 4, None)] == listed


def test_load_finds_a_benchmark_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("ARCHWRIGHT_HOME", str(tmp_path))
    written(tmp_path / "bench" / "mine")
    assert ask(benchmarks.load("mine", outcome="data", seed_policy="mean"), ARCHS[3]).score == 307.0


def test_halving_runs_on_it_in_simulated_time(small):
    evaluator = TableEvaluator(small, continued=True)
    searcher = Halving(ARCHS[:9], [(1, 9), (4, 3), (16, 1)])
    study = run(searcher, SimulatedExecutor(evaluator), Budget(trials=100), seed=0)
    assert [trial.proposal.fidelity for trial in study.trials] == [1] * 9 + [4] * 3 + [16]
    assert study.trials[-1].finished_s == 9 * 2.0 + 3 * 6.0 + 24.0
    assert study.trials[-1].proposal.arch == ARCHS[8]


def test_a_look_up_takes_microseconds(small):
    evaluator, rng = TableEvaluator(small), derive(0, "rng")
    proposals = [Proposal(arch) for arch in ARCHS] * 200

    def seconds() -> float:
        began_s = time.process_time()
        for proposal in proposals:
            evaluator.evaluate(proposal, rng=rng)
        return (time.process_time() - began_s) / len(proposals)

    assert min(seconds() for _ in range(3)) < 10e-6


class WithinRadius:
    """The law of neighbours where the radius is above 1."""

    def test_neighbours_differ_in_one_decision_and_from_each_other(self):
        space = self.make()
        assert space.radius > 1
        for arch in self.some(5):
            neighbours = list(space.neighbours(arch))
            away = [sum(a != b for a, b in zip(arch.genes, each.genes, strict=True)) for each in neighbours]
            assert len(set(neighbours)) == len(neighbours)
            assert away == sorted(away)
            assert all(1 <= each <= space.radius for each in away)


class TestRestrictedContract(SpaceContract):
    """Dense enough that neighbours differ in one decision."""

    def make(self):
        return restricted(keep=0.7)


class TestSparseContract(WithinRadius, SpaceContract):
    """Ten of 4^5 points: next to none has a neighbour one decision away."""

    def make(self):
        return restricted(keep=0.01)


class TestUniqueContract(WithinRadius, SpaceContract):
    """Rows that stand for all forms of a network."""

    def make(self):
        return unique_rows()

    def test_other_forms_are_in_the_space(self):
        space = self.make()
        forms = [arch for arch in space.space.enumerate() if space.space.canonical(arch) != arch]
        known = [arch for arch in forms if arch in space]
        assert 0 < len(known) < len(forms)
        assert all(space.space.canonical(arch) in space for arch in known)


@cache
def unique_rows():
    space = find("space", "nb201")()
    rows = sorted({space.canonical(space.random(rng=derive(0, "row", k))) for k in range(1000)})
    return Restricted(space, np.array([arch.genes for arch in rows]), any_form=True)


@cache
def restricted(*, keep):
    space = TabularMlp((8, 16, 32, 64), layers=5)
    kept = derive(0, "kept").permutation(space.size())[: round(keep * space.size())]
    return Restricted(space, np.array([space.at(int(index)).genes for index in kept]))


def test_a_benchmark_of_a_whole_space_is_that_space(small):
    assert small.space_of_rows() is small.space


def test_a_search_stays_inside_the_rows(tmp_path):
    kept = [ARCHS[index] for index in derive(0, "kept").permutation(27)[:9]]
    bench = opened(tmp_path / "b", kept)
    space = bench.space_of_rows()
    assert set(space.enumerate()) == set(kept)
    assert space.count() == 9
    for searcher in (RandomSearch(space), Evolution(space, population=3, sample=2)):
        study = run(searcher, SimulatedExecutor(TableEvaluator(bench)), Budget(trials=60), seed=0)
        assert len(study.history.ok()) == 60


def test_what_is_absent_is_refused_in_one_line(tmp_path):
    space = opened(tmp_path / "b", ARCHS[:5]).space_of_rows()
    assert space.check(ARCHS[9]) == "the benchmark has no such architecture"
    assert "its space is 'nb201'" in (space.check(Arch("nb201", (0, 0, 0))) or "")
    with pytest.raises(ArchError, match="has no such architecture"):
        space.parse(str(ARCHS[9]))


def test_abilities_of_the_whole_space_are_kept(tmp_path):
    space = opened(tmp_path / "b", ARCHS[:5]).space_of_rows()
    assert space.widths_of(ARCHS[1]) == (8, 8, 16)
    with pytest.raises(AttributeError):
        _ = space.no_such_ability


class TestPublished:
    """Published figures, from the real data sets."""

    @pytest.fixture
    def folder(self, shared_data, tmp_path):
        return shared_data, tmp_path

    def test_nas_bench_201(self, folder):
        bench = Bench.open(shared_benches.nb201(folder[0], folder[1] / "nb201"))
        best = bench.best("cifar10", split="test")
        assert best == 6111
        assert bench.values("cifar10", [best], split="test")[0] == pytest.approx(94.373, abs=5e-4)
        assert bench.values("cifar10", [bench.best("cifar10")])[0] == pytest.approx(91.607, abs=5e-4)
        result = ask(TableEvaluator(bench, "cifar10-e12", report="cifar10"), bench.archs([0])[0])
        assert result.score == pytest.approx(63.364)
        assert result.hidden["test"] == pytest.approx(85.863333)
        assert result.measures["raspi4_latency_ms"] == pytest.approx(10.481977)
        assert result.measures["flops"] == pytest.approx(15.64737e6)
        assert np.isnan(bench.measures["edgetpu_latency_ms@cifar10"]).sum() == 4699

    def test_spikenas_curves(self, folder):
        bench = Bench.open(shared_benches.spikenas(folder[0], folder[1] / "spikenas"))
        arch = bench.space.parse("14862")
        evaluator = TableEvaluator(bench)
        assert ask(evaluator, arch).measures["params"] == 21_607_908
        assert max(ask(evaluator, arch).curve) == pytest.approx(88.64)
        assert ask(evaluator, arch).hidden["test"] == pytest.approx(88.5)
        assert ask(evaluator, arch, 10).cost_s == pytest.approx(ask(evaluator, arch).cost_s / 10, rel=1e-5)

    def test_macro_and_transfer_benchmarks(self, folder):
        macro = Bench.open(shared_benches.nb_macro(folder[0], folder[1] / "macro"))
        assert macro.values("cifar10", [macro.best("cifar10", split="test")], split="test")[0] == pytest.approx(
            93.127, abs=5e-4
        )
        transfer = Bench.open(shared_benches.transnas_micro(folder[0], folder[1] / "transfer"))
        best = {task: transfer.values(task, [transfer.best(task)])[0] for task in transfer.outcomes}
        assert best["class_scene"] == pytest.approx(54.94, abs=5e-3)
        assert best["jigsaw"] == pytest.approx(95.37, abs=5e-3)

    def test_a_search_on_the_rows_of_nas_bench_101(self, folder):
        bench = Bench.open(shared_benches.nb101(folder[0], folder[1] / "nb101", rows=4000))
        assert len(bench) == 4000
        space = bench.space_of_rows()
        study = run(
            Evolution(space, population=20, sample=5),
            SimulatedExecutor(TableEvaluator(bench)),
            Budget(trials=100),
            seed=0,
        )
        assert len(study.history.ok()) == 100
        assert len(study.history.seen()) > 60
