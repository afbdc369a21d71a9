"""A model for torch programs: encoded fields in, predictions out; the schema beside it as JSON.

The exported module is built from the frozen arrays, so it is the network that predicts here, without BatchNorm and
Dropout. B rows, M numeric fields, C categorical fields, T bins.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from archwright.core.errors import ExportError
from archwright.core.files import write_atomically
from archwright.nets.frozen import FrozenNet
from archwright.nets.link import predictions
from archwright.nets.model import Model
from archwright.nets.onnx import LARGEST_DIFFERENCE
from archwright.nets.sidecar import write_sidecar

__all__ = ["FrozenModule", "TorchReport", "to_torch", "to_torchscript"]

_CHECK_ROWS = 256


@dataclass(frozen=True, slots=True)
class TorchReport:
    """What was written: the program, the JSON beside it, and the largest difference to the numpy network."""

    path: Path
    schema_path: Path
    max_difference: float
    rows_checked: int


class FrozenModule(nn.Module):
    """The numpy network, or committee, as a torch module.

    `forward(num, cat)` takes float32 [B, M] and int64 [B, C] as `Schema.encode` gives them and returns
    the probability of the positive class [B], of each class [B, K], or the standardised value [B].
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.kind = model.schema.target.kind
        self.members = nn.ModuleList([_Member(net) for net in model.net.members])

    def forward(self, num: Tensor, cat: Tensor) -> Tensor:
        """Return predictions for encoded rows."""
        logits = torch.stack([member(num, cat) for member in self.members]).mean(dim=0)
        if self.kind == "classes":
            return torch.softmax(logits, dim=1)
        return torch.sigmoid(logits[:, 0]) if self.kind == "binary" else logits[:, 0]


class _Member(nn.Module):
    """One network; `forward` gives logits [B, n_outputs]."""

    def __init__(self, net: FrozenNet) -> None:
        super().__init__()
        self.encoding = net.encoding
        self.n_layers = len(net.widths)
        self.has_numbers = net.inputs.n_numeric > 0
        self.has_codes = bool(net.inputs.cardinalities)
        for name, array in net.arrays.items():
            self.register_buffer(name.replace(".", "_"), torch.from_numpy(np.array(array)))

    def forward(self, num: Tensor, cat: Tensor) -> Tensor:
        parts = []
        if self.has_numbers:
            parts.append(_NUMERIC[self.encoding](self, num).flatten(1))
        if self.has_codes:
            rows = cat + self.get_buffer("cat_offset")
            parts.append(nn.functional.embedding(rows, self.get_buffer("cat_table")).flatten(1))
        hidden = torch.cat(parts, dim=1)
        for i in range(self.n_layers):
            hidden = torch.relu(self._linear_layer(f"layers_{i}", hidden))
        return self._linear_layer("head", hidden)

    def _linear_layer(self, name: str, hidden: Tensor) -> Tensor:
        return nn.functional.linear(hidden, self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias"))


def to_torch(model: Model, path: Path | str) -> TorchReport:
    """Write a `torch.export` program (`.pt2`) with a free number of rows, and its schema as JSON beside it.

    Raises:
        ExportError: if the program's predictions differ from the model's by 1e-4 or more.
        RunError: if a file cannot be written.
    """
    batch = torch.export.Dim("batch", min=1)
    module, (num, cat) = FrozenModule(model).eval(), _random_rows(model, rows=4)
    program = torch.export.export(module, (num, cat), dynamic_shapes=({0: batch}, {0: batch}))
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return _checked(model, Path(path), buffer.getvalue(), program.module())


def to_torchscript(model: Model, path: Path | str) -> TorchReport:
    """Write a TorchScript module (`.pt`), which C++ programs load, and its schema as JSON beside it.

    torch has declared TorchScript as deprecated in favour of `torch.export`; its warning is silenced here, as
    this format is only written for whoever asks for it.

    Raises:
        ExportError: if the module's predictions differ from the model's by 1e-4 or more.
        RunError: if a file cannot be written.
    """
    module = FrozenModule(model).eval()
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=DeprecationWarning)
        traced = torch.jit.trace(module, _random_rows(model, rows=4), check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, buffer)
    return _checked(model, Path(path), buffer.getvalue(), traced)


def _checked(model: Model, path: Path, content: bytes, run: Callable[[Tensor, Tensor], Tensor]) -> TorchReport:
    """Compare on random fields of two batch sizes, one of them a single row, then write."""
    worst = 0.0
    for rows in (1, _CHECK_ROWS):
        num, cat = _random_rows(model, rows=rows)
        with torch.no_grad():
            found = run(num, cat).numpy()
        expected = predictions(model.schema.target.kind, model.net.forward(num.numpy(), cat.numpy()))
        worst = float(np.maximum(worst, np.abs(found - expected).max()))  # a NaN stays, and fails below
    if not worst < LARGEST_DIFFERENCE:
        raise ExportError(
            f"the exported program must predict within {LARGEST_DIFFERENCE:g} of the model, but differs by "
            f"{worst:.3g}; nothing was written to {path}. Please report this"
        )
    write_atomically(path, content)
    return TorchReport(path, write_sidecar(model, path), worst, _CHECK_ROWS + 1)


def _random_rows(model: Model, *, rows: int) -> tuple[Tensor, Tensor]:
    """Return encoded fields that could come from a table: normal numbers, and codes in their ranges."""
    inputs, rng = model.net.inputs, np.random.default_rng(0)
    num: NDArray[Any] = rng.normal(size=(rows, inputs.n_numeric)).astype(np.float32)
    cat = rng.integers(0, np.array(inputs.cardinalities, dtype=np.int64), size=(rows, len(inputs.cardinalities)))
    return torch.from_numpy(num), torch.from_numpy(cat)


def _linear(net: _Member, num: Tensor) -> Tensor:
    return num.unsqueeze(-1) * net.get_buffer("num_vector")


def _ple(net: _Member, num: Tensor) -> Tensor:
    x = num.unsqueeze(-1)
    code = x * net.get_buffer("num_slope") + net.get_buffer("num_shift")
    code = torch.minimum(torch.maximum(code, net.get_buffer("num_low")), net.get_buffer("num_high"))
    piecewise = torch.bmm(code.transpose(0, 1), net.get_buffer("num_table")).transpose(0, 1)
    return piecewise + x * net.get_buffer("num_vector") + net.get_buffer("num_bias")


def _quantile(net: _Member, num: Tensor) -> Tensor:
    rows = (net.get_buffer("num_edges") <= num.unsqueeze(-1)).sum(dim=2)
    return nn.functional.embedding(rows + net.get_buffer("num_offset"), net.get_buffer("num_table"))


_NUMERIC = {"linear": _linear, "ple": _ple, "quantile": _quantile}
