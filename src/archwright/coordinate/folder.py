"""Where a new run goes."""

from __future__ import annotations

import re
import shutil
from datetime import datetime
from pathlib import Path

from archwright.coordinate.record import RunFolder
from archwright.core.errors import RunError

__all__ = ["new_folder"]


def new_folder(path: Path | None, source: str, *, overwrite: bool = False) -> RunFolder:
    """Return an empty, writable run folder.

    Args:
        path: The folder; None makes `archwright-runs/NAME-DATE-TIME`, named after the table.
        source: The table, as the user named it.
        overwrite: Replace a run that is already there.

    Raises:
        RunError: if a run is there already, or the folder holds something else, or cannot be written.
    """
    if path is None:
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(source.partition(":")[2] or source).name).strip("-.") or "table"
        path = Path("archwright-runs") / f"{name.split('.')[0]}-{datetime.now():%Y%m%d-%H%M%S}"
    folder = RunFolder(path)
    try:
        if path.exists() and not path.is_dir():
            raise RunError(f"a run needs a folder, but {path} is a file: choose another with --out")
        if path.exists() and any(path.iterdir()):
            _clear(folder, overwrite=overwrite)
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as error:
        raise RunError.of_system(f"the run folder {path} must be writable, but: {error.strerror or error}") from None
    return folder


def _clear(folder: RunFolder, *, overwrite: bool) -> None:
    if not folder.record.exists():
        raise RunError(f"a new run needs an empty folder, but {folder.path} holds other files: choose another")
    if not overwrite:
        raise RunError(
            f"{folder.path} already holds a run: continue it with `archwright resume {folder.path} --budget 60s`, "
            "replace it with --overwrite, or choose another folder with --out"
        )
    for made in (folder.checkpoints, folder.offers, folder.arrays):
        shutil.rmtree(made, ignore_errors=True)
    for file in (folder.record, folder.model, folder.report, folder.study):
        for beside in (file, *folder.path.glob(f"{file.name}-*")):
            beside.unlink(missing_ok=True)
