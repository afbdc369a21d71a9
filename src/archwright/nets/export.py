"""One entry for all formats a model can be written in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.core.errors import ExportError
from archwright.nets.model import Model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMATS", "export", "format_of"]

#: Format -> suffix by which a path names it.
FORMATS = {"onnx": ".onnx", "torch": ".pt2", "torchscript": ".pt", "safetensors": ".safetensors"}


def format_of(path: Path | str) -> str:
    """Return the format that a path's suffix names.

    Raises:
        ExportError: if it names none.
    """
    suffix = Path(path).suffix.lower()
    for name, known in FORMATS.items():
        if suffix == known:
            return name
    raise ExportError(
        f"the file's suffix must be one of {', '.join(FORMATS.values())}, or the format must be given, "
        f"but {str(path)!r} was given"
    )


def export(
    model: Model,
    *,
    path: Path | str,
    format: str | None = None,
    check_frame: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Write the model and return what was written, as JSON values.

    Args:
        model: The model.
        path: File to write; the folder must exist.
        format: `onnx` (raw columns in), `torch`, `torchscript` (encoded fields in, JSON beside) or `safetensors`
            (the model file and a JSON beside it); None reads it from the suffix.
        check_frame: Rows on which an ONNX file is compared with the model.
    Returns:
        `format`, `path`, `bytes`, `max_difference` (None where there is nothing to compare), and more by format.
    Raises:
        ExportError: if the format is unknown, or the file's predictions differ from the model's by 1e-4 or more.
        MissingExtraError: if the packages for ONNX are not installed.
        RunError: if a file cannot be written.
    """
    path = Path(path)
    kind = format or format_of(path)
    if kind not in FORMATS:
        raise ExportError(f"the format must be one of {', '.join(FORMATS)}, but {kind!r} was given")
    written = _to_onnx(model, path, check_frame) if kind == "onnx" else _to_other(model, path, kind)
    return {"format": kind, "path": os.fspath(path), "bytes": path.stat().st_size, **written}


def to_safetensors(model: Model, path: Path) -> Path:
    """Write the model file, and what it says as JSON beside it, whose path is returned.

    Raises:
        RunError: if a file cannot be written.
    """
    from archwright.nets.sidecar import write_sidecar

    model.save(path)
    return write_sidecar(model, path)


def _to_onnx(model: Model, path: Path, check_frame: pd.DataFrame | None) -> dict[str, Any]:
    from archwright.nets.onnx import to_onnx

    report = to_onnx(model, path, check_frame=check_frame)
    return {
        "max_difference": report.max_difference,
        "rows_checked": report.rows_checked,
        "inputs": [[entry.name, entry.type, entry.feed] for entry in report.inputs],
        "notes": list(report.notes),
    }


def _to_other(model: Model, path: Path, kind: str) -> dict[str, Any]:
    if kind == "safetensors":
        return {"max_difference": None, "schema_path": os.fspath(to_safetensors(model, path))}
    from archwright.nets.torch_export import to_torch, to_torchscript

    report = to_torch(model, path) if kind == "torch" else to_torchscript(model, path)
    return {
        "max_difference": report.max_difference,
        "rows_checked": report.rows_checked,
        "schema_path": os.fspath(report.schema_path),
    }
