"""Our Adam against torch's."""

import pytest
import torch

from archwright.train.adam import Adam, _foreach, _fused

SHAPES = ((5, 3), (5,), (2, 5), ())


def tensors(seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in SHAPES]


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_steps_are_those_of_adamw(weight_decay: float) -> None:
    ours, theirs = tensors(0), [param.requires_grad_() for param in tensors(0)]
    adam = Adam(ours, decayed=ours[:1], weight_decay=weight_decay)
    groups = [{"params": theirs[:1], "weight_decay": weight_decay}, {"params": theirs[1:], "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups, lr=0.01)
    for step in range(8):
        lr = 0.01 / (step + 1)
        for group in reference.param_groups:
            group["lr"] = lr
        for param, grad in zip(theirs, tensors(step + 1), strict=True):
            param.grad = grad
        reference.step()
        adam.step(tensors(step + 1), lr=lr)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ours, theirs, strict=True))


def test_the_fused_kernel_is_the_foreach_twin() -> None:
    scale = torch.tensor(2.5)
    results = []
    for update in (_fused, _foreach):
        params, means, squares = tensors(0), [t * 0.1 for t in tensors(1)], [t.square() for t in tensors(2)]
        update(params, tensors(3), means, squares, torch.tensor(4.0), 0.01, scale)
        results.append([*params, *means, *squares])
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*results, strict=True))


def test_clipping_is_by_the_norm_of_all_gradients() -> None:
    ours, theirs = tensors(0), [param.requires_grad_() for param in tensors(0)]
    adam, reference = Adam(ours), torch.optim.Adam(theirs, lr=0.1)
    for step in range(3):
        for param, grad in zip(theirs, tensors(step + 1), strict=True):
            param.grad = grad
        torch.nn.utils.clip_grad_norm_(theirs, 0.5)
        reference.step()
        adam.step(tensors(step + 1), lr=0.1, clip=0.5)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(ours, theirs, strict=True))


def test_gradients_in_another_memory_layout_are_read_right() -> None:
    params = [torch.zeros(3, 4)]
    grad = torch.arange(12.0).reshape(4, 3).t() - 6
    Adam(params).step([grad], lr=0.1)
    assert torch.equal(params[0].sign(), -grad.sign())


def test_a_lazy_table_moves_only_touched_rows_as_sparse_adam_does() -> None:
    table = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    ours, theirs = table.clone(), torch.nn.Parameter(table.clone())
    adam, reference = Adam([], table=ours), torch.optim.SparseAdam([theirs], lr=0.1)
    for step in range(5):
        generator = torch.Generator().manual_seed(step)
        rows = torch.randperm(50, generator=generator)[:4]
        grad = torch.randn(4, 3, generator=generator)
        theirs.grad = torch.sparse_coo_tensor(rows[None], grad, (50, 3), check_invariants=False)
        reference.step()
        adam.step([grad], lr=0.1, rows=rows)
    assert torch.allclose(ours, theirs, atol=1e-5)
    untouched = (ours == table).all(dim=1)
    assert 25 < int(untouched.sum()) < 50
