"""Export of a run's best network: on demand, or as a last step inside the run's time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.coordinate.finish import Step
from archwright.coordinate.record import RunFolder, RunRecord
from archwright.core.errors import DataError, ExportError, MissingExtraError, RunError
from archwright.data.tables import read_table
from archwright.nets.export import FORMATS, export
from archwright.nets.model import Model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CHECK_ROWS", "check_format", "export_run", "exporter"]

#: Rows on which an export is compared with our own predictions.
CHECK_ROWS = 256


def check_format(format: str) -> None:
    """Refuse, before the time starts to run, what could not be written at its end.

    Raises:
        ExportError: for another format than onnx: those need torch, which the driver of a run does not load.
        MissingExtraError: if onnx or onnxruntime is not installed.
    """
    from importlib.util import find_spec

    if format != "onnx":
        others = ", ".join(name for name in FORMATS if name != "onnx")
        raise ExportError(
            f"inside a run the model is exported as onnx, but {format!r} was given; for {others} use "
            "`archwright export` after the run"
        )
    if find_spec("onnx") is None or find_spec("onnxruntime") is None:
        raise MissingExtraError("ONNX export needs onnx and onnxruntime: pip install 'archwright[onnx]'")


def exporter(format: str) -> Step:
    """Return the last step that writes the best network in `format` into the run's folder."""

    def step(folder: RunFolder, record: RunRecord, sample: pd.DataFrame | None) -> None:
        path = folder.path / f"model{FORMATS[format]}"
        made = export(Model.load(folder.model), path=path, format=format, check_frame=sample)
        record.exports[format] = made

    return step


def export_run(run: Path, *, format: str, out: Path | None, data: str | None) -> dict[str, Any]:
    """Export the best network of a run folder, or of a model file, and return what was written.

    Args:
        run: Run folder, or a `.safetensors` file.
        format: `onnx`, `torch`, `torchscript` or `safetensors`.
        out: File to write; by default `model` with the format's suffix, in the run's folder.
        data: Table to check the export on; by default the one the run was made from, where it is still there.

    Raises:
        ExportError: if the format is unknown, or the export's predictions differ from the model's.
        MissingExtraError: if the format's packages are not installed.
        RunError: if there is no model, or the file cannot be written.
    """
    if format not in FORMATS:
        raise ExportError(f"the format must be one of {', '.join(FORMATS)}, but {format!r} was given")
    folder = RunFolder(run)
    is_folder = run.is_dir()
    model = Model.load(folder.model if is_folder else run)
    default = run if is_folder else run.parent
    path = out or default / f"model{'-export' if format == 'safetensors' else ''}{FORMATS[format]}"
    source = data if data is not None else _source(folder) if is_folder else None
    made = export(model, path=path, format=format, check_frame=_sample(source, required=data is not None))
    if is_folder and out is None:
        record = folder.load()
        record.exports[format] = made
        folder.save(record)
    return made


def _source(folder: RunFolder) -> str | None:
    try:
        return folder.load().data.get("source")
    except RunError:
        return None


def _sample(source: str | None, *, required: bool) -> pd.DataFrame | None:
    if source is None:
        return None
    try:
        return read_table(source).frame.head(CHECK_ROWS)
    except DataError:
        if required:
            raise
        return None
