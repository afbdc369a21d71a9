"""Data sets of openml.org, downloaded once and kept, with their checksum verified."""

from __future__ import annotations

import hashlib
import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archwright.core.errors import DataError
from archwright.data.tables import Table, read_table

__all__ = ["OPENML_URL", "cache_folder", "read_openml"]

OPENML_URL = "https://www.openml.org"
_WAIT_S = 30.0
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Description:
    """What OpenML says of a data set."""

    name: str
    target: str
    url: str
    md5: str


def cache_folder() -> Path:
    """Return the folder for downloads: `openml` in ARCHWRIGHT_HOME, or in the user's cache folder."""
    home = os.environ.get("ARCHWRIGHT_HOME")
    if home:
        return Path(home) / "openml"
    import platformdirs

    return Path(platformdirs.user_cache_dir("archwright")) / "openml"


def read_openml(id: str, *, base_url: str | None = None) -> Table:
    """Return an OpenML data set by its number.

    The server is OpenML's, or what ARCHWRIGHT_OPENML_URL says. Files are kept as `ID.json` and `ID.arff` (or
    `ID.parquet`) in `cache_folder()`, and may be put there by hand.

    Args:
        id: The number, as text.
        base_url: Of another server with the same interface.
    Raises:
        DataError: if there is no such set, no network and no kept file, or the download is damaged.
    """
    if not id.isdigit():
        raise DataError(f"an OpenML data set is named by its number, as in openml:31; {id!r} is none.")
    base = (base_url or os.environ.get("ARCHWRIGHT_OPENML_URL") or OPENML_URL).rstrip("/")
    folder = cache_folder()
    kept = [path for path in (folder / f"{id}.arff", folder / f"{id}.parquet") if path.exists()]
    described = folder / f"{id}.json"
    if not kept or not described.exists():
        if not described.exists() and not kept:
            _download(f"{base}/api/v1/json/data/{id}", described, id)
        if not kept:
            kept = [_fetch(_description(described), folder, id)]
    table = replace(read_table(kept[0]), origin=f"openml:{id}")
    if not described.exists():
        return table
    about = _description(described)
    note = f"openml:{id} is {about.name!r}; its own target is {about.target!r}."
    return replace(table, warnings=(*table.warnings, note))


def _fetch(about: _Description, folder: Path, id: str) -> Path:
    suffix = ".parquet" if about.url.endswith((".pq", ".parquet")) else ".arff"
    target = folder / f"{id}{suffix}"
    _download(about.url, target, id, md5=about.md5)
    return target


def _description(path: Path) -> _Description:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["data_set_description"]
        return _Description(
            str(found["name"]), str(found.get("default_target_attribute", "")), str(found["url"]),
            str(found.get("md5_checksum", "")),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no description of an OpenML data set; delete it and try again.") from error


def _download(url: str, target: Path, id: str, *, md5: str = "") -> None:
    """Write the file whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with urllib.request.urlopen(url, timeout=_WAIT_S) as answer, part.open("wb") as out:
            while block := answer.read(_BLOCK_BYTES):
                digest.update(block)
                out.write(block)
        if md5 and digest.hexdigest() != md5:
            raise DataError(f"openml:{id}: the download from {url} is damaged (its checksum differs); try again.")
        part.replace(target)
    except urllib.error.HTTPError as error:
        if error.code in (404, 412):
            raise DataError(f"OpenML has no data set {id} ({url} answers {error.code}).") from error
        raise DataError(f"openml:{id}: {url} answers {error.code} {error.reason}; try again later.") from error
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"openml:{id} cannot be downloaded ({error}). Without a network, put the data set's ARFF or Parquet file "
            f"at {target.parent / f'{id}.arff'} (or .parquet)."
        ) from error
    finally:
        part.unlink(missing_ok=True)
