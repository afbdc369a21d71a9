"""Saliencies of operations as encoders get them: standardised, remembered, kept; they tell Arch-A from Arch-B."""

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from archwright.core.arch import Arch
from archwright.core.catalog import find
from archwright.core.errors import ArchError, PredictorError, ProxyError, RunError, SpaceError
from archwright.core.rng import derive
from archwright.core.trial import Evidence
from archwright.encode.gates import TaGates
from archwright.predict import saliency, saliency_store
from archwright.predict.neural import NeuralPredictor, Training
from archwright.predict.saliency import OperationSaliencies
from archwright.proxies.cells import images

NB201 = find("space", "nb201")()
NONE, SKIP, CONV1, CONV3, POOL = range(5)
# Arch-A and Arch-B of figure 2: node 1 and node 2 by a convolution each, or node 2 as a copy of node 1.
ARCH_A = Arch("nb201", (CONV3, CONV3, NONE, NONE, SKIP, SKIP))
ARCH_B = Arch("nb201", (CONV3, NONE, SKIP, NONE, SKIP, SKIP))


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without what other tests have measured, and standardise by a small sample."""
    monkeypatch.setattr(saliency_store, "_KNOWN", {})
    monkeypatch.setattr(saliency, "_SAMPLE", 12)


def provider(**changed) -> OperationSaliencies:
    return OperationSaliencies(NB201, **{"n_images": 4} | changed)


def some(n: int, seed: int = 0) -> list[Arch]:
    rng = derive(seed, "saliency")
    return [NB201.random(rng=rng) for _ in range(n)]


def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saliency_store, "_KNOWN", {})


def test_saliencies_do_not_depend_on_what_else_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    archs = some(6)
    before = torch.random.get_rng_state()
    z = provider()(archs)
    assert z.shape == (6, 1, 6, 5)
    assert z.dtype == torch.float32
    assert torch.equal(torch.random.get_rng_state(), before)
    forgotten(monkeypatch)
    again = provider()
    assert torch.equal(again(archs[3:4]), z[3:4])
    assert torch.equal(again(archs[::-1]), z.flip(0))
    forgotten(monkeypatch)
    assert not torch.equal(provider(seed=1)(archs), z)


def test_equal_architectures_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = provider()
    wanted = first(some(3))
    asked = []
    monkeypatch.setattr(first._cells, "measure", asked.append)
    assert torch.equal(first(some(3)), wanted)
    second = provider()
    monkeypatch.setattr(second._cells, "measure", asked.append)
    assert torch.equal(second(some(3)), wanted), "providers of one kind share what they know"
    assert not asked


def test_standardised_values_are_the_logarithm_of_the_measured_ones() -> None:
    made, archs = provider(), some(8)
    scale, mean, std = made.constants()
    raw = np.concatenate(made.raw(archs))
    wanted = (np.sign(raw) * np.log1p(np.abs(raw) / scale) - mean) / std
    np.testing.assert_allclose(made(archs)[:, 0].numpy(), wanted, rtol=1e-5, atol=1e-6)
    # Over the operations of the sample that have values, each metric has mean 0 and deviation 1.
    rng = derive(0, "saliencies", "sample")
    sample = [NB201.random(rng=rng) for _ in range(12)]
    z, measured = made(sample).numpy(), np.stack(made.raw(sample))
    for k in range(5):
        column = z[..., k][measured[..., k] != 0]
        assert column.mean() == pytest.approx(0, abs=1e-5)
        assert column.std() == pytest.approx(1, abs=1e-5)


def test_cells_of_different_sizes_are_padded_as_batches_are() -> None:
    space = find("space", "nb101")()
    made, rng = OperationSaliencies(space, n_images=4, metrics=["synflow", "snip"]), derive(1, "padded")
    archs = [space.random(rng=rng) for _ in range(12)]
    net = TaGates(space, embedding=8, widths=(8,) * 5, symmetry="add", saliency=made, saliencies=2)
    batch = net.prepare(archs)
    assert batch.z.shape == (*batch.cells.ops.shape, 2)
    assert not batch.z[~batch.cells.mask].any()
    assert len(set(batch.cells.mask.sum(-1).flatten().tolist())) > 1
    with torch.no_grad():
        alone = [net(net.prepare([arch])) for arch in archs[:3]]
        torch.testing.assert_close(torch.cat(alone), net(batch)[:3])


def test_a_folder_keeps_them_for_other_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archs = some(40)
    first = provider(folder=tmp_path / "deep" / "z")
    z = first(archs)
    files = list((tmp_path / "deep" / "z").iterdir())
    assert [file.suffix for file in files] == [".safetensors"]
    forgotten(monkeypatch)
    other = provider(folder=tmp_path / "deep" / "z")
    asked = []
    monkeypatch.setattr(other._cells, "measure", asked.append)
    assert torch.equal(other(archs), z)
    assert not asked
    forgotten(monkeypatch)
    provider(folder=tmp_path / "deep" / "z", seed=5)(archs[:1])
    assert len(list((tmp_path / "deep" / "z").iterdir())) == 1, "few are written when asked"


def test_two_processes_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = provider(folder=tmp_path)
    first.raw(some(3, seed=1))
    forgotten(monkeypatch)
    second = provider(folder=tmp_path)
    second.raw(some(3, seed=2))
    first.save()
    second.save()
    forgotten(monkeypatch)
    third = provider(folder=tmp_path)
    monkeypatch.setattr(third._cells, "measure", lambda arch: pytest.fail(f"{arch} was lost"))
    assert len(third.raw(some(3, seed=1) + some(3, seed=2))) == 6


def test_a_damaged_file_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = provider(folder=tmp_path)
    made.raw(some(2))
    made.save()
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for data in (whole[: len(whole) // 2], b"", whole.replace(b'\\"seed\\":', b'\\"sead\\":')):
        file.write_bytes(data)
        forgotten(monkeypatch)
        with pytest.raises(RunError, match=r"is damaged|must hold saliencies"):
            provider(folder=tmp_path).raw(some(2))
    blocked = provider(folder=file)
    blocked.raw(some(1))
    with pytest.raises(RunError, match="must be a folder"):
        blocked.save()


def test_a_spec_gives_the_same_values_without_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    made, archs = provider(metrics=["synflow", "plain"], seed=3), some(3)
    spec, z = json.loads(json.dumps(made.spec())), made(archs)
    forgotten(monkeypatch)
    monkeypatch.setattr(saliency, "_SAMPLE", 0)
    back = OperationSaliencies.from_spec(NB201, spec)
    assert torch.equal(back(archs), z)
    assert back.spec() == made.spec()


def test_a_spec_of_something_else_is_refused() -> None:
    given = images(4, 8, rng=derive(9))
    spec = provider(batch=given).spec()
    assert torch.equal(OperationSaliencies.from_spec(NB201, spec, batch=given)(some(2)), provider(batch=given)(some(2)))
    with pytest.raises(PredictorError, match="batch differs; give the same space and batch"):
        OperationSaliencies.from_spec(NB201, spec)
    with pytest.raises(PredictorError, match="space differs"):
        OperationSaliencies.from_spec(find("space", "transnas_micro")(), provider().spec())
    with pytest.raises(PredictorError, match="no saliencies of operations of 'nb201'"):
        OperationSaliencies.from_spec(NB201, {"metrics": ["snip"]})
    with pytest.raises(ProxyError, match="one or more of grad_norm"):
        provider(metrics=["fisher"])
    with pytest.raises(ArchError, match="not in space 'nb201'"):
        provider()([Arch("transnas_micro", (1,) * 6)])
    with pytest.raises(SpaceError, match="not of 'transnas_macro'"):
        OperationSaliencies(find("space", "transnas_macro")())


def test_a_copy_for_another_process_is_light_and_equal() -> None:
    made = provider()
    z = made(some(3))
    copied = copy.deepcopy(made._store)  # as pickle does it
    assert copied._known is made._store._known
    assert len(pickle.dumps(made._store)) < 2000
    assert torch.equal(made(some(3)), z)


@pytest.mark.parametrize("symmetry", ["add", "concat"])
def test_arch_a_and_arch_b_are_told_apart_by_saliencies(symmetry: str) -> None:
    """Without symmetry breaking their encodings are the same number for number; see the tests of GATES."""
    archs = [ARCH_A, ARCH_B]
    torch.manual_seed(0)
    net = TaGates(NB201, embedding=8, widths=(16,) * 5, scale=1.0, symmetry=symmetry, saliency=provider())
    with torch.no_grad():
        a, b = net(net.prepare(archs))
    assert float((a - b).abs().max() / a.abs().max()) > 1e-3
    z = net.prepare([ARCH_A]).z[0, 0]
    assert not torch.allclose(z[0], z[1], rtol=1e-2), "two convolutions at symmetric places start from other weights"


@pytest.mark.parametrize("symmetry", ["add", "concat"])
def test_encodings_of_isomorphic_cells_stay_equal(symmetry: str) -> None:
    torch.manual_seed(0)
    net = TaGates(NB201, embedding=8, widths=(16,) * 5, symmetry=symmetry, saliency=provider()).double()
    one = Arch("nb201", (CONV1, CONV3, NONE, POOL, CONV3, CONV1))
    two = Arch("nb201", (CONV3, CONV1, NONE, POOL, CONV1, CONV3))
    batch = net.prepare([one, two])
    for name in ("source", "target"):
        object.__setattr__(batch.cells, name, getattr(batch.cells, name).double())
    object.__setattr__(batch, "z", batch.z.double())
    with torch.no_grad():
        first, second = net(batch)
    torch.testing.assert_close(first, second, rtol=1e-10, atol=1e-10)


SMALL = {"embedding": 8, "widths": [16, 16, 16], "symmetry": "add"}


def predictor(**changed) -> NeuralPredictor:
    made = {"encoder": "ta_gates", "settings": SMALL, "training": Training(epochs=2)} | changed
    return NeuralPredictor(NB201, **made)


def test_a_predictor_that_breaks_symmetries_gets_saliencies_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert predictor(settings=SMALL | {"symmetry": "random"}).saliency is None
    evidence = [Evidence(arch) for arch in some(10)]
    scores = np.arange(10.0)
    made = predictor(saliency=provider(seed=2)).fit(evidence, scores, rng=derive(0))
    values, arrays = made.state()
    values = json.loads(json.dumps(values))
    assert values["saliency"]["seed"] == 2
    monkeypatch.setattr(saliency, "_SAMPLE", 0)
    back = NeuralPredictor.from_state(NB201, values, arrays)
    assert np.array_equal(back.predict(evidence).mean, made.predict(evidence).mean)
    assert isinstance(predictor().saliency, OperationSaliencies)


def test_saliencies_of_ones_own_can_be_used_and_not_kept() -> None:
    evidence = [Evidence(arch) for arch in some(4)]
    made = predictor(saliency=lambda archs: torch.ones(len(archs), 1, 6, 5))
    made.fit(evidence, np.arange(4.0), rng=derive(0))
    assert made.predict(evidence).mean.shape == (4,)
    with pytest.raises(PredictorError, match="but not with others"):
        made.state()
    with pytest.raises(PredictorError, match=r"'gates' cannot be made: .*saliency"):
        predictor(encoder="gates", settings={}, saliency=provider()).fit(evidence, np.arange(4.0), rng=derive(0))
